"""The low-level call of Unified-IO 1: pictures and prompts to texts, pictures and their scores.

Tasks come with prompts, grammars and parsed answers (`uio2_ros.tasks`); here nothing is added to
the prompt, and the model writes what it wants. Source: the inference code of arXiv 2206.08916.
Letters of shapes: B inputs, N answers to each, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from uio2_ros.inference.beam_search import search_beams
from uio2_ros.inference.engine import Engine
from uio2_ros.inference.families.one_picture_encoder import OnePictureEncoder
from uio2_ros.inference.generation import generate_tokens
from uio2_ros.inference.rendering import Renderer
from uio2_ros.inference.sampling import Sampling
from uio2_ros.inference.scoring import (
    OPTIONS_AT_ONCE,
    check_options,
    cross_entropy,
    log_probabilities,
)
from uio2_ros.model.example import Example
from uio2_ros.model.families.unified_io_1.network import Memory, UnifiedIO1
from uio2_ros.processing.image import read_picture
from uio2_ros.processing.unified_io_1 import UnifiedIO1Processor, pictures

TOP_P = 0.9
"""What the original samples with."""
PICTURES_AT_ONCE = 4  # options scored together
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Decode:
    """One answer to an input."""

    text: str | None
    tokens: tuple[int, ...]  # of the text, without its end
    image: Pixels | None  # (256, 256, 3) RGB; an option as it was given
    codes: tuple[int, ...]  # of the picture
    score: float
    """Log-probability: the sum over the text, its end and the codes; where they were drawn, of the
    distribution they were drawn from. Of an option, minus its loss."""
    losses: npt.NDArray[np.float32] | None = None
    """Of all options, in their order."""


@torch.inference_mode()
def run(
    engine: Engine,
    images: Sequence[Pixels | None],
    texts: Sequence[str],
    *,
    output_text_len: int = 128,
    generate_image: bool = False,
    beam_search: bool | None = None,
    num_decodes: int = 1,
    answer_options: Sequence[str] | Sequence[Pixels] | None = None,
    mask_regions: Sequence[Sequence[float] | None] | None = None,
    average_loss: bool = False,
    seed: int | None = None,
) -> list[tuple[Decode, ...]]:
    """`num_decodes` answers to every picture with its prompt, the best one first.

    images, texts: one each per input, RGB (H, W, 3); None is no picture.
    output_text_len: most tokens of a text, its end included. A picture follows its text; where this
        is 1, there is the picture alone.
    beam_search: the most probable texts (of one answer the greedy one) rather than drawn ones. None
        is True for texts alone. With it, pictures are greedy.
    answer_options: texts or pictures; the answer to each input is the most probable one.
    mask_regions: x1 y1 x2 y2, pixels of each picture that are hidden, to be painted anew.
    average_loss: options are compared by their loss per token, not by its sum.
    seed: answer k of an input is drawn with seed + k; None draws differently every time.

    Raises ValueError for what does not go together, InvalidInputError for broken input.
    """
    network, processor = _parts(engine)
    if num_decodes < 1 or (num_decodes > 1 and answer_options is not None):
        raise ValueError(f"num_decodes must be >= 1, and 1 with options; got {num_decodes}")
    examples = _examples(processor, images, texts, mask_regions)
    memory = network.remember(OnePictureEncoder(network).encode(examples))
    if answer_options is not None:
        return _choose(engine, memory, answer_options, "mean" if average_loss else "sum")
    searched = not generate_image if beam_search is None else beam_search
    only_picture = generate_image and output_text_len == 1
    if searched and only_picture and num_decodes > 1:
        raise ValueError("the most probable picture is one: draw several with beam_search=False")
    writer = _Writer(network, processor, memory, num_decodes, searched, seed)
    written = None if only_picture else writer.texts(output_text_len)
    drawn = writer.pictures(written) if generate_image else None
    return _answers(engine, num_decodes, written, drawn)


def _parts(engine: Engine) -> tuple[UnifiedIO1, UnifiedIO1Processor]:
    network, processor = engine.model, engine.processor
    if not isinstance(network, UnifiedIO1) or not isinstance(processor, UnifiedIO1Processor):
        raise ValueError(f"run() is of Unified-IO 1, and {engine.name} is of {engine.family}")
    return network, processor


def _examples(
    processor: UnifiedIO1Processor,
    images: Sequence[Pixels | None],
    texts: Sequence[str],
    regions: Sequence[Sequence[float] | None] | None,
) -> list[Example]:
    hidden = [None] * len(images) if regions is None else regions
    if not images or len({len(images), len(texts), len(hidden)}) != 1:
        raise ValueError(
            f"one prompt and one region or None per picture, at least one: got {len(images)} "
            f"pictures, {len(texts)} prompts and {len(hidden)} regions"
        )
    examples = []
    for image, text, region in zip(images, texts, hidden, strict=True):
        if region is not None and image is None:
            raise ValueError(f"{text!r} has a region to hide and no picture")
        example = processor(text, image)
        examples.append(example if region is None else processor.without_region(example, region))
    return examples


# ---- generating ----


@dataclass(frozen=True)
class _Rows:
    """What was generated: a row for every answer, those of one input next to each other."""

    tokens: list[list[int]]
    scores: Tensor  # (B N,)


@dataclass(frozen=True)
class _Writer:
    """Generates `count` answers to every input, and scores them by teacher forcing."""

    network: UnifiedIO1
    processor: UnifiedIO1Processor
    memory: Memory
    count: int
    searched: bool
    seed: int | None

    def texts(self, longest: int) -> _Rows:
        """Texts of at most `longest` tokens, their end included."""
        sampling = replace(
            self._sampling(longest, self.network.target_length("text")),
            logits_processors=(self._pieces_only,),
        )
        end_id = self.processor.tokenizer.end_id
        state = self.network.begin(self.memory, longest, self.count)
        if sampling.beams > 1:
            found = search_beams(self.network, state, sampling, end_id=end_id, kept=self.count)
        else:
            found = generate_tokens(self.network, state, sampling, modality="text", end_id=end_id)
        ended = [row if len(row) == longest else [*row, end_id] for row in found.sequences]
        return _Rows(found.sequences, self._scores(ended, "text", None))

    def pictures(self, texts: _Rows | None) -> _Rows:
        """Codes of pictures, which follow the texts if there are any."""
        length = self.network.target_length("image")
        words = None if texts is None else self._padded(texts.tokens)
        state = self.network.begin(self.memory, length, self.count, "image", words)
        sampling = replace(self._sampling(length, length), beams=1)
        found = generate_tokens(self.network, state, sampling, modality="image", end_id=None)
        return _Rows(found.sequences, self._scores(found.sequences, "image", words))

    def _sampling(self, tokens: int, longest: int) -> Sampling:
        settings = Sampling(max_new_tokens=tokens, length_penalty=0.0).within(longest)
        if self.searched:
            return replace(settings, beams=self.count)
        if self.seed is None:
            return replace(settings, top_p=TOP_P)
        seeds = [self.seed + k for k in range(self.count)] * len(self.memory.mask)
        return replace(settings, top_p=TOP_P, seed=seeds)

    def _pieces_only(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Without the rows of the table that pad it."""
        del tokens
        ids = torch.arange(scores.shape[-1], device=scores.device)
        return scores.masked_fill(ids >= self.processor.tokenizer.vocab_size, -torch.inf)

    def _scores(self, rows: Sequence[Sequence[int]], modality: str, words: Tensor | None) -> Tensor:
        """The sums (B N,) of the log-probabilities of what was generated."""
        targets = self._padded(rows)
        lengths = torch.tensor([len(row) for row in rows], device=targets.device)
        counts = torch.arange(targets.shape[1], device=targets.device) < lengths[:, None]
        sums = torch.empty(len(rows))
        for one in range(self.count):  # one answer to every input: bounds the memory of logits
            part = slice(one, None, self.count)
            before = None if words is None else words[part]
            logits = self.network.decode_targets(self.memory, targets[part], modality, words=before)
            each = log_probabilities(logits, targets[part], None if self.searched else TOP_P)
            sums[part] = each.where(counts[part], 0).sum(-1).float().cpu()
        return sums

    def _padded(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """(B N, T) ids, with 0 on the right."""
        ids = [torch.tensor(row, dtype=torch.long) for row in rows]
        return pad_sequence(ids, batch_first=True).to(self.network.device)


def _answers(
    engine: Engine, count: int, texts: _Rows | None, pictures: _Rows | None
) -> list[tuple[Decode, ...]]:
    render = Renderer(engine.model, engine.tokenizer)
    parts = [part for part in (texts, pictures) if part is not None]
    scores = torch.stack([part.scores for part in parts]).sum(0).tolist()
    decodes = []
    for row, score in enumerate(scores):
        tokens = () if texts is None else tuple(texts.tokens[row])
        codes = () if pictures is None else tuple(pictures.tokens[row])
        text = None if texts is None else engine.tokenizer.decode(tokens)
        image = None if pictures is None else render(codes, "image").image
        decodes.append(Decode(text, tokens, image, codes, score))
    return [
        tuple(sorted(decodes[start : start + count], key=lambda one: -one.score))
        for start in range(0, len(decodes), count)
    ]


# ---- choosing among options ----


@dataclass(frozen=True)
class _Option:
    """An answer to choose, and the tokens (T,) to score of which those of `mask` count."""

    answer: Decode
    targets: Tensor
    mask: Tensor


def _choose(
    engine: Engine,
    memory: Memory,
    options: Sequence[str] | Sequence[Pixels],
    reduction: str,
) -> list[tuple[Decode, ...]]:
    """The option of the smallest loss for every input."""
    network, processor = _parts(engine)
    texts = [option for option in options if isinstance(option, str)]
    painted = [option for option in options if not isinstance(option, str)]
    if texts and painted:
        raise ValueError("the options must all be texts, or all be pictures")
    if painted:
        choices, modality = [_picture(network, one) for one in painted], "image"
    else:
        check_options(texts)
        choices, modality = [_text(processor, one) for one in texts], "text"
    return [
        (_best(choices, row),) for row in _losses(network, memory, choices, modality, reduction)
    ]


def _best(choices: Sequence[_Option], losses: npt.NDArray[np.float32]) -> Decode:
    chosen = int(losses.argmin())
    return replace(choices[chosen].answer, score=-float(losses[chosen]), losses=losses)


def _text(processor: UnifiedIO1Processor, option: str) -> _Option:
    tokenizer = processor.tokenizer
    tokens = tokenizer.encode(option)
    targets = torch.tensor([*tokens, tokenizer.end_id])
    answer = Decode(option, tuple(tokens), None, (), 0.0)
    return _Option(answer, targets, torch.ones_like(targets, dtype=torch.bool))


def _picture(network: UnifiedIO1, option: Pixels) -> _Option:
    """Its codes; what stands for the black around it does not count."""
    pixels = read_picture(option)
    side, rows = network.config.vqgan.resolution, network.config.target_grid[0]
    canvas, shown = pictures.fit(pixels, side)
    planes = torch.from_numpy(canvas).permute(2, 0, 1)[None] * 2 - 1  # (1, 3, S, S)
    codes = network.discrete_vae.encode(planes.to(network.device))[0].cpu()  # (T,)
    stride = side // rows
    mask = torch.from_numpy(shown[::stride, ::stride].reshape(-1))
    return _Option(Decode(None, (), pixels, tuple(codes.tolist()), 0.0), codes, mask)


def _losses(
    network: UnifiedIO1,
    memory: Memory,
    choices: Sequence[_Option],
    modality: str,
    reduction: str,
) -> npt.NDArray[np.float32]:
    """(B, options) of the cross-entropy."""
    inputs = len(memory.mask)
    most = max(1, (OPTIONS_AT_ONCE if modality == "text" else PICTURES_AT_ONCE) // inputs)
    losses = []
    for start in range(0, len(choices), most):
        some = choices[start : start + most]
        targets = pad_sequence([one.targets for one in some], batch_first=True)
        counts = pad_sequence([one.mask for one in some], batch_first=True)
        every, mask = (x.repeat(inputs, 1).to(network.device) for x in (targets, counts))
        logits = network.decode_targets(memory, every, modality, mask)
        losses.append(cross_entropy(logits, every, reduction, mask).view(inputs, len(some)))
    found: npt.NDArray[np.float32] = torch.cat(losses, 1).cpu().numpy()
    return found
