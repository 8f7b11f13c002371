"""cv_bridge is imported where it was seen to work, and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from uio2_ros.messages.cv_bridge import installed_cv_bridge
from uio2_ros.robot.errors import InvalidInputError

WORKS = """
class CvBridge:
    def imgmsg_to_cv2(self, message, encoding):
        import numpy
        if message.encoding == "odd":
            raise RuntimeError("no such encoding")
        return numpy.array([[[3, 2, 1]]], numpy.uint8)
"""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    installed_cv_bridge.cache_clear()
    yield
    installed_cv_bridge.cache_clear()
    sys.modules.pop("cv_bridge", None)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """A cv_bridge of our own, and the one message that the trial makes."""
    (folder / "cv_bridge.py").write_text(source)
    (folder / "sensor_msgs").mkdir()
    (folder / "sensor_msgs" / "__init__.py").write_text("")
    (folder / "sensor_msgs" / "msg.py").write_text("from types import SimpleNamespace as Image\n")
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    monkeypatch.syspath_prepend(str(folder))


def test_one_that_works_converts_and_names_what_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, WORKS)
    convert = installed_cv_bridge()
    assert convert is not None
    assert convert(SimpleNamespace(encoding="8UC2")).tolist() == [[[3, 2, 1]]]
    assert convert(SimpleNamespace(encoding="8UC2")).dtype == np.uint8
    with pytest.raises(InvalidInputError, match="neither here nor to cv_bridge: no such encoding"):
        convert(SimpleNamespace(encoding="odd"))


@pytest.mark.parametrize(
    "source",
    ["import os; os.abort()", "raise ImportError('numpy')", WORKS.replace("3, 2", "1, 2")],
    ids=["ends its process", "cannot be imported", "gives other colours"],
)
def test_one_that_is_broken_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    install(tmp_path, monkeypatch, source)
    assert installed_cv_bridge() is None
    assert "cv_bridge" not in sys.modules
