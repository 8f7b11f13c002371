"""Examples from what people, cameras and microphones give."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_inputs import image, waveform

from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.processing.audio import cut_segments, mel_spectrogram, segments_until_now
from uio2_ros.robot.errors import InvalidInputError, TokenizerError

SEGMENT_S = 4.08


@pytest.mark.parametrize("modality", ["text", "image", "audio"])
def test_the_prefix_names_the_modality_to_generate(
    processor: Processor, tokenizer: Tokenizer, modality: str
) -> None:
    example = processor(text="a red mug", target=modality)
    assert example.target == modality
    assert example.text[-1] == tokenizer.end_id
    assert tokenizer.decode(example.text) == f"[{modality.capitalize()}] [S] a red mug"


def test_absent_modalities_are_absent(processor: Processor) -> None:
    example = processor(text="hello")
    assert example.image is example.audio is example.image_info is None
    assert example.image_history == example.audio_history == example.history_keys == ()


def test_a_long_prompt_is_cut_and_ended(processor: Processor, tokenizer: Tokenizer) -> None:
    example = processor(text="mug " * 2000, text_target="mug " * 2000)
    assert example.text.shape == (512,)
    assert example.text[-1] == tokenizer.end_id
    assert example.text_target is not None
    assert example.text_target.shape == (512,)
    assert example.text_target[-1] == tokenizer.end_id


def test_golden_boxes_in_prompts(processor: Processor, golden: Callable[[str], Any]) -> None:
    for case in golden("tasks.json")["box_prompts"]:
        example = processor(
            text="What is in {box} ?",
            image=image(480, 640, 1),
            region=case["box_xyxy"],
        )
        assert example.text.tolist() == case["token_ids"]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 900),
    st.integers(2, 900),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_a_region_returns_within_one_bin(
    processor: Processor, tokenizer: Tokenizer, height: int, width: int, corners: list[float]
) -> None:
    x1, x2 = sorted((corners[0] * width, corners[1] * width))
    y1, y2 = sorted((corners[2] * height, corners[3] * height))
    if x2 - x1 < 1 or y2 - y1 < 1:
        return
    example = processor(
        text="{box}", image=np.zeros((height, width, 3), np.uint8), region=[x1, y1, x2, y2]
    )
    values = [tokenizer.location_value(int(token)) for token in example.text[1:5]]
    assert example.image_info is not None
    returned = processor.to_pixels(values, example.image_info)
    np.testing.assert_allclose(
        returned, [y1, x1, y2, x2], atol=max(height, width) * (1 / 999 + 1e-5) + 1e-3
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9))
def test_the_newest_history_frames_are_kept_oldest_first(processor: Processor, given: int) -> None:
    frames = [np.full((2, 2, 3), 20 * number, np.uint8) for number in range(given)]
    example = processor(image_history=frames, image_history_keys=range(given))
    kept = range(max(0, given - 4), given)
    assert example.history_keys == tuple(kept)
    assert len(example.image_history) == len(kept)
    for number, frame in zip(kept, example.image_history, strict=True):
        np.testing.assert_array_equal(
            frame.patches, processor.history_frame(frames[number]).patches
        )


@pytest.mark.parametrize(
    ("seconds", "segments"), [(3.0, 1), (4.1, 1), (4.3, 2), (6.5, 2), (40.0, 5)]
)
def test_audio_until_now_ends_with_its_last_segment(
    processor: Processor, seconds: float, segments: int
) -> None:
    sound = waveform(seconds, 3)
    example = processor(audio=sound, audio_until_now=True)
    assert 1 + len(example.audio_history) == segments
    newest = processor(audio=sound[-65280:])
    assert example.audio is not None
    assert newest.audio is not None
    np.testing.assert_array_equal(example.audio.patches, newest.audio.patches)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30 * 16000), st.integers(0, 4 * 65280))
def test_older_segments_are_the_same_when_more_was_heard(
    processor: Processor, samples: int, more: int
) -> None:
    sound = waveform(48.0, 3)
    before = processor(audio=sound[:samples], audio_until_now=True).audio_history
    after = processor(audio=sound[: samples + more], audio_until_now=True).audio_history
    known = {segment.patches.tobytes() for segment in before}
    new = [segment for segment in after if segment.patches.tobytes() not in known]
    assert len(new) <= -(-more // 65280)
    for number, segment in enumerate(reversed(after)):
        cut = (samples + more - 65280 - 1600 - 1) // 65280 - number
        alone = processor.history_segment(sound[cut * 65280 : (cut + 1) * 65280])
        np.testing.assert_array_equal(segment.patches, alone.patches)


@pytest.mark.parametrize("rest_s", [0.05, 0.3, 2.0, 4.0])
def test_no_sound_of_the_last_segments_is_unheard(processor: Processor, rest_s: float) -> None:
    clicks = np.zeros(int((3 * SEGMENT_S + rest_s) * 16000), np.float32)
    clicks[8000::16000] = 0.5
    segments = segments_until_now(clicks, 5, processor.config.audio)
    heard = np.flatnonzero(segments[:-1].reshape(-1))  # their places are those in the sound
    newest = len(clicks) - 65280 + np.flatnonzero(segments[-1])
    assert set(heard) | set(newest) == set(np.flatnonzero(clicks))


def test_a_segment_of_the_history_is_one_segment(processor: Processor) -> None:
    with pytest.raises(InvalidInputError, match=r"history has 4\.08 s, got 2 segments"):
        processor.history_segment(waveform(8.16, 1))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8))
def test_the_newest_audio_segments_are_kept(processor: Processor, segments: int) -> None:
    sound = waveform(segments * SEGMENT_S, 1)
    example = processor(audio=sound, audio_until_now=True)
    assert example.audio is not None
    assert len(example.audio_history) == min(segments, 5) - 1
    newest = processor(audio=sound[-65280:])
    assert newest.audio is not None
    np.testing.assert_array_equal(example.audio.patches, newest.audio.patches)


def test_audio_longer_than_the_history_holds_is_an_error_unless_the_newest_is_asked_for(
    processor: Processor,
) -> None:
    processor(audio=waveform(5 * SEGMENT_S, 1))
    sound = waveform(5 * SEGMENT_S + 3.0, 1)
    settings = processor.config.audio
    for audio in (sound, mel_spectrogram(cut_segments(sound, settings), settings)):
        with pytest.raises(InvalidInputError, match=r"6 segments of 4\.08 s, the model takes 5: "):
            processor(audio=audio)
        assert len(processor(audio=audio, audio_until_now=True).audio_history) == 4


def test_mel_segments_give_what_their_samples_give(processor: Processor) -> None:
    sound = waveform(2 * SEGMENT_S, 2)
    settings = processor.config.audio
    mels = mel_spectrogram(cut_segments(sound, settings), settings)
    from_mels, from_samples = processor(audio=mels), processor(audio=sound)
    assert from_mels.audio is not None
    assert from_samples.audio is not None
    np.testing.assert_array_equal(from_mels.audio.patches, from_samples.audio.patches)


def test_sound_of_another_rate_is_resampled(processor: Processor) -> None:
    example = processor(audio=waveform(1.0, 0, rate=44100), audio_rate=44100)
    expected = processor(audio=waveform(1.0, 0))
    assert example.audio is not None
    assert expected.audio is not None
    assert example.audio.mask.sum() == expected.audio.mask.sum()


def test_targets_are_preprocessed(processor: Processor, tokenizer: Tokenizer) -> None:
    text = processor(text="a", text_target="red mug")
    assert text.target == "text"
    assert text.text_target is not None
    assert tokenizer.decode(text.text_target) == "red mug"
    picture = processor(text="a", image_target=image(60, 80))
    assert picture.target == "image"
    assert picture.image_target is not None
    assert picture.image_target.shape == (256, 256, 3)
    sound = processor(text="a", audio_target=waveform(SEGMENT_S, 5))
    assert sound.target == "audio"
    assert sound.audio_target is not None
    assert sound.audio_target.shape == (256, 128)


def test_an_image_target_is_letterboxed_with_its_image(processor: Processor) -> None:
    pixels = image(480, 640)
    alone = processor(image_target=pixels).image_target
    together = processor(image=pixels, image_target=pixels).image_target
    assert alone is not None
    assert together is not None
    assert not np.array_equal(alone, together)
    levels = together * 255
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-3)


def test_several_targets_need_a_choice(processor: Processor) -> None:
    with pytest.raises(InvalidInputError, match="several targets"):
        processor(text_target="mug", audio_target=waveform(1.0))
    example = processor(text_target="mug", audio_target=waveform(1.0), target="audio")
    assert example.text_target is not None
    assert example.audio_target is not None
    assert example.target == "audio"


def test_files_are_taken_as_arrays_are(processor: Processor, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    assert cv2.imwrite(str(path), image(48, 64)[..., ::-1])
    from_file, from_array = processor(image=path), processor(image=image(48, 64))
    assert from_file.image is not None
    assert from_array.image is not None
    np.testing.assert_array_equal(from_file.image.patches, from_array.image.patches)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"text": 3}, "text must be a string, got int"),
        ({"text": "What is at {box}?", "image": image(4, 4)}, "region is missing"),
        ({"text": "What?", "image": image(4, 4), "region": [0, 0, 1, 1]}, "{box}"),
        ({"text": "At {box}?", "region": [0, 0, 1, 1]}, "needs the image"),
        ({"text": "At {box}?", "image": image(4, 4), "region": [9, 9, 11, 11]}, "outside"),
        ({"target": "video"}, "text, image, audio"),
        ({"target": "image", "text_target": "mug"}, "target is image"),
        ({"image": np.zeros((4, 4, 4), np.uint8)}, "image must be RGB"),
        ({"image_history": [np.zeros((4, 4), np.uint8)]}, "image_history must be RGB"),
        ({"image_history": [image(4, 4)], "image_history_keys": [1, 2]}, "names 2 frames"),
        ({"image_target": np.zeros((4, 4), np.uint8)}, "image_target must be RGB"),
        ({"audio": np.full(9, np.nan, np.float32)}, "audio holds NaN"),
        ({"audio": np.zeros(0, np.float32)}, "audio is empty"),
        ({"audio_target": waveform(9.0)}, "one segment of 4.08 s, got 2"),
    ],
)
def test_bad_input_is_named(processor: Processor, arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        processor(**arguments)


def test_a_tokenizer_of_another_size_is_refused(
    model_config: ModelConfig, train_sentencepiece: Callable[..., Path]
) -> None:
    other = Tokenizer(train_sentencepiece())
    with pytest.raises(TokenizerError, match=r"300 pieces .* made for .*text_pieces=32000"):
        Processor(model_config, other)


def test_a_small_vocabulary_is_written_in_the_configuration(
    model_config: ModelConfig, train_sentencepiece: Callable[..., Path]
) -> None:
    data = model_config.to_dict()
    data["t5_config"]["vocab_size"] = 512
    data["vocabulary"] = {"text_pieces": 300, "extra_ids": 120, "location_bins": 100}
    config = ModelConfig.load(data)
    assert config.vocabulary.size == 300 + 120 + 16 + 2 + 7
    processor = Processor(config, Tokenizer(train_sentencepiece(), config.vocabulary))
    assert processor.tokenizer.vocab_size == config.vocabulary.size
    example = processor("go to {box}", image(64, 64), region=[0, 0, 64, 64])
    text = processor.tokenizer.decode(example.text)
    assert text == "[Text] [S] go to <extra_id_20> <extra_id_20> <extra_id_119> <extra_id_119>"
    with pytest.raises(ValueError, match="vocab_size 444 is too small for the 445 pieces"):
        ModelConfig.load({**data, "t5_config": {**data["t5_config"], "vocab_size": 444}})


def test_the_home_directory_may_be_written_as_a_tilde(
    processor: Processor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cv2.imwrite(str(tmp_path / "mug.png"), image(48, 64))
    soundfile.write(tmp_path / "bell.wav", waveform(1.0, 1), 16000)
    example = processor("go", image="~/mug.png", audio="~/bell.wav")
    assert example.image is not None
    assert example.audio is not None


def test_text_that_is_no_unicode_is_refused(processor: Processor) -> None:
    with pytest.raises(InvalidInputError, match="text is no Unicode"):
        processor("\ud83d")


def test_sizes_come_from_the_configuration(model_config: ModelConfig, tokenizer: Tokenizer) -> None:
    data = json.loads(json.dumps(model_config.to_dict()))
    data["t5_config"] |= {"default_image_vit_size": [192, 192], "encoder_max_text_length": 6}
    data["sequence_length"] |= {"image_input_samples": 100, "num_frames": 2}
    small = Processor(ModelConfig.load(data), tokenizer, rng=np.random.default_rng(1))
    example = small(text="a " * 50, image=image(48, 64), image_history=[image(4, 4)] * 5)
    assert example.image is not None
    assert example.image.patches.shape == (100, 768)
    assert example.image.positions.max() < 144
    assert len(example.image_history) == 2
    assert example.text.shape == (6,)
