import json
from pathlib import Path

import numpy as np

from uio2_ros.decoding import COCO_17, parse_keypoints
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


def test_other_sets_of_names_can_be_read(words, boxes_text):
    (point,) = parse_keypoints(words, boxes_text(0.0, 1.0, "cup"), names=("cup",))
    assert point.name == "cup"
