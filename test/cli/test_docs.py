"""The API reference leaves out what cannot be imported here, and says why."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from uio2_ros.cli import docs


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One module that can be imported, and one that wants what nobody has."""
    folder = tmp_path / "documented_in_a_test"
    (folder / "inner").mkdir(parents=True)
    for file in ("__init__.py", "inner/__init__.py"):
        (folder / file).write_text("")
    (folder / "plain.py").write_text('"""What a reader finds."""\n')
    (folder / "inner" / "wanting.py").write_text("import a_library_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder.name


def test_what_wants_a_library_that_is_not_there_is_told(package: str) -> None:
    assert docs.unimportable(importlib.import_module(package)) == {
        f"{package}.inner.wanting": "a_library_that_nobody_has"
    }


def test_the_reference_is_written_without_it(
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    assert docs.write_reference(importlib.import_module(package), tmp_path / "api") == 0
    assert "a_library_that_nobody_has is not installed" in capfd.readouterr().out
    assert "What a reader finds." in (tmp_path / "api" / package / "plain.html").read_text()
