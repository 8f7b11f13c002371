"""Examples to batches."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_inputs import image, waveform

from uio2_ros.processing import Processor, collate
from uio2_ros.robot.errors import InvalidInputError


def test_text_is_padded_on_the_right(processor: Processor) -> None:
    short, long = processor(text="mug"), processor(text="the red mug on the tray")
    batch = collate([short, long])
    assert batch.text.shape == batch.text_mask.shape == (2, len(long.text))
    assert batch.text.dtype == torch.int64
    assert batch.text_mask.sum(dim=1).tolist() == [len(short.text), len(long.text)]
    assert batch.text[0, : len(short.text)].tolist() == short.text.tolist()
    assert not batch.text[0, len(short.text) :].any()
    assert batch.examples == (short, long)


def test_modalities_that_no_example_has_are_none(processor: Processor) -> None:
    batch = processor.collate([processor(text="mug")])
    assert batch.image is batch.image_history is batch.audio is batch.audio_history is None
    assert batch.text_target is batch.image_target is batch.audio_target is None


def test_an_absent_picture_is_masked(processor: Processor) -> None:
    batch = collate([processor(text="mug"), processor(text="mug", image=image(48, 64))])
    assert batch.image is not None
    assert batch.image.patches.shape == (2, 576, 768)
    assert batch.image.mask.any(dim=1).tolist() == [False, True]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_shorter_histories_are_padded_with_masked_frames(
    processor: Processor, lengths: list[int]
) -> None:
    frame = image(4, 4)
    batch = collate([processor(image_history=[frame] * length) for length in lengths])
    if max(lengths) == 0:
        assert batch.image_history is None
        return
    assert batch.image_history is not None
    assert batch.image_history.patches.shape == (len(lengths), max(lengths), 256, 768)
    assert batch.image_history.mask.any(dim=2).sum(dim=1).tolist() == lengths


def test_histories_can_have_a_fixed_length(processor: Processor) -> None:
    example = processor(image_history=[image(4, 4)], audio=waveform(8.16))
    batch = collate([example], history_frames=4)
    assert batch.image_history is not None
    assert batch.audio_history is not None
    assert batch.image_history.mask.any(dim=2).tolist() == [[True, False, False, False]]
    assert batch.audio_history.patches.shape == (1, 4, 128, 256)


def test_a_history_longer_than_asked_is_refused(processor: Processor) -> None:
    with pytest.raises(InvalidInputError, match="more than history_frames=1"):
        collate([processor(image_history=[image(4, 4)] * 2)], history_frames=1)


def test_targets_are_stacked_and_absent_ones_zero(processor: Processor) -> None:
    batch = collate(
        [processor(text="a", text_target="the red mug"), processor(image_target=image(48, 64))]
    )
    assert batch.text_target is not None
    assert batch.image_target is not None
    assert batch.image_target_mask is not None
    assert not batch.text_target[1].any()
    assert batch.image_target.shape == (2, 256, 256, 3)
    assert batch.image_target_mask.any(dim=2).any(dim=1).tolist() == [False, True]
    assert batch.audio_target is None


def test_a_batch_moves_to_a_device_as_a_whole(processor: Processor) -> None:
    example = processor(text="mug", image=image(48, 64), audio=waveform(5.0), text_target="mug")
    moved = collate([example]).to("meta")
    assert moved.image is not None
    assert moved.audio is not None
    for tensor in (moved.text, moved.text_target, moved.image.patches, moved.audio.mask):
        assert tensor is not None
        assert tensor.is_meta
    assert moved.examples == (example,)


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least one"):
        collate([])


def test_hidden_parts_of_targets_are_stacked(processor: Processor) -> None:
    hidden = np.zeros((256, 256), np.bool_)
    hidden[:128] = True
    plain = processor("a", image_target=image(256, 256, 1))
    batch = collate([plain, dataclasses.replace(plain, image_target_hidden=hidden)])
    assert batch.image_target_hidden is not None
    assert batch.image_target_hidden.sum((1, 2)).tolist() == [0, 128 * 256]
    assert collate([plain]).image_target_hidden is None
    wrong = dataclasses.replace(plain, image_target_hidden=hidden[:10])
    with pytest.raises(InvalidInputError, match=r"\(10, 256\)\] do not fit targets"):
        collate([wrong])


def test_rows_say_which_examples_are_packed(processor: Processor) -> None:
    examples = [processor("a")] * 3
    assert collate(examples).rows is None
    batch = collate(examples, rows=[0, 1, 0])
    assert batch.rows is not None
    assert batch.rows.tolist() == [0, 1, 0]
    for rows in ([0, 1], [0, 2, 2], [-1, 0, 1], []):
        with pytest.raises(InvalidInputError, match="counted from 0 without gaps"):
            collate(examples, rows=rows)


def test_examples_of_different_processors_are_no_batch(processor: Processor) -> None:
    example = processor("a", image_target=image(256, 256, 1))
    assert example.image_target is not None
    assert example.image_target_mask is not None
    other = dataclasses.replace(
        example,
        image_target=example.image_target[:192],
        image_target_mask=example.image_target_mask[:192],
    )
    with pytest.raises(InvalidInputError, match=r"targets of shapes .* cannot be one batch"):
        collate([example, other])
