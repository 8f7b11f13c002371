"""`./uio2 convert SRC DST`: a checkpoint trained in JAX as one with the official torch names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from uio2_ros.cli.outcome import Exit, ended
from uio2_ros.model.convert import convert
from uio2_ros.model.pretrained import SHARD_BYTES
from uio2_ros.robot.errors import CheckpointError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
GB = 10**9


def main(argv: Sequence[str]) -> int:
    """Exit code 0 when the directory is complete; 1 with a message where it cannot be."""
    asked = _parser().parse_args(list(argv))
    bar = tqdm(unit="B", unit_scale=True, desc="convert", disable=None)

    def progress(count: int, total: int) -> None:
        bar.total = total
        bar.update(count)

    try:
        with bar:
            folder = convert(
                asked.source,
                asked.destination,
                config=asked.config,
                dtype=DTYPES.get(asked.dtype),
                form=asked.form,
                max_shard_bytes=int(asked.shard_gb * GB),
                progress=progress,
            )
    except (CheckpointError, ValueError, OSError) as error:
        return ended("convert", error, Exit.FAILED)
    print(f"{folder} is complete: ./uio2 up model:={folder} tokenizer:=<tokenizer.model>")
    return Exit.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./uio2 convert",
        description="Write a T5X folder or a flat .npz as config.json and weights under the "
        "official names. What an interrupted conversion has written is kept.",
    )
    parser.add_argument("source", type=Path, metavar="SRC", help="T5X folder, its index, or .npz")
    parser.add_argument("destination", type=Path, metavar="DST", help="directory to write")
    parser.add_argument(
        "--config", help="configuration: a name or a config.json; by default told by the width"
    )
    parser.add_argument(
        "--dtype", choices=("stored", *DTYPES), default="stored", help="default: as it is stored"
    )
    parser.add_argument("--form", choices=("safetensors", "bin"), default="safetensors")
    parser.add_argument("--shard-gb", type=float, default=SHARD_BYTES / GB, help="size of a file")
    return parser
