import json
from pathlib import Path

import numpy as np
import pytest

from uio2_ros.decoding import COCO_17, named_points, parse_keypoints
from uio2_ros.processing.geometry import letterbox, to_pixels

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tasks.json").read_text())


def test_released_keypoint_text_gives_the_released_points(tokenizer):
    wanted = GOLDEN["keypoints"]
    points = parse_keypoints(tokenizer, tokenizer.encode(wanted["text"]))
    canvas = (384, 384)
    info = letterbox(*wanted["shape"], canvas)
    pixels_yx = to_pixels([(point.y, point.x) for point in points], info, canvas)
    assert tuple(point.name for point in points) == COCO_17
    assert np.allclose(pixels_yx[:, ::-1], np.array(wanted["points_xyv"])[:, :2], atol=1e-3)


def test_unknown_names_and_other_rows_are_passed_over(words, boxes_text):
    tokens = boxes_text(0.0, 0.0, "cup", 0.0, 1.0, "nose", 0.0, 0.0, 0.0, "left eye")
    assert [point.name for point in parse_keypoints(words, tokens)] == ["nose"]


def test_of_a_repeated_name_the_first_counts(words, boxes_text):
    tokens = boxes_text(0.0, 1.0, "nose", 1.0, 0.0, "nose")
    (nose,) = parse_keypoints(words, tokens)
    assert (nose.y, nose.x) == (0.0, 1.0)


def test_joints_that_are_named_as_missing_are_no_points(tokenizer):
    text = (
        "MISSING nose <extra_id_300> <extra_id_400> left eye MISSING right eye MISSING left ear "
        "<extra_id_500> <extra_id_600> right ear"
    )
    points = parse_keypoints(tokenizer, tokenizer.encode(text))
    assert [point.name for point in points] == ["left eye", "right ear"]


def test_other_sets_of_names_can_be_read(words, boxes_text):
    (point,) = parse_keypoints(words, boxes_text(0.0, 1.0, "cup"), names=("cup",))
    assert point.name == "cup"


def test_points_are_called_as_the_set_calls_them(tokenizer):
    text = "<extra_id_300> <extra_id_400> left Gripper Tip"
    (point,) = parse_keypoints(tokenizer, tokenizer.encode(text), names=("Left gripper tip",))
    assert point.name == "Left gripper tip"


@pytest.mark.parametrize("names", [("handle", "Spout", "left hinge"), ("tip",)])
def test_any_set_of_names_is_written_and_read(tokenizer_symbols, write, names):
    tokens = write(named_points(tokenizer_symbols, names), 4)
    points = parse_keypoints(tokenizer_symbols.vocabulary, tokens, names)
    assert tuple(point.name for point in points) == names


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ((), "at least one name, got none"),
        (("tip", " "), "made of plain words, got ' '"),
        (("tip ",), "made of plain words, got 'tip '"),
        (("tip {}",), "made of plain words"),
        (("<extra_id_300>",), "made of plain words"),
        (("tip", "Tip"), "'tip' is given twice"),
    ],
)
def test_names_that_cannot_be_told_apart_or_written_are_refused(tokenizer_symbols, names, problem):
    with pytest.raises(ValueError, match=problem):
        named_points(tokenizer_symbols, names)
