"""Wordings of instructions, those of training and those held out. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uio2_ros.sim.spec import ObjectSpec
from uio2_ros.sim.splits import Split


@dataclass(frozen=True)
class Wordings:
    """Paraphrases of one instruction; `{x}` and the like stand for the parts."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]

    def say(self, rng: np.random.Generator, split: Split, **parts: str) -> str:
        """One of the split's wordings with its parts filled in."""
        choices = self.train if split is Split.TRAIN else self.held_out
        return choices[rng.integers(len(choices))].format(**parts)


def called(thing: ObjectSpec) -> str:
    """What people call an object; no scene has two that are called the same."""
    return f"{thing.colour.value} {thing.shape.value}"
