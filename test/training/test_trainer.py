"""The trainer: exact accumulation, resuming, NaN steps, means, LoRA, and several ranks."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from uio2_ros.inference.families.unified_io_2 import SYNTHETIC_TOKENIZER
from uio2_ros.model import UnifiedIO
from uio2_ros.model.example import Batch, Example
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.training.config import (
    DataSettings,
    LoraSettings,
    LossOptions,
    OptimizerSettings,
    TrainingConfig,
)
from uio2_ros.training.loss import LossSettings, training_loss
from uio2_ros.training.objectives import AnswerObjective, misread
from uio2_ros.training.trainer import OptimizerStep, Trainer

TEXTS = ("find the red mug", "how many cubes", "put it in the bowl", "is there a ball here")
LR = 1e-3
FLIPPED = 1e-5
"""Share of the weights whose gradient is rounding: AdamW takes steps of LR along such, too."""
ANSWERS = ("there", "two of them", "yes", "no")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(SYNTHETIC_TOKENIZER)


@pytest.fixture
def model() -> UnifiedIO:
    return UnifiedIO.synthetic("tiny").set_modalities(["text"], ["text"])


def config(**settings: object) -> TrainingConfig:
    given = {
        "model": "tiny",
        "output": Path("out"),
        "data": (DataSettings("prepared", "nowhere"),),
        "batch": 4,
        "steps": 20,
        "optimizer": OptimizerSettings(lr=LR, warmup=1, schedule="constant"),
        **settings,
    }
    return TrainingConfig(**given)  # type: ignore[arg-type]


def learning(model: UnifiedIO, settings: TrainingConfig) -> Trainer:
    return Trainer(AnswerObjective(model, settings), settings)


def examples(model: UnifiedIO, tokenizer: Tokenizer) -> list[Example]:
    processor = Processor(model.config, tokenizer)
    return [
        processor(text, text_target=answer) for text, answer in zip(TEXTS, ANSWERS, strict=True)
    ]


def step_of(model: UnifiedIO, tokenizer: Tokenizer, *sizes: int) -> OptimizerStep:
    made, collate = examples(model, tokenizer), Processor(model.config, tokenizer).collate
    edges = np.cumsum([0, *sizes]).tolist()
    batches = [collate(made[a:b]) for a, b in pairwise(edges)]
    return OptimizerStep(tuple(batches), 0, {"drawn": 4})


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trainer.weights.named.values()])


def test_cutting_a_step_into_micro_batches_changes_nothing(tokenizer: Tokenizer) -> None:
    after = []
    for sizes in ((4,), (1, 3), (1, 1, 1, 1)):
        model = UnifiedIO.synthetic("tiny").set_modalities(["text"], ["text"])
        trainer = learning(model, config())
        report = trainer.train_step(step_of(model, tokenizer, *sizes))
        after.append((weights(trainer), report.losses["text"], report.gradient_norm))
    for other in after[1:]:
        off = (other[0] - after[0][0]).abs()
        assert float(off.max()) <= 2 * LR
        assert float((off > 5e-5).double().mean()) < FLIPPED
        assert other[1:] == pytest.approx(after[0][1:], rel=1e-4)


@pytest.mark.skipif(shutil.which("c++") is None, reason="compiling layers needs a C++ compiler")
def test_compiled_layers_learn_what_plain_ones_do(tokenizer: Tokenizer) -> None:
    reports = []
    for compiled in (False, True):
        model = UnifiedIO.synthetic("tiny").set_modalities(["text"], ["text"])
        trainer = learning(model, config(compiled=compiled))
        steps = [step_of(model, tokenizer, 4), step_of(model, tokenizer, 1, 3)]
        reports.append([trainer.train_step(step) for step in steps])
    for plain, fused in zip(*reports, strict=True):
        assert fused.losses["text"] == pytest.approx(plain.losses["text"], rel=1e-4)
        assert fused.gradient_norm == pytest.approx(plain.gradient_norm, rel=1e-3)


def test_packed_rows_give_the_loss_of_unpacked_ones(model: UnifiedIO, tokenizer: Tokenizer) -> None:
    made, collate = examples(model, tokenizer), Processor(model.config, tokenizer).collate
    losses = []
    for rows in (None, [0, 1, 0, 1], [0, 0, 0, 0]):
        fresh = UnifiedIO.synthetic("tiny").set_modalities(["text"], ["text"])
        step = OptimizerStep((collate(made, rows=rows),), 0, {})
        losses.append(learning(fresh, config()).train_step(step).losses["text"])
    assert losses == pytest.approx([losses[0]] * 3, abs=1e-4)


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "adafactor"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_few_examples_are_learnt(
    model: UnifiedIO, tokenizer: Tokenizer, optimizer: str, precision: str
) -> None:
    rate = 0.1 if optimizer == "adafactor" else 3e-3
    settings = OptimizerSettings(name=optimizer, lr=rate, warmup=1, schedule="constant")  # type: ignore[arg-type]
    trainer = learning(model, config(optimizer=settings, precision=precision))
    step = step_of(model, tokenizer, 4)
    losses = [trainer.train_step(step).losses["text"] for _ in range(15)]
    assert losses[-1] < 0.5 * losses[0]


def test_a_run_goes_on_as_if_it_had_not_ended(tokenizer: Tokenizer, tmp_path: Path) -> None:
    def fresh() -> Trainer:
        model = UnifiedIO.synthetic("tiny").set_modalities(["text"], ["text"])
        return learning(model, config(ema=0.9, optimizer=OptimizerSettings(name="muon", warmup=5)))

    whole, first, second = fresh(), fresh(), fresh()
    step = step_of(whole.objective.model, tokenizer, 4)
    for _ in range(4):
        whole.train_step(step)
    for _ in range(2):
        first.train_step(step)
    first.save(tmp_path)
    progress = second.resume(tmp_path)
    assert progress is not None
    assert (progress.step, progress.readers) == (2, {0: {"drawn": 4}})
    for _ in range(2):
        second.train_step(step)
    torch.testing.assert_close(weights(second), weights(whole))
    for name, mean in whole.mean.items():
        torch.testing.assert_close(second.mean[name], mean)


def test_gradients_that_are_not_finite_change_nothing(
    model: UnifiedIO, tokenizer: Tokenizer
) -> None:
    trainer = learning(model, config())
    before = weights(trainer)
    handle = model.text_token_embedder.weight.register_hook(lambda grad: grad * float("nan"))
    report = trainer.train_step(step_of(model, tokenizer, 4))
    handle.remove()
    assert report.skipped
    assert trainer.skipped == 1
    torch.testing.assert_close(weights(trainer), before, rtol=0, atol=0)
    assert not trainer.train_step(step_of(model, tokenizer, 4)).skipped


def test_lora_trains_its_updates_alone_and_merges_into_the_model(
    model: UnifiedIO, tokenizer: Tokenizer
) -> None:
    before = {name: p.clone() for name, p in model.state_dict().items()}
    trainer = learning(model, config(lora=LoraSettings(rank=2)))
    step = step_of(model, tokenizer, 4)
    for _ in range(3):
        report = trainer.train_step(step)
    assert all(name.endswith((".up", ".down")) for name in trainer.weights.named)
    merged = trainer.finished()
    assert merged.official_shapes() == UnifiedIO(merged.config).official_shapes()
    changed = {n for n, p in merged.state_dict().items() if not torch.equal(p, before[n])}
    assert changed
    assert all(name.startswith(("encoder", "decoder")) for name in changed)
    again = learning(merged, config()).train_step(step)
    assert again.losses["text"] < report.losses["text"] + 1e-3


def test_frozen_parts_stay_as_they_are() -> None:
    model = UnifiedIO.synthetic("tiny")
    trainer = learning(model, config())
    assert not any(".vit." in name or ".vqgan." in name for name in trainer.weights.named)
    tuned = learning(UnifiedIO.synthetic("tiny"), config(train_vit=True))
    assert any(".vit." in name for name in tuned.weights.named)
    assert not any(".vqgan." in name for name in tuned.weights.named)


RANKS = """
import sys, torch
from pathlib import Path
import torch.distributed as dist
sys.path.insert(0, {test!r})
from test_trainer import config, examples, learning, weights
from uio2_ros.inference.families.unified_io_2 import SYNTHETIC_TOKENIZER
from uio2_ros.model import UnifiedIO
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.training.checkpoints import whole
from uio2_ros.training.loss import LossSettings, training_loss
from uio2_ros.training.objectives import AnswerObjective, misread
from uio2_ros.training.trainer import OptimizerStep, Trainer

