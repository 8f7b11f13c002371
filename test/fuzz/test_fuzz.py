"""Bytes that are nearly right are read, or refused with the reader's own error; the short run."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="plans come over DDS; needs the ROS environment of ./uio2")
pytest.importorskip("mcap")
pytest.importorskip("pyarrow")
pytest.importorskip("av")

from fuzz.engine import run
from fuzz.mutation import NUMBERS, Edit, Kind, apply
from fuzz.targets import CORPUS, TARGETS, Target
from fuzz.watched import watched

EXAMPLES = 30


def edits(target: Target) -> st.SearchStrategy[Sequence[Edit]]:
    content = st.one_of(
        st.sampled_from(NUMBERS),
        st.binary(max_size=8),
        st.sampled_from(target.words or [b""]),
    )
    edit = st.builds(Edit, st.sampled_from(Kind), st.floats(0, 1), content)
    return st.lists(edit, min_size=1, max_size=4)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_is_right_is_read(target: Target) -> None:
    for data in target.made():
        target.read(data)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_once_failed_does_not(target: Target) -> None:
    for data in target.seeds():
        target.check(data)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_is_nearly_right_is_read_or_refused(target: Target) -> None:
    seeds = target.seeds()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(range(len(seeds))), edits(target))
    def check(seed: int, changes: Sequence[Edit]) -> None:
        target.check(apply(changes, seeds[seed]))

    check()


def test_the_corpus_is_of_targets() -> None:
    names = {target.name for target in TARGETS}
    assert {folder.name for folder in CORPUS.iterdir() if folder.is_dir()} <= names


def test_a_fault_is_found_and_kept_with_its_story(tmp_path: Path) -> None:
    def read(data: bytes) -> None:
        if data[:1] != b"\x01":
            raise LookupError("the reader's own")
        if len(data) > 1 and data[1] > 200:
            raise ZeroDivisionError("a fault")

    target = Target("example", read, lambda: (LookupError,), lambda: [b"\x01\x02"])
    outcome = run(target, 3.0, tmp_path, seed=1)
    assert len(outcome.failures) == 1, "one place, however many inputs"
    found = outcome.failures[0]
    with pytest.raises(ZeroDivisionError):
        read(found.read_bytes())
    assert "a fault" in found.with_name(f"{found.name}.txt").read_text()
    assert not list(tmp_path.glob("*.last"))


@pytest.mark.parametrize(("seconds", "code"), [(60.0, -signal.SIGKILL), (0.0, 0)])
def test_who_waits_for_ever_is_ended_and_its_input_kept(
    tmp_path: Path, seconds: float, code: int
) -> None:
    last = tmp_path / "example.last"
    last.write_bytes(b"input")
    command = [sys.executable, "-c", f"import time; time.sleep({seconds})"]
    assert watched(command, last, stuck_s=3.0 if seconds else 60.0) == code
    assert last.read_bytes() == b"input"
