"""`./uio2 train CONFIG.yaml`: train or fine-tune a model (docs/training.md)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from uio2_ros.cli.outcome import Exit, ended
from uio2_ros.robot.errors import CheckpointError, TokenizerError

if TYPE_CHECKING:
    from uio2_ros.training.trainer import StepReport


def main(argv: Sequence[str]) -> int:
    """0: done; 1: data or model cannot be used; 2: wrong configuration; 130: Ctrl-C."""
    asked = _parser().parse_args(argv)
    try:
        return _train(asked)
    except ModuleNotFoundError as missing:
        needed = f"{missing}; pip install 'uio2_ros[train,data,sim]'"
        return ended("train", needed, Exit.FAILED)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return Exit.INTERRUPTED


def _train(asked: argparse.Namespace) -> int:
    from uio2_ros.data.shards import DataSetError
    from uio2_ros.training.config import TrainingConfigError, read_training_config

    try:
        config = read_training_config(asked.config, dict(asked.set))
    except TrainingConfigError as problem:
        return ended("train", problem, Exit.WRONG)
    from uio2_ros.training.run import train

    bar = _Bar()
    try:
        folder = train(config, bar.show)
    except (CheckpointError, TokenizerError, DataSetError, ValueError) as problem:
        return ended("train", problem, Exit.FAILED)
    finally:
        bar.close()
    print(folder)
    return Exit.DONE


class _Bar:
    """Progress on a terminal: steps, the text loss, examples a second."""

    def __init__(self) -> None:
        self._bar: Any = None

    def show(self, done: StepReport, steps: int) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(total=steps, initial=done.step - 1, unit=" steps", disable=None)
        losses = {name: f"{value:.3f}" for name, value in done.losses.items() if " " not in name}
        self._bar.set_postfix(**losses, per_s=f"{done.examples / done.seconds:.0f}", refresh=False)
        self._bar.update(1)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./uio2 train",
        description="Train or fine-tune a model as a YAML file says (docs/training.md). A run that "
        "was ended goes on when the command is given again. With several GPUs: torchrun "
        "--nproc-per-node N -m uio2_ros.cli train CONFIG.yaml",
    )
    parser.add_argument("config", type=Path, metavar="CONFIG.yaml")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_assignment,
        metavar="KEY=VALUE",
        help="another value for a top key of the file, as YAML",
    )
    return parser


def _assignment(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no KEY=VALUE")
    return key, yaml.safe_load(value)
