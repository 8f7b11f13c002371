"""The picture history: what it keeps, when it decodes, and what bad input does to it."""

from __future__ import annotations

import itertools
import threading
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from uio2_ros.history import FrameHistory, FrameHistorySettings, HeapMemory, Offer
from uio2_ros.robot.errors import InvalidInputError

S = 1_000_000_000
START = 1_000 * S


def picture(value: int, height: int = 4, width: int = 6) -> np.ndarray:
    return np.full((height, width, 3), value % 256, dtype=np.uint8)


class Camera:
    """Offers pictures of one grey value each and counts how often they are decoded."""

    def __init__(self, history: FrameHistory, height: int = 4, width: int = 6) -> None:
        self.history = history
        self.size = (height, width)
        self.decoded: list[int] = []

    def show(self, seconds: float, value: int | None = None) -> Offer:
        stamp = START + round(seconds * S)
        value = len(self.decoded) if value is None else value

        def decode() -> np.ndarray:
            self.decoded.append(stamp)
            return picture(value, *self.size)

        return self.history.offer(stamp, "camera", decode)


class CountingMemory(HeapMemory):
    def __init__(self) -> None:
        self.allocations = 0

    def allocate(self, size: int) -> np.ndarray:
        self.allocations += 1
        return super().allocate(size)


def seconds_of(stamps: tuple[int, ...]) -> list[float]:
    return [(stamp - START) / S for stamp in stamps]


def raising(error: Exception) -> Callable[[], np.ndarray]:
    def decode() -> np.ndarray:
        raise error

    return decode


def test_empty_history_gives_an_empty_snapshot() -> None:
    with FrameHistory().snapshot() as snapshot:
        assert snapshot.newest is None
        assert snapshot.older == ()


def test_newest_frame_is_not_decoded_until_a_snapshot_asks() -> None:
    history = FrameHistory()
    camera = Camera(history)
    camera.show(0, value=7)
    assert camera.decoded == []
    with history.snapshot() as snapshot:
        assert snapshot.newest is not None
        np.testing.assert_array_equal(snapshot.newest.pixels, picture(7))
        assert snapshot.newest.stamp_ns == START
        assert snapshot.newest.frame_id == "camera"
    with history.snapshot():
        pass
    assert camera.decoded == [START]


def test_frame_not_due_is_dropped_before_decoding() -> None:
    history = FrameHistory(FrameHistorySettings(period_s=1.0))
    camera = Camera(history)
    for tick in range(31):
        camera.show(tick / 10)
    assert seconds_of(tuple(camera.decoded)) == [0, 1, 2]
    assert seconds_of(history.state().stamps_ns) == [0, 1, 2, 3]
    assert history.state().drops == {"not_due": 27}


def test_only_the_last_count_frames_are_kept() -> None:
    history = FrameHistory(FrameHistorySettings(count=2, period_s=1.0))
    camera = Camera(history)
    for second in range(6):
        camera.show(second)
    assert seconds_of(history.state().stamps_ns) == [3, 4, 5]
    assert history.state().span_s == 2


def test_history_of_no_older_frames_decodes_nothing_but_what_is_asked_for() -> None:
    history = FrameHistory(FrameHistorySettings(count=0))
    camera = Camera(history)
    for second in range(4):
        camera.show(second)
    assert camera.decoded == []
    assert history.state().frames == 1


def test_frames_older_than_the_span_are_forgotten() -> None:
    history = FrameHistory(FrameHistorySettings(period_s=1.0, max_span_s=2.5))
    camera = Camera(history)
    for second in (0, 1, 2, 3, 4):
        camera.show(second)
    assert seconds_of(history.state().stamps_ns) == [2, 3, 4]
    camera.show(60)
    assert seconds_of(history.state().stamps_ns) == [60]
    assert len(camera.decoded) == 4, "a frame that is too old at once is not decoded"


def test_older_frames_come_oldest_first_with_their_own_keys() -> None:
    history = FrameHistory(FrameHistorySettings(period_s=1.0))
    camera = Camera(history)
    for second in range(4):
        camera.show(second, value=second)
    with history.snapshot() as snapshot, history.snapshot(older=1, newest=False) as last:
        assert [int(frame.pixels[0, 0, 0]) for frame in snapshot.older] == [0, 1, 2]
        assert [frame.stamp_ns for frame in last.older] == [START + 2 * S]
        assert last.newest is None
        assert snapshot.newest is not None
        keys = [frame.key for frame in (*snapshot.older, snapshot.newest)]
        assert len(set(keys)) == 4
        assert None not in keys
        first_keys = keys
    camera.show(4, value=4)
    with history.snapshot() as snapshot:
        assert [frame.key for frame in snapshot.older] == first_keys, "the content keeps its key"


