"""The sound history: rates, widths, channels, gaps, overlaps, clocks and bad samples."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from uio2_ros.history import AudioHistory, AudioHistorySettings, Push
from uio2_ros.robot.errors import InvalidInputError

S = 1_000_000_000
START = 1_000 * S
RATE = 16_000


def ramp(count: int, start: int = 0) -> np.ndarray:
    """Distinct values that survive a copy exactly."""
    return (np.arange(start, start + count) % 30_000 / 32_768).astype(np.float32)


def tone(count: int, rate: int, start: int = 0, hertz: float = 440.0) -> np.ndarray:
    seconds = np.arange(start, start + count) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * seconds)).astype(np.float32)


def stamp(sample: int, rate: int = RATE) -> int:
    return START + sample * S // rate


def test_empty_history_gives_an_empty_window() -> None:
    history = AudioHistory()
    assert history.window(START, 4.0).shape == (0,)
    assert history.state().end_ns is None


def test_chunks_become_one_sound() -> None:
    history = AudioHistory()
    for start in range(0, 4000, 400):
        assert history.push(stamp(start), ramp(400, start), RATE) is Push.ACCEPTED
    sound = history.window(None, 10.0)
    assert sound.dtype == np.float32
    np.testing.assert_array_equal(sound, ramp(4000))
    assert history.state().end_ns == stamp(4000)
    assert history.state().span_s == 4000 / RATE


def test_window_ends_at_the_instruction() -> None:
    history = AudioHistory()
    history.push(START, ramp(16_000), RATE)
    np.testing.assert_array_equal(history.window(stamp(8000), 0.25), ramp(4000, 4000))
    assert history.window(stamp(16_000) + S, 0.5).size == 0, "what was not heard is absent"
    np.testing.assert_array_equal(history.window(stamp(16_000) + S // 4, 0.5), ramp(4000, 12_000))
    assert history.window(START - S, 0.5).size == 0


def test_window_is_a_copy() -> None:
    history = AudioHistory()
    history.push(START, ramp(100), RATE)
    history.window(None, 1.0)[:] = 7
    np.testing.assert_array_equal(history.window(None, 1.0), ramp(100))


def test_window_of_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        AudioHistory().window(None, 0.0)


def test_only_the_last_seconds_are_kept() -> None:
    history = AudioHistory(AudioHistorySettings(seconds=0.5))
    for start in range(0, 24_000, 700):
        history.push(stamp(start), ramp(700, start), RATE)
    end = start + 700
    np.testing.assert_array_equal(history.window(None, 9.0), ramp(8000, end - 8000))


def test_chunk_longer_than_the_history_leaves_its_end() -> None:
    history = AudioHistory(AudioHistorySettings(seconds=0.1))
    history.push(START, ramp(5000), RATE)
    np.testing.assert_array_equal(history.window(stamp(5000), 9.0), ramp(1600, 3400))


def test_byte_bound_shortens_the_history() -> None:
    history = AudioHistory(AudioHistorySettings(seconds=10, max_bytes=400))
    history.push(START, ramp(5000), RATE)
    assert history.window(None, 9.0).size == 100
    assert history.state().bytes == 400


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_any_rate_becomes_16_khz_without_seams(rate: int) -> None:
    history = AudioHistory()
    chunk = rate // 25
    for start in range(0, 2 * rate, chunk):
        history.push(stamp(start, rate), tone(chunk, rate, start), rate)
    end = history.state().end_ns
    assert end is not None
    assert 0 <= START + 2 * S - end < 0.08 * S, "only the filter's length is held back"
    sound = history.window(None, 9.0)
    expected = tone(sound.size, RATE)
    middle = slice(800, sound.size - 800)
    np.testing.assert_allclose(sound[middle], expected[middle], atol=2e-3)


def test_stereo_int16_at_44_khz_is_averaged_and_scaled() -> None:
    history = AudioHistory()
    left = np.full(44_100, 16_384, np.int16)
    history.push(START, np.stack([left, np.zeros_like(left)], axis=1), 44_100)
    sound = history.window(None, 9.0)
    np.testing.assert_allclose(sound[800:-800], 0.25, atol=1e-3)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([-128, 64], np.int8), [-1, 0.5]),
        (np.array([0, 192], np.uint8), [-1, 0.5]),
        (np.array([-(2**15), 2**14], np.int16), [-1, 0.5]),
        (np.array([-(2**15), 2**14], ">i2"), [-1, 0.5]),
        (np.array([-(2**31), 2**30], np.int32), [-1, 0.5]),
        (np.array([-1, 0.5], np.float64), [-1, 0.5]),
        (np.array([[-1, -1, -1], [1, 0.5, 0]], np.float32), [-1, 0.5]),
    ],
)
def test_every_width_and_channel_count_becomes_mono_float(
    samples: np.ndarray, expected: list[float]
) -> None:
    history = AudioHistory()
    history.push(START, samples, RATE)
    assert history.window(None, 1.0).tolist() == expected


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.array([0, np.nan, np.inf], np.float32), RATE, "2 of 3 samples are NaN or infinite"),
        (np.array([0, 1e300]), RATE, "1 of 2 samples are NaN or infinite"),
        (np.zeros((2, 2, 2), np.float32), RATE, r"shape \(2, 2, 2\); expected \(n,\)"),
        (np.zeros((5, 0), np.float32), RATE, r"\(n, channels\)"),
        (np.zeros(3, np.complex64), RATE, "complex64; expected int8"),
        (np.zeros(3, np.float32), 0, "0 Hz; expected > 0"),
    ],
)
def test_bad_sound_is_refused_and_counted(samples: np.ndarray, rate: int, message: str) -> None:
    history = AudioHistory()
    history.push(START, ramp(10), RATE)
    with pytest.raises(InvalidInputError, match=message):
        history.push(stamp(10), samples, rate)
    assert history.state().drops == {"invalid": 1}
    assert history.state().last_error
    history.push(stamp(10), ramp(10, 10), RATE)
    np.testing.assert_array_equal(history.window(None, 1.0), ramp(20))


def test_empty_chunk_is_dropped_and_counted() -> None:
    history = AudioHistory()
    assert history.push(START, np.zeros(0, np.float32), RATE) is Push.EMPTY
    assert history.state().drops == {"empty": 1}


def test_gap_is_filled_with_silence() -> None:
    history = AudioHistory()
    history.push(START, ramp(1600, 1), RATE)
    history.push(stamp(4800), ramp(1600, 1), RATE)
    sound = history.window(None, 9.0)
    np.testing.assert_array_equal(sound[:1600], ramp(1600, 1))
    assert not sound[1600:4800].any()
    np.testing.assert_array_equal(sound[4800:], ramp(1600, 1))
    assert history.state().events == {"gap": 1}


def test_gap_at_another_rate_keeps_the_time_of_every_sample() -> None:
    history = AudioHistory()
    history.push(START, tone(48_000, 48_000), 48_000)
    history.push(START + 3 * S // 2, tone(48_000, 48_000), 48_000)
    sound = history.window(START + 2 * S, 9.0)
    assert sound.size == 2 * RATE
    np.testing.assert_allclose(sound[800:15_200], tone(16_000, RATE)[800:15_200], atol=2e-3)
    assert not sound[16_000:24_000].any()
    np.testing.assert_allclose(sound[24_800:], tone(8000, RATE)[800:], atol=2e-3)


def test_gap_longer_than_the_history_starts_anew() -> None:
    history = AudioHistory(AudioHistorySettings(seconds=1.0))
    history.push(START, ramp(100), RATE)
    history.push(START + 3600 * S, ramp(100, 5), RATE)
    np.testing.assert_array_equal(history.window(None, 9.0), ramp(100, 5))
    assert history.state().events == {"gap": 1}


def test_overlap_is_trimmed() -> None:
    history = AudioHistory()
    history.push(START, ramp(3200), RATE)
    assert history.push(stamp(1600), ramp(3200, 1600), RATE) is Push.ACCEPTED
    np.testing.assert_array_equal(history.window(None, 9.0), ramp(4800))
    assert history.state().events == {"overlap": 1}


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_overlap_at_another_rate_is_trimmed_by_its_own_samples(rate: int) -> None:
    """A second, and another one of which half was heard already."""
    history = AudioHistory()
    history.push(START, tone(rate, rate), rate)
    half = rate // 2
    assert history.push(stamp(half, rate), tone(rate, rate, half), rate) is Push.ACCEPTED
    history.push(stamp(half + rate, rate), tone(half, rate, half + rate), rate)
    assert history.state().events == {"overlap": 1}
    heard = history.window(START + 3 * S // 2, 1.0)
    expected = tone(RATE, RATE, RATE // 2)
    np.testing.assert_allclose(heard[200:-200], expected[200:-200], atol=5e-3)


def test_small_jitter_leaves_the_sound_alone() -> None:
    history = AudioHistory(AudioHistorySettings(jitter_s=0.02))
    random = np.random.default_rng(1)
    for start in range(0, 16_000, 400):
        history.push(stamp(start) + int(random.integers(-S // 60, S // 60)), ramp(400, start), RATE)
    np.testing.assert_array_equal(history.window(None, 9.0), ramp(16_000))
    assert history.state().events == {}


def test_drift_of_the_sound_card_stays_within_the_jitter() -> None:
    history = AudioHistory(AudioHistorySettings(jitter_s=0.02))
    for chunk in range(500):
        history.push(START + chunk * (S // 10 + S // 1000), ramp(1600), RATE)
        end = history.state().end_ns
        assert end is not None
        assert abs(START + chunk * (S // 10 + S // 1000) + S // 10 - end) <= 0.021 * S
    assert history.state().events["gap"] > 10


def test_repeated_and_late_chunks_are_dropped_and_counted() -> None:
    history = AudioHistory()
    history.push(START, ramp(1600), RATE)
    history.push(stamp(1600), ramp(1600, 1600), RATE)
    assert history.push(stamp(1600), ramp(1600, 1600), RATE) is Push.DUPLICATE
    assert history.push(stamp(0), ramp(1600), RATE) is Push.OUT_OF_ORDER
    assert history.state().drops == {"duplicate": 1, "out_of_order": 1}
    assert history.state().events == {}
    np.testing.assert_array_equal(history.window(None, 9.0), ramp(3200))


def test_jump_back_of_the_clock_clears_the_sound() -> None:
    history = AudioHistory(AudioHistorySettings(reset_tolerance_s=1.0))
    history.push(START + 60 * S, ramp(1600), RATE)
    assert history.push(START, ramp(800, 5), RATE) is Push.ACCEPTED
    np.testing.assert_array_equal(history.window(None, 9.0), ramp(800, 5))
    assert history.state().events == {"clock_reset": 1}
    assert history.state().end_ns == stamp(800)


def test_change_of_format_goes_on_without_a_gap() -> None:
    history = AudioHistory()
    history.push(START, tone(48_000, 48_000), 48_000)
    stereo = np.stack([tone(44_100, 44_100)] * 2, axis=1)
    history.push(START + S, stereo, 44_100)
    history.push(START + 2 * S, tone(16_000, RATE), RATE)
    sound = history.window(None, 9.0)
    assert abs(sound.size - 3 * RATE) <= 2
    for second in range(3):
        part = sound[second * RATE + 800 : second * RATE + 15_200]
        np.testing.assert_allclose(part, tone(16_000, RATE)[800:15_200], atol=0.02)
    assert history.state().events == {"format_change": 2}


def test_chunks_without_stamps_are_placed_by_their_arrival() -> None:
    now = [START + S // 10]
    history = AudioHistory(clock_ns=lambda: now[0])
    for start in range(0, 16_000, 1600):
        history.push(0, ramp(1600, start), RATE)
        now[0] += S // 10 + (S // 5 if start == 3200 else 0) - (S // 5 if start == 4800 else 0)
    np.testing.assert_array_equal(history.window(None, 9.0), ramp(16_000))
    assert history.state().end_ns == stamp(16_000)
    assert history.state().events == {"missing_stamp": 10}


def test_clear_forgets_sound_and_counts() -> None:
    history = AudioHistory()
    history.push(START, ramp(100), RATE)
    history.push(START, ramp(100), RATE)
    history.clear()
    state = history.state()
    assert (state.span_s, state.end_ns, state.drops, state.events) == (0, None, {}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [("seconds", 0), ("rate", -1), ("jitter_s", -1), ("quality", "best"), ("max_bytes", 3)],
)
def test_senseless_settings_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        AudioHistorySettings(**{name: value})  # type: ignore[arg-type]


def test_memory_is_allocated_once() -> None:
    history = AudioHistory(AudioHistorySettings(seconds=0.5))
    ring = history._ring
    for start in range(0, 40_000, 480):
        history.push(stamp(start, 48_000), tone(480, 48_000, start), 48_000)
    assert history._ring is ring


def test_writer_and_reader_agree() -> None:
    history = AudioHistory(AudioHistorySettings(seconds=0.25))
    stop = threading.Event()
    wrong: list[str] = []

    def read() -> None:
        while not stop.is_set():
            sound = np.round(history.window(None, 1.0) * 32_768).astype(int)
            steps = np.diff(sound) % 30_000
            if not (steps == 1).all():
                wrong.append(str(sound))

    reader = threading.Thread(target=read)
    reader.start()
    for start in range(0, 400_000, 500):
        history.push(stamp(start), ramp(500, start), RATE)
    stop.set()
    reader.join(10)
    assert wrong == []


class AudioHistoryMachine(RuleBasedStateMachine):
    """Random chunks at the ring's own rate against a model that is one long array."""

    CAPACITY, JITTER, RESET = 64, 4, 1000

    def __init__(self) -> None:
        super().__init__()
        self.history = AudioHistory(
            AudioHistorySettings(
                seconds=self.CAPACITY / RATE,
                jitter_s=self.JITTER / RATE,
                reset_tolerance_s=self.RESET / RATE,
            )
        )
        self.sound = np.zeros(0, np.float32)  # since the origin
        self.last: int | None = None  # sample of the last stamp
        self.origin = 0
        self.next = 0

    @rule(size=st.integers(0, 90), shift=st.integers(-100, 100))
    def push(self, size: int, shift: int) -> None:
        shift = 0 if -8 <= shift <= 8 else shift  # within the jitter the clock of the ring rules
        at = self.next + shift
        samples = ramp(size, at % 20_000 + 1)
        outcome = self.history.push(stamp(at + 10_000_000), samples, RATE)
        if size == 0:
            assert outcome is Push.EMPTY
        elif self.last is None:
            self._begin(at, samples)
        elif at == self.last:
            assert outcome is Push.DUPLICATE
        else:
            self._append(at, samples, shift, outcome)

    def _begin(self, at: int, samples: np.ndarray) -> None:
        self.last = self.origin = at
        self.sound, self.next = samples, at + samples.size

    def _append(self, at: int, samples: np.ndarray, shift: int, outcome: Push) -> None:
        if shift >= self.CAPACITY:
            self._begin(at, samples)
            return
        silence = np.zeros(max(shift, 0), np.float32)
        fresh = samples[max(-shift, 0) :]
        assert (outcome is Push.OUT_OF_ORDER) == (fresh.size == 0)
        if fresh.size:
            self.sound = np.concatenate([self.sound, silence, fresh])
            self.last, self.next = at, self.origin + self.sound.size

    @rule()
    def clear(self) -> None:
        self.history.clear()
        self.last, self.sound = None, np.zeros(0, np.float32)

    @invariant()
    def holds_the_end_of_the_sound(self) -> None:
        np.testing.assert_array_equal(self.history.window(None, 1.0), self.sound[-self.CAPACITY :])

    @invariant()
    def window_is_the_intersection_in_time(self) -> None:
        if self.last is None:
            return
        end = self.next - 20
        stop = max(0, self.sound.size - 20)
        begin = max(0, self.sound.size - self.CAPACITY, stop - 30)
        expected = self.sound[begin:stop] if stop > begin else self.sound[:0]
        window = self.history.window(stamp(end + 10_000_000), 30 / RATE)
        np.testing.assert_array_equal(window, expected)


