"""The file survives restarts, and a file that is damaged, taken or foreign ends nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from uio2_ros.memory.memory_file import MemoryFile, MemoryFileError, Row


def row(number: int, frame_id: str = "odom", picture: bytes = b"jpeg") -> Row:
    return Row(
        number, "red mug", frame_id, 1.0, 2.0, 3.0, 1.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.2, 0.01, 1, 0.8,
        10**19 // 2, 5.0, 1, 0, picture,
    )  # fmt: skip


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "new folder" / "world.sqlite")
    file = MemoryFile(path)
    file.write([row(1), row(2), row(3, "map")], [])
    file.write([], [2])
    file.close()
    again = MemoryFile(path)
    assert again.rows("odom") == [row(1)]
    assert again.rows("map") == [row(3, "map")]
    assert again.next_id() == 4
    assert again.problem == ""
    again.close()


def test_numbers_of_what_was_forgotten_are_not_given_again(tmp_path: Path) -> None:
    path = str(tmp_path / "world.sqlite")
    file = MemoryFile(path)
    file.write([row(7)], [])
    file.write([], [7])
    file.close()
    assert MemoryFile(path).next_id() == 8


def test_a_process_that_was_killed_loses_nothing_written(tmp_path: Path) -> None:
    path = tmp_path / "world.sqlite"
    file = MemoryFile(str(path))
    file.write([row(1)], [])
    copied = tmp_path / "copy.sqlite"
    for suffix in ("", "-wal"):  # as the disk has it while the file is open
        Path(f"{copied}{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    assert MemoryFile(str(copied)).rows("odom") == [row(1)]
    file.close()


@pytest.mark.parametrize("damage", ["header", "pages"])
def test_a_damaged_file_is_moved_aside_and_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "world.sqlite"
    file = MemoryFile(str(path))
    file.write([row(number, picture=bytes(4000)) for number in range(1, 40)], [])
    file.close()
    content = bytearray(path.read_bytes())
    place = slice(0, 100) if damage == "header" else slice(4096, 12288)
    content[place] = b"\xa5" * (place.stop - place.start)
    path.write_bytes(content)
    file = MemoryFile(str(path))
    assert "is damaged" in file.problem
    assert file.rows("odom") == []
    (moved,) = tmp_path.glob("world.sqlite.damaged-*")
    assert moved.read_bytes() == bytes(content)
    assert str(moved) in file.problem
    file.close()


def test_a_file_that_another_agent_has_open_is_left_to_it(tmp_path: Path) -> None:
    path = str(tmp_path / "world.sqlite")
    first = MemoryFile(path)
    with pytest.raises(MemoryFileError, match="another agent has it open"):
        MemoryFile(path)
    first.write([row(1)], [])
    first.close()


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE photos (name TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(MemoryFileError, match="something else"):
        MemoryFile(str(path))
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM photos").fetchone() == (0,)
    other.close()
    assert before[:16] == path.read_bytes()[:16]
    assert list(tmp_path.glob("*.damaged-*")) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MemoryFileError, match="cannot be used"):
        MemoryFile(str(tmp_path / "file" / "world.sqlite"))
