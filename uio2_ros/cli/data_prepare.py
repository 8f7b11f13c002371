"""`./uio2 data prepare DIR OUT`: what a model with a frozen ViT trains on fastest."""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from uio2_ros.cli.options import add_options
from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSet, DataSetError, read_shard
from uio2_ros.inference.devices import small_layers_are_faster_in_bfloat16
from uio2_ros.model import UnifiedIO
from uio2_ros.model.checkpoint import locate
from uio2_ros.processing import Tokenizer
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.training.augmentation import recolored_sample
from uio2_ros.training.examples import ExampleMaker
from uio2_ros.training.prepared import (
    ENDING,
    Choice,
    OnePictureProcessor,
    prepare_sample,
    save_prepared,
)


def main(argv: Sequence[str]) -> int:
    asked = _parse(argv)
    data = DataSet.open(asked.folder)
    tokenizer = asked.tokenizer or locate(asked.model).tokenizer
    if tokenizer is None:
        raise DataSetError(f"{asked.model} has no tokenizer; name its file with --tokenizer")
    fast_low = small_layers_are_faster_in_bfloat16(torch.device("cpu"))
    model = UnifiedIO.from_pretrained(asked.model, dtype=None if fast_low else torch.float32)
    processor = OnePictureProcessor(model.config, Tokenizer(tokenizer))
    maker = ExampleMaker(processor, load_action_spaces())
    choice = Choice(
        asked.examples, asked.patches, dict(asked.rate), asked.paraphrases, asked.spoken
    )
    asked.output.mkdir(parents=True, exist_ok=True)
    for shard in tqdm(data.shards, unit=" shards", disable=None):
        path = asked.output / f"{shard.stem}{ENDING}"
        if path.exists():
            continue
        rng = np.random.default_rng([asked.seed, zlib.crc32(shard.name.encode())])
        samples = (_perhaps_recolored(one, asked.recolored, rng) for one in read_shard(shard))
        prepared = [prepare_sample(model, maker, one, choice, rng) for one in samples]
        save_prepared(path, prepared)
    print(asked.output)
    return 0


def _perhaps_recolored(sample: Sample, share: float, rng: np.random.Generator) -> Sample:
    if rng.uniform() >= share:
        return sample
    return recolored_sample(sample, rng) or sample


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./uio2 data prepare",
        description="Make examples of a data set once: the features that a model's ViT has of each "
        "picture, and what is asked about it. A run that was ended goes on when it is given again.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="of ./uio2 data write")
    parser.add_argument("output", type=Path, metavar="OUT")
    parser.add_argument("--model", required=True, help="a bundle or checkpoint")
    parser.add_argument("--tokenizer", type=Path, help="its file, where the bundle has none")
    add_options(parser, Choice, "examples", "patches", "paraphrases", "spoken")
    parser.add_argument(
        "--recolored",
        type=float,
        default=0.0,
        help="share of pictures in other colours, of which only what names no colour is asked",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--rate",
        action="append",
        default=[],
        type=_rate,
        metavar="TASK=RATE",
        help="how often a task, beside the others' 1; 0: never",
    )
    return parser.parse_args(list(argv))


def _rate(text: str) -> tuple[str, float]:
    task, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no TASK=RATE")
    return task, float(value)
