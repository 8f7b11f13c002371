"""The mixture of denoisers: texts with holes, and pictures and sounds that are masked or missing.

Text denoisers are UL2's (arXiv 2205.05131) under the prefixes of Unified-IO 2: `[R]` short spans,
`[X]` long spans or many, `[S]` the end of a text from its beginning. `[R]` of a picture or sound
hides patches of it in the input and asks for the whole; `[S]` has it generated from the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from uio2_ros.model.example import Bools, Example, Floats, Ints, PatchInput
from uio2_ros.processing import Processor
from uio2_ros.processing.unified_io_2.tokenizer import Tokenizer
from uio2_ros.robot.observation import Observation

SENTINELS = 200
"""Pieces `<extra_id_0>` to `<extra_id_199>` mark spans."""


@dataclass(frozen=True)
class SpanDenoiser:
    """Hides `rate` of a text in spans of `mean_span` tokens on average."""

    paradigm: str  # "R" or "X"
    mean_span: float
    rate: float


@dataclass(frozen=True)
class PrefixDenoiser:
    """Has the last `rate` of a text written, on average."""

    rate: float = 0.25
    paradigm: str = "S"


TextDenoiser = SpanDenoiser | PrefixDenoiser

UL2: tuple[TextDenoiser, ...] = (
    SpanDenoiser("R", 3, 0.15),
    SpanDenoiser("R", 8, 0.15),
    PrefixDenoiser(),
    SpanDenoiser("X", 3, 0.5),
    SpanDenoiser("X", 8, 0.5),
    SpanDenoiser("X", 64, 0.15),
    SpanDenoiser("X", 64, 0.5),
)
"""Seven, mixed evenly."""
KEPT_SHARE = 0.5
"""How often a modality that is not the target stays in the input."""
MASKED_SHARE = (0.5, 0.75)
"""Of the patches of a picture or sound that is denoised, how many are hidden: uniform between."""


class Denoiser:
    """Makes an example of a moment that asks to restore one of its modalities from what is left.

    writes: what the model writes. A modality of those that are there is the target; the others stay
    with probability 1/2, at least one of them where the target itself is not seen.
    """

    def __init__(self, processor: Processor, writes: Sequence[str]) -> None:
        self._processor = processor
        self._writes = tuple(writes)
        config = processor.config
        self._canvas, self._patch = config.image.size[0], config.image.patch_size
        self._grid = (
            config.audio.frames // config.audio.patch_size,
            config.audio.mels // config.audio.patch_size,
        )

    def example(self, seen: Observation, text: str, rng: np.random.Generator) -> Example | None:
        """An example about what is seen, heard and said; None where nothing can be restored."""
        tokens = self._processor.tokenizer.encode(text)
        image = None if seen.image is None else seen.image.pixels
        sound = None if seen.audio is None else self._newest(seen.audio, seen.audio_rate)
        there = {"text": len(tokens) > 1, "image": image is not None, "audio": sound is not None}
        targets = [name for name in self._writes if there[name]]
        if not targets:
            return None
        target = targets[int(rng.integers(len(targets)))]
        others = [name for name, present in there.items() if present and name != target]
        kept = {name for name in others if rng.uniform() < KEPT_SHARE}
        masked = target == "text" or not others or rng.uniform() < 0.5  # else it is not seen at all
        if others and not masked and not kept:
            kept = {others[int(rng.integers(len(others)))]}
        shown = kept | ({target} if masked else set())
        example = self._processor(
            text if "text" in kept else "",
            image=image if "image" in shown else None,
            audio=sound if "audio" in shown else None,
            audio_rate=seen.audio_rate,
            target=target,
            image_target=image if target == "image" else None,
            audio_target=sound if target == "audio" else None,
        )
        return self._restoring(example, target, masked, tokens, rng)

    def _restoring(
        self,
        example: Example,
        target: str,
        masked: bool,
        tokens: Sequence[int],
        rng: np.random.Generator,
    ) -> Example:
        tokenizer = self._processor.tokenizer
        if target == "text":
            longest = self._processor.config.max_target_tokens
            return denoised_text(example, tokens, tokenizer, rng, longest=longest)
        if not masked:
            return example
        if target == "image":
            return denoised_picture(example, tokenizer, rng, patch=self._patch, canvas=self._canvas)
        return denoised_sound(example, tokenizer, rng, grid=self._grid)

    def _newest(self, sound: Floats, rate_hz: int) -> Floats | None:
        """The last segment of a sound; None for silence."""
        segment: Floats = sound[-round(self._processor.config.audio.segment_s * rate_hz) :]
        return segment if segment.any() else None


def denoised_text(
    example: Example,
    tokens: Sequence[int],
    tokenizer: Tokenizer,
    rng: np.random.Generator,
    denoisers: Sequence[TextDenoiser] = UL2,
    longest: int = 512,
) -> Example:
    """An example that is to restore a text (without start and end), beside its other inputs.

    Raises ValueError for a text of fewer than two tokens, which nothing can be hidden of.
    """
    if len(tokens) < 2:
        raise ValueError("a text to denoise needs at least two tokens")
    denoiser = denoisers[int(rng.integers(len(denoisers)))]
    cut = list(tokens[: longest // 2])
    if isinstance(denoiser, PrefixDenoiser):
        seen, wanted = _prefix(cut, denoiser, rng)
    else:
        sentinels = [tokenizer.encode(f"<extra_id_{k}>")[0] for k in range(SENTINELS)]
        seen, wanted = hide_spans(cut, denoiser, sentinels, rng)
    prefix = tokenizer.encode(f"[Text] [{denoiser.paradigm}]")
    return replace(
        example,
        text=_ended([*prefix, *seen], tokenizer, longest),
        text_target=_ended(wanted, tokenizer, longest),
        target="text",
    )


def hide_spans(
    tokens: Sequence[int],
    denoiser: SpanDenoiser,
    sentinels: Sequence[int],
    rng: np.random.Generator,
) -> tuple[list[int], list[int]]:
    """What is seen, kept_0 <0> kept_1 <1> ..., and what is to be written, <0> noise_0 <1> ...

    Both the kept and the hidden tokens are cut into parts by a uniform composition, as in T5.
    """
    count = len(tokens)
    noise = int(np.clip(round(denoiser.rate * count), 1, count - 1))
    spans = max(1, round(noise / denoiser.mean_span))
    spans = min(spans, noise, count - noise, len(sentinels))
    hidden, kept = _composition(noise, spans, rng), _composition(count - noise, spans, rng)
    seen: list[int] = []
    wanted: list[int] = []
    at = 0
    for sentinel, keep, hide in zip(sentinels, kept, hidden, strict=False):
        seen += [*tokens[at : at + keep], sentinel]
        wanted += [sentinel, *tokens[at + keep : at + keep + hide]]
        at += keep + hide
    return seen, wanted


def _composition(total: int, parts: int, rng: np.random.Generator) -> list[int]:
    """`parts` positive numbers that add up to `total`, all such equally probable."""
    cuts = sorted(int(cut) + 1 for cut in rng.choice(total - 1, parts - 1, replace=False))
    return [after - before for before, after in pairwise([0, *cuts, total])]


def _prefix(
    tokens: list[int], denoiser: PrefixDenoiser, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    share = float(rng.uniform(0, 2 * denoiser.rate))
    wanted = int(np.clip(round(share * len(tokens)), 1, len(tokens) - 1))
    return tokens[:-wanted], tokens[-wanted:]


def denoised_picture(
    example: Example, tokenizer: Tokenizer, rng: np.random.Generator, *, patch: int, canvas: int
) -> Example:
    """`[R]` of an example with a picture target of the same picture: patches of the input go away.

    What is missing is in `image_target_hidden`, for dynamic masking.
    """
    if example.image is None or example.image_target is None:
        raise ValueError("to denoise a picture, it must be both input and target")
    left, gone = _without_patches(example.image, rng)
    grid = canvas // patch
    hidden = _on_target(gone, (grid, grid), example.image_target.shape[:2])
    text = _with_prefix(example.text, "[Image] [R]", "[Image] [S]", tokenizer)
    return replace(example, text=text, image=left, image_target_hidden=hidden, target="image")


def denoised_sound(
    example: Example, tokenizer: Tokenizer, rng: np.random.Generator, *, grid: tuple[int, int]
) -> Example:
    """`[R]` of an example with a sound target of the same sound; grid: its patches (time, mel)."""
    if example.audio is None or example.audio_target is None:
        raise ValueError("to denoise a sound, it must be both input and target")
    left, gone = _without_patches(example.audio, rng)
    hidden = _on_target(gone, grid, example.audio_target.shape[:2])
    text = _with_prefix(example.text, "[Audio] [R]", "[Audio] [S]", tokenizer)
    return replace(example, text=text, audio=left, audio_target_hidden=hidden, target="audio")


def with_dropped_guidance(
    example: Example, neutral: Ints, rng: np.random.Generator, rate: float = 0.1
) -> Example:
    """For classifier-free guidance: the prompt of a picture is sometimes the neutral one."""
    dropped = example.image_target is not None and rng.uniform() < rate
    return replace(example, text=neutral) if dropped else example


def _without_patches(
    whole: PatchInput, rng: np.random.Generator
) -> tuple[PatchInput, npt.NDArray[np.int32]]:
    """The patches that stay, and the positions of those that do not."""
    real = np.flatnonzero(whole.mask)
    share = rng.uniform(*MASKED_SHARE)
    gone = rng.permutation(real)[: int(np.clip(round(share * len(real)), 1, len(real) - 1))]
    stays = np.ones(len(whole.mask), np.bool_)
    stays[gone] = False
    left = PatchInput(whole.patches[stays], whole.mask[stays], whole.positions[stays])
    return left, whole.positions[gone]


def _on_target(gone: npt.NDArray[np.int32], grid: tuple[int, int], shape: tuple[int, ...]) -> Bools:
    """Which pixels of a target lie in patches of the input that are gone: nearest neighbour."""
    cells = np.zeros(grid[0] * grid[1], np.bool_)
    cells[gone] = True
    rows = np.arange(shape[0]) * grid[0] // shape[0]
    columns = np.arange(shape[1]) * grid[1] // shape[1]
    hidden: Bools = cells.reshape(grid)[rows[:, None], columns]
    return hidden


def _with_prefix(text: Ints, wanted: str, instead_of: str, tokenizer: Tokenizer) -> Ints:
    old, new = tokenizer.encode(instead_of), tokenizer.encode(wanted)
    if text[: len(old)].tolist() != old:
        raise ValueError(f"the prompt does not begin with {instead_of}")
    return np.array([*new, *text[len(old) :]], np.int32)


def _ended(tokens: Sequence[int], tokenizer: Tokenizer, longest: int) -> Ints:
    return np.array([*tokens[: longest - 1], tokenizer.end_id], np.int32)
