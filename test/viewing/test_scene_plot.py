"""Scenes are drawn without a display, and what stands where can be seen."""

from __future__ import annotations

import numpy as np
import pytest

from uio2_ros.viewing.scene import Scene
from uio2_ros.viewing.scene_plot import VIEWS, View, render
from uio2_ros.viewing.shapes import Dots, Label, Line, box, dots

RED, GREEN = (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0)
SIZE = (400, 300)


def center_of(pixels: np.ndarray, color: tuple[float, ...]) -> tuple[float, float]:
    """x and y of the pixels of a colour."""
    hits = (pixels == np.round(np.array(color[:3]) * 255)).all(axis=2)
    rows, columns = np.nonzero(hits)
    assert len(rows), "nothing of that colour"
    return float(columns.mean()), float(rows.mean())


def two_balls(first: tuple[float, float, float], second: tuple[float, float, float]) -> Scene:
    balls = [
        dots(np.array([place]), color, 0.1) for place, color in ((first, RED), (second, GREEN))
    ]
    return Scene("base_link", tuple(balls))


def test_up_is_up_and_left_is_left() -> None:
    pixels = render(None, [two_balls((0, 0, 1), (0, 0, 0))], SIZE, VIEWS["behind"])
    assert pixels.shape == (300, 400, 3)
    assert center_of(pixels, RED)[1] < center_of(pixels, GREEN)[1]
    pixels = render(None, [two_balls((0, 1, 0), (0, -1, 0))], SIZE, View(0, 180))
    assert center_of(pixels, RED)[0] < center_of(pixels, GREEN)[0]


def test_from_above_ahead_is_up() -> None:
    pixels = render(None, [two_balls((1, 0, 0), (0, 0, 0))], SIZE, VIEWS["top"])
    assert center_of(pixels, RED)[1] < center_of(pixels, GREEN)[1]


def test_what_is_near_hides_what_is_far() -> None:
    wall = box(np.diag((1.0, 1.0, 1.0, 1.0)), (0.1, 1, 1), RED)
    ball = dots(np.array([(1.0, 0.0, 0.0)]), GREEN, 0.1)
    scene = Scene("base_link", (ball, wall))
    hidden = render(None, [scene], SIZE, View(0, 180))
    assert not (hidden == (0, 255, 0)).all(axis=2).any()
    assert (render(None, [scene], SIZE, View(0, 0)) == (0, 255, 0)).all(axis=2).any()


def test_picture_stands_on_the_left_and_scenes_beside_it() -> None:
    picture = np.full((48, 64, 3), (0, 0, 255), np.uint8)
    scene = two_balls((0, 0, 1), (0, 0, 0))
    pixels = render(picture, [scene, scene], (900, 300), VIEWS["behind"])
    assert center_of(pixels, (0, 0, 1))[0] < 300
    assert center_of(pixels, RED)[0] > 300
    alone = render(picture, [], (900, 300), VIEWS["behind"])
    assert center_of(alone, (0, 0, 1))[0] == pytest.approx(450, abs=5)


def test_every_shape_is_drawn() -> None:
    shapes = (
        Line(np.array([(0.0, 0, 0), (1, 1, 1)]), RED),
        Dots(np.zeros((2, 3)), np.tile(GREEN, (2, 1)), 0.05),
        Label(np.zeros((1, 3)), "$ a label that is no formula _{", RED),
        box(np.eye(4), (0.1, 0.1, 0.1), RED),
    )
    pixels = render(None, [Scene("base_link", shapes)], SIZE, VIEWS["left"])
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="neither a picture nor a scene"):
        render(None, [], SIZE, VIEWS["behind"])
