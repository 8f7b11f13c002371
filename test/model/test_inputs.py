"""Input encoders: the numbers of the released code, masks and positions, wrong shapes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from synthetic_inputs import image, waveform

from uio2_ros.model import ModelConfig, UnifiedIO
from uio2_ros.model.families.unified_io_2.inputs import InputSequence
from uio2_ros.processing import Batch, Example, PatchBatch, Processor, Tokenizer

GOLDEN = Path(__file__).parents[1] / "golden"
MODALITIES = ("text", "image", "image_history", "audio", "audio_history")
ACTIVATIONS = 2e-3  # tolerance of activations, absolute


@pytest.fixture(scope="module")
def batch(processor: Processor, five_modalities: Example) -> Batch:
    frames = processor.config.history_frames
    return processor.collate([five_modalities], history_frames=frames)


def sequences(model: UnifiedIO, batch: Batch) -> dict[str, InputSequence]:
    """The sequence of each modality: differences of what comes with and without it."""
    total = model.embed_inputs(batch)
    sizes = [batch.text.shape[1]]
    for modality in MODALITIES[1:]:
        alone = dataclasses.replace(batch, **{m: None for m in MODALITIES[1:] if m != modality})
        sizes.append(model.embed_inputs(alone).embed.shape[1] - sizes[0])
    parts = zip(
        total.embed.split(sizes, 1), total.mask.split(sizes, 1), total.rotary.split(sizes, 1),
        strict=True,
    )  # fmt: skip
    return {name: InputSequence(*part) for name, part in zip(MODALITIES, parts, strict=True)}


def in_official_layout(rotary: torch.Tensor) -> npt.NDArray[np.float32]:
    """(S, D / 2) complex -> (S, D) as cosine and sine of every pair in turn."""
    return torch.view_as_real(rotary).flatten(1).numpy()


@pytest.mark.parametrize("modality", MODALITIES)
def test_embedding_mask_and_positions_are_those_of_the_released_code(
    model: UnifiedIO, batch: Batch, golden: Any, modality: str
) -> None:
    expected, got = golden("encoder"), sequences(model, batch)[modality]
    mask = got.mask[0].numpy()
    np.testing.assert_array_equal(mask, expected[f"{modality}_mask"] > 0)
    there = mask[::5]
    np.testing.assert_allclose(
        got.embed[0, ::5][there], expected[f"{modality}_embed"][there], atol=ACTIVATIONS
    )
    rotary = in_official_layout(got.rotary[0, ::11])
    np.testing.assert_allclose(rotary, expected[f"{modality}_rope"], atol=1e-5)


def test_vit_features_are_those_of_the_released_code(
    model: UnifiedIO, batch: Batch, golden: Any
) -> None:
    assert batch.image is not None
    embedder = model.get_submodule("input_embedders.image")
    inputs = (batch.image.patches, batch.image.mask, batch.image.positions)
    features = embedder.vit(*inputs, grid=embedder.grid)
    there = batch.image.mask[0, ::37]
    for name, got in (("vit_last", features.last), ("vit_second", features.second)):
        expected = golden("encoder")[name]
        np.testing.assert_allclose(got[0, ::37][there], expected[there], atol=ACTIVATIONS)


@pytest.mark.parametrize("modality", ["image_history", "audio_history"])
def test_scaled_cosine_resampler_is_that_of_the_released_code(
    batch: Batch, golden: Any, modality: str
) -> None:
    model = UnifiedIO.synthetic(GOLDEN / "config_tiny_cosine.json")
    got = sequences(model, batch)[modality]
    there = got.mask[0, ::5]
    expected = golden("encoder_cosine")[f"{modality}_embed"]
    np.testing.assert_allclose(got.embed[0, ::5][there].detach(), expected[there], atol=ACTIVATIONS)


def test_gelu_variants_of_the_resampler_differ_a_little(batch: Batch, model: UnifiedIO) -> None:
    data = ModelConfig.load("tiny").to_dict()
    data["image_history_cfg"]["gelu"] = "tanh"
    other = UnifiedIO.synthetic(data)
    frames = batch.image_history
    assert frames is not None
    frames = PatchBatch(frames.patches[0, :1], frames.mask[0, :1], frames.positions[0, :1])
    difference = model.encode_history("image", frames) - other.encode_history("image", frames)
    assert 1e-6 < difference.abs().max() < 1e-1


def test_order_of_patches_does_not_matter_with_their_positions(
    model: UnifiedIO, processor: Processor
) -> None:
    inputs = processor.collate([processor("go", image(90, 120, 1))]).image
    assert inputs is not None
    order = torch.randperm(inputs.mask.shape[1])
    shuffled = PatchBatch(
        inputs.patches[:, order], inputs.mask[:, order], inputs.positions[:, order]
    )
    embedder = model.get_submodule("input_embedders.image")
    plain, mixed = embedder(inputs, frozen=True), embedder(shuffled, frozen=True)
    there = mixed.mask
    torch.testing.assert_close(
        plain.embed[:, order][there], mixed.embed[there], atol=1e-4, rtol=1e-4
    )
    assert torch.equal(plain.rotary[:, order], mixed.rotary)


def test_a_frame_is_encoded_the_same_alone_and_among_others(model: UnifiedIO, batch: Batch) -> None:
    frames = batch.image_history
    assert frames is not None
    together = model.embed_inputs(batch)
    alone = model.encode_history(
        "image", PatchBatch(frames.patches[0, 1:2], frames.mask[0, 1:2], frames.positions[0, 1:2])
    )
    start = batch.text.shape[1] + 576 + 32
    modality = model.get_parameter("input_embedders.image_history.modality_embedding")
    torch.testing.assert_close(together.embed[:, start : start + 32], alone + modality)


def test_modalities_that_no_example_has_take_no_place(
    model: UnifiedIO, processor: Processor
) -> None:
    example = processor("hello")
    inputs = model.embed_inputs(processor.collate([example]))
    assert inputs.embed.shape[1] == len(example.text)


def test_a_silent_segment_leaves_no_trace_but_masked_rows(
    model: UnifiedIO, processor: Processor
) -> None:
    silence = np.zeros(16000 * 9, np.float32)
    example = processor("hello", audio=np.concatenate([silence, waveform(4.08, 1)]))
    inputs = model.embed_inputs(processor.collate([example]))
    assert inputs.embed.isfinite().all()
    assert not inputs.mask[0, -32:].any()


@pytest.mark.parametrize("field", ["mask", "positions"])
def test_wrong_shapes_are_named(model: UnifiedIO, processor: Processor, field: str) -> None:
    inputs = processor.collate([processor("go", image(90, 120, 1))])
    assert inputs.image is not None
    shorter = dataclasses.replace(inputs.image, **{field: getattr(inputs.image, field)[:, :-1]})
    with pytest.raises(AssertionError, match=rf"{field} is \(1, 575\), expected \(1, 576\)"):
        model.embed_inputs(dataclasses.replace(inputs, image=shorter))


def test_history_without_frames_dimension_is_named(model: UnifiedIO, batch: Batch) -> None:
    with pytest.raises(AssertionError, match="expected 4 dimensions"):
        model.embed_inputs(dataclasses.replace(batch, image_history=batch.image))


def test_more_frames_than_the_tables_hold_are_refused(model: UnifiedIO, batch: Batch) -> None:
    frames = batch.image_history
    assert frames is not None
    many = PatchBatch(
        frames.patches.repeat(1, 3, 1, 1),
        frames.mask.repeat(1, 3, 1),
        frames.positions.repeat(1, 3, 1),
    )
    with pytest.raises(ValueError, match="12 history frames exceed the maximum of 8"):
        model.embed_inputs(dataclasses.replace(batch, image_history=many))


def test_text_longer_than_the_tables_is_refused(model: UnifiedIO) -> None:
    text = torch.ones(1, 513, dtype=torch.long)
    with pytest.raises(ValueError, match="513 tokens exceeds the maximum of 512"):
        model.embed_inputs(Batch(text=text, text_mask=text > 0))


def test_frozen_vits_get_no_gradient_and_thawed_ones_do(processor: Processor) -> None:
    tokenizer: Tokenizer = processor.tokenizer
    for frozen in (True, False):
        config = dataclasses.replace(ModelConfig.load("tiny"), freeze_vit=frozen)
        model = UnifiedIO.synthetic(config)
        example = Processor(config, tokenizer)("go", image(64, 64, 1))
        model.embed_inputs(processor.collate([example])).embed.sum().backward()
        weight = model.get_parameter("input_embedders.image.vit.embedding.weight")
        assert (weight.grad is None) == frozen
        assert model.get_parameter("input_embedders.image.projection.weight").grad is not None
