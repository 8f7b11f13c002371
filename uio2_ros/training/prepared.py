"""Examples prepared once: the frozen ViT's features of each picture, and all that is asked of it.

Making examples and looking at pictures takes longer than a small transformer's step. What does not
change between epochs is computed once for each sample and kept in one file for each part of a
source. Which patches show what a prompt speaks of is kept as well, see `grounding`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uio2_ros.data.sample import Sample
from uio2_ros.model.example import Example, Ints, PatchBatch, PatchInput
from uio2_ros.model.families.unified_io_2.unified_io import UnifiedIO
from uio2_ros.processing import Processor
from uio2_ros.settings import check, setting
from uio2_ros.tasks.registry import task_named
from uio2_ros.training.examples import ExampleError, ExampleMaker, TrainingExample
from uio2_ros.training.grounding import GroundedExample, spoken_of
from uio2_ros.training.mixture import PARAPHRASES
from uio2_ros.training.spoken import spoken

ENDING = ".prepared.pt"


class OnePictureProcessor(Processor):
    """A processor that remembers the last picture: all of a sample's tasks ask about the same."""

    _last: tuple[object, object] | None = None

    def _look(self, image: Any, history: Any, keys: Any) -> Any:
        if len(history) or image is None:
            return super()._look(image, history, keys)
        if self._last is None or self._last[0] is not image:
            self._last = image, super()._look(image, history, keys)
        return self._last[1]


@dataclass(frozen=True)
class Prepared:
    """One example without its picture's features: task, prompt, target, and marks of patches."""

    task: str
    text: Ints
    text_target: Ints
    marks: npt.NDArray[np.uint8]  # (P,) see `grounding`


@dataclass(frozen=True)
class PreparedPicture:
    """A picture's features and all examples about it."""

    features: Tensor  # (P, D) bfloat16, of the patches that show something
    positions: npt.NDArray[np.int32]  # (P,)
    examples: tuple[Prepared, ...]

    def example(self, number: int, kept: int, rng: np.random.Generator) -> GroundedExample:
        """An example about `kept` of the patches, 0 for all.

        First those that any example speaks of: what is asked for is told from what is beside it.
        """
        one = self.examples[number]
        order = _chosen(self._spoken_of, kept, rng)
        image = PatchInput(
            self.features[torch.from_numpy(order)].float().numpy(),
            np.ones(len(order), np.bool_),
            self.positions[order],
            encoded=True,
        )
        return GroundedExample(
            text=one.text, image=image, text_target=one.text_target, marks=one.marks[order]
        )

    @cached_property
    def _spoken_of(self) -> npt.NDArray[np.bool_]:
        marked: npt.NDArray[np.bool_] = np.any([one.marks > 0 for one in self.examples], axis=0)
        return marked


@torch.no_grad()
def prepare_picture(
    model: UnifiedIO,
    sample: Sample,
    examples: Iterable[TrainingExample],
    rng: np.random.Generator,
    patches: int = 0,
) -> PreparedPicture:
    """A sample's examples of text about its one picture. ValueError for none.

    patches: how many the ViT looks at: those that any example speaks of, and others at random; 0
    is all of the picture.
    """
    made = [one for one in examples if _is_about_picture(one.example)]
    if not made:
        raise ValueError(f"sample {sample.key} has no example of text about its picture")
    image = made[0].example.image
    assert image is not None
    real = np.flatnonzero(image.mask)
    spoken = spoken_of(sample, image.positions[real], model.config)
    marks = [spoken(one.labelled) for one in made]
    order = _chosen(np.any(marks, axis=0), patches, rng)
    shown, positions = real[order], image.positions[real[order]]
    batch = PatchBatch(
        torch.from_numpy(image.patches[shown])[None],
        torch.ones(1, len(shown), dtype=torch.bool),
        torch.from_numpy(positions.astype(np.int64))[None],
    )
    return PreparedPicture(
        model.encode_patches("image", batch)[0].to(torch.bfloat16),
        positions,
        tuple(
            Prepared(
                one.labelled.instruction.task,
                one.example.text,
                _present(one.example.text_target),
                mark[order],
            )
            for one, mark in zip(made, marks, strict=True)
        ),
    )


