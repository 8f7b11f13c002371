"""Pictures and sound: exact lengths, samples, seeds, guidance, vocoders, requests refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synthetic_inputs import image, step_noise
from torch import Tensor

from uio2_ros.inference import (
    AUDIO_SAMPLING,
    IMAGE_SAMPLING,
    Engine,
    Generation,
    Sampling,
)
from uio2_ros.inference.families.unified_io_2 import UnifiedIO2
from uio2_ros.inference.vocoder import HiFiGAN
from uio2_ros.model import ModelConfig, UnifiedIO
from uio2_ros.model.families.unified_io_2.prompts import NEGATIVE_PROMPTS
from uio2_ros.processing import Example, Processor

PIXELS, CODES = 64, 64  # pictures of 64 x 64 pixels have 8 x 8 codes


@pytest.fixture(scope="module")
def engine(engine: Engine) -> Engine:
    """An engine of the tiny model with pictures and sounds of few tokens."""
    data = ModelConfig.load("tiny").to_dict()
    data["t5_config"]["default_image_size"] = [PIXELS, PIXELS]
    data["image_vqgan"]["default_input_size"] = [PIXELS, PIXELS]
    model = UnifiedIO.synthetic(data)
    return Engine(model, Processor(model.config, engine.tokenizer))


@pytest.fixture(scope="module")
def mug(engine: Engine) -> Example:
    return engine.processor("a red mug", target="image")


@pytest.fixture(scope="module")
def depth(engine: Engine) -> Example:
    return engine.processor("What is the depth map?", image(90, 120, 1), target="image")


def tokens(generations: list[Generation]) -> list[list[int]]:
    return [generation.tokens for generation in generations]


SEEDED = Sampling(top_p=0.9, seed=5)


def test_a_picture_has_exactly_as_many_tokens_as_codes(engine: Engine, mug: Example) -> None:
    def wants_to_end(_: Tensor, scores: Tensor) -> Tensor:
        return scores.index_fill(1, torch.tensor([1]), 100.0)

    sampling = Sampling(logits_processors=[wants_to_end])
    (generation,) = engine.generate([mug], "image", sampling)
    assert generation.tokens == [1] * CODES
    assert generation.image is not None
    assert generation.image.shape == (PIXELS, PIXELS, 3)


def test_tokens_beyond_the_codebook_are_clipped(engine: Engine, mug: Example) -> None:
    def force(token: int) -> Sampling:
        return Sampling(
            logits_processors=[lambda _, s: s.index_fill(1, torch.tensor([token]), 100.0)]
        )

    pictures = [engine.generate([mug], "image", force(t))[0].image for t in (16511, 16385, 0, 2)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    np.testing.assert_array_equal(pictures[2], pictures[3])


def test_a_batch_of_pictures_equals_single_runs(
    engine: Engine, mug: Example, depth: Example
) -> None:
    examples = [mug, depth]
    together = engine.generate(examples, "image", SEEDED)
    alone = [engine.generate([example], "image", SEEDED)[0] for example in examples]
    assert tokens(together) == tokens(alone)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
    assert together[0].tokens != together[1].tokens


def test_guided_batches_equal_single_runs(engine: Engine, mug: Example, depth: Example) -> None:
    sampling = dataclasses.replace(IMAGE_SAMPLING, seed=3)
    negative = [engine.processor(NEGATIVE_PROMPTS["image"], target="image")]
    together = engine.generate([mug, depth], "image", sampling, negative=negative)
    alone = [engine.generate([e], "image", sampling, negative=negative)[0] for e in (mug, depth)]
    assert tokens(together) == tokens(alone)


def test_examples_can_have_their_own_seeds(engine: Engine, mug: Example) -> None:
    seeds = dataclasses.replace(SEEDED, seed=(1, 2, 1))
    first, second, third = tokens(engine.generate([mug] * 3, "image", seeds))
    assert first == third != second


def test_samples_of_a_prompt_differ_and_can_be_repeated_alone(
    engine: Engine, mug: Example, depth: Example
) -> None:
    both = tokens(engine.generate([mug, depth], "image", SEEDED, samples=2))
    single = [
        tokens(engine.generate([e], "image", dataclasses.replace(SEEDED, seed=5 + k)))[0]
        for e in (mug, depth)
        for k in range(2)
    ]
    assert both == single
    assert len({tuple(row) for row in both}) == 4


def test_guided_samples_follow_their_own_example(
    engine: Engine, mug: Example, depth: Example
) -> None:
    sampling = dataclasses.replace(SEEDED, guidance_scale=2.0)
    negative = [engine.processor("Nothing.", target="image")]
    both = engine.generate([mug, depth], "image", sampling, negative=negative, samples=2)
    single = engine.generate([depth], "image", sampling, negative=negative, samples=2)
    assert tokens(both)[2:] == tokens(single)


def test_by_default_pictures_are_guided_away_from_a_random_picture(
    engine: Engine, mug: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Sampling(top_p=0.9, guidance_scale=10.0) == IMAGE_SAMPLING
    seeded = dataclasses.replace(IMAGE_SAMPLING, seed=1)
    negative = engine.processor("An image of a random picture.", target="image")
    explicit = engine.generate([mug], "image", seeded, negative=[negative])
    monkeypatch.setitem(UnifiedIO2.defaults.sampling, "image", seeded)
    assert tokens(engine.generate([mug], "image")) == tokens(explicit)
    unguided = dataclasses.replace(seeded, guidance_scale=None)
    assert tokens(engine.generate([mug], "image", unguided)) != tokens(explicit)


def test_audio_is_sampled_without_guidance_by_default() -> None:
    assert Sampling(top_p=0.9) == AUDIO_SAMPLING
    assert NEGATIVE_PROMPTS["audio"] == "A video of a random audio."


def test_repetition_penalty_brings_variety(engine: Engine, mug: Example) -> None:
    def variety(penalty: float) -> int:
        sampling = Sampling(repetition_penalty=penalty)
        return len(set(engine.generate([mug], "image", sampling)[0].tokens))

    assert variety(1e6) == CODES > variety(1.0)


def test_low_precision_codecs_make_pictures(engine: Engine, mug: Example) -> None:
    model = UnifiedIO.synthetic(engine.model.config)
    model.get_submodule("target_embedders.image.vqgan").to(torch.bfloat16)
    low = Engine(model, engine.processor)
    picture = low.generate([mug], "image", Sampling())[0].image
    exact = engine.generate([mug], "image", Sampling())[0].image
    assert picture is not None
    assert exact is not None
    assert abs(picture.astype(float) - exact).mean() < 10


class Recorded:
    """A vocoder that tells what it was given."""

    def waveform(self, spectrogram: np.ndarray) -> np.ndarray:
        self.seen = spectrogram
        return np.ones(7, np.float32)


def noisy(tokens: Tensor, scores: Tensor) -> Tensor:
    return scores + torch.from_numpy(step_noise(tokens.shape[1] - 1, scores.shape[1]))


def test_a_batch_of_sounds_equals_single_runs(engine: Engine) -> None:
    """Of a text alone, and of a text and a picture."""
    speaking = Engine(engine.model, engine.processor, vocoder=Recorded())
    make = speaking.processor
    examples = [make("a bell", target="audio"), make("it", image(90, 120, 1), target="audio")]
    together = speaking.generate(examples, "audio", SEEDED)
    alone = [speaking.generate([example], "audio", SEEDED)[0] for example in examples]
    assert tokens(together) == tokens(alone)
    assert together[0].tokens != together[1].tokens


def test_a_vocoder_of_the_user_s_is_heard(engine: Engine) -> None:
    vocoder = Recorded()
    speaking = Engine(engine.model, engine.processor, vocoder=vocoder)
    example = speaking.processor("a bell", target="audio")
    (generation,) = speaking.generate([example], "audio", Sampling(logits_processors=[noisy]))
    assert len(generation.tokens) == 512
    assert vocoder.seen is generation.spectrogram
    np.testing.assert_array_equal(generation.audio, np.ones(7))


def test_hifigan_weights_are_read_from_their_file(engine: Engine, tmp_path: Path) -> None:
    settings = engine.processor.config.audio
    torch.save({"generator": HiFiGAN(settings).state_dict()}, tmp_path / "g_00000001")
    Engine(engine.model, engine.processor, vocoder=tmp_path / "g_00000001")
    with pytest.raises(FileNotFoundError, match="no HiFi-GAN checkpoint"):
        Engine(engine.model, engine.processor, vocoder=tmp_path / "missing")


def test_refused_requests(engine: Engine, mug: Example) -> None:
    text = engine.processor("Go.")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"sampling": Sampling(max_new_tokens=63)}, "a whole image has 64 tokens: max_new_tokens"),
        ({"sampling": Sampling(max_new_tokens=65)}, "max_new_tokens must be <= 64"),
        ({"sampling": Sampling(beams=2)}, "beams search for texts: draw pictures"),
        ({"sampling": Sampling(), "stop": lambda _: True}, "stop ends texts only"),
        ({"sampling": Sampling(guidance_scale=1.0)}, "needs negative examples"),
        ({"sampling": Sampling(), "negative": [mug]}, "need a guidance_scale"),
        ({"negative": [text]}, "asks for text, the call for image"),
        ({"sampling": SEEDED, "samples": 0}, "samples must be >= 1"),
        ({"sampling": Sampling(), "samples": 2}, "2 samples of a greedy generation are all the"),
        (
            {"sampling": dataclasses.replace(SEEDED, seed=(1, 2, 3)), "samples": 2},
            "3 seeds were given for 2 examples",
        ),
    ]
    for request, message in cases:
        with pytest.raises(ValueError, match=message):
            engine.generate([mug], "image", **request)
