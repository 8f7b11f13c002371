"""Examples to the encoder's output. Letters of shapes: B examples, P patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from uio2_ros.model.example import Example
from uio2_ros.model.families.unified_io_1.network import Encoded, UnifiedIO1
from uio2_ros.processing.audio import Samples
from uio2_ros.processing.batch import collate


class OnePictureEncoder:
    """See `inference.family.ExampleEncoder`; there is no history, so no frame is ever held."""

    def __init__(self, network: UnifiedIO1) -> None:
        self._network = network

    def encode(self, examples: Sequence[Example]) -> Encoded:
        """Patches that are padding in every example are not computed."""
        batch = collate([replace(example, image_info=None) for example in examples])
        batch = batch.to(self._network.device)
        image = batch.image
        if image is None or not image.mask.any():
            return self._network.encode(batch.text)
        dtype = self._network.dtype
        patches = image.patches.to(dtype)
        return self._network.encode(batch.text, patches, image.mask)

    def holds_frame(self, key: int | None) -> bool:
        """Whether a frame of the history is held."""
        del key
        return False

    def precompute_frame(self, key: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Nothing: frames of a history are not looked at."""

    def precompute_segment(self, samples: Samples, rate: int) -> None:
        """Nothing: sound is not heard."""

    def capture(self) -> None:
        """Nothing: it runs kernel by kernel."""

    def forget(self) -> None:
        """Nothing is kept."""
