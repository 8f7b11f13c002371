"""`./uio2 bench decoding`: what each grammar costs per token against one step of the decoder.

The decoder is the real one of a model size with random weights and an input of random numbers: what
it computes takes the same time as with trained ones. The cost of a grammar is that of the whole
logits processor: follow the last token, compile or find the mask, apply it, record the
probability. It is measured over texts that differ, so that masks are made as often as in use.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from uio2_ros.cli.bench_model import Clock
from uio2_ros.cli.measurement import Measurement, bench_parser, conclude
from uio2_ros.cli.options import at_least_one
from uio2_ros.decoding import (
    COCO_17,
    CuboidCodec,
    Grammar,
    Symbols,
    action_steps,
    free_form,
    free_text,
    labelled_boxes,
    labelled_cuboids,
    manipulation_steps,
    named_action,
    named_points,
    options,
    single_box,
)
from uio2_ros.inference.constraint import ConstrainedDecoding
from uio2_ros.inference.families.unified_io_2 import SYNTHETIC_TOKENIZER
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.families.unified_io_2.rotary import table_1d
from uio2_ros.model.families.unified_io_2.transformer import Decoder, DecoderState, empty_cache
from uio2_ros.model.products import product
from uio2_ros.processing import Tokenizer

SHARE = 0.02
"""Of a decoder step that a grammar may cost per token."""
INPUT_TOKENS = 700  # a picture and a prompt
TEXTS = 6  # per grammar and repeat; the first, which makes masks that the others find, counts too
REPEATS = 3  # each with a grammar new to the caches; the best counts, as on a quiet machine
WARM_UP_STEPS = 3
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

GRAMMARS: dict[str, Callable[[Symbols], Grammar]] = {
    "one box": single_box,
    "labelled boxes": lambda symbols: labelled_boxes(symbols, at_most=10, label_tokens=8),
    "boxes of given labels": lambda symbols: labelled_boxes(
        symbols, at_most=10, label_tokens=8, labels=("cup", "red table", "door")
    ),
    "17 keypoints": lambda symbols: named_points(symbols, COCO_17),
    "3D boxes": lambda symbols: labelled_cuboids(
        symbols, codec=CuboidCodec(), at_most=10, label_tokens=8
    ),
    "manipulation steps": lambda symbols: manipulation_steps(symbols, at_most=8),
    "navigation action": lambda symbols: named_action(
        symbols, ("stop", "forward", "left", "right")
    ),
    "7-D actions, 8 steps": lambda symbols: action_steps(symbols, dimensions=7, at_most=8),
    "one of 1000 options": lambda symbols: options(symbols, [f"shelf {n}" for n in range(1000)]),
    "text": lambda symbols: free_text(symbols, longest=64),
    "free form": lambda symbols: free_form(symbols, longest=128),
}


@dataclass(frozen=True)
class Cost:
    """Seconds: of compiling a grammar, and per token of the texts written under it."""

    compiling: float
    per_token: float
    tokens: int


class RandomDecoder(nn.Module):
    """The text decoder of a model size with random weights, looking at random inputs."""

    def __init__(self, size: str, layers: int | None) -> None:
        super().__init__()
        given = ModelConfig.load(size).t5_config
        self.all_layers = given.num_decoder_layers
        self.decoder = Decoder(given)
        if layers is not None:
            del self.decoder.layers[layers:]
        self.config = given
        self.embedding = nn.Embedding(given.vocab_size, given.emb_dim)
        self.rotary = table_1d(INPUT_TOKENS, given.head_dim)

    @property
    def layers(self) -> int:
        return len(self.decoder.layers)

    @property
    def device(self) -> torch.device:
        return self.embedding.weight.device

    def cast(self, device: str, dtype: torch.dtype) -> RandomDecoder:
        """The weights in another type; rotary positions stay complex."""
        self.decoder.to(device, dtype)
        self.embedding.to(device, dtype)
        self.rotary = self.rotary.to(device)
        return self

    def prepare(self, rows: int, longest: int) -> DecoderState:
        """Room for texts of `longest` tokens after an input of `INPUT_TOKENS`."""
        like = self.embedding.weight
        encoded = torch.randn(rows, INPUT_TOKENS, self.config.emb_dim).to(like)
        memory = self.decoder.remember(encoded, self.rotary[None], None)
        cache = empty_cache(self.config, rows, longest, like)[: self.layers]
        return DecoderState(memory, cache)

    def step(self, state: DecoderState, tokens: torch.Tensor) -> torch.Tensor:
        """As `UnifiedIO.decode_step` up to its logits: tokens (B,) -> hidden (B, E)."""
        x = self.embedding(tokens[:, None])
        return self.decoder.step(x, self.rotary[None, state.length : state.length + 1], state)[:, 0]

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """As `UnifiedIO.logits`: hidden (B, E) -> (B, V) float32."""
        return product(hidden, self.embedding.weight).float().div_(math.sqrt(hidden.shape[-1]))


@torch.inference_mode()
def step_seconds(decoder: RandomDecoder, rows: int, steps: int) -> tuple[float, float]:
    """Median seconds of a decoder step, and what the layers left out would add in proportion."""
    state = decoder.prepare(rows, steps + WARM_UP_STEPS)
    tokens = torch.zeros(rows, dtype=torch.int64, device=decoder.device)
    clock, whole, output = Clock(decoder.device), [], []
    for _ in range(steps + WARM_UP_STEPS):
        in_layers, hidden = clock.seconds(partial(decoder.step, state, tokens))
        whole.append(in_layers)
        output.append(clock.seconds(partial(decoder.logits, hidden))[0])
    layers = statistics.median(whole[WARM_UP_STEPS:])
    missing = (decoder.all_layers - decoder.layers) / decoder.layers
    return layers + statistics.median(output[WARM_UP_STEPS:]), layers * missing


@torch.inference_mode()
def grammar_cost(
    make: Callable[[Symbols], Grammar], symbols: Symbols, width: int, rows: int, device: str
) -> Cost:
    """Write texts of random scores under a grammar, new to the caches."""
    started = time.perf_counter()
    grammar = make(symbols)
    grammar.allowed(grammar.initial())
    compiling = time.perf_counter() - started
    generator = torch.Generator(device).manual_seed(1)
    spent, tokens = 0.0, 0
    for _ in range(TEXTS):
        text_spent, written = _write(grammar, width, rows, generator)
        spent, tokens = spent + text_spent, tokens + written
    return Cost(compiling, spent / tokens, tokens)


def _write(
    grammar: Grammar, width: int, rows: int, generator: torch.Generator
) -> tuple[float, int]:
    """Seconds in the constraint, and tokens, until every row has ended."""
    end = grammar.symbols.vocabulary.end_id
    constraint = ConstrainedDecoding(grammar, force_locations=0.5)
    tokens = torch.zeros(rows, 1, dtype=torch.int64, device=generator.device)
    ended = torch.zeros(rows, dtype=torch.bool, device=generator.device)
    clock, spent, steps = Clock(generator.device), 0.0, 0
    while steps < grammar.longest and not ended.all():
        scores = 3 * torch.randn(rows, width, generator=generator, device=generator.device)
        in_constraint, masked = clock.seconds(partial(constraint, tokens, scores))
        spent += in_constraint
        steps += 1
        chosen = torch.where(ended, end, masked.argmax(-1))
        tokens = torch.cat([tokens, chosen[:, None]], dim=1)
        ended |= chosen == end
    return spent, steps


def measure(asked: argparse.Namespace) -> list[Measurement]:
    """Every grammar against the fastest of the decoder's steps, which are told on the way."""
    limit = SHARE * min(_step_of_each_dtype(asked))
    symbols = Symbols.of(Tokenizer(SYNTHETIC_TOKENIZER))
    width = ModelConfig.load(asked.model).t5_config.vocab_size
    return [
        _measurement(name, _best_cost(make, symbols, width, asked), limit)
        for name, make in GRAMMARS.items()
    ]


