"""`./uio2 up [name:=value ...]`: the graph of `uio2_ros.bringup` without `ros2 launch`."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from textwrap import wrap

import yaml

from uio2_ros import bringup
from uio2_ros.cli.outcome import Exit, ended
from uio2_ros.model.bundle import local_bundle
from uio2_ros.page.access import listening_socket
from uio2_ros.page.settings import PageSettings
from uio2_ros.processes.access import AccessError
from uio2_ros.processes.supervision import (
    ChildProcess,
    ProcessCommand,
    Supervisor,
    Terminal,
    own_terminal,
    stop_on_signals,
)
from uio2_ros.robot.parameter_file import parameters_of

PAGE_S, PAGE_POLL_S = 20.0, 0.2
"""How long the banner waits for the page, and how often it looks."""
MARGIN = " " * 12
"""Of what is said about a graph."""
SYNTHETIC_NOTICE = (
    "synthetic: a tiny network with made-up weights. Its answers have the right form and no "
    f"meaning.\n{MARGIN}For real answers: ./uio2 up model:=<hub id or directory> "
    "tokenizer:=<file>"
)


def main(argv: Sequence[str]) -> int:
    """Run until Ctrl-C (exit code 0) or until a process ends by itself (1); 2 for bad arguments."""
    if any(word in ("-h", "--help") for word in argv):
        print(_help())
        return 0
    try:
        words = ["page:=false" if word == "--no-page" else word for word in argv]
        settings = bringup.Settings.parse(_as_people_expect(bringup.split_arguments(words)))
        settings = _with_a_free_port(settings) if settings.page else settings
        processes = bringup.processes(settings)
        programs = [_program(process) for process in processes]
    except bringup.BringupError as error:
        return ended("up", f"{error}\nTry: ./uio2 up --help", Exit.WRONG)
    with tempfile.TemporaryDirectory(prefix="uio2-up-") as folder:
        commands = [
            _command(process, program, settings, Path(folder))
            for process, program in zip(processes, programs, strict=True)
        ]
        return _run(commands, settings)


def _as_people_expect(given: Mapping[str, str]) -> Mapping[str, str]:
    """The arguments; the page where it is installed, and, without any that says which robot, the
    simulated one."""
    implied = {} if given.keys() & set(bringup.ROBOT) else {"sim": "true"}
    if "page" not in given and bringup.has_package(bringup.PAGE_LIBRARY):
        implied["page"] = "true"
    return {**implied, **given}


def _with_a_free_port(settings: bringup.Settings) -> bringup.Settings:
    """The port that the page will be at, so that the banner can tell it."""
    try:
        with listening_socket(_page_host(settings), _page_port(settings)) as listening:
            port = int(listening.getsockname()[1])
    except AccessError:
        return settings  # it is for the page to say what is wrong
    return replace(settings, page_port=port, given=settings.given | {"page_port"})


def _page_host(settings: bringup.Settings) -> str:
    return _of_file(settings, "page", "host", PageSettings.host)


def _page_port(settings: bringup.Settings) -> int:
    if "page_port" in settings.given:
        return settings.page_port
    return int(_of_file(settings, "page", "port", str(settings.page_port)))


def _run(commands: Sequence[ProcessCommand], settings: bringup.Settings) -> int:
    terminal = own_terminal([command.name for command in commands])
    supervisor = Supervisor(_environment(terminal.colored), terminal)
    stop = stop_on_signals()
    try:
        children = [supervisor.start(command) for command in commands]
        page = next((child for child in children if child.command.name == "page"), None)
        _greet_when_active(supervisor, settings, terminal, page)
        ending = supervisor.wait(stop)
        terminal.write(f"\nuio2 up: {ending or 'stopping'}")
    finally:
        supervisor.stop(stop)
    return 0 if ending is None else 1


def _greet_when_active(
    supervisor: Supervisor,
    settings: bringup.Settings,
    terminal: Terminal,
    page: ChildProcess | None,
) -> None:
    if not settings.autostart:
        terminal.write(_banner(settings))
        return
    words = (
        sys.executable,
        "-m",
        "uio2_ros.nodes.agent.await_active",
        f"{settings.namespace}/agent",
    )
    waiter = supervisor.start(ProcessCommand("up", words, needed=False))

    def greet(waiter: ChildProcess) -> None:
        if waiter.process.wait() == 0:
            _await_page(page, settings)
            terminal.write(_banner(settings))

    threading.Thread(target=greet, args=(waiter,), daemon=True).start()


def _await_page(page: ChildProcess | None, settings: bringup.Settings) -> None:
    """Until the page can be opened, for a while: somebody will, as soon as the banner is there."""
    end_s = time.monotonic() + PAGE_S
    while page is not None and page.is_running and time.monotonic() < end_s:
        with suppress(OSError), socket.create_connection(_page_at(settings), timeout=PAGE_S):
            return
        time.sleep(PAGE_POLL_S)


def _page_at(settings: bringup.Settings) -> tuple[str, int]:
    host = _page_host(settings)
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), settings.page_port


def _program(process: bringup.Process) -> tuple[str, ...]:
    if process.module is not None:
        return (sys.executable, "-m", process.module)
    found = shutil.which(process.executable)
    if found is None:
        raise bringup.BringupError(
            f"{process.executable} is not installed; leave {process.name}:=true out, or install "
            f"it with your ROS: sudo apt install ros-$ROS_DISTRO-{process.package}"
        )
    return (found,)


def _command(
    process: bringup.Process,
    program: tuple[str, ...],
    settings: bringup.Settings,
    folder: Path,
) -> ProcessCommand:
    remappings = [("__node", process.name), *process.remappings]
    if settings.namespace:
        remappings.append(("__ns", settings.namespace))
    words = [*program, *process.arguments, "--ros-args", "--log-level", settings.log_level]
    words += ["--params-file", str(settings.parameter_file)]
    if process.parameters:
        given = folder / f"{process.name}.yaml"
        given.write_text(yaml.safe_dump({"/**": {"ros__parameters": dict(process.parameters)}}))
        words += ["--params-file", str(given)]
    for old, new in remappings:
        words += ["-r", f"{old}:={new}"]
    return ProcessCommand(process.name, tuple(words), process.needed)


def _environment(colored: bool) -> dict[str, str]:
    defaults = {
        "RCUTILS_CONSOLE_OUTPUT_FORMAT": "[{severity}] {message}",
        "RCUTILS_COLORIZED_OUTPUT": "1" if colored else "0",
        "PYTHONUNBUFFERED": "1",
    }
    return {**defaults, **os.environ, **bringup.environment(os.environ)}


def _banner(settings: bringup.Settings) -> str:
    prefix = settings.namespace
    lines = [
        "",
        "uio2_ros is up" + ("" if settings.autostart else ", not activated (autostart:=false)"),
        f"  model     {_model_line(settings)}",
        f"  sees      {_full(settings, settings.image_topic)}",
        f"  hears     {_full(settings, settings.audio_topic)}",
        f"  answers   {prefix}/agent/instruct (service and action), topics "
        + " ".join(f"{prefix}/{topic}" for topic in ("detections", "keypoints", "agent/plan")),
        f"  shows     {prefix}/debug_image {prefix}/markers",
        *_page_lines(settings),
        "Open the page in a browser, or type in another terminal:"
        if _page_lines(settings)
        else "Now type in another terminal:",
        f"  ./uio2 ask {_example(settings)}" + (f" --namespace {prefix}" if prefix else ""),
        f"  rviz2 -d {bringup.config_folder() / 'agent.rviz'}"
        + (f" --ros-args -r __ns:={prefix}" if prefix else ""),
        "Ctrl-C here ends everything.",
        "",
    ]
    return "\n".join(lines)


def _page_lines(settings: bringup.Settings) -> list[str]:
    if not settings.page:
        return []
    host, port = _page_at(settings)
    return [f"  page      http://{f'[{host}]' if ':' in host else host}:{port}"]


def _full(settings: bringup.Settings, topic: str) -> str:
    return topic if topic.startswith("/") else f"{settings.namespace}/{topic}"


def _example(settings: bringup.Settings) -> str:
    """Something to ask: what the simulator wants done, or what may be in any picture."""
    if not settings.sim:
        return '"find the cup"'
    from uio2_ros.sim import Split, sample_episode  # takes MuJoCo
    from uio2_ros.sim.spec import Place

    def chosen(argument: str, parameter: str, default: str) -> str:
        if argument in settings.given:
            return str(getattr(settings, argument))
        return _of_file(settings, "simulator", parameter, default)

    task, seed = chosen("sim_task", "task", "put"), chosen("sim_seed", "seed", "0")
    split = Split(_of_file(settings, "simulator", "split", "train"))
    episode = sample_episode(task, int(seed), split)
    drives = episode.scene.place is Place.ROOM
    return f'"{episode.instruction}"' + (" --task navigate" if drives else "")


def _model_line(settings: bringup.Settings) -> str:
    """The model and, where it says so itself, what it was trained for."""
    agent = next(one for one in bringup.processes(settings) if one.name == "agent")
    model = str(agent.parameters.get("model") or _of_file(settings, "agent", "model", "synthetic"))
    if model.split(":")[0] == "synthetic":
        return SYNTHETIC_NOTICE
    bundle = local_bundle(model)
    if bundle is None:
        return model
    known = "trained for " + ", ".join(bundle.trained_for.tasks)
    lines = [model, *wrap(bundle.description), *wrap(known)]
    return f"\n{MARGIN}".join(lines)


def _of_file(settings: bringup.Settings, node: str, parameter: str, default: str) -> str:
    """What the parameter file says of a node's parameter, or the default."""
    return str(parameters_of(settings.parameter_file, node).get(parameter, default))


def _help() -> str:
    lines = ["usage: ./uio2 up [name:=value ...]", "", "Runs the agent with its camera and"]
    lines[-1] += " microphone until Ctrl-C. Arguments, the same as those of"
    lines += ["`ros2 launch uio2_ros agent.launch.py`:", ""]
    for argument in bringup.ARGUMENTS.values():
        choices = ("true", "false") if argument.is_flag else argument.choices
        listed = f" [{' | '.join(choices)}]" if choices else ""
        lines.append(f"  {argument.name}:={argument.shown}{listed}")
        lines.append(f"      {argument.description}")
    return "\n".join(lines)
