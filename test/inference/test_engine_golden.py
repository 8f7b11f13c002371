"""Generations and scores of the released code, token for token."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from synthetic_inputs import image, step_noise
from torch import Tensor

from uio2_ros.inference import Engine, LogitsProcessor, Sampling
from uio2_ros.processing import Example

SCORES, ACTIVATIONS = 1e-3, 2e-3  # tolerances, absolute
CODES = 0.005  # share of generated codes that may differ: ties
KEYPOINTS = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder",
    "left elbow", "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee",
    "right knee", "left ankle", "right ankle",
)  # fmt: skip


def fixed_length(tokens: np.ndarray, *processors: LogitsProcessor) -> Sampling:
    """Greedy for as many tokens as a golden sequence has beyond its start token."""
    count = len(tokens) - 1
    return Sampling(max_new_tokens=count, min_new_tokens=count, logits_processors=processors)


def with_noise(tokens: Tensor, scores: Tensor) -> Tensor:
    return scores + torch.from_numpy(step_noise(tokens.shape[1] - 1, scores.shape[1]))


def differing(tokens: Any, expected: np.ndarray) -> float:
    """The share of tokens that differ."""
    assert len(tokens) == len(expected)
    return float((np.asarray(tokens) != expected).mean())


def only(scores: Tensor, allowed: range) -> Tensor:
    kept = torch.full_like(scores, -10000.0)
    kept[:, allowed.start : allowed.stop] = scores[:, allowed.start : allowed.stop]
    return kept


def forced_locations(locations: range, threshold: float) -> LogitsProcessor:
    """Only locations remain where together they exceed a probability."""

    def process(_: Tensor, scores: Tensor) -> Tensor:
        total = scores.softmax(-1)[:, locations.start : locations.stop].sum(-1, keepdim=True)
        return torch.where(total > threshold, only(scores, locations), scores)

    return process


def forced_part_names(encode: Callable[[str], list[int]], locations: range) -> LogitsProcessor:
    """Two locations and a part name, for every keypoint in turn, then the end."""
    script: list[int | None] = []
    for part in KEYPOINTS:
        script += [None, None, *encode(part)]
    script.append(1)

    def process(tokens: Tensor, scores: Tensor) -> Tensor:
        wanted = script[tokens.shape[1] - 1]
        if wanted is None:
            return only(scores, locations)
        return only(scores + 1000.0, range(wanted, wanted + 1))

    return process


@pytest.mark.parametrize(("name", "processors"), [("greedy", ()), ("noisy", (with_noise,))])
def test_generation_is_that_of_the_released_code(
    engine: Engine, five_modalities: Example, golden: Any, name: str, processors: Any
) -> None:
    expected = golden("text")[name]
    sampling = fixed_length(expected, *processors)
    (generation,) = engine.generate([five_modalities], sampling=sampling)
    assert [0, *generation.tokens] == expected.tolist()
    assert generation.text == engine.tokenizer.decode(generation.tokens)


def test_beam_search_is_that_of_the_released_code(
    engine: Engine, five_modalities: Example, golden: Any
) -> None:
    expected = golden("text")["beam3"]
    sampling = dataclasses.replace(fixed_length(expected), beams=3)
    (generation,) = engine.generate([five_modalities], sampling=sampling)
    assert [0, *generation.tokens] == expected.tolist()


def test_a_generated_picture_is_that_of_the_released_code(engine: Engine, golden: Any) -> None:
    expected = golden("image_target")
    example = engine.processor("a red mug", target="image")
    sampling = Sampling(logits_processors=[with_noise])
    (generation,) = engine.generate([example], "image", sampling)
    assert differing([0, *generation.tokens], expected["noisy"]) <= CODES
    assert generation.image is not None
    assert generation.image.shape == (256, 256, 3)
    assert generation.image.dtype == np.uint8
    # rounded to bytes
    np.testing.assert_allclose(
        generation.image[::8, ::8] / 255, expected["noisy_image"], atol=0.5 / 255 + ACTIVATIONS
    )
    assert generation.text is generation.audio is generation.spectrogram is None


def test_guided_codes_are_those_of_the_released_code(engine: Engine, golden: Any) -> None:
    example = engine.processor("a red mug", target="image")
    negative = engine.processor("An image of a random picture.", target="image")
    sampling = Sampling(guidance_scale=3.0, logits_processors=[with_noise])
    (generation,) = engine.generate([example], "image", sampling, negative=[negative])
    codes = np.array(generation.tokens) - 2
    assert differing(codes, golden("image_target")["guided_codes"]) <= CODES


def test_a_generated_sound_is_that_of_the_released_code(engine: Engine, golden: Any) -> None:
    expected = golden("audio_target")
    example = engine.processor("a bell", target="audio")
    sampling = Sampling(logits_processors=[with_noise])
    (generation,) = engine.generate([example], "audio", sampling)
    assert differing([0, *generation.tokens], expected["noisy"]) <= CODES
    assert generation.spectrogram is not None
    assert generation.spectrogram.shape == (128, 256)
    np.testing.assert_allclose(
        generation.spectrogram[::4, ::4], expected["noisy_spectrogram"], atol=ACTIVATIONS
    )
    assert generation.audio is not None
    assert generation.audio.dtype == np.float32
    assert generation.audio.shape == (255 * 256,)
    assert abs(generation.audio).max() > 0
    assert generation.text is generation.image is None


def test_forced_locations_are_those_of_the_released_code(
    engine: Engine, five_modalities: Example, golden: Any
) -> None:
    expected = golden("text")["boxes_forced"]
    # untrained weights give all locations 0.03 together
    processor = forced_locations(engine.tokenizer.location_ids, threshold=0.02)
    sampling = fixed_length(expected, processor)
    (generation,) = engine.generate([five_modalities], sampling=sampling)
    assert [0, *generation.tokens] == expected.tolist()


def test_forced_keypoints_are_those_of_the_released_code(engine: Engine, golden: Any) -> None:
    expected = golden("keypoints_forced")["tokens"].tolist()
    prompt = 'Find the visible human joints in the region " {box} ".'
    example = engine.processor(prompt, image(480, 640, 1), region=(120, 40, 360, 400))
    tokenizer = engine.tokenizer
    processor = forced_part_names(tokenizer.encode, tokenizer.location_ids)
    sampling = Sampling(max_new_tokens=128, logits_processors=[processor])
    (generation,) = engine.generate([example], sampling=sampling)
    assert [0, *generation.tokens, 1] == expected


@pytest.mark.parametrize(
    ("reduction", "name"), [("mean", "option_scores"), ("sum", "option_scores_sum")]
)
def test_option_scores_are_those_of_the_released_code(
    engine: Engine, five_modalities: Example, golden: Any, reduction: str, name: str
) -> None:
    scores = engine.score(five_modalities, ["mug", "a green apple", "tray"], reduction)
    np.testing.assert_allclose(scores, golden("text")[name], atol=SCORES)
