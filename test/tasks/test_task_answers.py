"""Each task on an engine that writes what it is told: the prompt, and what the answer holds."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from uio2_ros.decoding import COCO_17, free_text
from uio2_ros.model.bundle import Bundle, ScoreCalibration, TrainedFor
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.plan import ActionKind
from uio2_ros.robot.poses import Pose2D
from uio2_ros.tasks import Box, Frame, Instruction, Observation, Session

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tasks.json").read_text())
STEP = "{n}: {verb} from ( {start} ) and {then} to ( {end} )"


def test_refexp_gives_one_box_in_pixels(runner, engine, observation, locations):
    engine.script = [locations(250, 100, 500, 400)]
    answer = runner.run(Instruction("red mug", "refexp"), observation)
    assert engine.prompts == ['Which region does the text "red mug" describe?']
    (found,) = answer.detections
    # 480 x 640 lies 48 rows down on the 384 canvas, at a scale of 0.6
    left, right = 100 / 999 * 640, 400 / 999 * 640
    top, bottom = (250 / 999 * 384 - 48) / 0.6, (500 / 999 * 384 - 48) / 0.6
    expected = (left, top, right, bottom)
    assert (found.box.x1, found.box.y1, found.box.x2, found.box.y2) == pytest.approx(
        expected, abs=0.01
    )
    assert (found.label, answer.text) == ("red mug", "red mug")
    assert found.score == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("case", GOLDEN["location_tokens"])
def test_released_location_tokens_give_the_released_pixels(runner, engine, case):
    height, width = case["shape"]
    seen = Observation(Frame(np.zeros((height, width, 3), np.uint8), 1))
    for tokens, (y1, x1, y2, x2) in zip(case["tokens"], case["boxes_yxyx"], strict=True):
        engine.script = [engine.processor.tokenizer.decode(tokens)]
        (found,) = runner.run(Instruction("it"), seen).detections
        box = (found.box.y1, found.box.x1, found.box.y2, found.box.x2)
        expected = (min(y1, y2), min(x1, x2), max(y1, y2), max(x1, x2))
        assert box == pytest.approx(expected, abs=0.01)


def test_released_keypoints_give_the_released_pixels(runner, engine, observation):
    golden = GOLDEN["keypoints"]
    engine.script = [golden["text"]]
    (person,) = runner.keypoints(observation.image, Box(100, 50, 300, 200))
    found = [(point.x, point.y) for point in person.points]
    assert np.array(found) == pytest.approx(np.array(golden["points_xyv"])[:, :2], abs=0.01)


@pytest.mark.parametrize("task", ["detect", "coco_detect"])
def test_released_detections_give_the_released_boxes(runner, engine, task):
    """On a square picture of 999 pixels, whose canvas has no padding."""
    golden = GOLDEN["detection"]
    labels = ("mug", "dining table") if task == "detect" else ("cup", "dining table")
    engine.script = [golden["text"].replace("mug", labels[0])]
    square = Observation(Frame(np.zeros((999, 999, 3), np.uint8), 1))
    found = runner.run(Instruction("", task), square).detections
    boxes = [(one.box.y1, one.box.x1, one.box.y2, one.box.x2) for one in found]
    expected = np.array(golden["boxes_yxyx_normalized"]) * 999
    assert np.array(boxes) == pytest.approx(expected, abs=0.01)
    assert tuple(one.label for one in found) == labels


@pytest.mark.parametrize("case", GOLDEN["box_prompts"])
def test_regions_are_shown_with_the_released_tokens(runner, engine, observation, case):
    engine.script = ["a mug"]
    runner.categorize(observation.image, region=Box(*case["box_xyxy"]))
    places = [token for token in engine.examples[0].text.tolist() if 32000 <= token < 33000]
    assert places == [token for token in case["token_ids"] if 32000 <= token < 33000]


def test_coco_objects_have_their_usual_names(runner, engine, observation, locations):
    """The model was trained with hyphens in some of them."""
    engine.script = [f"{locations(250, 100, 500, 400)} teddy-bear"]
    (found,) = runner.coco_detect(observation.image)
    assert engine.prompts == ["Find the COCO objects."]
    assert found.label == "teddy bear"


def test_there_are_80_coco_classes():
    from uio2_ros.tasks.builtin.coco_detect import CLASSES, WRITTEN

    assert len(set(CLASSES)) == len(WRITTEN) == 80


def test_boxes_have_the_probability_that_the_bundle_knows(runner, engine, observation, locations):
    worth = ScoreCalibration(2.0, 1.0)
    engine.bundle = Bundle("", "", "", TrainedFor(()), calibration={"localize": worth})
    near = locations(250, 100, 500, 400)
    engine.script = [f"{near} mug", f"{near} mug"]
    (box,) = runner.run(Instruction("mug", "localize"), observation).detections
    assert box.score == pytest.approx(worth.probability(1.0), abs=0.01)
    (region,) = runner.run(Instruction("mug", "refexp"), observation).detections
    assert region.score == pytest.approx(1.0, abs=0.01)


def test_localize_gives_every_instance_once(runner, engine, observation, locations):
    near, far = locations(250, 100, 500, 400), locations(300, 500, 700, 900)
    engine.script = [f"{near} mug {near} mug {far} mug"]
    answer = runner.run(Instruction("mug", "localize"), observation)
    assert engine.prompts == ['Return the bounding boxes and categories of region matching "mug"']
    assert [found.label for found in answer.detections] == ["mug", "mug"]
    assert answer.text == "mug, mug"


def test_finding_nothing_is_an_answer(runner, engine, observation):
    engine.script = [""]
    answer = runner.run(Instruction("unicorn", "localize"), observation)
    assert answer.detections == ()
    assert (answer.error_code, answer.text) == (ErrorCode.NONE, "nothing found")


def test_a_box_in_the_padding_around_the_picture_is_no_detection(runner, engine, locations):
    wide = Observation(Frame(np.zeros((100, 400, 3), np.uint8), 1))
    engine.script = [f"{locations(200, 300, 250, 500)} mug {locations(600, 300, 700, 500)} mug"]
    assert len(runner.run(Instruction("mug", "localize"), wide).detections) == 1


def test_detect_lists_everything(runner, engine, observation, locations):
    engine.script = [" ".join([locations(250, 100, 500, 400) + " mug"] * 2)]
    answer = runner.run(Instruction("", "detect"), observation)
    assert engine.prompts == ["List all objects and their locations in the image"]
    assert [found.label for found in answer.detections] == ["mug"]


def test_detect_with_options_uses_no_other_label(runner, engine, observation, locations):
    engine.script = [locations(250, 100, 500, 400) + " mug"]
    instruction = Instruction("", "detect", options=("green apple", "plate"))
    labels = {found.label for found in runner.run(instruction, observation).detections}
    assert labels <= {"green apple", "plate"}
    assert labels


@pytest.mark.parametrize(
    ("task", "threshold"),
    [("localize", 0.3), ("detect", 0.5), ("keypoints", 0.5), ("refexp", None), ("", None)],
)
def test_locations_are_forced_as_the_model_needs_it(runner, engine, observation, task, threshold):
    engine.script = [""]
    runner.run(Instruction("mug", task), observation)
    assert engine.requests[0].force_locations == threshold


def test_boxes_are_as_many_as_the_settings_allow(runner_with, engine, observation, locations):
    engine.script = [f"{locations(250, 100, 500, 400)} mug {locations(1, 2, 30, 40)} cup"]
    runner = runner_with(max_boxes=1)
    answer = runner.run(Instruction("", "detect"), observation)
    assert [found.label for found in answer.detections] == ["mug"]


def pose(locations):
    return " ".join(f"{locations(300 + 10 * i, 400)} {name}" for i, name in enumerate(COCO_17))


def test_keypoints_of_a_region_are_those_of_one_person(runner, engine, observation, locations):
    engine.script = [pose(locations)]
    region = Box(100, 50, 300, 200)
    answer = runner.run(Instruction("", "keypoints", region=region), observation)
    # boxes are y1 x1 y2 x2; the numbers are those of the released preprocessing
    box = locations(202, 156, 437, 468)
    assert engine.prompts == [f'Find the visible human joints in the region " {box} ".']
    (person,) = answer.keypoints
    assert (person.label, person.box) == ("person", region)
    assert tuple(point.name for point in person.points) == COCO_17
    nose = person.points[0]
    assert nose.x == pytest.approx(400 / 999 * 640, abs=0.01)
    assert nose.y == pytest.approx((300 / 999 * 384 - 48) / 0.6, abs=0.01)
    assert answer.text == "17 keypoints of 1 person"


def test_keypoints_without_region_are_those_of_everybody(
    runner_with, engine, observation, locations
):
    people = [(200, 100 * i, 700, 100 * i + 90) for i in range(1, 4)]
    found = " ".join(f"{locations(*box)} person" for box in people)
    engine.script = [found, *[pose(locations)] * 3]
    runner = runner_with(max_batch=2)
    answer = runner.run(Instruction("", "keypoints"), observation)
    assert len(answer.keypoints) == 3
    assert engine.batches == [1, 2, 1]
    assert engine.prompts[0].endswith('matching "person"')
    assert answer.text == "17 keypoints of 3 people"


def test_keypoints_of_nobody(runner, engine, observation):
    engine.script = [""]
    answer = runner.run(Instruction("", "keypoints"), observation)
    assert (answer.keypoints, answer.text) == ((), "nobody found")


def test_vqa_answers_a_question(runner, engine, observation):
    engine.script = ["a red mug"]
    answer = runner.run(Instruction("What is on the table?", "vqa"), observation)
    assert engine.prompts == ["What is on the table? A short answer to the question is"]
    assert answer.text == "a red mug"


def test_vqa_with_options_scores_them(runner, observation):
    instruction = Instruction("What is it?", "vqa", options=("a mug", "cup", "a plate"))
    answer = runner.run(instruction, observation)
    assert (answer.text, answer.scores) == ("cup", (-5.0, -3.0, -7.0))
    assert answer.options == ("a mug", "cup", "a plate")


@pytest.mark.parametrize(
    ("task", "prompt"),
    [
        ("caption", "Caption this image."),
        ("video_caption", "What does the video describe ?"),
        ("audio_caption", "Give a short description of this audio."),
        ("image_tag", "What is this? Return a precise but very short answer."),
        (
            "video_tag",
            "What action is being performed in this video? Please provide a short answer.",
        ),
        ("demonstration_caption", "What is the robot doing?"),
        ("categorize", "What is this? Return a precise but very short answer."),
    ],
)
def test_descriptions_need_no_instruction(runner, engine, observation, task, prompt):
    engine.script = ["a red mug"]
    assert runner.run(Instruction("", task), observation).text == "a red mug"
    assert engine.prompts == [prompt]


def test_categorize_a_region(runner, engine, observation, locations):
    region = Box(100, 50, 300, 200)
    instruction = Instruction("", "categorize", options=("mug", "plate"), region=region)
    assert runner.run(instruction, observation).text == "mug"
    box = locations(202, 156, 437, 468)
    assert engine.prompts == [f"What is the category of the object at {box}?"]


def test_score_judges_options_against_any_instruction(runner, engine, observation):
    instruction = Instruction("The mug is", "score", options=("empty", "full"))
    answer = runner.run(instruction, observation)
    assert engine.prompts == ["The mug is"]
    assert (answer.text, answer.scores) == ("full", (-5.0, -4.0))


def test_next_action_is_one_step_in_metres_and_radians(runner, engine, observation, locations):
    start, end = locations(500, 250, 250), locations(0, 999, 500)
    step = STEP.format(n=1, verb="pick", start=start, then="place", end=end)
    engine.script = [step + " " + step.replace("1:", "2:")]
    answer = runner.run(Instruction("stack the mug", "next_action"), observation)
    assert engine.prompts == [
        'Action space: "step: start-action from ( a1 b1 r1 ) and end-action to ( a2 b2 r2 )".\n'
        "Instruction: stack the mug.\nTask: Predict the following action.\n"
    ]
    (done,) = answer.plan.steps
    assert (done.kind, done.name) == (ActionKind.PICK_PLACE, "pick and place")
    assert done.start == Pose2D(0.5, -0.25, pytest.approx(math.pi / 2))
    assert done.end == Pose2D(0.25, pytest.approx(0.499), pytest.approx(math.pi))
    assert (answer.plan.action_space, answer.plan.frame_id) == ("vima", "base_link")
    assert answer.text == (
        "pick and place from (0.500 m, -0.250 m, 90 deg) to (0.250 m, 0.499 m, 180 deg)"
    )


def test_plan_is_several_steps(runner, engine, observation, locations):
    spot = locations(1, 2, 3)
    engine.script = [
        STEP.format(n=1, verb="push", start=spot, then="push", end=spot)
        + " "
        + STEP.format(n=2, verb="pick", start=spot, then="place", end=spot)
    ]
    answer = runner.run(Instruction("clean up.", "plan"), observation)
    assert engine.prompts == ["clean up. What is the action plan? Consider the observations"]
    kinds = [step.kind for step in answer.plan.steps]
    assert kinds == [ActionKind.PUSH, ActionKind.PICK_PLACE]


def test_a_model_that_writes_nonsense_still_gives_a_plan(runner, engine, observation):
    engine.script = ["I would rather not"]
    assert runner.run(Instruction("clean up.", "plan"), observation).plan.steps


def test_navigate_names_a_move_and_its_motion(runner, engine, observation):
    engine.script = ["left"]
    answer = runner.run(Instruction("go to the door", "navigate"), observation)
    assert engine.prompts == [
        "go to the door Predict the next move with the discrete action space "
        '"stop, forward, left, right" based on agent\'s histories with the format '
        '"observation ( x z y ) action"'
    ]
    (step,) = answer.plan.steps
    assert (step.kind, step.name, answer.text) == (ActionKind.DISCRETE, "left", "left")
    assert step.values == pytest.approx((0.0, math.radians(10)))


def test_navigate_tells_the_model_of_past_moves(runner, engine, observation):
    engine.script = ["stop"]
    runner.navigate(observation.image, "go on", past_moves=("a ( 1 ) left", "b ( 2 ) forward"))
    assert engine.prompts[0].startswith("go on History: a ( 1 ) left b ( 2 ) forward Predict the")


def test_free_form_gives_text_boxes_and_points(runner, engine, observation, locations):
    text = f"the mug {locations(250, 100, 500, 400)} mug {locations(300, 400)} handle"
    engine.script = [text]
    answer = runner.run(Instruction("Where is the mug?"), observation)
    assert engine.prompts == ["Where is the mug?"]
    assert answer.text == text
    assert [found.label for found in answer.detections] == ["mug"]
    ((point,),) = [found.points for found in answer.keypoints]
    assert (point.name, point.x) == ("handle", pytest.approx(400 / 999 * 640, abs=0.01))


def test_free_form_poses_have_the_joints_that_are_not_missing(
    runner, engine, observation, locations
):
    missing = "MISSING left eye MISSING right eye"
    engine.script = [f"{locations(300, 400)} nose {missing} {locations(310, 420)} left ear"]
    answer = runner.run(Instruction("Find the visible human joints."), observation)
    ((nose, ear),) = [found.points for found in answer.keypoints]
    assert (nose.name, ear.name) == ("nose", "left ear")


def test_free_form_with_a_region_shows_where_it_is(runner, engine, observation, locations):
    engine.script = ["a mug"]
    instruction = Instruction("What is at {box}?", region=Box(100, 50, 300, 200))
    runner.run(instruction, observation)
    assert engine.prompts == [f"What is at {locations(202, 156, 437, 468)}?"]


def test_free_form_about_sound_alone_locates_nothing(runner, engine, observation, locations):
    engine.script = [f"a bell {locations(1, 2, 3, 4)}"]
    answer = runner.run(Instruction("What is it?"), Observation(audio=observation.audio))
    assert (answer.detections, answer.keypoints) == ((), ())


@pytest.mark.parametrize(
    ("task", "image", "history", "audio"),
    [
        ("", True, 2, True),
        ("refexp", True, 0, False),
        ("next_action", True, 2, True),
        ("video_caption", True, 2, True),
        ("video_tag", True, 2, False),
        ("audio_caption", False, 0, True),
    ],
)
def test_the_model_is_shown_what_the_task_is_about(
    runner, engine, observation, task, image, history, audio
):
    engine.script = ["red mug"]
    runner.run(Instruction("red mug", task), observation)
    (example,) = engine.examples
    assert (example.image is not None) is image
    assert len(example.image_history) == history
    assert (example.audio is not None) is audio


def test_history_frames_keep_their_keys(runner, engine, observation):
    engine.script = ["stop"]
    runner.run(Instruction("go on", "navigate"), observation)
    assert engine.examples[0].history_keys == (10, 20)


def test_a_history_frame_the_engine_holds_is_not_prepared_again(runner, engine, observation):
    engine.script = ["stop"]
    runner.precompute(observation.history[0])
    runner.run(Instruction("go on", "navigate"), observation)
    held, new = engine.examples[0].image_history
    assert held is None
    assert new is not None


def test_a_broken_answer_is_shown_in_the_error(runner, engine, observation, monkeypatch):
    monkeypatch.setattr(
        Session, "grammar", lambda session, *_, **_arguments: free_text(session.symbols, 8)
    )
    for task in ("refexp", "keypoints", "next_action", "plan", "navigate"):
        engine.script = ["no idea"]
        region = Box(0, 0, 10, 10) if task == "keypoints" else None
        with pytest.raises(InstructionError, match="the model wrote 'no") as problem:
            runner.run(Instruction("mug", task, region=region), observation)
        assert problem.value.code is ErrorCode.PARSE_FAILED
