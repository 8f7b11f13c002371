import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from uio2_ros.decoding import CanvasPlacement
from uio2_ros.processing.geometry import letterbox, to_pixels

CANVAS = (384, 384)


@given(st.integers(8, 4000), st.integers(8, 4000), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_a_letterboxed_picture_is_where_boxes_are_placed(height, width, y, x):
    assume(max(height, width) < 100 * min(height, width))
    info = letterbox(height, width, CANVAS)
    placement = CanvasPlacement.of(lambda values: to_pixels(values, info, CANVAS), height)
    mapped = placement.pixels_from(np.array([y, x]))
    clipped = np.clip(mapped, 0, [height, width])
    assert clipped == pytest.approx(to_pixels([y, x], info, CANVAS), abs=1e-6 * max(height, width))


def test_fractions_and_pixels_are_inverse():
    placement = CanvasPlacement(-80.0, 10.0, 640.0, 600.0, 480.0)
    there = placement.pixels_from(np.array([[0.1, 0.9], [-0.1, 1.1]]))
    assert there[0] == pytest.approx([-16.0, 550.0])
    assert placement.fractions_from(there) == pytest.approx(np.array([[0.1, 0.9], [-0.1, 1.1]]))


def test_a_crop_is_moved_into_the_larger_picture():
    moved = CanvasPlacement.whole(100, 200).within(30, 40)
    assert moved == CanvasPlacement(30.0, 40.0, 100, 200, 100)


@pytest.mark.parametrize(("height", "width"), [(8, 3781), (3781, 8), (1, 384)])
def test_pictures_that_are_lines_on_the_canvas_are_refused(height, width):
    info = letterbox(height, width, CANVAS)
    with pytest.raises(ValueError, match="too narrow to be placed"):
        CanvasPlacement.of(lambda values: to_pixels(values, info, CANVAS), height)
