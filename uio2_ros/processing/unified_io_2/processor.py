"""From what people, cameras and microphones give to what the model takes (model.md section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from uio2_ros.model.example import Batch, Example, Floats, Ints, PatchInput
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.families.unified_io_2.prompts import BOX, PREFIXES
from uio2_ros.processing import audio as sound
from uio2_ros.processing import image as picture
from uio2_ros.processing import video as moving
from uio2_ros.processing.audio import Samples
from uio2_ros.processing.batch import collate
from uio2_ros.processing.geometry import ImageInfo, checked_region, to_canvas, to_pixels
from uio2_ros.processing.image import Pixels, Source
from uio2_ros.processing.unified_io_2.config import processing_config
from uio2_ros.processing.unified_io_2.tokenizer import Tokenizer
from uio2_ros.robot.errors import InvalidInputError, TokenizerError


@dataclass(frozen=True)
class _Seen:
    """The pictures of an example after preprocessing."""

    image: PatchInput | None = None
    info: ImageInfo | None = None
    history: tuple[PatchInput | None, ...] = ()
    keys: tuple[int | None, ...] = ()


class Processor:
    """Makes examples and batches for the model of `config`; threads may share it at inference.

    Where the configuration asks for fewer patches than a picture has (training), `rng` draws them.
    """

    def __init__(
        self, config: ModelConfig, tokenizer: Tokenizer, *, rng: np.random.Generator | None = None
    ) -> None:
        if tokenizer.vocabulary != config.vocabulary:
            raise TokenizerError(
                f"the tokenizer {tokenizer.path} has {tokenizer.vocabulary.text_pieces} pieces and "
                f"gives {tokenizer.vocabulary}; the model was made for {config.vocabulary}: give "
                "its own tokenizer"
            )
        self.config = processing_config(config)
        self.tokenizer = tokenizer
        self.reads = config.input_modalities
        self._rng = rng or np.random.default_rng()

    def __call__(
        self,
        text: str = "",
        image: Pixels | Source | None = None,
        image_history: Sequence[Pixels | Source | None] = (),
        video: Pixels | Source | None = None,
        audio: Samples | Source | None = None,
        region: Sequence[float] | None = None,
        target: str | None = None,
        text_target: str | None = None,
        image_target: Pixels | Source | None = None,
        audio_target: Samples | Source | None = None,
        *,
        image_history_keys: Sequence[int | None] | None = None,
        audio_rate: int | None = None,
        audio_until_now: bool = False,
        video_frame: int = -1,
        video_sound: bool = True,
    ) -> Example:
        """Preprocess one example.

        text: the prompt without prefix, cut to what the model takes; `{box}` becomes the region.
        image: RGB uint8 (H, W, 3) or a file.
        image_history: older pictures, oldest first, of which the newest that the model takes are
            kept. image_history_keys names them for the engine's cache; None stands for one that
            the engine holds already.
        video: instead of both, RGB uint8 (N, H, W, 3) or a file. Of the frames chosen from it,
            number `video_frame` becomes the image and the others the history. A file's sound is
            used unless `audio` is given or `video_sound` is False.
        audio: mono samples in [-1, 1] at `audio_rate` Hz (None: 16 kHz), a file, or mel segments
            (N, 128, 256). The last segment is the audio input, those before it the history.
            Samples are cut into segments from their start, as in training. With
            `audio_until_now` the last one ends with them and may overlap the one before, so that
            the newest sound is heard however short the rest; what is older than the model takes
            is not heard. Without it, more than the model takes is an error.
        region: x1, y1, x2, y2 in pixels of the image, cut to it.
        target: the modality to generate, text, image or audio; None follows the targets.
        text_target, image_target, audio_target: what it should generate, for training. An image
            target beside an input image is letterboxed with it.

        Raises InvalidInputError for input that is not what it claims to be.
        """
        target = _checked_target(target, text=text_target, image=image_target, audio=audio_target)
        if video is not None:
            seen, heard = self._watch(video, image, image_history, audio, video_frame, video_sound)
        else:
            seen, heard = self._look(image, image_history, image_history_keys), ()
        if audio is not None:
            heard = self._listen(self._heard_mels(audio, audio_rate, until_now=audio_until_now))
        example = Example(
            text=self._prompt(text, target, region, seen.info),
            image=seen.image,
            image_history=seen.history,
            history_keys=seen.keys,
            audio=heard[-1] if heard else None,
            audio_history=heard[:-1],
            image_info=None if seen.info is None else seen.info.to_array(),
            target=target,
        )
        return self.with_targets(example, text_target, image_target, audio_target, audio_rate)

    def with_targets(
        self,
        example: Example,
        text: str | None = None,
        image: Pixels | Source | None = None,
        audio: Samples | Source | None = None,
        audio_rate: int | None = None,
    ) -> Example:
        """The example with what it should generate; see `__call__`."""
        info = None if example.image_info is None else ImageInfo.from_array(example.image_info)
        if text is not None:
            example = replace(example, text_target=self.encode_target(text))
        if image is not None:
            values, mask = self._image_target(picture.read_picture(image, "image_target"), info)
            example = replace(example, image_target=values, image_target_mask=mask)
        if audio is not None:
            segments = self._segments(audio, audio_rate, "audio_target")
            if len(segments) != 1:
                raise InvalidInputError(
                    f"audio_target must fit one segment of {self.config.audio.segment_s} s, "
                    f"got {len(segments)} segments"
                )
            values, mask = sound.segment_target(self._mels(segments)[0], self.config.audio)
            example = replace(example, audio_target=values, audio_target_mask=mask)
        return example

    def collate(
        self,
        examples: Sequence[Example],
        *,
        history_frames: int | None = None,
        rows: Sequence[int] | None = None,
    ) -> Batch:
        """A batch of examples; see `uio2_ros.processing.batch.collate`."""
        return collate(examples, history_frames=history_frames, rows=rows)

    def to_pixels(
        self, values_yx: npt.ArrayLike, image_info: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float64]:
        """Pixels of the original picture from values of location tokens, clipped to the picture.

        values_yx: (..., 2 k) of alternating y and x in [0, 1], points or boxes.
        image_info: the example's.
        """
        return to_pixels(values_yx, ImageInfo.from_array(image_info), self.config.image.size)

    def to_picture(
        self,
        dense: Floats | Pixels,
        image_info: npt.NDArray[np.float32],
        *,
        nearest: bool = False,
    ) -> Floats:
        """A dense output put back on the original picture.

        See `uio2_ros.processing.image.to_picture`; image_info: the example's.
        """
        return picture.to_picture(dense, ImageInfo.from_array(image_info), nearest=nearest)

    def without_region(self, example: Example, box: Sequence[float]) -> Example:
        """The example without the patches whose middle lies in a box of its picture.

        box: x1, y1, x2, y2 in pixels.
        """
        assert example.image is not None
        assert example.image_info is not None
        size, patch = self.config.image.size, self.config.image.patch_size
        x1, y1, x2, y2 = box
        info = ImageInfo.from_array(example.image_info)
        corners = to_canvas((y1, x1, y2, x2), info, size)
        top, left, bottom, right = np.floor(corners * np.tile(np.array(size), 2))
        cells = np.divmod(example.image.positions, size[1] // patch)
        y, x = np.stack(cells) * patch + patch // 2  # (2, P): the middles
        hidden = (top <= y) & (y < bottom) & (left <= x) & (x < right)
        return replace(example, image=replace(example.image, mask=example.image.mask & ~hidden))

    def history_frame(self, pixels: Pixels | Source) -> PatchInput:
        """The patches of one image-history frame."""
        checked = picture.read_picture(pixels, "image_history")
        return picture.picture_input(checked, self.config.image_history, self._rng)[0]

    def history_segment(self, audio: Samples | Source, rate_hz: int | None = None) -> PatchInput:
        """The patches of one segment of the audio history; see `__call__` for `audio`."""
        segments = self._segments(audio, rate_hz, "audio_history")
        if len(segments) != 1:
            raise InvalidInputError(
                f"a segment of the audio history has {self.config.audio.segment_s} s, got "
                f"{len(segments)} segments"
            )
        settings = self.config.audio
        (mel,) = self._mels(segments)
        return sound.segment_input(mel, settings.history_samples, settings, self._rng)

    def encode_target(self, text: str) -> Ints:
        """Ids of a text to generate, cut to what the decoder takes, with the end token."""
        return self._encode(text, self.config.max_target_tokens)

    def _encode(self, text: str, max_tokens: int) -> Ints:
        _check_text(text)
        kept = self.tokenizer.encode(text)[: max_tokens - 1]
        return np.array([*kept, self.tokenizer.end_id], np.int32)

    def _prompt(
        self, text: str, target: str, region: Sequence[float] | None, info: ImageInfo | None
    ) -> Ints:
        _check_text(text)
        if (BOX in text) != (region is not None):
            missing = "region" if BOX in text else f"{BOX} in the text"
            raise InvalidInputError(
                f"{BOX} in the text and region go together; {missing} is missing"
            )
        if region is not None:
            text = text.replace(BOX, self._region_text(region, info))
        return self._encode(PREFIXES[target] + text, self.config.max_text_tokens)

    def _region_text(self, region: Sequence[float], info: ImageInfo | None) -> str:
        """Four location tokens y1 x1 y2 x2."""
        if info is None:
            raise InvalidInputError("region needs the image it lies in; give image= with it")
        box_yxyx = checked_region(region, int(info.height), int(info.width))
        values = to_canvas(box_yxyx, info, self.config.image.size)
        return " ".join(self.tokenizer.location_text(float(value)) for value in values)

    def _look(
        self,
        image: Pixels | Source | None,
        history: Sequence[Pixels | Source | None],
        keys: Sequence[int | None] | None,
    ) -> _Seen:
        keys = (None,) * len(history) if keys is None else tuple(keys)
        if len(keys) != len(history):
            raise InvalidInputError(
                f"image_history_keys names {len(keys)} frames, image_history has {len(history)}"
            )
        newest = max(0, len(history) - self.config.history_frames)
        frames = tuple(
            None if frame is None else self.history_frame(frame) for frame in history[newest:]
        )
        seen = _Seen(history=frames, keys=tuple(keys[newest:]))
        if image is None:
            return seen
        pixels = picture.read_picture(image)
        patches, info = picture.picture_input(pixels, self.config.image, self._rng)
        return replace(seen, image=patches, info=info)

    def _watch(
        self,
        video: Pixels | Source,
        image: Pixels | Source | None,
        history: Sequence[Pixels | Source | None],
        audio: Samples | Source | None,
        video_frame: int,
        video_sound: bool,
    ) -> tuple[_Seen, tuple[PatchInput, ...]]:
        """The pictures and the sound segments of a video."""
        if image is not None or len(history):
            raise InvalidInputError("give either video or image and image_history, not both")
        read = moving.read_video(video, self.config.history_frames + 1)
        frames = list(moving.trim_black_bars(read.frames, self.config.video))
        if not -len(frames) <= video_frame < len(frames):
            raise InvalidInputError(f"video_frame {video_frame} is not one of {len(frames)} frames")
        seen = self._look(frames.pop(video_frame), frames, None)
        if audio is not None or not video_sound or isinstance(video, np.ndarray):
            return seen, ()
        return seen, self._video_sound(video, read)

    def _video_sound(self, video: Source, read: moving.VideoFrames) -> tuple[PatchInput, ...]:
        samples = sound.read_sound_of_video(video, self.config.audio, read.starts_s)
        if samples is None or read.duration_s is None:
            return ()
        windows = moving.sound_windows(
            samples, read.duration_s, len(read.frames), self.config.audio
        )
        return self._listen(sound.mel_spectrogram(windows, self.config.audio))

    def _heard_mels(
        self, audio: Samples | Source, rate_hz: int | None, *, until_now: bool
    ) -> Floats:
        """Mel segments (N, mels, frames) of anything that `audio=` takes."""
        most = self.config.history_frames + 1
        segments = self._segments(audio, rate_hz, "audio", newest=most if until_now else None)
        if len(segments) > most:
            raise InvalidInputError(
                f"audio has {len(segments)} segments of {self.config.audio.segment_s} s, the model "
                f"takes {most}: give the part that matters, or audio_until_now=True to have the "
                "newest part heard"
            )
        return self._mels(segments)

    def _segments(
        self, audio: Samples | Source, rate_hz: int | None, name: str, newest: int | None = None
    ) -> Floats:
        """Segments as mels (N, mels, frames) or samples (N, n), as they were given; with `newest`
        up to so many, of which the last ends with the sound."""
        settings = self.config.audio
        if isinstance(audio, np.ndarray) and audio.ndim == 3:
            mels = sound.checked_mels(audio, settings, name)
            return mels if newest is None else mels[-newest:]
        samples = sound.read_sound(audio, rate_hz, settings, name)
        if newest is not None:
            return sound.segments_until_now(samples, newest, settings)
        return sound.cut_segments(samples, settings)

    def _mels(self, segments: Floats) -> Floats:
        """Mel segments (N, mels, frames) of `_segments`."""
        is_mel = segments.ndim == 3
        return segments if is_mel else sound.mel_spectrogram(segments, self.config.audio)

    def _listen(self, mels: Floats) -> tuple[PatchInput, ...]:
        """Patches of mel segments: the history's, then the audio input's."""
        settings = self.config.audio
        samples = [settings.history_samples] * (len(mels) - 1) + [settings.input_samples]
        return tuple(
            sound.segment_input(mel, count, settings, self._rng)
            for mel, count in zip(mels, samples, strict=True)
        )

    def _image_target(self, pixels: Pixels, info: ImageInfo | None) -> tuple[Floats, Floats]:
        size = self.config.image_target_size
        if info is None:
            return picture.picture_target(pixels, size)
        return picture.dense_target(pixels, info, self.config.image.size, size)


def _check_text(text: str) -> None:
    if not isinstance(text, str):
        raise InvalidInputError(f"text must be a string, got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"text is no Unicode: {error}") from error


def _checked_target(target: str | None, **targets: object) -> str:
    """The modality to generate: as asked, else that of the only target, else text."""
    given = [name for name, value in targets.items() if value is not None]
    if target is None:
        if len(given) > 1:
            raise InvalidInputError(
                f"several targets are given ({', '.join(given)}); say with target= which to prompt "
                "for"
            )
        return given[0] if given else "text"
    if target not in PREFIXES:
        raise InvalidInputError(f"target must be one of {', '.join(PREFIXES)}, got {target!r}")
    if given and target not in given:
        raise InvalidInputError(f"target is {target}, but the target given is {', '.join(given)}")
    return target
