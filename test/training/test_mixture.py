"""Mixtures: rates, shuffling, sharing between readers, and going on in the middle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.training.mixture import MixtureStream, MixtureTask

TASKS = tuple(LabelledTask(Instruction("", task), Answer()) for task in ("caption", "vqa"))


@dataclass(frozen=True)
class Numbered:
    """`parts` parts of `size` samples, each named by its source, part and number."""

    name: str
    parts: int
    size: int

    def samples(self, part: int) -> Iterator[Sample]:
        for number in range(self.size):
            yield Sample(f"{self.name}_{part}_{number}", Observation(), TASKS)


def keys(stream: MixtureStream, count: int) -> list[str]:
    return [stream.draw().sample.key for _ in range(count)]


def test_sources_are_drawn_by_their_rates() -> None:
    mixture = [
        MixtureTask("often", Numbered("often", 4, 50), rate=3),
        MixtureTask("seldom", Numbered("seldom", 4, 50), rate=1),
    ]
    drawn = Counter(key.partition("_")[0] for key in keys(MixtureStream(mixture), 2000))
    assert drawn["often"] / 2000 == pytest.approx(0.75, abs=0.04)


def test_an_epoch_has_every_sample_once_in_random_order() -> None:
    stream = MixtureStream([MixtureTask("one", Numbered("a", 6, 5))])
    first, second = keys(stream, 30), keys(stream, 30)
    assert sorted(first) == sorted(second) == sorted({*first})
    assert first != second
    assert first != sorted(first)


def test_readers_share_an_epoch() -> None:
    mixture = [MixtureTask("one", Numbered("a", 8, 5))]
    readers = [MixtureStream(mixture, reader=number, readers=2) for number in range(2)]
    seen = [key for reader in readers for key in keys(reader, 20)]
    assert len(set(seen)) == 40


@pytest.mark.parametrize("before", [1, 7, 23, 61])
def test_a_stream_goes_on_where_its_state_says(before: int) -> None:
    mixture = [MixtureTask(name, Numbered(name, 3, 7)) for name in ("a", "b")]
    stream = MixtureStream(mixture, seed=3)
    keys(stream, before)
    state = stream.state_dict()
    wanted = [(one.sample.key, one.number) for one in (stream.draw() for _ in range(40))]
    again = MixtureStream(mixture, seed=3)
    again.load_state_dict(state)
    assert [(one.sample.key, one.number) for one in (again.draw() for _ in range(40))] == wanted


def test_with_fewer_readers_nothing_is_seen_again_before_the_epoch_ends() -> None:
    mixture = [MixtureTask("one", Numbered("a", 8, 4))]
    readers = [MixtureStream(mixture, reader=number, readers=2) for number in range(2)]
    seen = {key for reader in readers for key in keys(reader, 8)}
    alone = MixtureStream(mixture)
    alone.load_state_dict(readers[0].state_dict())
    assert seen.isdisjoint(keys(alone, 16))


def test_only_the_tasks_that_are_named_are_learnt() -> None:
    stream = MixtureStream([MixtureTask("one", Numbered("a", 2, 5), tasks=("vqa",))])
    assert {stream.draw().number for _ in range(20)} == {1}


def test_a_source_too_small_for_its_readers_says_so() -> None:
    stream = MixtureStream([MixtureTask("one", Numbered("a", 2, 5))], readers=3)
    with pytest.raises(ValueError, match="2 parts for 3 readers"):
        stream.draw()


def test_a_source_without_samples_says_so() -> None:
    stream = MixtureStream([MixtureTask("nothing", Numbered("a", 2, 0))])
    with pytest.raises(ValueError, match="nothing has no samples"):
        stream.draw()
