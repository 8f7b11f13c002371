"""What JPEG, PNG, TIFF and WebP files say of themselves, read without decoding them.

Decoders make room for what a header claims, however little follows, and fill what is missing of a
file that was cut off with grey. So both are looked at before.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from uio2_ros.robot.errors import InvalidInputError

MOST_PIXELS = 2**27
"""The largest picture that is decoded if not said otherwise: 134 million pixels, 400 MB of RGB."""

_PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_TIFF_STARTS = {b"II*\x00": "<", b"MM\x00*": ">"}
_WEBP_START = b"RIFF"
CHECKED_STARTS = (_JPEG_START, _PNG_START, *_TIFF_STARTS, _WEBP_START)
"""What the files that `expect_decodable` looks into begin with."""
_TIFF_TYPES = {3: "H", 4: "I"}
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_SIZELESS_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN = 0xDA


@dataclass(frozen=True)
class PictureHeader:
    """The kind of a file (jpeg, png, tiff or webp) and the size of its picture, pixels."""

    codec: str
    width: int
    height: int


def expect_decodable(data: bytes | memoryview, most_pixels: int = MOST_PIXELS) -> PictureHeader:
    """The header of a file. InvalidInputError for what is none of them, a picture of no pixels or
    more than `most_pixels`, and a JPEG, PNG or WebP that is cut off."""
    header = _header(bytes(data))
    if not 0 < header.width * header.height <= most_pixels:
        raise InvalidInputError(
            f"the {header.codec} claims {header.width} x {header.height} pixels; expected 1 to "
            f"{most_pixels} pixels"
        )
    return header


def _header(data: bytes) -> PictureHeader:
    try:
        if data.startswith(_JPEG_START):
            return _jpeg(data)
        if data.startswith(_PNG_START):
            return _png(data)
        if data[:4] in _TIFF_STARTS:
            return _tiff(data, _TIFF_STARTS[data[:4]])
        if data.startswith(_WEBP_START):
            return _webp(data)
    except (struct.error, IndexError):
        raise InvalidInputError(
            f"the data is truncated: its header does not end in {len(data)} bytes"
        ) from None
    raise InvalidInputError(
        f"{len(data)} bytes are no jpeg, png, tiff or webp; they begin with "
        f"{data[:8].hex() or 'nothing'}"
    )


def _jpeg(data: bytes) -> PictureHeader:
    """Segments of marker and length, up to the first scan; there alone an end can be found, since
    a thumbnail before it has one, too."""
    at, size = 2, None
    while True:
        if data[at] != 0xFF:
            raise InvalidInputError(f"the jpeg is damaged: no marker at byte {at}")
        marker = data[at + 1]
        if marker == 0xFF or marker in _SIZELESS_MARKERS:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = width, height
        at += 2 + length
        if marker == _SCAN:
            break
    if size is None:
        raise InvalidInputError("the jpeg is damaged: it says no size before its pixels")
    if data.find(_JPEG_END, at) < 0:
        raise InvalidInputError(f"the data is truncated: a jpeg of {len(data)} bytes without end")
    return PictureHeader("jpeg", *size)


def _png(data: bytes) -> PictureHeader:
    """Chunks of length, kind, content and checksum up to IEND."""
    width, height = struct.unpack_from(">II", data, 16)
    at = len(_PNG_START)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if kind == b"IEND":
            return PictureHeader("png", width, height)
    raise InvalidInputError(f"the data is truncated: a png of {len(data)} bytes without end")


def _tiff(data: bytes, order: str) -> PictureHeader:
    """The tags of the first picture."""
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    tags = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT) and kind in _TIFF_TYPES:
            (tags[tag],) = struct.unpack_from(f"{order}{_TIFF_TYPES[kind]}", data, entry + 8)
    return PictureHeader("tiff", tags.get(_TIFF_WIDTH, 0), tags.get(_TIFF_HEIGHT, 0))


def _webp(data: bytes) -> PictureHeader:
    """The first chunk of the container: lossy, lossless, or the size of what has more of them."""
    (length,) = struct.unpack_from("<I", data, 4)
    kind = data[8:16]
    if kind == b"WEBPVP8X":
        (wide,), (high,) = (struct.unpack_from("<I", data, at) for at in (24, 26))
        width, height = 1 + (wide & 0xFFFFFF), 1 + (high >> 8)
    elif kind == b"WEBPVP8L":
        (size,) = struct.unpack_from("<I", data, 21)
        width, height = 1 + (size & 0x3FFF), 1 + (size >> 14 & 0x3FFF)
    elif kind == b"WEBPVP8 ":
        wide, high = struct.unpack_from("<HH", data, 26)
        width, height = wide & 0x3FFF, high & 0x3FFF
    else:
        raise InvalidInputError(f"the webp is damaged: its first chunk is {kind[4:]!r}")
    if length + 8 > len(data):
        raise InvalidInputError(f"the data is truncated: {len(data)} of {length + 8} bytes of webp")
    return PictureHeader("webp", width, height)
