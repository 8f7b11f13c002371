"""What was encoded lately is not encoded again, and gives the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from synthetic_inputs import image, waveform

from uio2_ros.inference import Engine
from uio2_ros.robot.errors import InvalidInputError


@pytest.fixture
def fresh(engine):
    """The engine's model with nothing encoded yet."""
    return Engine(engine.model, engine.processor)


@pytest.fixture
def passes(fresh):
    """How often each part of the model ran."""
    counted = {}

    def count(module, name):
        counted[name] = 0

        def run(*_):
            counted[name] += 1

        return module.register_forward_hook(run)

    embedders = fresh.model.input_embedders
    handles = [
        count(embedders["image"].vit, "picture"),
        count(embedders["audio"].vit, "sound"),
        count(fresh.model.encoder, "encoder"),
    ]
    yield counted
    for handle in handles:
        handle.remove()


def test_instructions_on_one_picture_share_its_features(engine, fresh, passes):
    make, seen = fresh.processor, image(480, 640, 1)
    examples = [make(text, seen.copy()) for text in ("What is it?", "Where is it?")]
    kept = [fresh.encode(one) for one in examples]
    assert passes == {"picture": 1, "sound": 0, "encoder": 2}
    for got, example in zip(kept, examples, strict=True):
        alone = Engine(engine.model, engine.processor).encode(example)
        torch.testing.assert_close(got.hidden, alone.hidden, rtol=0, atol=0)


def test_another_picture_is_looked_at(fresh, passes):
    for seed in (1, 2):
        fresh.encode(fresh.processor("What is it?", image(480, 640, seed)))
    assert passes["picture"] == 2


def test_sound_that_was_heard_is_not_heard_again(fresh, passes):
    for text in ("Who speaks?", "What is said?"):
        fresh.encode(fresh.processor(text, audio=waveform(8.2, 1)))
    assert passes["sound"] == 2  # the newest segment and the one before it


def test_an_instruction_repeated_on_the_same_input_is_not_encoded_again(fresh, passes):
    make = fresh.processor
    first, again = (fresh.encode(make("Go.", image(480, 640, 1))) for _ in range(2))
    assert passes["encoder"] == 1
    with torch.inference_mode():
        assert fresh.model.remember(first) is fresh.model.remember(again)
    fresh.encode(make("Stop.", image(480, 640, 1)))
    assert passes["encoder"] == 2


def test_decoding_leaves_what_is_kept_as_it_is(fresh):
    example = fresh.processor("Go.", image(480, 640, 1))
    first, again = (fresh.generate([example])[0].tokens for _ in range(2))
    assert first == again


def test_a_segment_that_was_over_before_the_instruction_is_not_encoded_again(fresh, passes):
    sound = waveform(14.0, 5)
    for number in range(3):
        fresh.precompute_segment(sound[number * 65280 : (number + 1) * 65280])
    assert passes["sound"] == 3
    example = fresh.processor("What is to be heard?", audio=sound, audio_until_now=True)
    assert len(example.audio_history) == 3
    kept = fresh.encode(example).hidden
    assert passes["sound"] == 4, "what is heard last is encoded at the instruction"
    fresh.forget()
    torch.testing.assert_close(fresh.encode(example).hidden, kept)
    assert passes["sound"] == 8


def test_silence_is_not_encoded_in_advance(fresh, passes):
    fresh.precompute_segment(np.zeros(65280, np.float32))
    assert passes["sound"] == 0


def test_more_than_a_segment_is_refused(fresh):
    with pytest.raises(InvalidInputError, match="got 2 segments"):
        fresh.precompute_segment(waveform(8.2, 1))
