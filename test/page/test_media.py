"""Pictures and sound of answers as files."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import soundfile

from uio2_ros.page.media import data_url, png_of, wav_of
from uio2_ros.robot.answer import Picture

PICTURES = (
    Picture("mask", np.full((6, 8), 255, np.uint8)),
    Picture("depth", np.full((6, 8), 1.5, np.float32)),
    Picture("normals", np.tile(np.float32([0, 0, -1]), (6, 8, 1))),
    Picture("generated", np.full((6, 8, 3), (200, 10, 10), np.uint8)),
)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda one: one.role)
def test_every_kind_of_picture_is_a_png_of_its_size(picture: Picture) -> None:
    pixels = cv2.imdecode(np.frombuffer(png_of(picture), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels.shape == (6, 8, 3)


def test_colours_stay_what_they_are() -> None:
    pixels = cv2.imdecode(np.frombuffer(png_of(PICTURES[-1]), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels[0, 0].tolist() == [10, 10, 200]  # OpenCV reads blue first


def test_sound_is_a_wav_that_says_its_rate() -> None:
    samples, rate = soundfile.read(io.BytesIO(wav_of(np.full(1600, 0.5, np.float32))))
    assert (len(samples), rate) == (1600, 16_000)
    assert samples[0] == pytest.approx(0.5, abs=1e-3)


def test_contents_stand_in_the_page_itself() -> None:
    assert data_url("image/png", b"abc") == "data:image/png;base64,YWJj"
