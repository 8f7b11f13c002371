"""Pictures, sounds and texts to target tokens and back."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from synthetic_inputs import image, waveform
from torch.nn import functional as F

from uio2_ros.model import UnifiedIO
from uio2_ros.model.families.unified_io_2.targets import AudioTargetEmbedder, ImageTargetEmbedder
from uio2_ros.processing import Example, Processor

ACTIVATIONS, LOSSES, CODES = 2e-3, 1e-3, 0.005  # tolerances: absolute, absolute, share that differs


@pytest.fixture(scope="module")
def pictured(processor: Processor) -> Example:
    return processor("a red mug", image_target=image(256, 256, 3))


@pytest.fixture(scope="module")
def sounded(processor: Processor) -> Example:
    return processor("a bell", audio_target=waveform(4.08, 5))


def image_embedder(model: UnifiedIO) -> ImageTargetEmbedder:
    embedder = model.target_embedder("image")
    assert isinstance(embedder, ImageTargetEmbedder)
    return embedder


def audio_embedder(model: UnifiedIO) -> AudioTargetEmbedder:
    embedder = model.target_embedder("audio")
    assert isinstance(embedder, AudioTargetEmbedder)
    return embedder


@pytest.mark.parametrize(
    ("name", "modality", "positions"),
    [("image_target", "image", 1024), ("audio_target", "audio", 512)],
)
def test_codes_logits_and_losses_are_those_of_the_released_code(
    model: UnifiedIO,
    processor: Processor,
    golden: Any,
    request: pytest.FixtureRequest,
    name: str,
    modality: str,
    positions: int,
) -> None:
    expected = golden(name)
    example = request.getfixturevalue({"image": "pictured", "audio": "sounded"}[modality])
    logits, targets, loss_mask = model(processor.collate([example]))[modality]
    assert targets.shape == loss_mask.shape == (1, positions)
    assert (targets[0].numpy() != expected["targets"]).mean() <= CODES
    assert loss_mask.all()
    np.testing.assert_allclose(logits[0, ::64, ::97], expected["logits"], atol=ACTIVATIONS)
    losses = F.cross_entropy(logits[0], targets[0], reduction="none")
    np.testing.assert_allclose(losses, expected["token_loss"], atol=LOSSES)


def test_codes_become_the_picture_of_the_released_code(model: UnifiedIO, golden: Any) -> None:
    expected = golden("image_target")
    embedder = image_embedder(model)
    codes = torch.from_numpy(expected["codes"]).long()[None]
    picture = embedder.vqgan.decode(codes)[0]
    np.testing.assert_allclose(picture[:, ::8, ::8], expected["recon"], atol=ACTIVATIONS)
    rendered = embedder.render(codes + 2)[0]
    torch.testing.assert_close(rendered, ((picture + 1) / 2).clamp(0, 1))


def test_tokens_that_are_no_code_become_the_nearest_code(model: UnifiedIO) -> None:
    embedder = image_embedder(model)
    strange, clipped = torch.full((1, 1024), 2), torch.full((1, 1024), 2)
    strange[0, :3] = torch.tensor([0, 1, 16511])
    clipped[0, 2] = 16383 + 2
    assert torch.equal(embedder.render(strange), embedder.render(clipped))


def test_a_spectrogram_survives_the_order_of_its_tokens(model: UnifiedIO, sounded: Example) -> None:
    """Reading tokens back in their order gives the codec's own reconstruction."""
    embedder = audio_embedder(model)
    assert sounded.audio_target is not None
    spectrogram = torch.from_numpy(sounded.audio_target).T[None, None]  # (1, 1, 128, 256)
    codes = embedder.vqgan.encode(spectrogram)
    rendered = embedder.render(codes + 2)
    assert rendered.shape == (1, 128, 256)
    assert torch.equal(rendered, embedder.vqgan.decode(codes)[:, 0])


def test_each_picture_and_sound_is_its_own_row(
    model: UnifiedIO, processor: Processor, pictured: Example, sounded: Example
) -> None:
    plain = processor("a", text_target="b")
    batch = processor.collate([plain, sounded, pictured, plain])
    together = model.tokenize_targets(batch)
    assert list(together) == ["text", "image", "audio"]
    assert together["image"].mask.any(1).tolist() == [False, False, True, False]
    assert together["audio"].mask.any(1).tolist() == [False, True, False, False]
    alone = model.tokenize_targets(processor.collate([pictured]))["image"]
    assert torch.equal(together["image"].tokens[2], alone.tokens[0])
    assert not together["image"].tokens[:2].any()


def test_padding_of_a_letterboxed_target_does_not_count(
    model: UnifiedIO, processor: Processor
) -> None:
    example = processor("depth", image(96, 192, 1), image_target=image(96, 192, 2))
    mask = model.tokenize_targets(processor.collate([example]))["image"].mask
    grid = mask.view(32, 32)
    assert grid[8:24].all()
    assert not grid[:8].any()
    assert not grid[24:].any()


def test_silence_of_a_sound_target_does_not_count(model: UnifiedIO, processor: Processor) -> None:
    example = processor("bell", audio_target=waveform(2.04, 1))
    mask = model.tokenize_targets(processor.collate([example]))["audio"].mask
    time_steps = mask.view(32, 16)
    assert time_steps[:15].all()
    assert not time_steps[18:].any()


def test_hidden_cells_are_read_at_their_middle(
    model: UnifiedIO, processor: Processor, pictured: Example
) -> None:
    hidden = np.zeros((256, 256), np.bool_)
    hidden[4::8, 4::8] = True
    hidden[:128] = False
    example = dataclasses.replace(pictured, image_target_hidden=hidden)
    got = model.tokenize_targets(processor.collate([example]))["image"].hidden
    assert got is not None
    assert got[0].view(32, 32).any(1).tolist() == [False] * 16 + [True] * 16
