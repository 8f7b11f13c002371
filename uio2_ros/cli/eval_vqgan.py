"""`./uio2 eval vqgan`: how well a model's VQGANs draw what they are shown."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from uio2_ros.cli.measurement import save
from uio2_ros.cli.options import at_least_one
from uio2_ros.cli.outcome import Exit, ended
from uio2_ros.robot.errors import CheckpointError, TokenizerError

if TYPE_CHECKING:
    from uio2_ros.evaluation.reconstruction import VQGANScores
    from uio2_ros.model.checkpoint import CheckpointFiles

FORMAT = "uio2_ros vqgans"
MODALITIES = ("image", "audio")


def add_parser(commands: Any) -> None:
    """The command among those of `./uio2 eval`."""
    parser = commands.add_parser(
        "vqgan",
        help="what the VQGANs of pictures and sound make of held-out ones",
        description="Encodes and decodes pictures, depth, masks and sounds of the simulator that "
        "were held out, and compares them with themselves, beside the mean of every patch.",
    )
    parser.add_argument("--model", default="uio2-nano", help="a bundle, checkpoint or hub id")
    parser.add_argument("--tokenizer", type=Path, help="SentencePiece file; default: its own")
    parser.add_argument("--modality", choices=MODALITIES, nargs="+", default=MODALITIES)
    parser.add_argument("--count", type=at_least_one, default=60, help="scenes, and sounds")
    parser.add_argument("--seed", type=int, default=0, help="of the first held-out one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores there")


def main(arguments: argparse.Namespace) -> int:
    """0: done; 1: the model or its VQGANs cannot be read."""
    from uio2_ros.model.checkpoint import locate

    try:
        files = locate(arguments.model)
        found = {name: _measure(files, name, arguments) for name in arguments.modality}
    except (CheckpointError, TokenizerError) as error:
        return ended("eval", error, Exit.FAILED)
    print("\n".join(line for scores in found.values() for line in _lines(scores)))
    asked = {name: getattr(arguments, name) for name in ("model", "count", "seed")}
    scores = {name: asdict(one) for name, one in found.items()}
    save({"format": FORMAT, **asked, "split": "held-out", **scores}, arguments.json)
    return Exit.DONE


def _measure(files: CheckpointFiles, modality: str, asked: argparse.Namespace) -> VQGANScores:
    from uio2_ros.evaluation.reconstruction import held_out, measure
    from uio2_ros.model.families.unified_io_2.target_vqgan import TargetVQGAN
    from uio2_ros.processing import Tokenizer

    tokenizer = asked.tokenizer or files.tokenizer
    if tokenizer is None:
        raise CheckpointError(f"{asked.model} has no tokenizer; name its file with --tokenizer")
    vqgan = TargetVQGAN.of(files, modality)
    samples = held_out(modality, asked.count, asked.seed)
    shown = tqdm(samples, modality, unit=" samples", disable=None)
    return measure(vqgan, Tokenizer(tokenizer), shown)


def _lines(found: VQGANScores) -> list[str]:
    from uio2_ros.evaluation.report import number

    rows = [
        f"{one.task:15} {one.score:22} {number(one.value):30} "
        f"{number(one.patch_means) if 'codes' not in one.score else '':30} {one.value.count:5}"
        for one in found.scores
    ]
    codes = [
        f"{task:15} {use.used:.1%} of all codes, perplexity {use.perplexity:.0f}"
        for task, use in found.codes.items()
    ]
    head = f"{'':15} {'95 % confidence':22} {'drawn from codes':30} {'means of patches':30}"
    return [head.rstrip(), *rows, *codes]
