"""Several targets at once, dynamic masking and packed examples: who attends to whom."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from synthetic_inputs import image, waveform
from torch import Tensor

from uio2_ros.model import TargetLogits, UnifiedIO
from uio2_ros.model.families.unified_io_2.targets import TargetTokens
from uio2_ros.model.families.unified_io_2.teacher_forcing import (
    NOTHING,
    Packing,
    decoder_mask,
    same_segment,
    used,
    visible,
)
from uio2_ros.processing import Example, Processor

CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture(scope="module")
def threefold(processor: Processor) -> Example:
    """One example that writes text, a picture and a sound."""
    return processor(
        "a red mug",
        target="text",
        text_target="mug of <extra_id_512>",
        image_target=image(256, 256, 3),
        audio_target=waveform(4.08, 5),
    )


def only(example: Example, modality: str) -> Example:
    """The example with one of its targets."""
    others = {f"{name}_target" for name in ("text", "image", "audio") if name != modality}
    return dataclasses.replace(example, **dict.fromkeys(others))


def counted(part: TargetLogits, row: int = 0) -> Tensor:
    """The logits (n, V) that the loss counts."""
    return part.logits[row][part.loss_mask[row]]


def test_targets_together_give_the_logits_of_each_alone(
    model: UnifiedIO, processor: Processor, threefold: Example
) -> None:
    together = model(processor.collate([threefold]))
    assert list(together) == ["text", "image", "audio"]
    t5 = model.config.t5_config
    sizes = {"text": t5.vocab_size, "image": t5.image_vocab_size, "audio": t5.audio_vocab_size}
    for name, part in together.items():
        assert part.logits.shape[-1] == sizes[name]
        alone = model(processor.collate([only(threefold, name)]))
        assert list(alone) == [name]
        torch.testing.assert_close(counted(part), counted(alone[name]), **CLOSE)


def test_packed_examples_give_the_logits_of_each_alone(
    model: UnifiedIO, processor: Processor, threefold: Example
) -> None:
    seen = processor("What?", image(90, 200, 1), [image(64, 64, 2)], text_target="a tray")
    heard = processor("And this sound there?", audio=waveform(3.0, 1), text_target="b c d e f")
    examples = [seen, threefold, heard, seen]
    packed = model(processor.collate(examples, rows=[0, 0, 1, 1]))
    plain = model(processor.collate(examples))
    for name in ("text", "image", "audio"):
        assert torch.equal(packed[name].loss_mask, plain[name].loss_mask)
        for row in range(4):
            torch.testing.assert_close(
                counted(packed[name], row), counted(plain[name], row), **CLOSE
            )


def test_gradients_of_packed_examples_are_finite(processor: Processor) -> None:
    model = UnifiedIO.synthetic("tiny")
    examples = [processor(t, text_target=t) for t in ("a", "b c d e", "f g")]
    logits = model(processor.collate(examples, rows=[0, 0, 1]))["text"].logits
    logits.square().mean().backward()
    gradients = [p.grad for p in model.decoder.parameters()]
    assert all(g is not None and bool(g.isfinite().all()) for g in gradients)


def test_hidden_targets_are_not_read_with_dynamic_masking(
    model: UnifiedIO, processor: Processor, threefold: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = processor.collate([only(threefold, "image")])
    hidden = torch.zeros(1, 1024, dtype=torch.bool)
    hidden[0, 10:15] = True

    def logits(code: int, dynamic_masking: bool) -> Tensor:
        tokens = torch.full((1, 1024), 50).masked_fill(hidden, code)
        targets = TargetTokens(tokens, torch.ones_like(hidden), hidden)
        monkeypatch.setattr(model.target_embedder("image"), "tokenize", lambda _: targets)
        return model(batch, dynamic_masking=dynamic_masking)["image"].logits[0]

    # position t reads code t - 1
    first, second = logits(60, dynamic_masking=True), logits(70, dynamic_masking=True)
    assert torch.equal(first[:11], second[:11])
    assert not torch.allclose(first[11:16], second[11:16], atol=1e-3)
    torch.testing.assert_close(first[16:], second[16:], **CLOSE)
    first, second = logits(60, dynamic_masking=False), logits(70, dynamic_masking=False)
    assert not torch.allclose(first[16:32], second[16:32], atol=1e-3)


def test_dynamic_masking_without_hidden_targets_changes_nothing(
    model: UnifiedIO, processor: Processor, threefold: Example
) -> None:
    batch = processor.collate([only(threefold, "text")])
    torch.testing.assert_close(
        model(batch, dynamic_masking=True)["text"].logits, model(batch)["text"].logits, **CLOSE
    )


# ---- masks ----


def bools(*rows: str) -> Tensor:
    return torch.tensor([[c == "1" for c in row] for row in rows])


def test_targets_of_different_segments_never_attend_to_each_other() -> None:
    allowed = decoder_mask(torch.tensor([[1, 1, 2, 2]]), bools("1111"))
    assert torch.equal(allowed[0, 0], bools("1000", "1100", "0010", "0011"))


def test_what_is_masked_is_seen_by_itself_only() -> None:
    allowed = decoder_mask(torch.tensor([[1, 1, 1]]), bools("101"))
    assert torch.equal(allowed[0, 0], bools("100", "110", "101"))


def test_hidden_positions_neither_see_nor_are_seen() -> None:
    target = TargetTokens(torch.arange(4)[None], bools("1111"), hidden=bools("0100"))
    assert torch.equal(visible([target]), bools("1101"))
    allowed = decoder_mask(torch.tensor([[1, 1, 1, 1]]), bools("1111"), visible([target]))
    assert torch.equal(allowed[0, 0], bools("1000", "1100", "0010", "1101"))


def test_trailing_padding_is_not_used_and_holes_are() -> None:
    first = TargetTokens(torch.zeros(2, 3), bools("100", "000"))
    second = TargetTokens(torch.zeros(2, 2), bools("01", "10"))
    assert torch.equal(used([first, second]), bools("10011", "00010"))


def test_packing_lays_used_positions_side_by_side_and_back() -> None:
    values = torch.arange(1.0, 10.0).view(3, 3, 1)
    packing = Packing.plan(bools("110", "111", "001"), torch.tensor([1, 0, 1]))
    assert packing.pack(values)[..., 0].where(packing.filled, 0).tolist() == [[4, 5, 6], [1, 2, 9]]
    assert packing.examples.tolist() == [[1, 1, 1], [0, 0, 2]]
    back = packing.unpack(packing.pack(values))[..., 0]
    assert back.tolist() == [[1, 2, 0], [4, 5, 6], [0, 0, 9]]


def test_rows_that_are_not_full_are_padded() -> None:
    packing = Packing.plan(bools("110", "100"), torch.tensor([0, 1]))
    assert packing.examples.tolist() == [[0, 0], [1, NOTHING]]
    allowed = same_segment(packing.examples, packing.examples)
    assert torch.equal(allowed[1, 0], bools("10", "11"))
