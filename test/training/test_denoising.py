"""Denoisers: what is seen and what is to be written make up the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.inference.families.unified_io_2 import SYNTHETIC_TOKENIZER
from uio2_ros.model import ModelConfig
from uio2_ros.model.example import Example, PatchInput
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.training.denoising import (
    UL2,
    Denoiser,
    PrefixDenoiser,
    SpanDenoiser,
    denoised_picture,
    denoised_text,
    hide_spans,
    with_dropped_guidance,
)

SENTINELS = list(range(1000, 1200))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(SYNTHETIC_TOKENIZER)


@settings(max_examples=100)
@given(
    st.integers(2, 600),
    st.sampled_from([one for one in UL2 if isinstance(one, SpanDenoiser)]),
    st.integers(0, 2**31),
)
def test_spans_and_what_is_left_make_up_the_text(
    count: int, denoiser: SpanDenoiser, seed: int
) -> None:
    tokens = list(range(count))
    seen, wanted = hide_spans(tokens, denoiser, SENTINELS, np.random.default_rng(seed))
    assert seen[0] == 0  # a kept part comes first
    spans: dict[int, list[int]] = {}
    for token in wanted:
        if token >= 1000:
            spans[token] = []
        else:
            spans[max(spans)].append(token)
    assert list(spans) == SENTINELS[: len(spans)]
    whole = [t for token in seen for t in (spans[token] if token >= 1000 else [token])]
    assert whole == tokens
    hidden = sum(map(len, spans.values()))
    assert hidden == np.clip(round(denoiser.rate * count), 1, count - 1)


def test_the_prefix_says_which_denoiser_it_is(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("the red cube is in the blue bowl on the table")
    bare = Example(np.zeros(1, np.int32))
    for denoiser in (SpanDenoiser("X", 3, 0.5), PrefixDenoiser()):
        rng = np.random.default_rng(0)
        example = denoised_text(bare, tokens, tokenizer, rng, (denoiser,))
        assert example.text[0] == tokenizer.encode(f"[Text] [{denoiser.paradigm}]")[0]
        assert example.text[-1] == tokenizer.end_id
        assert example.text_target is not None
        assert example.text_target[-1] == tokenizer.end_id


def test_the_end_of_a_text_follows_its_beginning(tokenizer: Tokenizer) -> None:
    tokens = list(range(5, 45))
    bare, rng = Example(np.zeros(1, np.int32)), np.random.default_rng(1)
    example = denoised_text(bare, tokens, tokenizer, rng, (PrefixDenoiser(),))
    assert example.text_target is not None
    assert [*example.text[1:-1], *example.text_target[:-1]] == tokens


def test_patches_that_are_gone_are_hidden_in_the_target(tokenizer: Tokenizer) -> None:
    patches = PatchInput(
        np.zeros((16, 3), np.float32), np.ones(16, np.bool_), np.arange(16, dtype=np.int32)
    )
    text = np.array(tokenizer.encode("[Image] [S] the whole"), np.int32)
    whole = Example(
        text, image=patches, image_target=np.zeros((8, 8, 3), np.float32), target="image"
    )
    rng = np.random.default_rng(0)
    example = denoised_picture(whole, tokenizer, rng, patch=16, canvas=64)
    assert example.image is not None
    assert example.image_target_hidden is not None
    shown = set(example.image.positions.tolist())
    cells = example.image_target_hidden[::2, ::2]  # 8 target pixels for 4 patches
    assert {n for n, gone in enumerate(cells.ravel().tolist()) if not gone} == shown
    assert 4 <= len(shown) <= 8
    assert example.text[0] == tokenizer.encode("[Image] [R]")[0]


@pytest.mark.parametrize("seed", range(6))
def test_a_moment_is_restored_from_what_is_left_of_it(tokenizer: Tokenizer, seed: int) -> None:
    processor = Processor(ModelConfig.load("tiny"), tokenizer)
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    sound = np.random.default_rng(0).uniform(-1, 1, 30000).astype(np.float32)
    seen = Observation(image=Frame(pixels, 0), audio=sound)
    denoiser = Denoiser(processor, ("text", "image", "audio"))
    example = denoiser.example(seen, "the red cube is in the bowl", np.random.default_rng(seed))
    assert example is not None
    targets = {"text": example.text_target, "image": example.image_target}
    targets["audio"] = example.audio_target
    assert [name for name, target in targets.items() if target is not None] == [example.target]
    if example.target == "image" and example.image is not None:
        assert example.image_target_hidden is not None
        assert len(example.image.positions) < 576
    assert len(example.text) > 2 or example.image is not None or example.audio is not None


def test_where_nothing_can_be_restored_there_is_no_example(tokenizer: Tokenizer) -> None:
    processor = Processor(ModelConfig.load("tiny"), tokenizer)
    denoiser = Denoiser(processor, ("text",))
    assert denoiser.example(Observation(), "", np.random.default_rng(0)) is None


def test_a_tenth_of_the_prompts_of_pictures_is_neutral() -> None:
    prompt, neutral = np.array([7], np.int32), np.array([8], np.int32)
    example = Example(prompt, image_target=np.zeros((8, 8, 3), np.float32), target="image")
    rng = np.random.default_rng(0)
    dropped = [with_dropped_guidance(example, neutral, rng).text[0] == 8 for _ in range(1000)]
    assert 70 <= sum(dropped) <= 130
