"""From streams to the batches of optimiser steps, in reading processes of each rank.

Each rank has `workers` reading processes, and each of those its own part of the data. A step's
batches travel with where their reader stood after them, so that what is saved is what was learnt
from, however many batches wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from uio2_ros.model.example import Batch
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.training.config import TrainingConfig
from uio2_ros.training.dense import DenseBatch, DenseReader, scene_of
from uio2_ros.training.packing import Length, Sized, length_of, pack_bins, row_numbers
from uio2_ros.training.streams import ExampleStream, make_stream, sample_stream
from uio2_ros.training.trainer import OptimizerStep

DENSE_SPACE = "vima"
"""The action space that places on the table are fractions of."""


class Batches(Protocol):
    """Batches without end, from where a state says."""

    def batch(self, size: int) -> Batch | DenseBatch:
        """The next so many examples."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class AnswerBatches:
    """Examples of a stream, stacked, or packed into rows of so many input and target tokens."""

    def __init__(
        self, stream: ExampleStream, processor: Processor, packed: tuple[int, int] | None
    ) -> None:
        self._stream, self._processor, self._packed = stream, processor, packed
        self.state_dict, self.load_state_dict = stream.state_dict, stream.load_state_dict

    def batch(self, size: int) -> Batch:
        examples = [self._stream.draw() for _ in range(size)]
        if self._packed is None:
            return self._processor.collate(examples)
        sized = [Sized(one, length_of(one, self._processor.config)) for one in examples]
        items, rows = row_numbers(pack_bins(sized, Length(*self._packed)))
        return self._processor.collate(items, rows=rows)


class DenseBatches:
    """Patches of a mixture's scenes, with what is true of them."""

    def __init__(self, config: TrainingConfig, model: ModelConfig, reader: int, readers: int):
        self._stream = sample_stream(config, reader, readers)
        self._space = load_action_spaces()[DENSE_SPACE]
        sizes = model.t5_config
        self._reader = DenseReader(
            np.random.default_rng([config.seed, reader]),
            canvas=sizes.default_image_vit_size[0],
            patch=sizes.image_vit_patch_size,
            kept=config.patches or model.sequence_length.image_input_samples,
        )
        self.state_dict = self._stream.state_dict
        self.load_state_dict = self._stream.load_state_dict

    def batch(self, size: int) -> DenseBatch:
        samples = [self._stream.draw().sample for _ in range(size)]
        return self._reader.batch(scene_of(sample, self._space) for sample in samples)


class StepReader(IterableDataset[OptimizerStep]):
    """The steps of one rank; each worker process reads every so many-th of them."""

    def __init__(
        self,
        config: TrainingConfig,
        model: ModelConfig,
        tokenizer: Path,
        *,
        rank: int = 0,
        ranks: int = 1,
        states: Mapping[int, dict[str, Any]] | None = None,
    ) -> None:
        super().__init__()
        self._config, self._model, self._tokenizer = config, model, tokenizer
        self._rank, self._ranks = rank, ranks
        self._states = states or {}

    def __iter__(self) -> Iterator[OptimizerStep]:
        worker = get_worker_info()
        number, count = (0, 1) if worker is None else (worker.id, worker.num_workers)
        if worker is not None:
            torch.set_num_threads(1)
            cv2.setNumThreads(1)
        reader, readers = self._rank * count + number, self._ranks * count
        source = self._batches(reader, readers)
        if reader in self._states:
            source.load_state_dict(self._states[reader])
        sizes = _cut(self._config.batch // self._ranks, self._config.micro_batch)
        while True:
            batches = tuple(source.batch(size) for size in sizes)
            yield OptimizerStep(batches, reader, source.state_dict())

    def _batches(self, reader: int, readers: int) -> Batches:
        if self._config.objective == "dense":
            return DenseBatches(self._config, self._model, reader, readers)
        stream = make_stream(self._config, self._model, self._tokenizer, reader, readers)
        processor = Processor(self._model, Tokenizer(self._tokenizer))
        return AnswerBatches(stream, processor, self._config.packed)


def _cut(share: int, micro_batch: int) -> list[int]:
    """The sizes of micro-batches that make up a rank's share of a step."""
    size = micro_batch or share
    return [min(size, share - first) for first in range(0, share, size)]


def step_loader(reader: StepReader, workers: int) -> Iterator[OptimizerStep]:
    """Steps for ever; from worker processes, if there are some, in turn."""
    return iter(DataLoader(reader, batch_size=None, num_workers=workers))
