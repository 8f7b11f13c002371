"""From streams to the batches of optimiser steps, in reading processes of each rank.

Each rank has `workers` reading processes, and each of those its own part of the data. A step's
batches travel with where their reader stood after them, so that what is saved is what was learnt
from, however many batches wait.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from uio2_ros.data.shards import DataSet
from uio2_ros.model.example import Batch, Example
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.training.config import TrainingConfig
from uio2_ros.training.dense import DenseBatch, DenseReader, LabelledScene, scene_of
from uio2_ros.training.objectives import StepBatch
from uio2_ros.training.packing import Length, Sized, length_of, pack_bins, row_numbers
from uio2_ros.training.stored_scenes import StoredScenes
from uio2_ros.training.streams import ExampleStream, make_stream, sample_stream
from uio2_ros.training.trainer import OptimizerStep
from uio2_ros.training.vqgan_batches import VQGANBatches

SCENES = "scenes"
"""Folder in that of the run."""
DENSE_SPACE = "vima"
"""The action space that places on the table are fractions of."""


class Batches(Protocol):
    """Batches without end, from where a state says."""

    def step(self, sizes: Sequence[int]) -> tuple[StepBatch, ...]:
        """The micro-batches of the next step."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class AnswerBatches:
    """Examples of a stream, stacked, or packed into rows of so many input and target tokens.

    A step's examples are cut into micro-batches of like length, so that little is padded.
    """

    def __init__(
        self, stream: ExampleStream, processor: Processor, packed: tuple[int, int] | None
    ) -> None:
        self._stream, self._processor, self._packed = stream, processor, packed
        self.state_dict, self.load_state_dict = stream.state_dict, stream.load_state_dict

    def step(self, sizes: Sequence[int]) -> tuple[Batch, ...]:
        examples = [self._stream.draw() for _ in range(sum(sizes))]
        sized = [Sized(one, length_of(one, self._processor.config)) for one in examples]
        sized.sort(key=lambda one: one.length.total)
        ends = itertools.accumulate(sizes)
        return tuple(
            self._batch(sized[end - size : end]) for size, end in zip(sizes, ends, strict=True)
        )

    def _batch(self, sized: Sequence[Sized[Example]]) -> Batch:
        if self._packed is None:
            return self._processor.collate([one.item for one in sized])
        items, rows = row_numbers(pack_bins(sized, Length(*self._packed)))
        return self._processor.collate(items, rows=rows)


class DenseBatches:
    """Patches of simulated scenes, with what is true of them; every draw is independent."""

    def __init__(self, config: TrainingConfig, model: ModelConfig, reader: int, readers: int):
        sizes = model.t5_config
        self._seed = config.seed, reader
        self._reader = DenseReader(
            canvas=sizes.default_image_vit_size[0],
            patch=sizes.image_vit_patch_size,
            kept=config.patches or model.sequence_length.image_input_samples,
            recolored=config.recolored,
        )
        self._scenes = self._stored(config)
        self._stream = None if self._scenes else sample_stream(config, reader, readers)
        self._space = load_action_spaces()[DENSE_SPACE]
        self._drawn = 0

    def step(self, sizes: Sequence[int]) -> tuple[DenseBatch, ...]:
        return tuple(self._batch(size) for size in sizes)

    def _batch(self, size: int) -> DenseBatch:
        rng = np.random.default_rng([*self._seed, self._drawn])
        self._drawn += 1
        if self._stream is None:
            scenes = [self._scenes[i] for i in rng.integers(len(self._scenes), size=size)]
        else:
            scenes = [scene_of(self._stream.draw().sample, self._space) for _ in range(size)]
        return self._reader.batch(scenes, rng)

    def _stored(self, config: TrainingConfig) -> Sequence[LabelledScene]:
        """Scenes of shards, each read once and kept beside the run; none of other sources."""
        if any(data.kind != "shards" for data in config.data):
            return ()
        shards = [
            path
            for data in config.data
            for path in DataSet.open(Path(data.path).expanduser()).shards
        ]
        folder = config.output.expanduser() / SCENES
        space = load_action_spaces()[DENSE_SPACE]
        return StoredScenes(folder, shards, lambda sample: scene_of(sample, space))

    def state_dict(self) -> dict[str, Any]:
        stream = None if self._stream is None else self._stream.state_dict()
        return {"drawn": self._drawn, "stream": stream}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._drawn = state["drawn"]
        if self._stream is not None:
            self._stream.load_state_dict(state["stream"])


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
            yield OptimizerStep(source.step(sizes), reader, source.state_dict())

    def _batches(self, reader: int, readers: int) -> Batches:
        if self._config.objective == "dense":
            return DenseBatches(self._config, self._model, reader, readers)
        stream = make_stream(self._config, self._model, self._tokenizer, reader, readers)
        modality = self._config.vqgan_modality
        if modality:
            seed = self._config.seed, reader
            return VQGANBatches(stream, modality, self._config.vqgan.crop, seed)
        processor = Processor(self._model, Tokenizer(self._tokenizer))
        return AnswerBatches(stream, processor, self._config.packed)


def _cut(share: int, micro_batch: int) -> list[int]:
    """The sizes of micro-batches that make up a rank's share of a step."""
    size = micro_batch or share
    return [min(size, share - first) for first in range(0, share, size)]


def step_loader(reader: StepReader, workers: int) -> Iterator[OptimizerStep]:
    """Steps for ever; from worker processes, if there are some, in turn."""
    return iter(DataLoader(reader, batch_size=None, num_workers=workers))
