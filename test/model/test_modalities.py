"""Models of fewer modalities: what is dropped, what stays the same, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from synthetic_inputs import image, waveform

from uio2_ros.model import UnifiedIO
from uio2_ros.processing import Processor


@pytest.fixture
def fresh() -> UnifiedIO:
    return UnifiedIO.synthetic("tiny").requires_grad_(False)


def parameters(model: UnifiedIO) -> set[str]:
    return {name for name, _ in model.named_parameters()}


def test_parameters_of_unused_modalities_are_dropped(model: UnifiedIO, fresh: UnifiedIO) -> None:
    assert fresh.set_modalities(["text", "image"], ["text"]) is fresh
    assert fresh.config.input_modalities == ("text", "image")
    assert fresh.config.target_modalities == ("text",)
    gone = (
        "input_embedders.image_history.",
        "input_embedders.audio",
        "target_embedders.image.",
        "target_embedders.audio.",
        "image_token_embedder.",
        "audio_token_embedder.",
    )
    assert parameters(fresh) == {n for n in parameters(model) if not n.startswith(gone)}


def test_what_is_kept_works_as_before(
    model: UnifiedIO, fresh: UnifiedIO, processor: Processor
) -> None:
    fresh.set_modalities(["text", "image", "image_history"], ["text", "audio"])
    example = processor("a", image(64, 90, 1), [image(64, 64, 2)], audio_target=waveform(4.08))
    batch = processor.collate([example])
    assert torch.equal(fresh(batch)["audio"].logits, model(batch)["audio"].logits)


def test_a_model_without_text_targets_still_reads_prompts(
    model: UnifiedIO, fresh: UnifiedIO, processor: Processor
) -> None:
    fresh.set_modalities(target_modalities=["image"])
    batch = processor.collate([processor("a", image_target=image(256, 256, 1))])
    assert torch.equal(fresh(batch)["image"].logits, model(batch)["image"].logits)


def test_a_smaller_model_is_saved_and_loaded(fresh: UnifiedIO, tmp_path: Path) -> None:
    fresh.set_modalities(["text"], ["text"]).save_pretrained(tmp_path, max_shard_bytes=10**6)
    again = UnifiedIO.from_pretrained(tmp_path)
    assert again.config == fresh.config
    assert parameters(again) == parameters(fresh)


def test_only_what_the_modalities_need_is_loaded(fresh: UnifiedIO, tmp_path: Path) -> None:
    fresh.save_pretrained(tmp_path)
    loaded = UnifiedIO.from_pretrained(
        tmp_path, input_modalities=["text", "image"], target_modalities=["text"]
    )
    expected = fresh.set_modalities(["text", "image"], ["text"]).official_state_dict()
    state = loaded.official_state_dict()
    assert set(state) == set(expected)
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())


def test_inputs_and_targets_of_dropped_modalities_are_refused(
    fresh: UnifiedIO, processor: Processor
) -> None:
    fresh.set_modalities(["text", "audio"], ["text"])
    picture = processor("a", image(64, 64, 1), text_target="b")
    with pytest.raises(ValueError, match="the input has image, which this model does not read: it"):
        fresh(processor.collate([picture]))
    history = processor("a", audio=waveform(8.16), text_target="b")
    with pytest.raises(ValueError, match="the input has audio_history, which this model does not"):
        fresh(processor.collate([history]))
    drawn = processor("a", image_target=image(64, 64, 1))
    with pytest.raises(ValueError, match="targets of image, which this model does not write"):
        fresh(processor.collate([drawn]))
    with pytest.raises(ValueError, match="modality 'image' is not supported: this model writes"):
        fresh.target_embedder("image")


def test_modalities_that_are_not_there_are_refused(fresh: UnifiedIO) -> None:
    before = parameters(fresh)
    with pytest.raises(ValueError, match=r"input_modalities must be some of text, image, .*smell"):
        fresh.set_modalities(["text", "smell"])
    with pytest.raises(ValueError, match=r"target_modalities must be some of .* got text"):
        fresh.set_modalities(target_modalities="text")
    with pytest.raises(ValueError, match="a prompt needs 'text'"):
        fresh.set_modalities(["image"])
    with pytest.raises(ValueError, match="'image_history' needs 'image'"):
        fresh.set_modalities(["text", "image_history"])
    with pytest.raises(ValueError, match="target_modalities"):
        fresh.set_modalities(target_modalities=[])
    assert parameters(fresh) == before
    fresh.set_modalities(target_modalities=["text"])
    with pytest.raises(ValueError, match="target_modalities must be some of text, which"):
        fresh.set_modalities(target_modalities=["text", "image"])
