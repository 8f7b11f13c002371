"""`./uio2 bench training`: steps of the optimiser against the products the device can do.

The examples are like those of `config/training/nano.yaml`: features of 64 patches of a picture
by a frozen ViT, a prompt and an answer in words, cut into micro-batches of like length. Operations
are those of matrix products and attention, forward and backward; the ceiling is the fastest product
of the same dtype, measured in the same run.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from uio2_ros.cli.bench_model import Clock, clock_for, measure_ceiling
from uio2_ros.cli.measurement import add_torch_options, bench_parser, save
from uio2_ros.model.example import Batch, Example, PatchBatch, PatchInput
from uio2_ros.model.families.unified_io_2.unified_io import UnifiedIO
from uio2_ros.processing import Tokenizer
from uio2_ros.processing.batch import collate
from uio2_ros.training.config import DataSettings, OptimizerSettings, TrainingConfig
from uio2_ros.training.objectives import AnswerObjective
from uio2_ros.training.run import starting_model, tokenizer_of
from uio2_ros.training.trainer import OptimizerStep, Trainer

PATCHES = 64
LENGTHS = ((20, 8), (24, 14), (60, 55))
"""Input and target tokens of each micro-batch: short answers, boxes, whole scenes."""
MICRO_BATCH = 32
WARM_STEPS = 2
"""Kernels are built in the first, and again for other lengths in the second."""


@dataclass(frozen=True)
class TrainingSpeed:
    """What is written as JSON; operations are per second."""

    model: str
    precision: str
    compiled: bool
    threads: int
    examples_per_s: float
    flops: float
    ceiling: float

    @property
    def share(self) -> float:
        """Of the ceiling."""
        return self.flops / self.ceiling


def main(argv: Sequence[str]) -> int:
    asked = _parse(argv)
    clock = clock_for(torch.device("cpu"), asked)
    speeds = []
    for compiled in (False, True):
        speeds.append(measure(asked.model, asked.precision, compiled, asked.steps, clock))
        print(line(speeds[-1]), flush=True)
    save([{**asdict(speed), "share": round(speed.share, 4)} for speed in speeds], asked.json)
    return 0


def measure(model: str, precision: Any, compiled: bool, steps: int, clock: Clock) -> TrainingSpeed:
    """The speed of a bundle's training; the fastest of `steps` counts."""
    config = _configuration(model, precision, compiled)
    network = starting_model(config, Tokenizer(tokenizer_of(config)))
    batches = [_batch(network, *lengths) for lengths in LENGTHS]
    objective = AnswerObjective(network, config)
    operations = _operations(objective, batches)
    trainer = Trainer(objective, config)
    step = OptimizerStep(batches, 0, {})
    for _ in range(WARM_STEPS):
        trainer.train_step(step)
    seconds = clock.best(lambda: trainer.train_step(step), rounds=steps)
    return TrainingSpeed(
        model=model,
        precision=precision,
        compiled=compiled,
        threads=torch.get_num_threads(),
        examples_per_s=MICRO_BATCH * len(LENGTHS) / seconds,
        flops=operations / seconds,
        ceiling=measure_ceiling(clock).flops["float32" if precision == "float32" else "bfloat16"],
    )


def line(speed: TrainingSpeed) -> str:
    """One measurement as text."""
    form = "compiled" if speed.compiled else "as written"
    return (
        f"{speed.model}, {speed.precision}, {form}, {speed.threads} threads: "
        f"{speed.examples_per_s:.0f} examples/s, {speed.flops / 1e9:.0f} of "
        f"{speed.ceiling / 1e9:.0f} GFLOP/s ({100 * speed.share:.0f} %)"
    )


def _configuration(model: str, precision: Any, compiled: bool) -> TrainingConfig:
    return TrainingConfig(
        model=model,
        output=Path(),
        data=(DataSettings("scenes"),),
        batch=MICRO_BATCH * len(LENGTHS),
        precision=precision,
        compiled=compiled,
        ema=0.99,
        optimizer=OptimizerSettings("muon", lr=1e-5, muon_lr=1e-5),
    )


def _batch(model: UnifiedIO, inputs: int, targets: int) -> Batch:
    """Examples of random tokens and features; what they are changes no speed."""
    drawn = np.random.default_rng(0)
    places = np.arange(PATCHES, dtype=np.int32)
    width = _feature_width(model)
    first, last = 2, model.config.t5_config.vocab_size

    def example() -> Example:
        features = drawn.standard_normal((PATCHES, width), np.float32)
        return Example(
            text=drawn.integers(first, last, inputs, np.int32),
            image=PatchInput(features, np.ones(PATCHES, np.bool_), places, encoded=True),
            text_target=drawn.integers(first, last, targets, np.int32),
        )

    return collate([example() for _ in range(MICRO_BATCH)])


def _feature_width(model: UnifiedIO) -> int:
    """Channels of what the frozen ViT gives for a patch."""
    patch = 3 * model.config.image_vit_cfg.patch_size**2
    one = PatchBatch(
        torch.zeros(1, 1, patch),
        torch.ones(1, 1, dtype=torch.bool),
        torch.zeros(1, 1, dtype=torch.int64),
    )
    return model.encode_patches("image", one).shape[-1]


def _operations(objective: AnswerObjective, batches: Sequence[Batch]) -> int:
    """Of a step's products and attention, forward and backward."""
    attention = {
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attended,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attended_backward,
    }
    with FlopCounterMode(display=False, custom_mapping=attention) as counter:
        for batch in batches:
            total, _ = objective(batch, objective.counts(batch))
            torch.autograd.backward(total)
    objective.zero_grad()
    return counter.get_total_flops()


def _attended(query: Any, keys: Any, values: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, keys, values)


def _attended_backward(
    gradient: Any, query: Any, keys: Any, values: Any, *_: Any, **__: Any
) -> int:
    return sdpa_backward_flop_count(gradient, query, keys, values)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("training", __doc__)
    parser.add_argument("model", nargs="?", default="uio2-nano", help="a bundle or checkpoint")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--steps", type=int, default=10, help="that are timed (default 10)")
    add_torch_options(parser)
    return parser.parse_args(argv)