def test_keys_differ_between_histories() -> None:
    keys = []
    for _ in range(2):
        history = FrameHistory()
        Camera(history).show(0)
        with history.snapshot() as snapshot:
            assert snapshot.newest is not None
            keys.append(snapshot.newest.key)
    assert keys[0] != keys[1]


def test_snapshot_survives_overwriting_until_released() -> None:
    history = FrameHistory(FrameHistorySettings(count=2, period_s=1.0))
    camera = Camera(history)
    for second in range(3):
        camera.show(second, value=second)
    snapshot = history.snapshot()
    for second in range(3, 20):
        camera.show(second, value=second)
        with history.snapshot():
            pass
    assert [int(frame.pixels.min()) for frame in snapshot.older] == [0, 1]
    assert snapshot.newest is not None
    assert int(snapshot.newest.pixels.max()) == 2
    held = history.state().bytes
    snapshot.release()
    snapshot.release()
    with history.snapshot():
        pass
    assert history.state().bytes == held, "released buffers are reused, not lost"


def test_older_frames_of_a_snapshot_are_older_than_its_newest() -> None:
    """Also if frames arrive while the newest is decoded."""
    history = FrameHistory(FrameHistorySettings(period_s=0.0))
    camera = Camera(history)
    camera.show(0)

    def decode_slowly() -> np.ndarray:
        camera.show(2)
        camera.show(3)
        return picture(1)

    history.offer(START + S, "camera", decode_slowly)
    with history.snapshot() as snapshot:
        assert snapshot.newest is not None
        assert snapshot.newest.stamp_ns == START + S
        assert seconds_of(tuple(frame.stamp_ns for frame in snapshot.older)) == [0.0]


def test_pixels_of_a_snapshot_are_read_only() -> None:
    history = FrameHistory()
    Camera(history).show(0)
    with history.snapshot() as snapshot:
        assert snapshot.newest is not None
        with pytest.raises(ValueError, match="read-only"):
            snapshot.newest.pixels[0, 0, 0] = 1


def test_no_pixel_memory_is_allocated_in_steady_state() -> None:
    memory = CountingMemory()
    history = FrameHistory(FrameHistorySettings(count=3, period_s=0.1), memory=memory)
    camera = Camera(history, 480, 640)
    frame = picture(3, 480, 640)

    def run(ticks: range) -> None:
        for tick in ticks:
            history.offer(START + tick * S // 30, "camera", lambda: frame)
            if tick % 10 == 0:
                with history.snapshot():
                    pass

    run(range(60))
    assert camera.decoded == []
    allocations = memory.allocations
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    run(range(60, 600))
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert memory.allocations == allocations
    assert peak - before < frame.nbytes / 10
    assert after - before < 20_000


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (np.zeros((4, 6), np.uint8), r"shape \(4, 6\).*expected \(H, W, 3\)"),
        (np.zeros((4, 6, 4), np.uint8), r"expected \(H, W, 3\)"),
        (np.zeros((4, 6, 3), np.float32), r"float32.*expected \(H, W, 3\)"),
        (np.zeros((0, 6, 3), np.uint8), "size 0"),
        (None, "NoneType"),
    ],
)
def test_what_is_not_a_picture_is_an_invalid_input(made: object, expected: str) -> None:
    history = FrameHistory()
    history.offer(START, "camera", lambda: made)  # type: ignore[arg-type,return-value]
    with pytest.raises(InvalidInputError, match=expected):
        history.snapshot()


def test_one_pixel_picture_is_a_picture() -> None:
    history = FrameHistory()
    history.offer(START, "camera", lambda: picture(9, 1, 1))
    with history.snapshot() as snapshot:
        assert snapshot.newest is not None
        assert snapshot.newest.pixels.tolist() == [[[9, 9, 9]]]


def test_picture_that_cannot_be_decoded_reaches_every_caller_and_is_counted_once() -> None:
    history = FrameHistory()
    tries: list[int] = []

    def decode() -> np.ndarray:
        tries.append(1)
        raise InvalidInputError("the data ends after 12 of 72 bytes")

    history.offer(START, "camera", decode)
    for _ in range(2):
        with pytest.raises(InvalidInputError, match="12 of 72 bytes") as caught:
            history.snapshot()
    assert "camera" in str(caught.value)
    assert tries == [1]
    assert history.state().drops == {"invalid (InvalidInputError)": 1}
    assert "12 of 72" in history.state().last_error


