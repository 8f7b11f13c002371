"""Examples that share rows of the transformer: pairs as published, or as many as fit.

Encoders run unpacked; what is packed are tokens before the transformer (`Batch.rows`). A row has a
limit of input and of target tokens, and both must hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from uio2_ros.model.example import Example
from uio2_ros.processing.config import ProcessingConfig

POOL = 10
LATENTS_OF_FRAME, LATENTS_OF_SEGMENT = 32, 16
"""Tokens of a history frame and an audio segment behind their resamplers."""
T = TypeVar("T")


@dataclass(frozen=True)
class Length:
    """Tokens of an example, or the limits of a row."""

    inputs: int
    targets: int

    def __add__(self, other: Length) -> Length:
        return Length(self.inputs + other.inputs, self.targets + other.targets)

    def fits(self, limit: Length) -> bool:
        """Whether both are within the limit."""
        return self.inputs <= limit.inputs and self.targets <= limit.targets

    @property
    def total(self) -> int:
        return self.inputs + self.targets


def length_of(example: Example, config: ProcessingConfig) -> Length:
    """Real tokens of an example: text, patches, latents of its histories, and targets."""
    inputs = len(example.text)
    inputs += sum(int(one.mask.sum()) for one in (example.image, example.audio) if one is not None)
    inputs += LATENTS_OF_FRAME * len(example.image_history)
    inputs += LATENTS_OF_SEGMENT * len(example.audio_history)
    targets = 0 if example.text_target is None else len(example.text_target)
    if example.image_target is not None:
        targets += (config.image_target_size[0] // 8) * (config.image_target_size[1] // 8)
    if example.audio_target is not None:
        targets += (config.audio.frames // 8) * (config.audio.mels // 8)
    return Length(inputs, targets)


@dataclass(frozen=True)
class Sized(Generic[T]):
    """Something and its length."""

    item: T
    length: Length


@dataclass
class PairingPool(Generic[T]):
    """Pairs while streaming, as the original: with the largest waiting example that fits.

    An example that fits no other waits; when too many wait, the largest goes out alone.
    """

    limit: Length
    size: int = POOL
    _waiting: list[Sized[T]] = field(default_factory=list)

    def add(self, new: Sized[T]) -> tuple[Sized[T], ...]:
        """The row that is full now: two examples, one alone, or none yet."""
        _check_fits(new.length, self.limit)
        fitting = [one for one in self._waiting if (one.length + new.length).fits(self.limit)]
        if fitting:
            partner = max(fitting, key=lambda one: one.length.total)
            self._waiting.remove(partner)
            return partner, new
        self._waiting.append(new)
        if len(self._waiting) <= self.size:
            return ()
        largest = max(self._waiting, key=lambda one: one.length.total)
        self._waiting.remove(largest)
        return (largest,)

    def drain(self) -> Iterator[tuple[Sized[T], ...]]:
        """What still waits, each alone."""
        while self._waiting:
            yield (self._waiting.pop(),)


def pack_bins(items: Iterable[Sized[T]], limit: Length) -> list[list[Sized[T]]]:
    """As many examples in a row as fit, by best fit decreasing: the largest first, each into the
    row it leaves least room in. In what order they came does not matter."""
    rows: list[list[Sized[T]]] = []
    used: list[Length] = []
    for item in sorted(items, key=lambda one: _fullness(one.length, limit), reverse=True):
        _check_fits(item.length, limit)
        fitting = [n for n, length in enumerate(used) if (length + item.length).fits(limit)]
        if not fitting:
            rows.append([item])
            used.append(item.length)
            continue
        best = max(fitting, key=lambda n: _fullness(used[n] + item.length, limit))
        rows[best].append(item)
        used[best] += item.length
    return rows


def row_numbers(rows: Sequence[Sequence[Sized[T]]]) -> tuple[list[T], list[int]]:
    """The items of all rows one after another, and the row of each: for `Processor.collate`."""
    items = [one.item for row in rows for one in row]
    numbers = [number for number, row in enumerate(rows) for _ in row]
    return items, numbers


def _fullness(length: Length, limit: Length) -> float:
    return max(length.inputs / limit.inputs, length.targets / limit.targets)


def _check_fits(length: Length, limit: Length) -> None:
    if not length.fits(limit):
        raise ValueError(
            f"an example of {length.inputs} input and {length.targets} target tokens does not fit "
            f"a row of {limit.inputs} and {limit.targets}; raise the limits, or shorten it"
        )
