"""Prompts and pictures as examples for Unified-IO 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from uio2_ros.model.example import Example, Ints, PatchInput
from uio2_ros.model.families.unified_io_1.config import UnifiedIO1Config
from uio2_ros.processing.config import PictureSettings
from uio2_ros.processing.geometry import ImageInfo, checked_region
from uio2_ros.processing.image import Source, read_picture
from uio2_ros.processing.unified_io_1 import pictures
from uio2_ros.processing.unified_io_1.pictures import Floats, Pixels
from uio2_ros.processing.unified_io_1.tokenizer import T5Tokenizer
from uio2_ros.robot.errors import InvalidInputError

BOX = "{box}"
TARGETS = ("text", "image")


@dataclass(frozen=True)
class UnifiedIO1Limits:
    """What examples may hold; see `inference.family.Limits`."""

    image: PictureSettings
    max_text_tokens: int
    max_target_tokens: int
    audio: None = None


class UnifiedIO1Processor:
    """Makes examples for the model of `config`; threads may share it."""

    reads = ("text", "image")

    def __init__(self, config: UnifiedIO1Config, tokenizer: T5Tokenizer) -> None:
        model = config.model
        needed = tokenizer.vocab_size + 1  # the start of a picture is the last row before the codes
        if needed > model.vocab_size:
            raise ValueError(
                f"the tokenizer {tokenizer.path} has {tokenizer.vocab_size} pieces, the model only "
                f"{model.vocab_size} embeddings; give the tokenizer of this model"
            )
        self.tokenizer = tokenizer
        self.config = UnifiedIO1Limits(
            image=PictureSettings(
                model.default_image_size,
                model.image_patch_size,
                model.encoder_max_image_length,
                tuple(map(float, pictures.MEAN)),  # type: ignore[arg-type]
                tuple(map(float, pictures.STD)),  # type: ignore[arg-type]
            ),
            max_text_tokens=model.encoder_max_text_length,
            max_target_tokens=model.decoder_max_text_length,
        )

    def __call__(
        self,
        text: str = "",
        image: Pixels | Source | None = None,
        image_history: Sequence[object] = (),
        *,
        audio: object = None,
        region: Sequence[float] | None = None,
        target: str | None = None,
        image_history_keys: Sequence[int | None] | None = None,
        audio_rate: int | None = None,
        audio_until_now: bool = False,
    ) -> Example:
        """One example. `{box}` in the text becomes the region, x1 y1 x2 y2 in pixels of the image.

        InvalidInputError for broken input, and for sound and older pictures, which this family
        does not take.
        """
        del image_history_keys, audio_rate, audio_until_now  # of what is refused
        if len(image_history):
            raise InvalidInputError("Unified-IO 1 takes one picture, no older ones; leave them out")
        if audio is not None:
            raise InvalidInputError("Unified-IO 1 takes no sound; leave it out")
        if target not in (None, *TARGETS):
            raise InvalidInputError(f"Unified-IO 1 writes {' and '.join(TARGETS)}, not {target!r}")
        seen, info = (None, None) if image is None else self._look(read_picture(image))
        return Example(
            text=self._prompt(text, region, info),
            image=seen,
            image_info=None if info is None else info.to_array(),
            target=target or "text",
        )

    def without_region(self, example: Example, box: Sequence[float]) -> Example:
        """The example without the patches whose first pixel lies in a box x1 y1 x2 y2, pixels."""
        assert example.image is not None
        assert example.image_info is not None
        info = ImageInfo.from_array(example.image_info)
        shape = (int(info.height), int(info.width))
        side, patch = self.config.image.size[0], self.config.image.patch_size
        shown = pictures.without_region(np.ones((side, side), np.bool_), tuple(box), shape)
        mask = example.image.mask & shown[::patch, ::patch].reshape(-1)[example.image.positions]
        return replace(example, image=replace(example.image, mask=mask))

    def to_pixels(
        self, values_yx: npt.ArrayLike, image_info: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float64]:
        """Pixels of the original picture of locations (..., 2 k) in [0, 1], y before x, clipped."""
        info = ImageInfo.from_array(image_info)
        values = np.asarray(values_yx, np.float64) * max(info.height, info.width)
        limits = np.resize([info.height, info.width], values.shape[-1])
        clipped: npt.NDArray[np.float64] = np.clip(values, 0, limits)
        return clipped

    def to_picture(
        self, dense: Floats | Pixels, image_info: npt.NDArray[np.float32], *, nearest: bool = False
    ) -> Floats:
        """A dense output put back on the original picture, (H, W, ...) in [0, 1]."""
        info = ImageInfo.from_array(image_info)
        return pictures.to_picture(dense, (int(info.height), int(info.width)), nearest=nearest)

    def _look(self, pixels: Pixels) -> tuple[PatchInput, ImageInfo]:
        settings = self.config.image
        side, (height, width) = settings.size[0], pixels.shape[:2]
        canvas, mask = pictures.fit(pixels, side)
        patches, shown = pictures.to_patches(pictures.normalized(canvas), mask, settings.patch_size)
        scaled = pictures.scaled_shape(height, width, side)
        info = ImageInfo(0, 0, max(height, width) / side, height, width, 0, 0, 0, 0, *scaled)
        return PatchInput(patches, shown, np.arange(len(patches), dtype=np.int32)), info

    def _prompt(self, text: str, region: Sequence[float] | None, info: ImageInfo | None) -> Ints:
        if not isinstance(text, str):
            raise InvalidInputError(f"text must be a string, got {type(text).__name__}")
        if (BOX in text) != (region is not None):
            raise InvalidInputError(f"{BOX} in the text and region go together; one is missing")
        if region is not None:
            text = text.replace(BOX, self._region_text(region, info))
        kept = self.tokenizer.encode(text)[: self.config.max_text_tokens - 1]
        return np.array([*kept, self.tokenizer.end_id], np.int32)

    def _region_text(self, region: Sequence[float], info: ImageInfo | None) -> str:
        """Four location tokens y1 x1 y2 x2, of the longer side."""
        if info is None:
            raise InvalidInputError("region needs the image it lies in; give image= with it")
        box_yxyx = checked_region(region, int(info.height), int(info.width))
        longer = max(info.height, info.width)
        return " ".join(self.tokenizer.location_text(float(value / longer)) for value in box_yxyx)
