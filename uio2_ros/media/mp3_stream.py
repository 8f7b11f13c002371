"""MP3 that comes in pieces, cut anywhere, to samples. Needs PyAV."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uio2_ros.media.films import import_av
from uio2_ros.robot.errors import InvalidInputError

_ID3 = b"ID3"
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""Layer III by the header's version bits (ISO 11172-3, 13818-3, and MPEG 2.5)."""
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_VERSION_1 = 3
LONGEST_TAG = 2**16
"""Bytes without sound that may come before it."""
MOST_BAD_FRAMES = 3
"""A first frame may be a tag, or the rest of one."""


def looks_like_mp3(data: bytes) -> bool:
    """Whether bytes begin a file with a tag, or are whole frames of MP3 and nothing else."""
    if data.startswith(_ID3):
        return True
    at = 0
    while at < len(data):
        size = _frame_bytes(data[at : at + 4])
        if not size:
            return False
        at += size
    return 0 < at == len(data)


def _frame_bytes(header: bytes) -> int:
    """How long a frame of Layer III is by its header; 0 for what is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, rate, kbits = header[1] >> 3 & 3, header[2] >> 2 & 3, header[2] >> 4
    if version not in _RATES_HZ or rate > 2 or not 0 < kbits < len(_KBITS_1):
        return 0
    bits = (_KBITS_1 if version == _VERSION_1 else _KBITS_2)[kbits] * 1000
    samples = 1152 if version == _VERSION_1 else 576
    return samples // 8 * bits // _RATES_HZ[version][rate] + (header[2] >> 1 & 1)


class Mp3Stream:
    """One stream. One thread."""

    def __init__(self) -> None:
        """InvalidInputError where PyAV is not installed."""
        self._av = import_av("decoding MP3")
        self._codec = self._av.CodecContext.create("mp3float", "r")
        self._silent = 0  # frames that could not be decoded since the last that could
        self._unused = 0  # bytes since then

    def decode(self, data: bytes) -> tuple[npt.NDArray[np.float32], int]:
        """The samples (n, 1), mono, that are complete now, n may be 0, and their rate.

        InvalidInputError where nothing of what came since the last sound could be decoded.
        """
        parts: list[npt.NDArray[np.float32]] = []
        rate_hz = 0
        for packet in self._codec.parse(data):
            try:
                frames = self._codec.decode(packet)
            except self._av.FFmpegError as problem:
                self._expect_some(problem)
                continue
            for frame in frames:
                if frame.sample_rate != rate_hz:  # another stream begins
                    parts, rate_hz = [], int(frame.sample_rate)
                parts.append(frame.to_ndarray().mean(axis=0))
        if not parts:
            self._unused += len(data)
            if self._unused > LONGEST_TAG:
                raise InvalidInputError(f"the sound is no MP3: no frame in {self._unused} bytes")
            return np.zeros((0, 1), np.float32), 0
        self._silent = self._unused = 0
        return np.concatenate(parts).astype(np.float32, copy=False)[:, np.newaxis], rate_hz

    def _expect_some(self, problem: Exception) -> None:
        self._silent += 1
        if self._silent > MOST_BAD_FRAMES:
            raise InvalidInputError(f"the sound is no MP3: {problem}") from problem
