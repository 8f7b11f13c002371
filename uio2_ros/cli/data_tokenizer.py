"""`./uio2 data tokenizer DIR FILE`: a small tokenizer for the words of a data set."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from uio2_ros.data.shards import DataSet, DataSetError
from uio2_ros.processing import Tokenizer
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.training.tokenizer_training import PIECES, prompt_texts, sample_texts, train_tokenizer

PROMPT_SHARE = 0.2
"""Of all texts, how many are prompts: they come with every example."""


def main(argv: Sequence[str]) -> int:
    asked = _parse(argv)
    texts = list(itertools.islice(_texts(DataSet.open(asked.folder)), asked.texts))
    prompts = list(prompt_texts(load_action_spaces().values()))
    prompts *= max(1, round(PROMPT_SHARE * len(texts) / len(prompts)))
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    try:
        train_tokenizer([*texts, *prompts], asked.output, asked.pieces)
    except RuntimeError as problem:
        raise DataSetError(f"the texts do not give {asked.pieces} pieces: {problem}") from problem
    print(f"{asked.output}: {Tokenizer(asked.output).vocab_size} pieces with locations and marks")
    return 0


def _texts(data: DataSet) -> Iterator[str]:
    """All texts, and names in quotes as prompts have them."""
    for sample in data.samples():
        for text in sample_texts(sample):
            yield text
            yield f'"{text}"'


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./uio2 data tokenizer",
        description="Train a SentencePiece tokenizer on the texts of a data set and all prompts.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="of ./uio2 data write")
    parser.add_argument("output", type=Path, metavar="FILE")
    parser.add_argument("--pieces", type=int, default=PIECES, help=f"default: {PIECES}")
    parser.add_argument("--texts", type=int, default=100_000, help="of the data set, at most")
    return parser.parse_args(list(argv))
