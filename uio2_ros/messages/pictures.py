"""Pictures of an answer as sensor_msgs/Image: depth by REP 118, masks as one image of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import LabelInfo, VisionClass

from uio2_ros.messages.byte_array import byte_array
from uio2_ros.robot.answer import Picture

MOST_MASKS = 254
"""Labels 1 to 254 of a mono8 image; 0 is the background, and 255 is vision_msgs' UNLABELED."""
BACKGROUND = "background"
MILLIMETRES_PER_METRE = 1000.0
LARGEST_MILLIMETRES = 65535

_IMAGE_ENCODINGS = {
    (np.dtype(np.uint8), 1): "mono8",
    (np.dtype(np.uint16), 1): "16UC1",
    (np.dtype(np.uint8), 3): "rgb8",
    (np.dtype(np.float32), 1): "32FC1",
    (np.dtype(np.float32), 3): "32FC3",
}


def image_message(pixels: npt.NDArray[Any], header: Header) -> Image:
    """An Image of (H, W) or (H, W, 3) pixels: uint8 (mono or RGB), float32, or uint16 (H, W).

    ValueError for others.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    encoding = _IMAGE_ENCODINGS.get((pixels.dtype, channels))
    if encoding is None:
        raise ValueError(
            f"pixels of shape {pixels.shape} and type {pixels.dtype}; expected (H, W) or (H, W, 3)"
            ", uint8 or float32, or uint16 (H, W)"
        )
    height, width = pixels.shape[:2]
    step = width * channels * pixels.itemsize
    message = Image(header=header, height=height, width=width, encoding=encoding, step=step)
    message.data = byte_array(pixels)  # given to Image() it would be copied once more
    return message


def picture_message(picture: Picture, header: Header) -> Image:
    """A picture as it is, but that unknown depth is NaN."""
    if picture.role == "depth":
        return depth_message(picture.pixels, header)
    return image_message(picture.pixels, header)


def depth_message(metres: npt.NDArray[Any], header: Header, *, millimetres: bool = False) -> Image:
    """Depth (H, W) along the optical axis by REP 118: 32FC1 metres, or 16UC1 millimetres.

    Where there is none (0, negative or not finite) the former says NaN and the latter 0, as it also
    does beyond 65.535 m.
    """
    if millimetres:
        return image_message(to_millimetres(metres), header)
    known = np.isfinite(metres) & (metres > 0)
    return image_message(np.where(known, metres, np.float32(np.nan)), header)


def to_millimetres(metres: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """Depth (H, W) as whole millimetres, 0 where it is unknown or beyond 65.535 m."""
    known = np.isfinite(metres) & (metres > 0)
    rounded = np.rint(np.where(known, metres, 0) * MILLIMETRES_PER_METRE)
    rounded[rounded > LARGEST_MILLIMETRES] = 0
    return rounded.astype(np.uint16)


def label_image(masks: Sequence[Picture]) -> npt.NDArray[np.uint8]:
    """One (H, W) image of masks of one size: k where the k-th mask is, counted from 1, else 0.

    Where masks overlap, that of the higher score is seen, of equal ones the later. ValueError for
    more than `MOST_MASKS`, for none, and for masks of several sizes.
    """
    sizes = {mask.pixels.shape for mask in masks}
    if len(sizes) != 1 or len(masks) > MOST_MASKS:
        raise ValueError(
            f"{len(masks)} masks of the sizes {sorted(sizes)}; expected 1 to {MOST_MASKS} of one"
        )
    labels = np.zeros(sizes.pop(), np.uint8)
    for number in sorted(range(len(masks)), key=lambda number: masks[number].score):
        labels[masks[number].pixels > 0] = number + 1
    return labels


def label_info(masks: Sequence[Picture], header: Header) -> LabelInfo:
    """What the numbers of a `label_image` mean; the threshold is the lowest of the scores."""
    names = [BACKGROUND, *(mask.label for mask in masks)]
    return LabelInfo(
        header=header,
        class_map=[VisionClass(class_id=k, class_name=name) for k, name in enumerate(names)],
        threshold=min((mask.score for mask in masks), default=0.0),
    )