TestAudioHistoryMachine = AudioHistoryMachine.TestCase
TestAudioHistoryMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=30),
    st.sampled_from([8_000, 11_025, 44_100, 48_000]),
)
def test_how_the_sound_is_cut_into_chunks_does_not_matter(sizes: list[int], rate: int) -> None:
    whole, cut = AudioHistory(), AudioHistory()
    whole.push(START, tone(sum(sizes), rate), rate)
    start = 0
    for size in sizes:
        cut.push(stamp(start, rate), tone(size, rate, start), rate)
        start += size
    one, other = whole.window(None, 99.0), cut.window(None, 99.0)
    shared = min(one.size, other.size)
    np.testing.assert_allclose(one[:shared], other[:shared], atol=1e-4)


def test_sound_from_the_future_is_dropped_and_what_follows_is_heard() -> None:
    now_ns = 100 * S
    history = AudioHistory(AudioHistorySettings(max_ahead_s=2.0), clock_ns=lambda: now_ns)
    assert history.push(now_ns + 60 * S, ramp(100), RATE) is Push.AHEAD
    assert history.push(now_ns + 2 * S, ramp(100), RATE) is Push.ACCEPTED
    assert history.push(now_ns - S, ramp(100), RATE) is Push.ACCEPTED
    assert history.state().drops == {"ahead": 1}


