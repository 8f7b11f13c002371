"""Which checkpoint a run goes on from."""

from __future__ import annotations

from pathlib import Path

from uio2_ros.training.checkpoints import PART, RUN, newest


def test_a_run_goes_on_from_the_newest_checkpoint_that_is_whole(tmp_path: Path) -> None:
    assert newest(tmp_path) is None
    for name in ("step-90", "step-100", f"step-110{PART}"):  # ended just before it had its name
        (tmp_path / name).mkdir()
        (tmp_path / name / RUN).write_text("{}")
    (tmp_path / "step-120").mkdir()
    assert newest(tmp_path) == tmp_path / "step-100"
