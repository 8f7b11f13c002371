import math
from dataclasses import replace

import numpy as np
import pytest

from uio2_ros.decoding import CuboidCodec, free_form
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.tasks import Frame, Instruction
from uio2_ros.tasks.builtin.cuboids import TASK

CAMERA = CameraModel(640, 480, fx=600.0, fy=600.0, cx=320.0, cy=240.0)
CODEC = CuboidCodec()


def bins_of(*numbers):
    return [
        math.floor((number - ends.low) / (ends.high - ends.low) * 999 + 1e-9)
        for number, ends in zip(numbers, CODEC.ranges, strict=True)
    ]


MIDDLE = bins_of(0.5, 0.5, 0.005, *np.log1p([0.5, 1.0, 2.0]), 1, 0, 0, 0, 1, 0)
"""width 0.5 m, height 1 m, length 2 m, about 6 m ahead, not turned"""
LEFT = bins_of(0.5, 0.25, 0.003, *np.log1p([0.3, 0.3, 0.3]), 0, 0, -1, 0, 1, 0)


@pytest.fixture
def seen(observation):
    return replace(observation, camera=CAMERA)


def run(runner, observation, **fields):
    return runner.run(Instruction("", "cuboids", **fields), observation)


def failure(runner, observation, **fields):
    with pytest.raises(InstructionError) as problem:
        run(runner, observation, **fields)
    return problem.value


def test_objects_are_boxes_in_metres_of_the_optical_frame(runner, engine, seen, locations):
    engine.script = [f"{locations(*MIDDLE)} low table {locations(*LEFT)} mug"]
    answer = run(runner, seen)
    assert engine.prompts == [TASK.prompt().text]
    assert answer.text == "low table, mug"
    table, mug = answer.cuboids
    # virtual depth 0.005 of 1000 m, times f / H = 600 / 480
    assert table.center == pytest.approx((0.0, 0.0, 6.25), abs=0.15)
    assert table.size == pytest.approx((2.0, 1.0, 0.5), rel=0.02)  # length, height, width
    assert table.quaternion_wxyz == pytest.approx((1, 0, 0, 0), abs=0.01)
    assert table.score > 0.99
    # the canvas is 640 pixels of the picture wide: a quarter of it lies 160 from its middle
    x, y, z = mug.center
    assert (x / z, y / z) == pytest.approx((-160 / 600, 0.0), abs=0.003)


def test_a_turn_about_the_vertical_is_seen_from_the_object(runner, engine, seen, locations):
    """Allocentric: the tokens say a quarter turn, the ray to the mug adds its own angle."""
    engine.script = [f"{locations(*LEFT)} mug"]
    w, x, y, z = run(runner, seen).cuboids[0].quaternion_wxyz
    turned = 2 * math.atan2(y, w)
    assert turned == pytest.approx(math.pi / 2 + math.atan2(-160, 600), abs=0.01)
    assert (x, z) == pytest.approx((0, 0), abs=0.01)


def test_detections_are_what_the_boxes_cover_of_the_picture(runner, engine, seen, locations):
    engine.script = [f"{locations(*MIDDLE)} low table"]
    (found,) = run(runner, seen).detections
    near = 6.25 - 0.25
    across, down = 600 * 1.0 / near, 600 * 0.5 / near
    box = found.box
    assert (box.x1, box.y1) == pytest.approx((320 - across, 240 - down), abs=5)
    assert (box.x2, box.y2) == pytest.approx((320 + across, 240 + down), abs=5)
    assert (found.label, found.score) == ("low table", pytest.approx(1.0, abs=0.01))


def test_a_box_beside_the_picture_is_no_detection(runner, engine, seen, locations):
    outside = bins_of(0.5, 1.09, 0.003, *np.log1p([0.1] * 3), 1, 0, 0, 0, 1, 0)
    engine.script = [f"{locations(*outside)} mug"]
    answer = run(runner, seen)
    assert len(answer.cuboids) == 1
    assert answer.detections == ()
    assert answer.cuboids[0].center[0] / answer.cuboids[0].center[2] > 320 / 600


