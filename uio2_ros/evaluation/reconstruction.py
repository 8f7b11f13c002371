"""How well VQGANs draw what they are shown: held-out views of the simulator, and its sounds.

Each picture and sound is encoded and decoded, and compared with itself. Beside each score stands
that of the mean of every patch, which is what a code of one number a channel could say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from uio2_ros.data.sample import Sample
from uio2_ros.data.simulated_scenes import SceneSettings, SceneShards
from uio2_ros.data.simulated_sounds import SoundShards
from uio2_ros.evaluation.reconstruction_metrics import (
    CodeUse,
    code_use,
    mel_distance_db,
    psnr_db,
    spectral_convergence,
    ssim,
)
from uio2_ros.evaluation.scores import Estimate, mean
from uio2_ros.model.example import Example
from uio2_ros.model.families.unified_io_2.target_vqgan import TargetVQGAN
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.robot.answer import Answer
from uio2_ros.sim import Split
from uio2_ros.tasks.builtin.depth import to_metres
from uio2_ros.tasks.padding import put_back
from uio2_ros.tasks.settings import TaskSettings
from uio2_ros.training.examples import ExampleMaker
from uio2_ros.training.vqgan_batches import target_of

TASKS = {"image": ("generate_image", "depth", "segment"), "audio": ("generate_audio",)}
"""Whose targets are drawn, by modality."""
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ReconstructedTarget:
    """A target of an example and what was drawn of it, as its VQGAN takes them; its codes."""

    example: Example
    answer: Answer
    truth: Floats  # (C, H, W)
    known: npt.NDArray[np.bool_]  # (H, W)
    drawn: Floats  # (C, H, W)
    codes: npt.NDArray[np.int64]  # (T,)


Measure = Callable[[ReconstructedTarget], float]


@dataclass(frozen=True)
class ReconstructionScore:
    """Of the targets of a task, by one measure; `patch_means` is what the means of patches get."""

    task: str
    score: str
    value: Estimate
    patch_means: Estimate


@dataclass(frozen=True)
class VQGANScores:
    """Of one VQGAN: its scores, and which codes the targets of each task had."""

    scores: tuple[ReconstructionScore, ...]
    codes: Mapping[str, CodeUse]


def held_out(modality: str, count: int, seed: int) -> Iterator[Sample]:
    """So many held-out tables, each seen by two cameras, or so many held-out sounds."""
    if modality == "audio":
        return SoundShards(Split.HELD_OUT, count, seed).samples(0)
    return SceneShards(SceneSettings(Split.HELD_OUT, seed, drawn=True), count).samples(0)


def measure(vqgan: TargetVQGAN, tokenizer: Tokenizer, samples: Iterable[Sample]) -> VQGANScores:
    """The scores of what a VQGAN draws of the samples' targets."""
    processor = Processor(vqgan.config, tokenizer)
    maker = ExampleMaker(processor, load_action_spaces())
    drawn: dict[str, list[ReconstructedTarget]] = {task: [] for task in TASKS[vqgan.modality]}
    for sample in samples:
        for task, its in drawn.items():
            taught = _taught(maker, sample, task, vqgan.modality)
            its += [reconstructed(vqgan, *one) for one in taught]
    codebook = vqgan.vqgan.quantize.embedding.num_embeddings
    return VQGANScores(
        tuple(
            _score(task, name, measured, its, vqgan.vqgan.config.patch_size)
            for task, its in drawn.items()
            for name, measured in measures(task, processor).items()
        ),
        {task: code_use([one.codes for one in its], codebook) for task, its in drawn.items()},
    )


def _taught(
    maker: ExampleMaker, sample: Sample, task: str, modality: str
) -> Iterator[tuple[Example, Answer]]:
    """What is drawn in answer to the first of a sample's instructions of a task, if it has one."""
    numbers = [n for n, one in enumerate(sample.tasks) if one.instruction.task == task]
    for number in numbers[:1]:
        for one in maker.examples_of(sample, number):
            if target_of(one.example, modality) is not None:
                yield one.example, sample.tasks[number].answer


