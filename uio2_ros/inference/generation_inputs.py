"""What is asked of `Engine.generate`, checked and completed before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from uio2_ros.inference.defaults import Defaults
from uio2_ros.inference.family import ExampleProcessor
from uio2_ros.inference.sampling import Sampling
from uio2_ros.processing import Example


@dataclass(frozen=True)
class GenerationInputs:
    """Every example is decoded in `copies` rows next to each other: its samples or its beams."""

    examples: tuple[Example, ...]
    negatives: tuple[Example, ...]  # one per example, or none
    sampling: Sampling  # with max_new_tokens, and with seeds of all rows
    samples: int

    @property
    def copies(self) -> int:
        return self.samples * self.sampling.beams


def check_examples(examples: Sequence[Example], modality: str) -> None:
    """ValueError for no examples and for prompts that ask for another modality."""
    if not examples:
        raise ValueError("no examples to generate from: give at least one")
    for example in examples:
        if example.target != modality:
            raise ValueError(
                f"the example's prompt asks for {example.target}, the call for {modality}: "
                f"make the example with target={modality!r}"
            )


def resolve(
    processor: ExampleProcessor,
    defaults: Defaults,
    examples: Sequence[Example],
    modality: str,
    sampling: Sampling | None,
    negative: Sequence[Example] | None,
    samples: int,
    longest: int,
) -> GenerationInputs:
    """The inputs with their defaults; ValueError for what makes no sense.

    longest: tokens that a text has at most and that a picture or a sound has exactly.
    """
    check_examples(examples, modality)
    if sampling is None:
        sampling = defaults.sampling[modality]
        if negative is None and sampling.guidance_scale is not None:
            negative = [processor(defaults.negative_prompts[modality], target=modality)]
    negatives = _negatives(negative, len(examples), sampling)
    check_examples([*examples, *negatives], modality)
    sampling = sampling.within(longest)
    if modality != "text":
        sampling = _whole(sampling, modality, longest)
    return GenerationInputs(
        tuple(examples), negatives, _for_samples(sampling, len(examples), samples), samples
    )


def _whole(sampling: Sampling, modality: str, length: int) -> Sampling:
    """Settings for an output of exactly `length` tokens."""
    if sampling.max_new_tokens != length:
        raise ValueError(
            f"a whole {modality} has {length} tokens: max_new_tokens {sampling.max_new_tokens} "
            "cannot be chosen"
        )
    if sampling.beams > 1:
        raise ValueError("beams search for texts: draw pictures and sounds by temperature or top_p")
    return sampling


def _for_samples(sampling: Sampling, examples: int, samples: int) -> Sampling:
    """Settings with the seeds of every row: sample k of an example is drawn with its seed + k."""
    if samples < 1:
        raise ValueError(f"samples must be >= 1, got {samples}")
    if samples == 1:
        return sampling
    if sampling.greedy:
        raise ValueError(
            f"{samples} samples of a greedy generation are all the same; give a temperature, "
            "top_k or top_p"
        )
    seed = sampling.seed
    if seed is None:
        return sampling
    seeds = [seed] * examples if isinstance(seed, int) else list(seed)
    if len(seeds) == examples:
        seeds = [first + k for first in seeds for k in range(samples)]
    return replace(sampling, seed=tuple(seeds))


def _negatives(
    negative: Sequence[Example] | None, count: int, sampling: Sampling
) -> tuple[Example, ...]:
    """The negative example of every example, or none."""
    if negative is None:
        if sampling.guidance_scale is not None:
            raise ValueError("guidance_scale needs negative examples to move away from")
        return ()
    if sampling.guidance_scale is None:
        raise ValueError("negative examples need a guidance_scale in the sampling")
    if len(negative) not in (1, count):
        raise ValueError(f"{len(negative)} negative examples do not fit {count} examples")
    return tuple(negative) * (count if len(negative) == 1 else 1)
