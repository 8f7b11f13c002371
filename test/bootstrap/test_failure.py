"""A failing step says what it means and what to do."""

from pathlib import Path

import pytest

from uio2_ros.cli.bootstrap.failure import explain, failure_report


@pytest.mark.parametrize(
    ("log", "meaning", "remedy"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full", "df -h"),
        ("Temporary failure in name resolution", "could not be reached", "proxy"),
        (
            "ERROR: No matching distribution found for torch==2.13.0+cpu",
            "no version of torch==2.13.0+cpu",
            "pip config list",
        ),
        ("fatal error: Python.h: No such file or directory", "headers of Python", "python3-dev"),
        ("No CMAKE_CXX_COMPILER could be found.", "no C++ compiler", "apt-get install g++"),
        ("c++: fatal error: Killed signal terminated program cc1plus", "memory", "MAKEFLAGS=-j1"),
        ("No module named ensurepip", "virtual environments", "python3-venv"),
        ("[Errno 13] Permission denied: '/x'", "may not be written", "who owns"),
    ],
)
def test_known_causes_come_with_a_remedy(log: str, meaning: str, remedy: str) -> None:
    explanation = explain(f"noise\n{log}\nnoise")
    assert meaning in explanation
    assert remedy in explanation


def test_an_unknown_cause_points_to_the_doctor() -> None:
    assert "./uio2 doctor" in explain("the moon is in the wrong phase")


def test_the_report_shows_the_end_of_the_log_and_where_the_rest_is() -> None:
    log = "\n".join(f"line {number}" for number in range(100))
    report = failure_report("Building", 2, log, Path("/checkout/.colcon/setup.log"))
    assert "Building failed with code 2" in report
    assert "line 99" in report
    assert "line 50\n" not in report
    assert "/checkout/.colcon/setup.log" in report
