"""`./uio2 serve`: a model for robots on other machines (docs/fleet.md)."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from collections.abc import Sequence
from dataclasses import replace

from uio2_ros.cli.options import add_options
from uio2_ros.cli.outcome import Exit, ended
from uio2_ros.processes.access import AccessError, read_token
from uio2_ros.processes.process_memory import bound_arenas, settled
from uio2_ros.remote.access import TOKEN_VARIABLE, Address, ServerAccess, server_tls
from uio2_ros.remote.fleet.settings import FleetSettings, GatewaySettings
from uio2_ros.remote.limits import ServerLimits
from uio2_ros.remote.server import ModelServer, PolicyTask
from uio2_ros.serving import (
    ModelPool,
    ModelProcess,
    ModelSpec,
    ModelState,
    ModelStatus,
    ServingSettings,
    SharedArena,
)
from uio2_ros.settings import from_values
from uio2_ros.tasks.settings import TaskSettings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./uio2 serve",
        description="Answers robots elsewhere, and clients that speak openpi's policy protocol. "
        "Beyond this machine it takes a token and TLS.",
    )
    add_options(parser, ModelSpec, "model", "tokenizer", "device", "dtype", "quantize", "threads")
    add_options(parser, ModelSpec, "action_spaces")
    parser.add_argument(
        "--listen", default="127.0.0.1:8000", metavar="HOST:PORT", help="default: 127.0.0.1:8000"
    )
    parser.add_argument(
        "--token-file", default="", metavar="FILE", help="with the token; else $UIO2_TOKEN"
    )
    parser.add_argument("--tls-certificate", default="", metavar="FILE", help="PEM, with its chain")
    parser.add_argument("--tls-key", default="", metavar="FILE", help="PEM")
    parser.add_argument("--task", default="act", help="what openpi clients are answered")
    parser.add_argument(
        "--action-space", default="", help="of it; empty: the task's own", metavar="NAME"
    )
    add_options(parser, ServingSettings, "concurrent", "queue_size")
    parser.set_defaults(concurrent=16, queue_size=64)
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="processes with a model each, which share the instructions (default: 1)",
    )
    add_options(parser, ServerLimits)
    ray = parser.add_argument_group("Ray Serve (extra ray, docs/fleet.md)")
    ray.add_argument("--ray", action="store_true", help="serve with replicas of the model")
    ray.add_argument(
        "--update",
        action="store_true",
        help="of a server with --ray that runs: replace its model by --model, and end",
    )
    add_options(ray, FleetSettings)
    return parser


def main(argv: Sequence[str]) -> int:
    """0 when it was told to end, 1 if the model or the server failed, 2 for what cannot be."""
    parser = _parser()
    asked = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="[%(levelname)s] [%(name)s]: %(message)s")
    logging.getLogger("websockets").setLevel(logging.ERROR)  # each port scan is a traceback there
    try:
        return serve(asked)
    except (AccessError, ValueError) as error:
        parser.error(str(error))


def serve(asked: argparse.Namespace) -> int:
    """Serves what was asked for until SIGINT or SIGTERM."""
    given = vars(asked)
    access = ServerAccess(
        Address.parse(asked.listen),
        read_token(asked.token_file, TOKEN_VARIABLE),
        server_tls(asked.tls_certificate, asked.tls_key),
    )
    spec = replace(
        from_values(ModelSpec, given),
        tasks=TaskSettings(max_batch=asked.concurrent),
    )
    settings = ServingSettings(concurrent=asked.concurrent, queue_size=asked.queue_size)
    limits = from_values(ServerLimits, given)
    policy = PolicyTask(asked.task, asked.action_space)
    if asked.ray or asked.update:
        return _serve_on_ray(asked, spec, settings, access, limits, policy)
    if asked.processes < 1:
        raise ValueError(f"--processes is {asked.processes}; give 1 or more")
    bound_arenas()
    with settled():
        return asyncio.run(_serve(spec, settings, asked.processes, access, limits, policy))


def _serve_on_ray(
    asked: argparse.Namespace,
    spec: ModelSpec,
    settings: ServingSettings,
    access: ServerAccess,
    limits: ServerLimits,
    policy: PolicyTask,
) -> int:
    try:
        from uio2_ros.remote.fleet.cluster import serve_on_ray, update_model
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}; --ray takes: pip install 'uio2_ros[ray]'") from error
    fleet = from_values(FleetSettings, vars(asked))
    if asked.update:
        update_model(spec, settings, fleet)
        return 0
    tls = (asked.tls_certificate, asked.tls_key)
    gateway = GatewaySettings(asked.token_file, access.address.is_loopback, limits, policy)
    return serve_on_ray(spec, settings, fleet, gateway, access.address, tls)


async def _serve(
    spec: ModelSpec,
    settings: ServingSettings,
    processes: int,
    access: ServerAccess,
    limits: ServerLimits,
    policy: PolicyTask,
) -> int:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    failed = False

    def on_status(status: ModelStatus) -> None:
        loop.call_soon_threadsafe(changed, status)

    def changed(status: ModelStatus) -> None:
        nonlocal failed
        server.tell_model()
        if status.state is ModelState.FAILED:
            failed = True
            over.set()

    arena = SharedArena()
    models = [
        ModelProcess(spec, settings=settings, arena=arena, on_status=on_status)
        for _ in range(processes)
    ]
    pool = ModelPool(models)
    server = ModelServer(pool, access, limits, policy)
    try:
        async with server.listening() as port:
            for model in models:
                model.start()
            print(f"listening on {replace(access.address, port=port)}", flush=True)
            await over.wait()
    except OSError as error:
        return ended("serve", f"cannot listen on {access.address}: {error}", Exit.FAILED)
    finally:
        await asyncio.to_thread(pool.close)
    return int(failed)