dist.init_process_group("gloo")
rank = dist.get_rank()
model = UnifiedIO.synthetic("tiny").set_modalities(["text"], ["text"])
tokenizer = Tokenizer(SYNTHETIC_TOKENIZER)
trainer = learning(model, config(sharded={sharded}))
made = examples(model, tokenizer)[2 * rank : 2 * rank + 2]
batch = Processor(model.config, tokenizer).collate(made)
for _ in range(2):
    trainer.train_step(OptimizerStep((batch,), rank, {{"drawn": 2}}))
trainer.save(Path({folder!r}))
after = {{name: whole(p).detach() for name, p in trainer.weights.named.items()}}
if rank == 0:
    torch.save(after, {out!r})
dist.destroy_process_group()
"""


@pytest.mark.parametrize("sharded", [False, True], ids=["ddp", "fsdp2"])
def test_two_ranks_learn_what_one_does_and_one_goes_on_from_there(
    tokenizer: Tokenizer, tmp_path: Path, sharded: bool
) -> None:
    model = UnifiedIO.synthetic("tiny").set_modalities(["text"], ["text"])
    alone = learning(model, config())
    step = step_of(model, tokenizer, 4)
    for _ in range(2):
        alone.train_step(step)

    out, folder = tmp_path / "after.pt", tmp_path / "checkpoints"
    folder.mkdir()
    here = str(Path(__file__).parent)
    script = RANKS.format(test=here, sharded=sharded, folder=str(folder), out=str(out))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen([sys.executable, "-c", script], env={**shared, "RANK": str(rank)})
        for rank in range(2)
    ]
    assert [rank.wait(240) for rank in ranks] == [0, 0]

    together = torch.load(out)
    for name, p in alone.weights.named.items():
        torch.testing.assert_close(together[name], p.detach(), atol=2e-4, rtol=1e-3)

    resumed = learning(UnifiedIO.synthetic("tiny").set_modalities(["text"], ["text"]), config())
    progress = resumed.resume(folder)
    assert progress is not None
    assert progress.step == 2
    assert set(progress.readers) == {0, 1}
    for trainer in (alone, resumed):
        trainer.train_step(step)
    torch.testing.assert_close(weights(resumed), weights(alone), atol=5e-4, rtol=1e-3)


def test_some_words_are_read_wrong_and_all_are_written_right() -> None:
    words, locations = torch.arange(10, 210).view(4, 50), range(190, 210)
    target = torch.cat([words, torch.ones(4, 1, dtype=torch.int64), torch.zeros(4, 3).long()], 1)
    read = misread(target, 0.2, locations)
    wrong = read != target
    assert 20 <= wrong.sum() <= 55
    assert not wrong[:, 50:].any()
    assert not wrong[(target >= 190) & (target < 210)].any()
    assert set(read[wrong].tolist()) <= set(words[words < 190].tolist())
    assert torch.equal(read, misread(target, 0.2, locations))
    assert not torch.equal(read, misread(target.flip(0), 0.2, locations).flip(0))


def test_misreading_leaves_what_is_to_be_written(model: UnifiedIO, tokenizer: Tokenizer) -> None:
    (batch,) = step_of(model, tokenizer, 4).batches
    assert isinstance(batch, Batch)
    assert batch.text_target is not None
    plain = model(batch)["text"]
    noisy = model(replace(batch, text_target_read=batch.text_target.flip(0)))["text"]
    assert torch.equal(plain.targets, noisy.targets)
    assert torch.equal(plain.logits[:, 0], noisy.logits[:, 0])
    assert not torch.equal(plain.logits[:, 1:], noisy.logits[:, 1:])
    settings = config(loss=LossOptions(misread=0.5, z_loss=0.0))
    objective = AnswerObjective(model, settings)
    counts = objective.counts(batch)
    read = misread(batch.text_target, 0.5, None)
    told = training_loss(model(replace(batch, text_target_read=read)), LossSettings(), counts)
    torch.testing.assert_close(objective(batch, counts)[0], told.total)
