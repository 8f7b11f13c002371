"""The network as training needs it: gradients, cached features, less memory, no waiting."""

from __future__ import annotations

import dataclasses
import warnings

import pytest
import torch
from synthetic_inputs import image, waveform
from torch import Tensor

from uio2_ros.inference import Engine, Sampling
from uio2_ros.model import ModelConfig, UnifiedIO
from uio2_ros.processing import Batch, Example, PatchBatch, PatchInput, Processor
from uio2_ros.robot.errors import InvalidInputError

TARGETS = {"target": "text", "text_target": "a red mug", "image_target": image(192, 256, 3)}


@pytest.fixture(scope="module")
def everything(processor: Processor) -> Batch:
    """All inputs, histories of different lengths, and targets of all modalities."""
    frames = [image(240, 320, seed) for seed in (2, 3)]
    full = processor("What?", image(240, 320, 1), frames, audio=waveform(9.0, 7), **TARGETS)
    sound = processor("And this?", audio_target=waveform(4.08, 5))
    return processor.collate([full, sound], history_frames=3)


def logits(model: UnifiedIO, batch: Batch) -> Tensor:
    return torch.cat([part.logits[part.loss_mask].flatten() for part in model(batch).values()])


def gradients(model: UnifiedIO, batch: Batch) -> dict[str, Tensor | None]:
    model.zero_grad()
    logits(model, batch).square().mean().backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def test_gradients_reach_every_parameter_but_the_tokenizers_of_targets(everything: Batch) -> None:
    thawed = dataclasses.replace(ModelConfig.load("tiny"), freeze_vit=False)
    model = UnifiedIO.synthetic(thawed)
    found = gradients(model, everything)
    assert {name for name, gradient in found.items() if gradient is None} == {
        name for name in found if ".vqgan." in name
    }
    assert all(g.isfinite().all() for g in found.values() if g is not None)


def test_a_model_that_has_generated_can_be_trained(processor: Processor) -> None:
    model = UnifiedIO.synthetic("tiny")
    engine = Engine(model, processor)
    example = processor("What?", image(64, 64, 1), [image(64, 64, 2)])
    engine.generate([example], sampling=Sampling(max_new_tokens=2))
    batch = processor.collate([processor("What?", image(64, 64, 1), text_target="a mug")])
    assert gradients(model, batch)["encoder.encoder_norm.scale"] is not None


def test_the_forward_pass_does_not_wait_for_the_device(everything: Batch) -> None:
    meta = UnifiedIO.from_config("tiny").to("meta")  # has no values that could be waited for
    out = meta(everything.to("meta"))
    assert {name: part.logits.shape[:2] for name, part in out.items()} == {
        "text": (2, 5),
        "image": (2, 1024),
        "audio": (2, 512),
    }


def test_checkpointing_changes_no_gradient(everything: Batch) -> None:
    model = UnifiedIO.synthetic("tiny")
    kept = {name: g.clone() for name, g in gradients(model, everything).items() if g is not None}
    calls = [0]
    model.encoder.layers[0].register_forward_pre_hook(lambda *_: calls.__setitem__(0, calls[0] + 1))
    recomputed = gradients(model.checkpoint_activations(), everything)
    assert calls == [2]
    for name, gradient in kept.items():
        torch.testing.assert_close(recomputed[name], gradient)


def encoded(model: UnifiedIO, name: str, one: PatchInput) -> PatchInput:
    arrays = (one.patches, one.mask, one.positions)
    patches, mask, positions = (torch.from_numpy(array)[None] for array in arrays)
    features = model.encode_patches(name, PatchBatch(patches, mask, positions.long()))
    return PatchInput(features[0].numpy(), one.mask, one.positions, encoded=True)


def with_features(model: UnifiedIO, example: Example) -> Example:
    assert example.image is not None
    assert example.audio is not None
    frames = [frame for frame in example.image_history if frame is not None]
    return dataclasses.replace(
        example,
        image=encoded(model, "image", example.image),
        image_history=tuple(encoded(model, "image_history", frame) for frame in frames),
        audio=encoded(model, "audio", example.audio),
        audio_history=tuple(encoded(model, "audio_history", s) for s in example.audio_history),
    )


def test_cached_features_stand_for_pixels_and_sound(
    model: UnifiedIO,
    processor: Processor,
    five_modalities: Example,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    example = processor.with_targets(five_modalities, text="a mug")
    short = dataclasses.replace(example, image_history=example.image_history[:1])
    cached = [with_features(model, one) for one in (example, short)]
    expected = logits(model, processor.collate([example, short]))
    for modality in ("image", "audio"):
        vit = model.get_submodule(f"input_embedders.{modality}.vit")
        monkeypatch.setattr(vit, "forward", lambda *_: pytest.fail("the ViT ran"))
    torch.testing.assert_close(
        logits(model, processor.collate(cached)), expected, atol=1e-4, rtol=1e-4
    )
    with pytest.raises(InvalidInputError, match="cannot be one batch"):
        processor.collate([cached[0], example])


def test_the_engine_takes_cached_features(
    model: UnifiedIO, processor: Processor, five_modalities: Example
) -> None:
    engine, sampling = Engine(model, processor), Sampling(max_new_tokens=6)
    examples = [five_modalities, with_features(model, five_modalities)]
    plain, cached = (engine.generate([one], sampling=sampling)[0] for one in examples)
    assert plain.tokens == cached.tokens


def test_autocast_trains_float32_weights(processor: Processor) -> None:
    model = UnifiedIO.synthetic("tiny")
    batch = processor.collate([processor("What?", image(64, 64, 1), text_target="a mug")])
    exact = logits(model, batch).detach()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # norms of two dtypes have no fused kernel
        with torch.autocast("cpu", torch.bfloat16):
            near = logits(model, batch)
    assert near.dtype == torch.float32
    torch.testing.assert_close(near.detach(), exact, atol=0.15, rtol=0.05)
    near.square().mean().backward()
    gradient = model.get_parameter("decoder.layers.0.self_attention.query_norm.scale").grad
    assert gradient is not None
    assert gradient.dtype == torch.float32