def _best_cost(
    make: Callable[[Symbols], Grammar], symbols: Symbols, width: int, asked: argparse.Namespace
) -> Cost:
    costs = [grammar_cost(make, symbols, width, asked.rows, asked.device) for _ in range(REPEATS)]
    return min(costs, key=lambda cost: cost.per_token)


def _step_of_each_dtype(asked: argparse.Namespace) -> Iterator[float]:
    """Seconds of a step of all layers."""
    decoder = RandomDecoder(asked.model, asked.layers).eval()
    for name, dtype in DTYPES.items():
        measured, added = step_seconds(decoder.cast(asked.device, dtype), asked.rows, asked.steps)
        what = f"{decoder.layers} of {decoder.all_layers} layers measured" if added else "measured"
        print(
            f"{asked.model}, {name}, {asked.rows} row(s): {(measured + added) * 1e3:.1f} ms per "
            f"step of the decoder ({what})"
        )
        yield measured + added


def _measurement(name: str, cost: Cost, limit: float) -> Measurement:
    note = f"compiled in {cost.compiling * 1e3:.1f} ms, {cost.tokens} tokens"
    return Measurement(name, cost.per_token * 1e6, limit * 1e6, "us", note)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("decoding", __doc__)
    parser.add_argument("--model", default="large", help="model size (default: large)")
    parser.add_argument(
        "--layers",
        type=at_least_one,
        help="measure that many decoder layers and add the others in proportion (default: all)",
    )
    parser.add_argument("--rows", type=at_least_one, default=1, help="texts at once (default: 1)")
    parser.add_argument(
        "--steps", type=at_least_one, default=15, help="decoder steps (default: 15)"
    )
    parser.add_argument("--threads", type=at_least_one, help="of torch (default: its own choice)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    return parser.parse_args(list(argv))


def main(argv: Sequence[str]) -> int:
    asked = _parse(argv)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    measurements = measure(asked)
    print(f"each grammar per token; limit: {SHARE:.0%} of the faster step")
    return conclude(measurements, asked.json)
