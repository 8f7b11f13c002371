"""The last seconds in memory, written when it matters."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.recording.recorded import Topic
from uio2_ros.recording.recording_file import Recording
from uio2_ros.recording.ring import MessageRing, make_room

SECOND = 10**9
BYTES = "std_msgs/msg/String"


def ring(seconds: float = 10.0, most_bytes: int = 10**6) -> MessageRing:
    made = MessageRing(seconds, most_bytes)
    made.add_topic(Topic("/said", BYTES, "string data"))
    made.add_topic(Topic("/known", BYTES, "string data", "- durability: transient_local\n"))
    return made


def add(made: MessageRing, time_s: float, topic: str = "/said", size: int = 8) -> None:
    time_ns = round(time_s * SECOND)
    made.add(topic, bytes(size), received_ns=time_ns, published_ns=time_ns)


def times_s(made: MessageRing, topic: str = "/said") -> list[float]:
    return [kept.received_ns / SECOND for kept in made.content().messages if kept.topic == topic]


def test_what_is_older_is_forgotten_but_for_what_is_latched() -> None:
    made = ring(seconds=10.0)
    add(made, 0.0, "/known")
    for second in range(1, 31):
        add(made, float(second))
    assert times_s(made) == [float(second) for second in range(20, 31)]
    assert times_s(made, "/known") == [20.0]  # told again at the beginning
    assert made.forgotten == 0


def test_after_a_jump_back_of_the_clock_only_the_new_time_is_kept() -> None:
    made = ring(seconds=10.0)
    add(made, 1000.0)
    add(made, 5.0)
    assert times_s(made) == [5.0]


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 400))), st.integers(1, 1000))
def test_it_never_holds_more_bytes_nor_seconds_than_it_may(
    messages: list[tuple[float, int]], most_bytes: int
) -> None:
    made, now_s = ring(seconds=5.0, most_bytes=most_bytes), 0.0
    for later_s, size in messages:
        now_s += later_s
        add(made, now_s, size=size)
        held = made.content().messages
        assert made.bytes == sum(len(kept.data) for kept in held) <= most_bytes
        assert all(now_s - kept.received_ns / SECOND <= 5.0 + 1e-6 for kept in held)


def test_what_is_written_is_a_recording_with_its_notes_and_reason(tmp_path: Path) -> None:
    made = ring()
    add(made, 1.0, "/known")
    add(made, 2.0, size=3)
    made.add_note("uio2_agent", {"model": "synthetic"})
    path = tmp_path / "kept.mcap"
    assert made.content().write(path, "TIMEOUT it took too long") == path.stat().st_size
    recording = Recording(path)
    assert recording.is_complete
    assert [(each.topic.name, each.data) for each in recording.messages()] == [
        ("/known", bytes(8)),
        ("/said", bytes(3)),
    ]
    assert recording.notes["uio2_agent"] == {"model": "synthetic"}
    assert recording.notes["uio2_kept"] == {"reason": "TIMEOUT it took too long"}
    assert list(tmp_path.iterdir()) == [path]


def test_the_oldest_files_make_room_and_no_others(tmp_path: Path) -> None:
    for number in range(4):
        file = tmp_path / f"uio2_kept_{number}.mcap"
        file.write_bytes(bytes(100))
        os.utime(file, (number, number))
    (tmp_path / "mine.mcap").write_bytes(bytes(1000))
    (tmp_path / "uio2_kept_a_folder.mcap").mkdir()
    assert [file.name for file in make_room(tmp_path, 250)] == [
        "uio2_kept_0.mcap",
        "uio2_kept_1.mcap",
    ]
    assert (tmp_path / "mine.mcap").exists()
    assert (tmp_path / "uio2_kept_a_folder.mcap").is_dir()
