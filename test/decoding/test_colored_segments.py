"""Masks as the picture that a picture is made of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from uio2_ros.decoding.colored_segments import COLORS, colored_segments
from uio2_ros.decoding.instance_masks import instance_masks

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "uio1" / "tasks.json").read_text())


def squares(count: int, size: int = 64) -> list[np.ndarray]:
    masks = []
    for number in range(count):
        mask = np.zeros((size, size), bool)
        mask[2:12, 14 * number + 2 : 14 * number + 12] = True
        masks.append(mask)
    return masks


def test_colours_and_names_are_the_originals_but_that_white_is_white() -> None:
    assert [name for name, _ in COLORS] == GOLDEN["color_names"]
    assert [list(color) for _, color in COLORS[1:]] == GOLDEN["colors"][1:]
    assert COLORS[0][1] == (255, 255, 255)


def test_the_text_is_that_of_the_originals_prompt() -> None:
    _, text = colored_segments(squares(3), ["penguin", "rock", "sea"])
    prompts = {call["task"]: call["prompt"] for call in GOLDEN["calls"]}
    assert f'"{" " + text + " "}"' in prompts["segmentation_based_generation"]


def test_what_is_painted_is_read_again_in_its_order() -> None:
    masks = squares(4)
    picture, _ = colored_segments(masks, ["a", "b", "c", "d"])
    assert np.array_equal(instance_masks(picture), masks)


def test_later_masks_cover_earlier_ones_and_the_rest_is_black() -> None:
    first, second = np.zeros((2, 4, 6), np.uint8)
    first[:, :4], second[:, 3:5] = 255, 1
    picture, _ = colored_segments([first, second], ["cup", "table"])
    assert picture[0].tolist() == [[255] * 3] * 3 + [[255, 0, 0]] * 2 + [[0] * 3]


@pytest.mark.parametrize(
    ("masks", "labels", "said"),
    [
        ([], [], "1 to 16 masks"),
        (squares(1), ["a", "b"], "1 masks and 2 labels"),
        ([np.zeros((4, 4))] * 17, ["x"] * 17, "got 17 masks"),
        ([np.zeros((4, 4)), np.zeros((4, 5))], ["a", "b"], r"\(4, 5\)"),
        ([np.zeros((4, 4, 3))], ["a"], r"\(4, 4, 3\)"),
    ],
)
def test_what_cannot_be_painted_is_refused(masks: list, labels: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        colored_segments(masks, labels)