def test_boxes_without_labels_and_repeats(runner, engine, seen, locations):
    engine.script = [f"{locations(*MIDDLE)} {locations(*LEFT)} mug {locations(*LEFT)} mug"]
    answer = run(runner, seen)
    assert [cuboid.label for cuboid in answer.cuboids] == ["", "mug"]
    assert answer.text == "unnamed, mug"


def test_options_are_the_only_labels(runner, engine, seen, locations):
    engine.script = [f"{locations(*MIDDLE)} low table"]
    answer = run(runner, seen, options=("chair", "mug"))
    assert answer.cuboids[0].label in ("chair", "mug")


def test_nothing_found_is_no_error(runner, engine, seen):
    engine.script = [""]
    answer = run(runner, seen)
    assert (answer.text, answer.cuboids, answer.detections) == ("nothing found", (), ())


def test_a_model_that_writes_nonsense_still_gives_boxes(runner, engine, seen, locations):
    engine.script = [locations(*[0] * 40)]
    for cuboid in run(runner, seen).cuboids:
        assert cuboid.center[2] > 0
        assert np.linalg.norm(cuboid.quaternion_wxyz) == pytest.approx(1.0)


def test_the_method_of_the_runner_takes_the_camera(runner, engine, seen, locations):
    engine.script = [f"{locations(*MIDDLE)} low table"]
    (cuboid,) = runner.cuboids(seen.image, CAMERA)
    assert cuboid.label == "low table"


def test_without_intrinsics_there_is_an_error_with_advice(runner, engine, observation):
    problem = failure(runner, observation)
    assert problem.code is ErrorCode.NO_CAMERA_INFO
    assert "publish camera_info with the picture" in str(problem)
    assert engine.prompts == []


def test_intrinsics_of_another_picture_are_refused(runner, observation):
    problem = failure(runner, replace(observation, camera=replace(CAMERA, width=1280)))
    assert problem.code is ErrorCode.INVALID_INPUT
    assert "of 1280 x 480 pixels and the picture has 640 x 480" in str(problem)


def test_a_picture_that_is_a_line_is_refused(runner, engine, seen, locations):
    line = Frame(np.zeros((4, 4000, 3), np.uint8), 0)
    engine.script = [f"{locations(*MIDDLE)} mug"]
    camera = replace(CAMERA, width=4000, height=4)
    problem = failure(runner, replace(seen, image=line, camera=camera))
    assert problem.code is ErrorCode.INVALID_INPUT
    assert "too narrow" in str(problem)


def test_a_camera_that_cannot_be_used_is_none_for_its_reason(runner, seen):
    problem = failure(runner, replace(seen, camera=None, camera_problem="lens 'omni' is unknown"))
    assert problem.code is ErrorCode.NO_CAMERA_INFO
    assert "lens 'omni' is unknown" in str(problem)


def test_a_lens_bends_the_rays_to_the_boxes(runner, engine, seen, locations):
    engine.script = [f"{locations(*LEFT)} mug"] * 2
    bent = replace(CAMERA, distortion_model="plumb_bob", distortion=(-0.3, 0.1, 0.0, 0.0, 0.0))
    straight = run(runner, seen).cuboids[0]
    found = run(runner, replace(seen, camera=bent)).cuboids[0]
    pixels = [camera.project(box.center) for camera, box in ((CAMERA, straight), (bent, found))]
    assert pixels[0] == pytest.approx(pixels[1], abs=1e-3)
    assert straight.center[2] == found.center[2]


@pytest.mark.parametrize("bins", [MIDDLE[:11], [*MIDDLE[:2], 0, *MIDDLE[3:]], [500] * 12])
def test_tokens_of_no_box_are_a_parse_failure(runner, engine, seen, locations, bins, monkeypatch):
    """What the grammar does not allow, if it came all the same."""
    monkeypatch.setattr(
        "uio2_ros.tasks.builtin.cuboids.labelled_cuboids",
        lambda symbols, **_: free_form(symbols, longest=30),
    )
    engine.script = [f"{locations(*bins)} mug"]
    problem = failure(runner, seen)
    assert problem.code is ErrorCode.PARSE_FAILED
    assert "the model wrote '<extra_id_" in str(problem)