def test_invalid_due_frame_is_counted_and_the_next_one_takes_its_place() -> None:
    history = FrameHistory(FrameHistorySettings(period_s=1.0))
    camera = Camera(history)
    history.offer(START, "camera", raising(KeyError("unknown encoding yuv9")))
    camera.show(0.1)
    camera.show(0.2)
    assert seconds_of(history.state().stamps_ns) == [0.1, 0.2]
    assert history.state().drops == {"invalid (KeyError)": 1}


def test_good_frame_after_a_bad_one_is_served() -> None:
    history = FrameHistory()
    history.offer(START, "camera", raising(ValueError("bad")))
    with pytest.raises(InvalidInputError):
        history.snapshot()
    Camera(history).show(1, value=5)
    with history.snapshot() as snapshot:
        assert snapshot.newest is not None
        assert int(snapshot.newest.pixels[0, 0, 0]) == 5
        assert snapshot.older == ()


def test_interrupted_decode_is_tried_again() -> None:
    history = FrameHistory()
    outcomes: list[BaseException | None] = [KeyboardInterrupt(), None]

    def decode() -> np.ndarray:
        error = outcomes.pop(0)
        if error is not None:
            raise error
        return picture(1)

    history.offer(START, "camera", decode)
    with pytest.raises(KeyboardInterrupt):
        history.snapshot()
    with history.snapshot() as snapshot:
        assert snapshot.newest is not None


def test_late_and_repeated_frames_are_dropped_and_counted() -> None:
    history = FrameHistory(FrameHistorySettings(reset_tolerance_s=1.0))
    camera = Camera(history)
    assert camera.show(10) is Offer.ACCEPTED
    assert camera.show(10) is Offer.DUPLICATE
    assert camera.show(9.5) is Offer.OUT_OF_ORDER
    assert history.state().drops == {"duplicate": 1, "out_of_order": 1}
    assert seconds_of(history.state().stamps_ns) == [10]


def test_jump_back_of_the_clock_clears_the_history() -> None:
    history = FrameHistory(FrameHistorySettings(period_s=1.0, reset_tolerance_s=1.0))
    camera = Camera(history)
    for second in range(5, 9):
        camera.show(second)
    assert camera.show(1) is Offer.ACCEPTED
    assert seconds_of(history.state().stamps_ns) == [1]
    assert history.state().events == {"clock_reset": 1}


def test_missing_stamp_is_replaced_by_the_arrival_time() -> None:
    now = iter([START, START + S])
    history = FrameHistory(clock_ns=lambda: next(now))
    history.offer(0, "camera", lambda: picture(1))
    history.offer(0, "camera", lambda: picture(2))
    assert history.newest_stamp_ns() == START + S
    assert seconds_of(history.state().stamps_ns) == [0, 1]
    assert history.state().events == {"missing_stamp": 2}


def test_gaps_are_counted() -> None:
    history = FrameHistory(FrameHistorySettings(gap_s=2.0))
    camera = Camera(history)
    for second in (0, 1, 4, 5):
        camera.show(second)
    assert history.state().events == {"gap": 1}


def test_change_of_resolution_keeps_old_frames_and_reallocates() -> None:
    memory = CountingMemory()
    history = FrameHistory(FrameHistorySettings(count=2, period_s=1.0), memory=memory)
    small, large = Camera(history, 4, 6), Camera(history, 8, 12)
    for second in range(3):
        small.show(second, value=1)
    large.show(3, value=2)
    with history.snapshot() as snapshot:
        assert snapshot.newest is not None
        shapes = [frame.pixels.shape for frame in (*snapshot.older, snapshot.newest)]
    assert shapes == [(4, 6, 3), (4, 6, 3), (8, 12, 3)]
    for second in range(4, 8):
        large.show(second)
    assert history.state().events == {"format_change": 1}
    assert history.state().bytes <= 4 * 8 * 12 * 3, "no buffer of the old size is left"


def test_spare_buffers_of_another_size_are_not_reused() -> None:
    history = FrameHistory(FrameHistorySettings(count=0))
    for second, size in enumerate([(4, 6), (8, 12), (4, 6)]):
        Camera(history, *size).show(second, value=second)
        with history.snapshot() as snapshot:
            assert snapshot.newest is not None
            np.testing.assert_array_equal(snapshot.newest.pixels, picture(second, *size))
        assert history.state().bytes <= 3 * 3 * size[0] * size[1] + 8 * 12 * 3
    assert history.state().events == {"format_change": 2}


