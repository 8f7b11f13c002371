"""`./uio2 test` runs all checks, and then every test once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from uio2_ros.cli import test as command

Run = Callable[[Sequence[str]], int]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], set[str]]:
    """What was run, and what shall fail."""
    executed: list[str] = []
    failing: set[str] = set()

    def run(words: Sequence[str]) -> int:
        executed.append(" ".join(words[:2]))
        return -9 if words[0] in failing else 0  # as of one that was killed

    monkeypatch.setattr(command, "_run", run)
    return executed, failing


def test_everything_is_checked_and_the_tests_come_last(
    runs: tuple[list[str], set[str]],
) -> None:
    executed, _ = runs
    assert command.main([]) == 0
    assert executed == ["ruff check", "ruff format", "mypy", "pytest -m", "pytest -m"]
    marks = [words[words.index("-m") + 1] for words in command.TESTS.values()]
    assert marks == ["not ros", "ros"]  # together all of them


def test_arguments_go_to_pytest_and_skip_the_checks(runs: tuple[list[str], set[str]]) -> None:
    executed, _ = runs
    assert command.main(["test/history"]) == 0
    assert executed == ["pytest test/history"]


def test_a_failed_check_fails_the_command_but_not_the_tests(
    runs: tuple[list[str], set[str]],
) -> None:
    executed, failing = runs
    failing.add("mypy")
    assert command.main([]) == 1
    assert executed[-2:] == ["pytest -m", "pytest -m"]


def test_failed_tests_fail_the_command(runs: tuple[list[str], set[str]]) -> None:
    _, failing = runs
    failing.add("pytest")
    assert command.main([]) == 1