def test_clock_that_stands_at_zero_knows_no_future() -> None:
    history = AudioHistory(clock_ns=lambda: 0)
    assert history.push(50 * S, ramp(100), RATE) is Push.ACCEPTED


def heard_in_parts(history: AudioHistory, samples: int, chunk: int = 1000) -> None:
    for start in range(0, samples, chunk):
        count = min(chunk, samples - start)
        history.push(stamp(start), ramp(count, start), RATE)


SEGMENT = 800
SEGMENTS = AudioHistorySettings(seconds=0.25, segment_s=0.05)  # 5 of them are held


def test_what_is_heard_begins_with_a_segment() -> None:
    history = AudioHistory(SEGMENTS)
    heard_in_parts(history, 5300)
    np.testing.assert_array_equal(history.heard(stamp(5300)), ramp(3700, 1600))
    np.testing.assert_array_equal(history.heard(stamp(5000)), ramp(3400, 1600))
    assert history.heard(START - S).size == 0
    assert AudioHistory().heard(START).size == 0


def test_what_is_heard_is_never_cut_below_a_segment() -> None:
    history = AudioHistory(AudioHistorySettings(seconds=0.06, segment_s=0.05))
    heard_in_parts(history, 2390)
    np.testing.assert_array_equal(history.heard(stamp(2390)), ramp(960, 1430))
    short = AudioHistory(AudioHistorySettings(seconds=0.02, segment_s=0.05))
    heard_in_parts(short, 2500)
    np.testing.assert_array_equal(short.heard(stamp(2500)), ramp(320, 2180))