def test_memory_bound_costs_the_oldest_frames_and_is_counted() -> None:
    size = picture(0).nbytes
    history = FrameHistory(FrameHistorySettings(count=8, period_s=1.0, max_bytes=3 * size))
    camera = Camera(history)
    for second in range(6):
        camera.show(second, value=second)
    with history.snapshot() as snapshot:
        assert [int(frame.pixels[0, 0, 0]) for frame in snapshot.older] == [3, 4]
        assert history.state().bytes <= 3 * size
    assert history.state().drops["no_memory"] == 3


def test_picture_larger_than_the_bound_says_what_to_raise() -> None:
    history = FrameHistory(FrameHistorySettings(max_bytes=10))
    Camera(history).show(0)
    with pytest.raises(InvalidInputError, match=r"72 bytes.*raise its max_bytes"):
        history.snapshot()
    assert history.state().drops == {"no_memory": 1}


def test_pinned_frames_are_never_taken_for_newer_ones() -> None:
    size = picture(0).nbytes
    history = FrameHistory(FrameHistorySettings(count=2, period_s=1.0, max_bytes=3 * size))
    camera = Camera(history)
    for second in range(3):
        camera.show(second, value=second)
    with history.snapshot() as snapshot:
        camera.show(3, value=3)
        with pytest.raises(InvalidInputError, match="running requests"):
            history.snapshot()
        assert seconds_of(history.state().stamps_ns) == [1, 2, 3], "nothing was lost in vain"
        assert [int(frame.pixels.max()) for frame in snapshot.older] == [0, 1]
    camera.show(4, value=4)
    with history.snapshot() as snapshot:
        assert snapshot.newest is not None
        assert int(snapshot.newest.pixels.max()) == 4


def test_clear_forgets_frames_and_counts_but_not_pinned_pixels() -> None:
    history = FrameHistory(FrameHistorySettings(period_s=1.0))
    camera = Camera(history)
    for second in (0, 1, 1):
        camera.show(second, value=second)
    snapshot = history.snapshot()
    history.clear()
    state = history.state()
    assert (state.frames, state.drops, state.events, state.span_s) == (0, {}, {}, 0.0)
    camera.show(2, value=9)
    with history.snapshot():
        assert snapshot.newest is not None
        assert int(snapshot.newest.pixels.max()) == 1
    snapshot.release()


@pytest.mark.parametrize(
    ("name", "value"),
    [("count", -1), ("period_s", -0.1), ("max_bytes", 0), ("max_span_s", 0), ("gap_s", 0.0)]
    + [("period_s", float("nan"))],
)
def test_senseless_settings_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        FrameHistorySettings(**{name: value})


def test_offer_does_not_wait_for_a_snapshot_that_decodes() -> None:
    history = FrameHistory(FrameHistorySettings(period_s=1.0))
    entered, go_on = threading.Event(), threading.Event()

    def slow() -> np.ndarray:
        entered.set()
        assert go_on.wait(10)
        return picture(1)

    history.offer(START, "camera", slow)
    taken: list[int] = []

    def ask() -> None:
        with history.snapshot() as snapshot:
            assert snapshot.newest is not None
            taken.append(int(snapshot.newest.pixels[0, 0, 0]))

    asking = threading.Thread(target=ask)
    asking.start()
    assert entered.wait(10)
    Camera(history).show(1, value=2)  # would wait for ever if it waited
    go_on.set()
    asking.join(10)
    assert taken == [1]
    with history.snapshot() as snapshot:
        assert [int(frame.pixels[0, 0, 0]) for frame in snapshot.older] == [1]


def test_writer_and_readers_never_see_a_torn_or_changed_picture() -> None:
    history = FrameHistory(FrameHistorySettings(count=3, period_s=0.0))
    stop = threading.Event()
    torn: list[str] = []
    seen = [0, 0]

    def read(index: int) -> None:
        while not stop.is_set():
            with history.snapshot() as snapshot:
                frames = (*snapshot.older, *([snapshot.newest] if snapshot.newest else []))
                for frame in frames:
                    expected = (frame.stamp_ns - START) % 256
                    if not (frame.pixels == expected).all():
                        torn.append(f"{frame.stamp_ns}: {np.unique(frame.pixels)}")
                stamps = [frame.stamp_ns for frame in frames]
                if stamps != sorted(set(stamps)):
                    torn.append(f"order {stamps}")
                seen[index] += len(frames)

    readers = [threading.Thread(target=read, args=(index,)) for index in range(2)]
    for reader in readers:
        reader.start()
    for tick in range(1, 1500):
        history.offer(START + tick, "camera", lambda tick=tick: picture(tick, 32, 32))
    while min(seen) < 20:
        pass
    stop.set()
    for reader in readers:
        reader.join(10)
    assert torn == []


