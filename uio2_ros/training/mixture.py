"""Mixtures: which sources' samples are learnt from, which of their tasks, and how often.

A mixture is sampled without end, in an order that a seed fixes. Where it stands is a few numbers,
so a run goes on in the middle of an epoch with the samples that it would have come to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from uio2_ros.data.sample import Sample
from uio2_ros.training.sources import Source

PARAPHRASES = 0.5
"""Share of examples that are asked in other wordings than the trained prompt's."""

SHUFFLED_PARTS = 2
"""Parts of a source that are read together, and whose samples are mixed."""


@dataclass(frozen=True)
class MixtureTask:
    """Samples of a source, and what is learnt of them.

    rate: how often, beside the rates of the others. tasks: names of labelled tasks, one of which is
    drawn for each example; none are all. paraphrases: the share of examples that are asked with a
    paraphrase of the trained prompt. augmented: pictures are scaled and cropped at random.
    denoised: the share of examples that restore what was seen, heard or said, see `denoising`.
    """

    name: str
    source: Source
    rate: float = 1.0
    tasks: tuple[str, ...] = ()
    paraphrases: float = PARAPHRASES
    augmented: bool = True
    denoised: float = 0.0

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise ValueError(f"the rate of {self.name} is {self.rate}; give more than 0")
        for share in ("paraphrases", "denoised"):
            if not 0 <= getattr(self, share) <= 1:
                raise ValueError(f"{share} of {self.name} is {getattr(self, share)}; give 0 to 1")


@dataclass(frozen=True)
class Drawn:
    """A sample and which of its tasks is to be learnt, with the randomness of that example."""

    task: MixtureTask
    sample: Sample
    number: int
    rng: np.random.Generator


@dataclass
class Cursor:
    """Where a reader stands in a source: groups of parts and samples that it has had."""

    epoch: int = 0
    group: int = 0
    sample: int = 0


class MixtureStream:
    """Draws from a mixture for ever. One of `readers` that share it (ranks times workers).

    Readers share the groups of a source's parts between them, so no sample is seen twice in an
    epoch. Two streams with equal arguments and state give the same.
    """

    def __init__(
        self, mixture: Sequence[MixtureTask], *, seed: int = 0, reader: int = 0, readers: int = 1
    ) -> None:
        if not mixture:
            raise ValueError("a mixture needs at least one task")
        if not 0 <= reader < readers:
            raise ValueError(f"reader {reader} is none of {readers}")
        self._mixture = tuple(mixture)
        self._seed, self._reader, self._readers = seed, reader, readers
        rates = np.array([task.rate for task in mixture])
        self._shares = rates / rates.sum()
        self._drawn = 0
        self._cursors = [Cursor() for _ in mixture]
        self._open: list[Iterator[Sample] | None] = [None] * len(mixture)

    def __iter__(self) -> Iterator[Drawn]:
        while True:
            yield self.draw()

    def draw(self) -> Drawn:
        """The next example to be."""
        rng = np.random.default_rng([self._seed, self._reader, self._drawn])
        self._drawn += 1
        index = int(rng.choice(len(self._mixture), p=self._shares))
        task = self._mixture[index]
        while True:
            sample = self._next(index)
            wanted = [
                number
                for number, labelled in enumerate(sample.tasks)
                if not task.tasks or labelled.instruction.task in task.tasks
            ]
            if wanted:
                return Drawn(task, sample, wanted[int(rng.integers(len(wanted)))], rng)

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands."""
        return {
            "drawn": self._drawn,
            "readers": self._readers,
            "cursors": [asdict(cursor) for cursor in self._cursors],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there.

        With another number of readers than then, each epoch goes on with the groups that nobody
        had begun, as if this reader's place was everybody's.
        """
        if len(state["cursors"]) != len(self._mixture):
            raise ValueError(
                f"the state is of {len(state['cursors'])} sources, the mixture has "
                f"{len(self._mixture)}"
            )
        self._drawn = state["drawn"]
        self._cursors = [Cursor(**cursor) for cursor in state["cursors"]]
        self._open = [None] * len(self._mixture)
        if state["readers"] != self._readers:
            for cursor in self._cursors:
                begun = (cursor.group + (cursor.sample > 0)) * state["readers"]
                cursor.group, cursor.sample = -(-begun // self._readers), 0

    def _next(self, index: int) -> Sample:
        cursor = self._cursors[index]
        empty = 0
        while True:
            reading = self._open[index] or self._samples(index)
            self._open[index] = reading
            sample = next(reading, None)
            if sample is not None:
                cursor.sample += 1
                return sample
            empty = 0 if cursor.sample else empty + 1
            if empty > 2 * self._groups(index):
                raise ValueError(f"the source of {self._mixture[index].name} has no samples")
            self._open[index] = None
            cursor.group, cursor.sample = cursor.group + 1, 0

    def _samples(self, index: int) -> Iterator[Sample]:
        """What is left of the group of parts at the cursor, in random order."""
        cursor, source = self._cursors[index], self._mixture[index].source
        own = self._groups(index)
        if cursor.group >= own:
            cursor.epoch, cursor.group, cursor.sample = cursor.epoch + 1, 0, 0
        order = np.random.default_rng([self._seed, index, cursor.epoch])
        parts = order.permutation(source.parts)
        first = (cursor.group * self._readers + self._reader) * self._width(index)
        mixed = [
            sample
            for part in parts[first : first + self._width(index)].tolist()
            for sample in source.samples(part)
        ]
        shuffle = np.random.default_rng([self._seed, index, cursor.epoch, first])
        left = shuffle.permutation(len(mixed))[cursor.sample :]
        return (mixed[number] for number in left.tolist())

    def _width(self, index: int) -> int:
        """Parts in a group: fewer where a group for each reader needs it."""
        parts = self._mixture[index].source.parts
        return max(1, min(SHUFFLED_PARTS, parts // self._readers))

    def _groups(self, index: int) -> int:
        """Groups of an epoch for each reader; what does not fill a round is left to the next."""
        task = self._mixture[index]
        groups = task.source.parts // (self._width(index) * self._readers)
        if not groups:
            raise ValueError(
                f"the source of {task.name} has {task.source.parts} parts for {self._readers} "
                "readers; write smaller shards, or use fewer ranks and workers"
            )
        return groups