def test_a_segment_is_taken_once_when_it_is_over() -> None:
    history = AudioHistory(SEGMENTS)
    history.push(START, ramp(799), RATE)
    assert history.take_segment() is None
    history.push(stamp(799), ramp(900, 799), RATE)
    first, second = history.take_segment(), history.take_segment()
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.samples, ramp(800))
    np.testing.assert_array_equal(second.samples, ramp(800, 800))
    assert first.rate == RATE
    assert history.take_segment() is None


def test_segments_that_are_no_longer_held_are_not_taken() -> None:
    history = AudioHistory(SEGMENTS)
    heard_in_parts(history, 10 * SEGMENT + 10)
    taken = history.take_segment()
    assert taken is not None
    np.testing.assert_array_equal(taken.samples, ramp(SEGMENT, 6 * SEGMENT))


def test_segments_begin_anew_with_a_clock_that_went_back() -> None:
    history = AudioHistory(SEGMENTS)
    heard_in_parts(history, 2 * SEGMENT)
    assert history.take_segment() is not None
    history.push(START - 10 * S, ramp(SEGMENT, 7), RATE)
    taken = history.take_segment()
    assert taken is not None
    np.testing.assert_array_equal(taken.samples, ramp(SEGMENT, 7))


def test_without_segments_none_is_taken_and_all_is_heard() -> None:
    history = AudioHistory(AudioHistorySettings(seconds=0.25, segment_s=0.0))
    heard_in_parts(history, 5300)
    assert history.take_segment() is None
    np.testing.assert_array_equal(history.heard(stamp(5300)), ramp(4000, 1300))


@given(st.integers(1, 9000), st.integers(1, 3000))
@settings(max_examples=30, deadline=None)
def test_every_taken_segment_is_one_of_those_that_are_heard(samples: int, chunk: int) -> None:
    history = AudioHistory(SEGMENTS)
    heard_in_parts(history, samples, chunk)
    heard = history.heard(stamp(samples))
    whole = heard[: heard.size // SEGMENT * SEGMENT].reshape(-1, SEGMENT)
    taken = []
    while (segment := history.take_segment()) is not None:
        taken.append(segment.samples)
    if heard.size >= SEGMENT:
        np.testing.assert_array_equal(np.array(taken).reshape(-1, SEGMENT), whole)
