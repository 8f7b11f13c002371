"""The whole network: the numbers of the released code, token by token and all at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synthetic_inputs import image, waveform
from torch.nn import functional as F

from uio2_ros.model import UnifiedIO
from uio2_ros.model.families.unified_io_2.transformer import Memory
from uio2_ros.processing import Example, Processor
from uio2_ros.robot.errors import CheckpointError

PROMPT = "Pick up the red mug and place it on the tray."
ACTIVATIONS, LOSSES = 2e-3, 1e-3  # tolerances, absolute


@pytest.fixture
def targeted(processor: Processor) -> Example:
    """The training example of text.npz."""
    target = "<extra_id_512> <extra_id_204> red mug"
    return processor(PROMPT, image(480, 640, 1), text_target=target)


def test_encoder_output_is_that_of_the_released_code(
    model: UnifiedIO, processor: Processor, five_modalities: Example, golden: Any
) -> None:
    expected = golden("encoder")
    batch = processor.collate([five_modalities], history_frames=4)
    encoded = model.encode(model.embed_inputs(batch))
    mask = encoded.mask[0].numpy()
    np.testing.assert_array_equal(mask, expected["encoder_mask"] > 0)
    there = mask[::9]
    np.testing.assert_allclose(
        encoded.hidden[0, ::9][there], expected["encoder_out"][there], atol=ACTIVATIONS
    )


def test_logits_and_losses_are_those_of_the_released_code(
    model: UnifiedIO, processor: Processor, targeted: Example, golden: Any
) -> None:
    expected = golden("text")
    logits, targets, loss_mask = model(processor.collate([targeted]))["text"]
    np.testing.assert_array_equal(targets[0], expected["targets"])
    np.testing.assert_array_equal(loss_mask[0], expected["loss_mask"] > 0)
    np.testing.assert_allclose(logits[0, :, ::101], expected["logits"], atol=ACTIVATIONS)
    losses = F.cross_entropy(logits[0], targets[0], reduction="none")
    np.testing.assert_allclose(losses, expected["token_loss"], atol=LOSSES)


def test_padding_of_a_batch_changes_nothing(
    model: UnifiedIO, processor: Processor, targeted: Example
) -> None:
    other = processor("Say a lot about this and that.", text_target="a b c d e f g h i")
    alone = model(processor.collate([targeted]))["text"].logits[0]
    together = model(processor.collate([other, targeted]))["text"]
    length = len(alone)
    torch.testing.assert_close(together.logits[1, :length], alone, atol=1e-4, rtol=1e-4)
    assert together.loss_mask[1].sum() == length


def test_token_by_token_gives_the_logits_of_the_whole_sequence(
    model: UnifiedIO, processor: Processor, targeted: Example
) -> None:
    batch = processor.collate([targeted])
    logits, targets, _ = model(batch)["text"]
    state = model.prefill(model.encode(model.embed_inputs(batch)), max_tokens=targets.shape[1])
    fed = torch.cat([torch.zeros(1, 1, dtype=torch.long), targets[:, :-1]], dim=1)
    steps = [model.decode_step(state, fed[:, i]) for i in range(fed.shape[1])]
    torch.testing.assert_close(torch.stack(steps, 1), logits, atol=1e-4, rtol=1e-4)


def test_the_cache_is_allocated_once_and_has_an_end(model: UnifiedIO, processor: Processor) -> None:
    state = model.prefill(model.encode(model.embed_inputs(processor.collate([processor("a")]))), 2)
    places = [layer.keys.data_ptr() for layer in state.cache]
    for _ in range(2):
        model.decode_step(state, torch.zeros(1, dtype=torch.long))
    assert [layer.keys.data_ptr() for layer in state.cache] == places
    with pytest.raises(AssertionError, match="the cache holds 2 tokens"):
        model.decode_step(state, torch.zeros(1, dtype=torch.long))


def test_rows_continue_those_they_are_reordered_to(
    model: UnifiedIO, processor: Processor, targeted: Example
) -> None:
    encoded = model.encode(model.embed_inputs(processor.collate([targeted])))
    state = model.prefill(encoded, max_tokens=3, copies=2)
    places = [layer.keys.data_ptr() for layer in state.cache]
    for tokens in ([0, 0], [40, 50]):
        model.decode_step(state, torch.tensor(tokens))
    state.reorder(torch.tensor([1, 0]))
    swapped = model.decode_step(state, torch.tensor([60, 70]))
    assert [layer.keys.data_ptr() for layer in state.cache] == places
    texts = torch.tensor([[50, 60, 1], [40, 70, 1]])
    alone = model.decode_targets(model.remember(encoded), texts)[:, 2]
    torch.testing.assert_close(swapped, alone, atol=1e-4, rtol=1e-4)


def test_a_step_needs_one_token_per_row(model: UnifiedIO, processor: Processor) -> None:
    state = model.prefill(model.encode(model.embed_inputs(processor.collate([processor("a")]))), 2)
    with pytest.raises(AssertionError, match=r"tokens \(2,\), want \(1,\)"):
        model.decode_step(state, torch.zeros(2, dtype=torch.long))


def test_shared_memory_gives_the_logits_of_separate_memories(
    model: UnifiedIO, processor: Processor
) -> None:
    example = processor(PROMPT, image(90, 120, 1))
    targets = torch.tensor([[40, 50, 1], [60, 1, 0]])

    def encode(count: int) -> Memory:
        batch = processor.collate([example] * count)
        return model.remember(model.encode(model.embed_inputs(batch)))

    shared = model.decode_targets(encode(1), targets)
    torch.testing.assert_close(
        shared, model.decode_targets(encode(2), targets), atol=1e-4, rtol=1e-4
    )
    with pytest.raises(AssertionError, match="3 rows cannot share a memory of 2 rows"):
        model.decode_targets(encode(2), targets[[0, 1, 0]])


def test_decoder_layers_without_cross_attention_work(processor: Processor) -> None:
    data = UnifiedIO.synthetic("tiny").config.to_dict()
    data["t5_config"]["decoder_xattention_internval"] = 4
    model = UnifiedIO.synthetic(data)
    assert "decoder.layers_1.encoder_decoder_attention.query.weight" not in model.official_shapes()
    logits = model(processor.collate([processor("a", text_target="b")]))["text"].logits
    assert logits.isfinite().all()


def test_a_batch_without_targets_is_refused(model: UnifiedIO, processor: Processor) -> None:
    with pytest.raises(ValueError, match="the batch has no target: give text_target"):
        model(processor.collate([processor("a")]))


def test_targets_longer_than_the_tables_are_refused(model: UnifiedIO, processor: Processor) -> None:
    memory = model.remember(model.encode(model.embed_inputs(processor.collate([processor("a")]))))
    with pytest.raises(ValueError, match="513 target tokens exceed the maximum of 512"):
        model.decode_targets(memory, torch.ones(1, 513, dtype=torch.long))


def test_casting_keeps_vits_vqgans_and_tables_in_float32() -> None:
    model = UnifiedIO.synthetic("tiny").to_dtype(torch.bfloat16)
    kept = {name for name, p in model.named_parameters() if p.dtype == torch.float32}
    assert kept == {n for n, _ in model.named_parameters() if ".vit." in n or ".vqgan." in n}
    assert {buffer.dtype for buffer in model.buffers()} == {torch.complex64}
    assert model.dtype == torch.bfloat16


def test_vits_and_vqgans_have_dtypes_of_their_own() -> None:
    half, low = torch.float16, torch.bfloat16
    model = UnifiedIO.synthetic("tiny").to_dtype(torch.float32, vit_dtype=low, vqgan_dtype=half)
    dtypes = {name: parameter.dtype for name, parameter in model.named_parameters()}
    assert {dtype for name, dtype in dtypes.items() if ".vit." in name} == {low}
    assert {dtype for name, dtype in dtypes.items() if ".vqgan." in name} == {half}
    rest = {d for n, d in dtypes.items() if ".vit." not in n and ".vqgan." not in n}
    assert rest == {torch.float32}
    with pytest.raises(ValueError, match=r"weights cannot be torch\.int8"):
        model.to_dtype(torch.int8)


@pytest.mark.parametrize("modality", ["image", "audio"])
def test_a_model_wholly_in_bfloat16_reads_and_writes_everything(
    model: UnifiedIO, processor: Processor, modality: str
) -> None:
    low = torch.bfloat16
    targets = {"image": image(90, 120, 3), "audio": waveform(4.08, 1)}
    example = processor(
        PROMPT,
        image(90, 120, 1),
        [image(64, 64, 2)],
        audio=waveform(8.16, 2),
        **{f"{modality}_target": targets[modality]},
    )
    batch = processor.collate([example])
    cast = UnifiedIO.synthetic("tiny").requires_grad_(False).to_dtype(low, low, low)
    exact, rough = model(batch)[modality], cast(batch)[modality]
    same = exact.targets == rough.targets  # codes may differ, and logits after them
    first = int((~same[0]).nonzero()[0]) if not bool(same.all()) else same.shape[1]
    difference = (exact.logits - rough.logits).abs()[0, : first + 1]
    assert first >= 1
    assert difference.mean() < 0.05


def test_bfloat16_stays_near_float32(
    model: UnifiedIO, processor: Processor, targeted: Example
) -> None:
    batch = processor.collate([targeted])
    low = UnifiedIO.synthetic("tiny").to_dtype(torch.bfloat16)(batch)["text"].logits
    assert low.dtype == torch.float32
    torch.testing.assert_close(low.detach(), model(batch)["text"].logits, atol=0.1, rtol=0)


def test_weights_survive_saving_and_loading(
    model: UnifiedIO, processor: Processor, targeted: Example, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path)
    again = UnifiedIO.from_pretrained(tmp_path)
    assert not again.training
    batch = processor.collate([targeted])
    assert torch.equal(again(batch)["text"].logits, model(batch)["text"].logits)


def test_loading_takes_tensors_over_without_a_copy() -> None:
    state = UnifiedIO.synthetic("tiny").official_state_dict()
    with torch.device("meta"):
        model = UnifiedIO.from_config("tiny")
    model.load_official_state_dict(state)
    loaded = model.official_state_dict()
    assert all(loaded[name].data_ptr() == tensor.data_ptr() for name, tensor in state.items())


def test_loading_casts_all_but_vits_and_vqgans() -> None:
    model = UnifiedIO.synthetic("tiny")
    model.load_official_state_dict(model.official_state_dict(), dtype=torch.bfloat16)
    assert model.dtype == torch.bfloat16
    assert model.get_parameter("input_embedders.audio.vit.cls_token").dtype == torch.float32


def test_a_state_that_does_not_fit_leaves_the_model_alone() -> None:
    model = UnifiedIO.synthetic("tiny")
    state = {name: torch.zeros_like(t) for name, t in model.official_state_dict().items()}
    state.pop("decoder.decoder_norm.scale")
    with pytest.raises(CheckpointError, match=r"1 missing: decoder\.decoder_norm\.scale"):
        model.load_official_state_dict(state)
    assert model.text_token_embedder.weight.abs().sum() > 0


def test_a_config_object_is_kept(model: UnifiedIO) -> None:
    changed = dataclasses.replace(model.config, freeze_vit=False)
    with torch.device("meta"):
        assert UnifiedIO.from_config(changed).config is changed
