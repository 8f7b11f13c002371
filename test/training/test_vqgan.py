"""VQGANs in training: they learn, their codes are restarted, and a run goes on as it would have."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from uio2_ros.cli import train
from uio2_ros.model import ModelConfig, UnifiedIO
from uio2_ros.model.checkpoint import locate
from uio2_ros.model.families.unified_io_2.image_vqgan import Codebook
from uio2_ros.model.families.unified_io_2.target_vqgan import TargetVQGAN
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.training.config import (
    DataSettings,
    OptimizerSettings,
    TrainingConfig,
    TrainingConfigError,
    VQGANOptions,
    read_training_config,
)
from uio2_ros.training.run import starting_model, write_bundle
from uio2_ros.training.trainer import OptimizerStep, Trainer
from uio2_ros.training.vqgan import CodeRestart, VQGANObjective
from uio2_ros.training.vqgan_batches import VQGANBatch
from uio2_ros.training.vqgan_bundle import starting_vqgan

CONFIGS = Path(__file__).parents[2] / "config" / "training"
PATIENCE = 3


def small(modality: str) -> ModelConfig:
    tiny = ModelConfig.load("tiny")
    image = replace(
        tiny.image_vqgan,
        **{"n_embed": 64, "ch_mult": (1, 1), "num_res_blocks": 1, "attn_resolutions": ()},
        **{"patch_size": (2, 2), "default_input_size": (16, 16)},
    )
    audio = replace(tiny.audio_vqgan, vocab_size=64, default_input_size=(16, 32))
    return replace(tiny, image_vqgan=image, audio_vqgan=audio, target_modalities=(modality,))


def learning(modality: str = "image", *, patience: int = PATIENCE) -> Trainer:
    torch.manual_seed(0)
    settings = OptimizerSettings(lr=3e-3, warmup=1, schedule="constant")
    data = (DataSettings("scenes"),)
    config = TrainingConfig(
        "tiny", Path("out"), data, "image_vqgan", batch=4, steps=40, optimizer=settings
    )
    model = TargetVQGAN(small(modality))
    return Trainer(VQGANObjective(model, VQGANOptions(patience=patience), new=True), config)


def step_of(modality: str = "image", *sizes: int) -> OptimizerStep:
    shape = (4, 3, 16, 16) if modality == "image" else (4, 1, 16, 32)
    coarse = torch.rand(shape[0], shape[1], 4, 4, generator=torch.Generator().manual_seed(1))
    values = nn.functional.interpolate(coarse, shape[2:]) * 2 - 1
    mask = torch.ones_like(values[:, :1])
    mask[0, :, :4] = 0
    parts = zip(values.split(sizes or (4,)), mask.split(sizes or (4,)), strict=True)
    return OptimizerStep(tuple(VQGANBatch(*part) for part in parts), 0, {"drawn": 4})


def weights(trainer: Trainer) -> Tensor:
    return torch.cat([p.detach().flatten() for p in trainer._saved.values()])


@pytest.mark.parametrize("modality", ["image", "audio"])
def test_what_is_drawn_becomes_more_like_what_is_shown(modality: str) -> None:
    trainer = learning(modality, patience=100)
    reports = [trainer.train_step(step_of(modality)) for _ in range(25)]
    assert reports[-1].losses["absolute"] < 0.7 * reports[0].losses["absolute"]
    assert not any(report.skipped for report in reports)


def test_what_is_masked_does_not_count() -> None:
    (batch,) = step_of().batches
    assert isinstance(batch, VQGANBatch)
    noisy = torch.where(batch.mask > 0, 0.0, torch.randn(batch.mask.shape))
    objective = learning().objective
    counts = objective.counts(batch)
    assert counts == {"examples": 4, "values": (3 * 16 * 16 + 12 * 16) * 3}
    drawn = batch.values
    vqgan = objective.model.vqgan  # type: ignore[attr-defined]
    vqgan.draw = lambda _: drawn + noisy
    assert float(objective(batch, counts)[1]["absolute"]) == pytest.approx(0, abs=1e-6)


def test_gradients_reach_the_encoder_through_the_choice_of_codes() -> None:
    trainer = learning()
    trainer.train_step(step_of())
    (batch,) = step_of().batches
    total, _ = trainer.objective(batch, trainer.objective.counts(batch))
    total.backward()
    vqgan = trainer.objective.model.vqgan  # type: ignore[attr-defined]
    assert float(vqgan.encoder.conv_in.weight.grad.abs().sum()) > 0
    assert float(vqgan.quantize.embedding.weight.grad.abs().sum()) > 0


def test_a_run_goes_on_as_if_it_had_not_ended(tmp_path: Path) -> None:
    whole, first, second = learning(), learning(), learning()
    for _ in range(6):
        whole.train_step(step_of())
    for _ in range(3):
        first.train_step(step_of())
    first.save(tmp_path)
    assert second.resume(tmp_path) is not None
    for _ in range(3):
        second.train_step(step_of())
    assert torch.equal(weights(second), weights(whole))


def test_the_first_vectors_place_all_codes() -> None:
    codebook, vectors = Codebook(64, 4), torch.randn(16, 4) + 5
    CodeRestart(64, PATIENCE, new=True).move(codebook, vectors)
    near = torch.cdist(codebook.embedding.weight.detach(), vectors).min(1).values
    assert float(near.max()) < 0.5
    kept = codebook.embedding.weight.detach().clone()
    CodeRestart(64, PATIENCE, new=False).move(codebook, vectors)
    assert torch.equal(codebook.embedding.weight, kept)


def test_codes_that_nothing_chooses_move_to_where_something_is() -> None:
    codebook, vectors = Codebook(8, 4), torch.randn(80, 4) + 5
    restart = CodeRestart(8, PATIENCE, new=False)
    for _ in range(PATIENCE):
        restart.move(codebook, vectors)
        restart.note(torch.tensor([0, 1]))
    assert float(restart.in_use) == 0.25
    kept = codebook.embedding.weight.detach().clone()
    restart.move(codebook, vectors)
    assert torch.equal(codebook.embedding.weight[:2], kept[:2])
    moved = codebook.embedding.weight[2:].detach()
    assert all(bool((vectors == one).all(1).any()) for one in moved)
    assert float(restart.in_use) == 1


@pytest.mark.parametrize("name", ["nano_image_tokenizer", "nano_audio_tokenizer"])
def test_shipped_configurations_can_be_read(name: str) -> None:
    assert read_training_config(CONFIGS / f"{name}.yaml").vqgan_modality in name


@pytest.mark.parametrize(
    "change", [{"compiled": True}, {"precision": "bfloat16"}, {"vqgan": {"patience": 0}}]
)
def test_what_vqgans_are_not_trained_with_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(TrainingConfigError, match=r"VQGANs are trained in|patience of 1"):
        read_training_config(CONFIGS / "nano_audio_tokenizer.yaml", change)


def test_new_targets_are_not_learnt_by_low_rank_updates() -> None:
    with pytest.raises(TrainingConfigError, match="new targets are learnt in full"):
        read_training_config(CONFIGS / "fine_tune.yaml", {"targets": ["image"]})


def test_a_model_that_writes_pictures_keeps_its_codes(tmp_path: Path) -> None:
    model = UnifiedIO.synthetic("tiny").set_modalities(["text"], ["text", "image"])
    model.save_pretrained(tmp_path)
    config = TrainingConfig(
        str(tmp_path), Path("out"), (DataSettings("scenes"),), objective="image_vqgan"
    )
    with pytest.raises(ValueError, match="writes image targets in the codes of the VQGAN"):
        starting_vqgan(config)


def test_a_bundle_is_taught_to_write_sound_in_the_codes_that_were_trained(tmp_path: Path) -> None:
    changes = (f"output={tmp_path}", "steps=2", "batch=2", "workers=0", "log_every=1")
    words = [word for change in changes for word in ("--set", change)]
    assert train.main([str(CONFIGS / "nano_audio_tokenizer.yaml"), *words]) == 0
    assert (tmp_path / "log.jsonl").read_text().count("codes in use") == 2

    bundle = tmp_path / "bundle"
    files = locate(bundle)
    assert files.bundle == locate("uio2-nano").bundle
    data = (DataSettings("sounds", tasks=("generate_audio",)),)
    config = TrainingConfig(str(bundle), tmp_path / "more", data, targets=("audio",))
    tokenizer = Tokenizer(bundle / "tokenizer.model")
    model = starting_model(config, tokenizer)
    assert model.config.target_modalities == ("text", "audio")
    trained = TargetVQGAN.of(files, "audio").state_dict()
    assert all(torch.equal(model.state_dict()[name], value) for name, value in trained.items())
    before = UnifiedIO.from_pretrained(str(bundle), dtype=torch.float32).state_dict()
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())

    processor = Processor(model.config, tokenizer)
    sound = torch.sin(torch.arange(65280) / 20).numpy()
    batch = processor.collate([processor("a tone", target="audio", audio_target=sound)])
    logits, targets, counted = model(batch)["audio"]
    assert logits.shape[:2] == targets.shape == (1, 512)
    assert bool(counted.all())

    taught = write_bundle(config, model, tokenizer.path)
    assert locate(taught).vqgans.keys() == {"image"}
    kept = TargetVQGAN.of(locate(taught), "audio").state_dict()
    assert all(torch.equal(kept[name], value) for name, value in trained.items())
    plain = starting_model(replace(config, targets=()), tokenizer)
    again = replace(config, targets=(), output=tmp_path / "plain")
    assert locate(write_bundle(again, plain, tokenizer.path)).vqgans.keys() == {"image", "audio"}


RANKS = """
import sys, torch
import torch.distributed as dist
sys.path.insert(0, {test!r})
from test_vqgan import learning, step_of, weights
from uio2_ros.training.trainer import OptimizerStep

dist.init_process_group("gloo")
rank = dist.get_rank()
trainer = learning()
for _ in range(5):
    batch = step_of("image", 2, 2).batches[rank]
    trainer.train_step(OptimizerStep((batch,), rank, {{}}))
torch.save(weights(trainer), {out!r} + str(rank))
dist.destroy_process_group()
"""


def test_two_ranks_keep_the_same_weights_and_codes(tmp_path: Path) -> None:
    script = RANKS.format(test=str(Path(__file__).parent), out=str(tmp_path / "after"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen([sys.executable, "-c", script], env={**shared, "RANK": str(rank)})
        for rank in range(2)
    ]
    assert [rank.wait(240) for rank in ranks] == [0, 0]
    one, other = (torch.load(tmp_path / f"after{rank}") for rank in range(2))
    torch.testing.assert_close(one, other)