class FrameHistoryMachine(RuleBasedStateMachine):
    """Random offers, snapshots and clears against a model that is a list of stamps."""

    COUNT, PERIOD, SPAN, RESET = 3, 2, 9, 4

    def __init__(self) -> None:
        super().__init__()
        self.history = FrameHistory(
            FrameHistorySettings(
                count=self.COUNT,
                period_s=self.PERIOD,
                max_span_s=self.SPAN,
                reset_tolerance_s=self.RESET,
            )
        )
        self.newest: int | None = None
        self.older: list[int] = []
        self.decodes: dict[int, int] = {}
        self.offers = 0
        self.pinned: list[tuple[object, list[np.ndarray], list[np.ndarray]]] = []

    @rule(step=st.integers(-8, 12))
    def offer(self, step: int) -> None:
        stamp = (100 if self.newest is None else self.newest) + step
        if stamp <= 0:
            return
        self.offers += 1
        number = self.offers

        def decode() -> np.ndarray:
            self.decodes[number] = self.decodes.get(number, 0) + 1
            return picture(stamp)

        self.history.offer(stamp * S, "camera", decode)
        if self.newest is not None and step < -self.RESET:
            self.newest, self.older = stamp, []
        elif self.newest is None or step > 0:
            self.older = [old for old in self.older if old >= stamp - self.SPAN]
            self._displace(stamp)
            self.newest = stamp

    def _displace(self, stamp: int) -> None:
        last = self.older[-1] if self.older else -(10**9)
        due = self.newest is not None and self.newest - last >= self.PERIOD
        if due and self.newest is not None and self.newest >= stamp - self.SPAN:
            self.older = (self.older + [self.newest])[-self.COUNT :]

    @rule()
    def pin(self) -> None:
        snapshot = self.history.snapshot()
        frames = [*snapshot.older, *([snapshot.newest] if snapshot.newest else [])]
        pixels = [frame.pixels for frame in frames]
        self.pinned.append((snapshot, pixels, [array.copy() for array in pixels]))

    @rule()
    def release(self) -> None:
        if self.pinned:
            self.pinned.pop(0)[0].release()  # type: ignore[attr-defined]

    @rule()
    def clear(self) -> None:
        self.history.clear()
        self.newest, self.older = None, []

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        expected = [*self.older, *([] if self.newest is None else [self.newest])]
        assert self.history.state().stamps_ns == tuple(stamp * S for stamp in expected)

    @invariant()
    def decodes_at_most_once(self) -> None:
        assert all(count == 1 for count in self.decodes.values())

    @invariant()
    def pinned_pixels_do_not_change(self) -> None:
        for _, pixels, copies in self.pinned:
            for array, copy in zip(pixels, copies, strict=True):
                np.testing.assert_array_equal(array, copy)


TestFrameHistoryMachine = FrameHistoryMachine.TestCase
TestFrameHistoryMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=80), st.integers(1, 30))
def test_kept_frames_are_at_least_a_period_apart(steps: list[int], period: int) -> None:
    history = FrameHistory(FrameHistorySettings(count=80, period_s=period, max_span_s=1e6))
    camera = Camera(history)
    second = 0
    for step in steps:
        second += step
        camera.show(second)
    kept = seconds_of(history.state().stamps_ns)[:-1]
    assert all(later - earlier >= period for earlier, later in itertools.pairwise(kept))


def test_spare_buffers_are_made_ready_with_the_pictures() -> None:
    history = FrameHistory(FrameHistorySettings(count=2, spare=3, period_s=0.0))
    for second in range(1, 20):
        history.offer(second * 10**9, "camera", lambda: picture(1))
    snapshots = [history.snapshot() for _ in range(3)]
    size = picture(1).nbytes
    assert history.state().bytes == 5 * size
    for snapshot in snapshots:
        snapshot.release()
    assert history.state().bytes == 5 * size
