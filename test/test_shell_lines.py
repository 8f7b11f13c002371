"""Every shell line of README and docs does what it says, as far as that shows without running it.

The words of `./uio2` and `ros2 launch` are parsed by the commands themselves, messages are filled
from the YAML, modules and files exist, and bash takes the syntax.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from uio2_ros import bringup
from uio2_ros.cli.commands import COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHERS = {
    "apt-get", "cd", "colcon", "curl", "docker", "eval", "export", "git", "pip", "pre-commit",
    "rosdep", "rviz2", "source", "sudo", "touch",
}  # fmt: skip
"""Programs whose words are not looked at."""
ELSEWHERE = {"moveit_msgs"}
"""Messages that are not installed here."""


class Parsed(Exception):
    """A command has taken its arguments; it shall do no more."""


def blocks() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"```(?:bash|sh)\n(.*?)```", text, re.DOTALL):
            yield page.name, block


def commands() -> Iterator[Any]:
    """Pages and lines: of the blocks, and what stands between backticks in the text."""
    for page, block in blocks():
        for line in _joined(block):
            for part in re.split(r" && ", line):
                yield pytest.param(part, id=f"{page}: {part[:60]}")
    for page in PAGES:
        for line in re.findall(r"`(\./uio2 [^`<]+)`", page.read_text(encoding="utf-8")):
            yield pytest.param(" ".join(line.split()), id=f"{page.name}: {line[:60]}")


def _joined(block: str) -> Iterator[str]:
    """Lines, where quotes or a backslash do not carry them on; without comments."""
    pending = ""
    for line in block.splitlines():
        pending = f"{pending}{line}".removesuffix("\\")
        if line.endswith("\\"):
            continue
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:  # no closing quote yet
            pending += "\n"
            continue
        if words:
            yield re.sub(r"\s+#.*$", "", pending) if "#" in pending else pending
        pending = ""
    assert not pending.strip(), f"unfinished: {pending}"


@pytest.mark.parametrize(("page", "block"), [pytest.param(*b, id=b[0]) for b in blocks()])
def test_bash_takes_the_syntax(page: str, block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
    assert done.returncode == 0, f"{page}: {done.stderr}"


@pytest.mark.parametrize("line", list(commands()))
def test_line_is_understood(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program, *words = shlex.split(line)
    while re.fullmatch(r"[A-Z_0-9]+=.*", program):  # variables in front
        program, *words = words
    if program not in OTHERS:
        CHECKS[program](words, monkeypatch)


def check_uio2(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    name, *arguments = [word for word in words if word != "--yes"]
    assert name in COMMANDS, name
    if name == "up":
        return check_launch(arguments)
    if name in ("test", "env"):
        return None
    original = argparse.ArgumentParser.parse_args

    def parse(*positional: Any, **named: Any) -> NoReturn:
        raise Parsed(original(*positional, **named))

    def fail(parser: argparse.ArgumentParser, message: str) -> NoReturn:
        del parser
        # the text names commands without what they are about: `./uio2 ask --execute`
        assert "arguments are required" in message, f"{name} {arguments}: {message}"
        raise Parsed

    def start(*command: Any, **named: Any) -> NoReturn:
        raise Parsed(command, named)  # a program of its own takes the words

    monkeypatch.setattr(subprocess, "run", start)
    monkeypatch.setattr(subprocess, "call", start)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(argparse.ArgumentParser, "error", fail)
    try:
        importlib.import_module(f"uio2_ros.cli.{name}").main(arguments)
        assert not arguments, f"{name} did something with {arguments}"  # alone it tells its usage
    except Parsed:
        pass
    except SystemExit as ended:  # after --help
        if ended.code != 0:
            pytest.fail(f"{name} does not take {arguments}")
    return None


def check_launch(arguments: list[str]) -> None:
    given = bringup.split_arguments([word for word in arguments if not word.startswith("--")])
    given.pop("params_file", None)  # a file of the reader's
    bringup.processes(bringup.Settings.parse(given))


def check_ros2(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    kind, *rest = [word for word in words if not re.fullmatch(r"--(feedback|once)", word)]
    if kind == "launch":
        assert rest[:2] == ["uio2_ros", "agent.launch.py"]
        check_launch(rest[2:])
    elif kind == "run":
        assert (ROOT / "scripts" / rest[1]).is_file() or rest[0] != "uio2_ros"
    elif kind in ("service", "action", "topic"):
        _, _, type_name, *content = rest
        check_message(type_name, kind, yaml.safe_load(content[0]) if content else {})
    else:
        assert kind in ("param", "lifecycle"), kind


def check_message(type_name: str, kind: str, values: Mapping[str, Any]) -> None:
    package, folder, name = type_name.split("/")
    if package in ELSEWHERE:
        return
    pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")
    part = {"service": "Request", "action": "Goal", "topic": ""}[kind]
    message_type = getattr(importlib.import_module(f"{package}.{folder}"), name)
    fill(getattr(message_type, part)() if part else message_type(), values)


def fill(message: Any, values: Mapping[str, Any]) -> None:
    """Set the fields of a message as ros2 does; AssertionError or AttributeError otherwise."""
    for field, value in values.items():
        assert value is not None, f"{field} of {type(message).__name__} has no value"
        current = getattr(message, field)
        if field == "stamp" and value == "now":
            continue
        if isinstance(value, Mapping):
            fill(current, value)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            item_type = message.get_fields_and_field_types()[field]
            package, name = re.fullmatch(r"sequence<(\w+)/(\w+)>", item_type).groups()
            for item in value:
                fill(getattr(importlib.import_module(f"{package}.msg"), name)(), item)
        else:
            setattr(message, field, value)


def check_python(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    if words[0] == "-m":
        assert importlib.util.find_spec(words[1]) is not None, words[1]
    elif words[0] != "-c":
        assert (ROOT / words[0]).is_file(), words[0]


CHECKS: dict[str, Callable[[list[str], pytest.MonkeyPatch], None]] = {
    "./uio2": check_uio2,
    "ros2": check_ros2,
    "python": check_python,
    "python3": check_python,
}


def test_a_question_mark_without_quotes_is_found() -> None:
    pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")
    goal = "{instruction: what?, task: vqa}"
    words = ["action", "send_goal", "/agent/instruct", "uio2_ros/action/Instruct", goal]
    with pytest.raises((AssertionError, AttributeError, yaml.YAMLError)):
        check_ros2(words, pytest.MonkeyPatch())