def _chosen(
    first: npt.NDArray[np.bool_], kept: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Which `kept` of all patches, in order: the first ones, and others at random; 0: all."""
    if not 0 < kept < len(first):
        return np.arange(len(first))
    chosen: npt.NDArray[np.int64] = np.sort(np.argsort(rng.uniform(size=len(first)) - first)[:kept])
    return chosen


@dataclass(frozen=True)
class Choice:
    """Which examples of a sample are prepared, tasks by their rates.

    paraphrases: of the trained prompt. patches: as of `prepare_picture`. spoken: see `spoken`.
    """

    most: int = setting(32, "of each picture, at most", low=1, name="examples")
    patches: int = setting(0, "of each picture that the ViT looks at; 0: all")
    rates: Mapping[str, float] = field(default_factory=dict)
    paraphrases: float = setting(PARAPHRASES, "share asked in other wordings, 0 to 1", high=1)
    spoken: float = setting(
        0.0,
        "share said as people would, 0 to 1: other words for things, other capitals and marks",
        high=1,
    )

    def __post_init__(self) -> None:
        check(self)

    def of(self, sample: Sample, rng: np.random.Generator) -> list[int]:
        """Numbers of the sample's tasks, those that make pictures or sounds left out."""
        names = [labelled.instruction.task for labelled in sample.tasks]
        rates = np.array([self._rate(name) / names.count(name) for name in names])
        wanted = min(self.most, int(np.count_nonzero(rates)))
        if not wanted:
            return []
        drawn = rng.choice(len(names), wanted, replace=False, p=rates / rates.sum())
        return sorted(drawn.tolist())

    def _rate(self, name: str) -> float:
        return 0.0 if task_named(name).makes_media else self.rates.get(name, 1.0)


def prepare_sample(
    model: UnifiedIO, maker: ExampleMaker, sample: Sample, choice: Choice, rng: np.random.Generator
) -> PreparedPicture:
    """Examples of text of a sample; those that the model cannot answer are left out."""
    made: list[TrainingExample] = []
    sample = spoken(sample, choice.spoken, rng)
    for number in choice.of(sample, rng):
        paraphrased = rng.uniform() < choice.paraphrases
        variant = int(rng.integers(1, 1000)) if paraphrased else 0
        with contextlib.suppress(ExampleError):
            made += maker.examples_of(sample, number, variant)
    return prepare_picture(model, sample, made, rng, choice.patches)


def save_prepared(path: Path, pictures: Iterable[PreparedPicture]) -> None:
    """Write a part at once or not at all."""
    part = path.with_name(path.name + ".part")
    torch.save([_record(one) for one in pictures], part)
    part.replace(path)


def load_prepared(path: Path) -> list[PreparedPicture]:
    """The pictures of a part; features are mapped from the file."""
    return [_picture(record) for record in torch.load(path, mmap=True, weights_only=True)]


def _record(one: PreparedPicture) -> dict[str, Any]:
    """As few tensors as can be: reading each takes longer than what is in it."""
    texts = [text for example in one.examples for text in (example.text, example.text_target)]
    return {
        "features": one.features,
        "positions": torch.from_numpy(one.positions),
        "tasks": [example.task for example in one.examples],
        "lengths": [len(text) for text in texts],
        "tokens": torch.from_numpy(np.concatenate(texts).astype(np.int32)),
        "marks": torch.from_numpy(np.stack([example.marks for example in one.examples])),
    }


def _picture(record: Mapping[str, Any]) -> PreparedPicture:
    ends = np.cumsum(record["lengths"])
    texts = np.split(record["tokens"].numpy(), ends[:-1])
    examples = zip(record["tasks"], texts[::2], texts[1::2], record["marks"].numpy(), strict=True)
    return PreparedPicture(
        record["features"],
        record["positions"].numpy(),
        tuple(Prepared(*example) for example in examples),
    )


class PreparedStream:
    """Examples drawn for ever from prepared parts in memory: a task by its rate, then a picture.

    Of what is asked about that one is drawn, so that what can be said in more ways is not shown
    more often. One of `readers`: the draws of each are its own. Every draw is independent, so
    where the stream stands is one number.
    """

    def __init__(
        self,
        parts: Iterable[Path],
        rates: Mapping[str, float],
        *,
        kept: int = 0,
        seed: int = 0,
        reader: int = 0,
    ) -> None:
        self._pictures = [picture for path in parts for picture in load_prepared(path)]
        self._kept, self._seed, self._reader = kept, seed, reader
        of_task: dict[str, dict[int, list[int]]] = {}
        for number, picture in enumerate(self._pictures):
            for index, one in enumerate(picture.examples):
                of_task.setdefault(one.task, {}).setdefault(number, []).append(index)
        self._of_task = {task: list(there.items()) for task, there in of_task.items()}
        chosen = {task: rates.get(task, 1.0) for task in self._of_task}
        self._tasks = [task for task, rate in chosen.items() if rate > 0]
        if not self._tasks:
            raise ValueError("there is no prepared example of a task that has a rate")
        weights = np.array([chosen[task] for task in self._tasks])
        self._shares = weights / weights.sum()
        self._drawn = 0

    def draw(self) -> Example:
        """The next example."""
        rng = np.random.default_rng([self._seed, self._reader, self._drawn])
        self._drawn += 1
        task = self._tasks[int(rng.choice(len(self._tasks), p=self._shares))]
        there = self._of_task[task]
        number, indices = there[int(rng.integers(len(there)))]
        index = indices[int(rng.integers(len(indices)))]
        return self._pictures[number].example(index, self._kept, rng)

    def state_dict(self) -> dict[str, Any]:
        return {"drawn": self._drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._drawn = state["drawn"]


def _is_about_picture(example: Example) -> bool:
    alone = not example.image_history and example.audio is None and not example.audio_history
    return alone and example.image is not None and example.text_target is not None


def _present(target: Ints | None) -> Ints:
    assert target is not None
    return target