@torch.no_grad()
def reconstructed(vqgan: TargetVQGAN, example: Example, answer: Answer) -> ReconstructedTarget:
    """A target through codes and back."""
    found = target_of(example, vqgan.modality)
    assert found is not None, "the tasks have targets of the VQGAN's modality"
    values, mask = found
    codes = vqgan.vqgan.encode(values[None])
    drawn = vqgan.vqgan.decode(codes)[0]
    return ReconstructedTarget(
        example, answer, values.numpy(), mask[0].numpy() > 0, drawn.numpy(), codes[0].numpy()
    )


def measures(task: str, processor: Processor) -> Mapping[str, Measure]:
    """How the targets of a task are compared, by name."""
    if task in TASKS["audio"]:
        std, mean_ = processor.config.audio.target_std, processor.config.audio.target_mean
        logs = partial(_logarithms, std=std, mean=mean_)
        return {
            "log-mel L1 (dB)": lambda one: mel_distance_db(*logs(one)),
            "spectral convergence": lambda one: spectral_convergence(*logs(one)),
            "codes in a sound": _own_codes,
        }
    alike: dict[str, Measure] = {
        "PSNR (dB)": lambda one: psnr_db(*_pictures(one)),
        "SSIM": lambda one: ssim(*_pictures(one)),
        "codes in a picture": _own_codes,
    }
    if task == "depth":
        alike["median error (m)"] = partial(_depth_error_m, processor=processor)
    return alike


def _pictures(one: ReconstructedTarget) -> tuple[Floats, Floats]:
    """What was drawn and the truth, (H, W, 3) in [0, 1], without the padding around them."""
    rows, columns = (np.flatnonzero(one.known.any(axis)) for axis in (1, 0))
    shown = (..., slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    drawn, truth = (
        np.clip((part[shown].transpose(1, 2, 0) + 1) / 2, 0, 1) for part in (one.drawn, one.truth)
    )
    return drawn, truth


def _logarithms(one: ReconstructedTarget, std: float, mean: float) -> tuple[Floats, Floats]:
    """Natural logarithms of mel powers, drawn and true, where there is sound."""
    drawn, truth = (part[0][one.known] * std + mean for part in (one.drawn, one.truth))
    return drawn, truth


def _own_codes(one: ReconstructedTarget) -> float:
    return float(len(np.unique(one.codes)))


def _depth_error_m(one: ReconstructedTarget, processor: Processor) -> float:
    """The median of a picture's errors, after all that an answer goes through."""
    assert one.example.image_info is not None
    shades = np.clip((one.drawn.transpose(1, 2, 0) + 1) / 2, 0, 1)
    picture = put_back(
        np.rint(shades * 255).astype(np.uint8),
        processor=processor,
        image_info=one.example.image_info,
    )
    settings = TaskSettings()
    found = to_metres(picture, settings.depth_max_m, settings.depth_near_is_white)
    truth = np.asarray(one.answer.pictures[0].pixels, np.float32)
    return float(np.median(np.abs(found - truth)[truth > 0]))


def _score(
    task: str,
    name: str,
    measured: Measure,
    its: Sequence[ReconstructedTarget],
    patch: tuple[int, int],
) -> ReconstructionScore:
    means = [replace(one, drawn=_patch_means(one.truth, patch)) for one in its]
    value, plain = (mean([measured(one) for one in these]) for these in (its, means))
    return ReconstructionScore(task, name, value, plain)


def _patch_means(values: Floats, patch: tuple[int, int]) -> Floats:
    """(C, H, W) with the mean of each patch all over it."""
    means = F.avg_pool2d(torch.from_numpy(values), patch)
    spread: Floats = means.repeat_interleave(patch[0], -2).repeat_interleave(patch[1], -1).numpy()
    return spread
