"""Both applications on a Ray of this machine, or on the cluster that RAY_ADDRESS names."""

from __future__ import annotations

import os
import signal
import threading

import ray
from ray import serve
from ray.serve.config import HTTPOptions, ProxyLocation

from uio2_ros.remote.access import Address
from uio2_ros.remote.fleet.application import (
    GATEWAY,
    MODEL,
    gateway_application,
    model_application,
)
from uio2_ros.remote.fleet.settings import FleetSettings, GatewaySettings
from uio2_ros.serving import ModelSpec, ServingSettings
from uio2_ros.serving.model_process import DEFAULT_FACTORY

CLUSTER = "RAY_ADDRESS"
"""Environment variable of Ray's: the cluster to join."""
STORE_BYTES = 256 * 2**20
"""Of shared memory for pictures on their way, where Ray is started here."""


def serve_on_ray(
    spec: ModelSpec,
    serving: ServingSettings,
    fleet: FleetSettings,
    gateway: GatewaySettings,
    address: Address,
    tls: tuple[str, str] = ("", ""),
) -> int:
    """Serves until SIGINT or SIGTERM; 0. `tls`: files of the certificate chain and its key."""
    over = threading.Event()
    _set_at_signals(over)
    connect(fleet)
    _set_at_signals(over)  # Ray has put a handler of its own there, which prints a stack and exits
    try:
        deploy(spec, serving, fleet, gateway, address, tls)
        print(f"listening on {address}", flush=True)
        over.wait()
        serve.shutdown()
    finally:
        ray.shutdown()
    return 0


def _set_at_signals(over: threading.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())


def connect(fleet: FleetSettings) -> None:
    """Joins the cluster that RAY_ADDRESS names, or starts a Ray that ends with this process."""
    if os.environ.get(CLUSTER):
        ray.init(log_to_driver=False)
        return
    ray.init(
        address="local",
        num_cpus=max(os.cpu_count() or 1, 1 + round(2 * fleet.max_replicas * fleet.cpus)),
        object_store_memory=STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
    )


def deploy(
    spec: ModelSpec,
    serving: ServingSettings,
    fleet: FleetSettings,
    gateway: GatewaySettings,
    address: Address,
    tls: tuple[str, str] = ("", ""),
    factory: str = DEFAULT_FACTORY,
) -> None:
    """Starts both; returns when the model is ready. RuntimeError if it does not come to be."""
    certificate, key = tls
    options = HTTPOptions(
        host=address.host or "0.0.0.0",
        port=address.port,
        ssl_certfile=certificate or None,
        ssl_keyfile=key or None,
    )
    serve.start(proxy_location=ProxyLocation.EveryNode, http_options=options)
    serve.run(model_application(spec, serving, fleet, factory), name=MODEL, route_prefix=None)
    serve.run(gateway_application(gateway), name=GATEWAY, route_prefix="/")


def update_model(
    spec: ModelSpec,
    serving: ServingSettings,
    fleet: FleetSettings,
    factory: str = DEFAULT_FACTORY,
) -> None:
    """Replaces the replicas of a Ray that runs, new ones first; returns when they are ready."""
    if not ray.is_initialized():
        ray.init(address="auto", log_to_driver=False)
    serve.run(model_application(spec, serving, fleet, factory), name=MODEL, route_prefix=None)
