"""Tasks that answer with pictures, on an engine that draws what it is told to.

The picture of the robot has 480 x 640 pixels. It lies on the model's square canvas between rows 48
and 336 of 384, and so between rows 32 and 224 of the 256 of a generated picture.
"""

import numpy as np
import pytest

from uio2_ros.inference.defaults import (
    AUDIO_SAMPLING,
    DENSE_SAMPLING,
    IMAGE_SAMPLING,
    SEGMENTATION_SAMPLING,
)
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.tasks import Box, Frame, Instruction, Observation, Stage, TaskSettings

TOP, BOTTOM = 32, 224  # of the picture, in rows of a generated one
REGION = Box(100, 50, 300, 200)


def letterboxed(value, padding):
    """A generated picture of one value in [0, 255] (or RGB) with padding of another."""
    pixels = np.full((256, 256, 3), padding, np.uint8)
    pixels[TOP:BOTTOM] = value
    return pixels


def test_depth_is_metres_in_the_size_of_the_picture(runner, engine, observation):
    engine.pictures = [letterboxed(51, 51)]
    answer = runner.run(Instruction("", "depth"), observation)
    assert engine.prompts == ["What is the depth map of the image ?"]
    (depth,) = answer.pictures
    assert (depth.role, depth.pixels.shape, depth.pixels.dtype) == ("depth", (480, 640), np.float32)
    assert depth.pixels == pytest.approx(np.full((480, 640), 2.0), abs=1e-4)
    assert answer.text == "depth from 2.00 m to 2.00 m"


def test_depth_of_the_inverse_convention_and_another_range(runner_with, engine, observation):
    engine.pictures = [letterboxed(51, 51)]
    depth = runner_with(depth_max_m=5.0, depth_near_is_white=True).depth(observation.image)
    assert depth.pixels == pytest.approx(np.full((480, 640), 4.0), abs=1e-4)


def test_black_is_near_and_white_is_far(runner, engine, observation):
    picture = letterboxed(255, 255)
    picture[:, 128:] = 0
    engine.pictures = [picture]
    depth = runner.depth(observation.image).pixels
    assert (depth[240, 0], depth[240, 639]) == (10.0, 0.0)


@pytest.mark.parametrize("shape", [(480, 640), (640, 480), (400, 100), (2, 900), (256, 256)])
def test_nothing_drawn_on_the_padding_appears(runner, engine, processor, shape):
    """Whatever the shape, what is drawn on the canvas around the picture has no influence."""
    from uio2_ros.processing.geometry import letterbox
    from uio2_ros.processing.image import canvas_mask

    canvas = processor.config.image.size
    real = canvas_mask(letterbox(*shape, canvas), canvas)
    middles = ((np.arange(256) + 0.5) * canvas[0] / 256).astype(int)
    drawn = np.where(real[middles[:, None], middles][..., None], 51, 255)
    engine.pictures = [np.repeat(drawn, 3, axis=2).astype(np.uint8)]
    depth = runner.depth(np.zeros((*shape, 3), np.uint8)).pixels
    assert depth.shape == shape
    if real[middles[:, None], middles].any():
        assert depth == pytest.approx(np.full(shape, 2.0), abs=1e-4)


def test_normals_are_unit_vectors_that_face_the_camera(runner, engine, observation):
    engine.pictures = [letterboxed((128, 128, 255), (128, 128, 255))]
    normals = runner.normals(observation.image)
    assert engine.prompts == ["What is the surface normal of the image ?"]
    assert (normals.role, normals.pixels.shape) == ("normals", (480, 640, 3))
    assert normals.pixels.dtype == np.float32
    assert normals.pixels[240, 320] == pytest.approx((0, 0, -1), abs=0.01)
    assert np.linalg.norm(normals.pixels, axis=-1) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("color", "axes", "vector"),
    [
        ((255, 128, 255), "+x -y -z", (1, 0, -1)),  # red: to the right
        ((128, 255, 255), "+x -y -z", (0, -1, -1)),  # green: up
        ((128, 255, 0), "+x +y +z", (0, 1, -1)),
        ((255, 128, 255), "-z +y -x", (-1, 0, -1)),
    ],
)
def test_the_colours_of_normals_are_a_setting(
    runner_with, engine, observation, color, axes, vector
):
    engine.pictures = [letterboxed(color, color)]
    runner = runner_with(normal_axes=axes)
    found = runner.normals(observation.image).pixels[240, 320]
    assert found == pytest.approx(np.array(vector) / np.linalg.norm(vector), abs=0.01)


@pytest.mark.parametrize("color", [(128, 128, 128), (255, 128, 0)])
def test_no_direction_and_directions_away_from_the_camera_are_nan(
    runner, engine, observation, color
):
    engine.pictures = [letterboxed(color, color)]
    answer = runner.run(Instruction("", "normals"), observation)
    assert np.isnan(answer.pictures[0].pixels).all()
    assert answer.text == "surface normals of 0 % of the pixels"


def test_segmenting_a_region_gives_the_mask_of_what_it_shows(
    runner, engine, observation, locations
):
    drawn = letterboxed(0, 255)
    drawn[TOP:BOTTOM, :64] = 255
    engine.pictures = [drawn]
    instruction = Instruction("Red mug", "segment", region=REGION)
    answer = runner.run(instruction, observation)
    box = locations(202, 156, 437, 468)
    assert engine.prompts == [f"Segment the object in this bounding box: {box} Red mug"]
    (mask,), (found,) = answer.pictures, answer.detections
    assert (mask.role, mask.label, mask.pixels.dtype) == ("mask", "Red mug", np.uint8)
    assert (found.box, found.label) == (REGION, "Red mug")
    expected = np.zeros((480, 640), np.uint8)
    expected[:, :160] = 255
    assert np.array_equal(mask.pixels, expected)


def test_a_region_needs_no_name(runner, engine, observation, locations):
    engine.pictures = [letterboxed(255, 0)]
    mask = runner.segment(observation.image, region=REGION)
    box = locations(202, 156, 437, 468)
    assert engine.prompts == [f"Segment the object in this bounding box: {box}"]
    assert (mask.pixels == 255).all()


def test_gray_above_the_threshold_belongs_to_the_mask(runner_with, engine, observation):
    drawn = letterboxed(150, 0)
    for threshold, value in ((0.5, 255), (0.6, 0)):
        engine.pictures = [drawn]
        runner = runner_with(mask_threshold=threshold)
        assert (runner.segment(observation.image, region=REGION).pixels == value).all()


def test_segmenting_by_name_finds_the_instances_first(runner, engine, observation, locations):
    boxes = [(200, 100, 500, 190), (300, 500, 700, 900)]
    engine.script = [" ".join(f"{locations(*box)} mug" for box in boxes)]
    engine.pictures = [letterboxed(255, 0), letterboxed(0, 0)]
    answer = runner.run(Instruction("mug", "segment"), observation)
    assert engine.batches == [1, 2]
    assert engine.prompts[0].endswith('matching "mug"')
    assert engine.prompts[1].startswith("Segment the object in this bounding box: <extra_id_")
    assert engine.prompts[1].endswith("mug")
    assert engine.prompts[1] != engine.prompts[2]
    assert [picture.label for picture in answer.pictures] == ["mug", "mug"]
    assert [picture.score for picture in answer.pictures] == [
        found.score for found in answer.detections
    ]
    assert [int(picture.pixels.max()) for picture in answer.pictures] == [255, 0]


def test_as_many_instances_are_segmented_as_the_settings_allow(
    runner_with, engine, observation, locations
):
    boxes = [(200, 100, 500, 190), (300, 500, 700, 900), (100, 600, 300, 800)]
    engine.script = [" ".join(f"{locations(*box)} mug" for box in boxes)]
    engine.pictures = [letterboxed(255, 0)] * 2
    runner = runner_with(max_masks=2)
    answer = runner.run(Instruction("mug", "segment"), observation)
    assert len(answer.pictures) == len(answer.detections) == 2


def test_segmenting_what_is_not_there_finds_nothing(runner, engine, observation):
    engine.script = ["", ""]
    answer = runner.run(Instruction("unicorn", "segment"), observation)
    assert (answer.detections, answer.text) == ((), "nothing found")
    (mask,) = answer.pictures
    assert (mask.label, mask.score, mask.pixels.any()) == ("unicorn", 0.0, False)
    mask = runner.segment(observation.image, "unicorn")
    assert (mask.pixels.shape, mask.pixels.any(), mask.score) == ((480, 640), False, 0.0)


def test_segmenting_needs_a_name_or_a_region(runner, observation):
    with pytest.raises(InstructionError, match="name it or give a region") as problem:
        runner.run(Instruction(" ", "segment"), observation)
    assert problem.value.code is ErrorCode.INVALID_REQUEST


def test_a_picture_is_made_from_words_alone(runner, engine):
    engine.pictures = [letterboxed(9, 7)]
    answer = runner.run(Instruction("a red mug", "generate_image"), Observation())
    assert engine.prompts == ["Generate an image matching this text: a red mug"]
    (picture,) = answer.pictures
    assert (picture.role, picture.label) == ("generated", "a red mug")
    assert np.array_equal(picture.pixels, letterboxed(9, 7))
    assert answer.text == "a picture of 256 x 256 pixels"


@pytest.mark.parametrize(
    ("task", "prompt"),
    [
        (
            "goal_image",
            "Task: tidy up Given the start state as image, generate the end state image.",
        ),
        (
            "edit_image",
            "Build a new image based on the input image and these instructions: tidy up",
        ),
    ],
)
def test_pictures_that_follow_the_camera_have_its_shape(runner, engine, observation, task, prompt):
    engine.pictures = [letterboxed((10, 20, 30), 255)]
    (picture,) = runner.run(Instruction("tidy up", task), observation).pictures
    assert engine.prompts == [prompt]
    assert engine.examples[0].image is not None
    assert picture.role == "generated"
    assert (picture.pixels.shape, picture.pixels.dtype) == ((480, 640, 3), np.uint8)
    assert (picture.pixels == (10, 20, 30)).all()


@pytest.mark.parametrize(("text", "said"), [("", "."), ("a red mug", " a red mug.")])
def test_inpainting_draws_the_region_alone(runner, engine, observation, locations, text, said):
    engine.pictures = [letterboxed((200, 100, 50), 255)]
    picture = runner.inpaint(observation.image, REGION, text)
    assert engine.prompts == [f"Filling the blank region {locations(202, 156, 437, 468)}{said}"]
    expected = np.full((480, 640, 3), 30, np.uint8)
    expected[50:200, 100:300] = (200, 100, 50)
    assert np.array_equal(picture.pixels, expected)
    assert (observation.image.pixels == 30).all()


def test_the_region_to_inpaint_is_not_shown_to_the_model(runner, engine, observation):
    engine.pictures = [letterboxed(0, 0)] * 2
    runner.edit_image(observation.image, "nothing")
    runner.inpaint(observation.image, REGION)
    whole, blanked = (example.image.mask.reshape(24, 24) for example in engine.examples)
    # x 100 to 300 and y 50 to 200 are columns 60 to 180 and rows 78 to 168 of the canvas: patches
    # whose middles 16 i + 8 lie there
    expected = whole.copy()
    expected[5:10, 4:11] = False
    assert np.array_equal(blanked, expected)


@pytest.mark.parametrize(
    ("region", "problem"),
    [(Box(0, 0, 3, 3), "hides none of the 432 patches"), (Box(0, 0, 640, 480), "hides all of")],
)
def test_a_region_to_inpaint_has_a_fitting_size(runner, observation, region, problem):
    with pytest.raises(InstructionError, match=problem) as refused:
        runner.run(Instruction("", "inpaint", region=region), observation)
    assert refused.value.code is ErrorCode.INVALID_REQUEST


def test_inpainting_needs_a_region(runner, observation):
    with pytest.raises(InstructionError, match="needs a region of the picture"):
        runner.run(Instruction("", "inpaint"), observation)


def test_a_sound_is_made_from_words_alone(runner, engine):
    samples = np.sin(np.arange(65280) / 10).astype(np.float32) / 2
    engine.sounds = [samples]
    answer = runner.run(Instruction("a dog", "generate_audio"), Observation())
    assert engine.prompts == ['Synthesize the sound based on the description "a dog"']
    (sound,) = answer.audio
    assert np.array_equal(sound, samples)
    assert answer.text == "4.1 s of sound"


def test_a_sound_that_is_too_loud_is_made_quieter_as_a_whole(runner, engine):
    samples = np.array([0.5, -4.0, 2.0], np.float32)
    engine.sounds = [samples]
    sound = runner.generate_audio("a dog")
    assert sound == pytest.approx(samples / 4)
    assert sound.dtype == np.float32


@pytest.mark.parametrize(
    ("task", "sampling", "guided"),
    [
        ("depth", DENSE_SAMPLING, False),
        ("normals", DENSE_SAMPLING, False),
        ("generate_image", IMAGE_SAMPLING, True),
        ("goal_image", IMAGE_SAMPLING, False),
        ("edit_image", IMAGE_SAMPLING, False),
        ("generate_audio", AUDIO_SAMPLING, False),
    ],
)
def test_pictures_and_sounds_are_drawn_as_the_model_needs_it(
    runner, engine, observation, task, sampling, guided
):
    engine.pictures, engine.sounds = [letterboxed(0, 0)], [np.zeros(16, np.float32)]
    runner.run(Instruction("a mug", task, seed=5), observation)
    (used,) = engine.samplings
    assert (used.top_p, used.temperature) == (sampling.top_p, sampling.temperature)
    assert used.seed == (5,)
    assert (engine.negatives[0] is not None) is guided
    assert (used.guidance_scale is not None) is guided


def test_masks_are_drawn_as_the_model_needs_it(runner, engine, observation):
    engine.pictures = [letterboxed(0, 0)]
    runner.segment(observation.image, region=REGION)
    used = engine.samplings[0]
    assert (used.top_p, used.temperature) == (
        SEGMENTATION_SAMPLING.top_p,
        SEGMENTATION_SAMPLING.temperature,
    )


def test_pictures_of_a_batch_are_drawn_together_where_they_are_drawn_alike(
    runner, engine, observation
):
    engine.pictures = [letterboxed(value, value) for value in (51, 255, 102)]
    tall = Observation(Frame(np.zeros((640, 480, 3), np.uint8), 1))
    depth, mask, other = runner.run_batch(
        [
            (Instruction("", "depth"), observation),
            (Instruction("", "segment", region=REGION), observation),
            (Instruction("", "depth"), tall),
        ]
    )
    assert engine.batches == [2, 1]
    assert (depth.pictures[0].pixels.shape, other.pictures[0].pixels.shape) == (
        (480, 640),
        (640, 480),
    )
    assert mask.pictures[0].role == "mask"


def test_progress_of_a_picture_counts_its_tokens(runner, engine, observation):
    engine.pictures, told = [letterboxed(0, 0)], []
    runner.run(Instruction("", "depth"), observation, lambda *now: told.append(now))
    assert [now for now in told if now[0] is Stage.GENERATING] == [
        (Stage.GENERATING, "1 of 3 tokens", 1),
        (Stage.GENERATING, "2 of 3 tokens", 2),
        (Stage.GENERATING, "3 of 3 tokens", 3),
    ]


def test_a_picture_can_be_cancelled_at_every_token(runner, observation):
    class Canceled(Exception):
        pass

    def cancel(_stage, _text, tokens):
        if tokens == 2:
            raise Canceled

    with pytest.raises(Canceled):
        runner.run(Instruction("", "depth"), observation, cancel)


@pytest.mark.parametrize("task", ["depth", "normals", "segment", "goal_image", "edit_image"])
def test_pictures_of_pictures_need_one(runner, task):
    with pytest.raises(InstructionError, match="needs a picture") as problem:
        runner.run(Instruction("mug", task), Observation())
    assert problem.value.code is ErrorCode.NO_INPUT


@pytest.mark.parametrize("task", ["generate_image", "generate_audio", "goal_image", "edit_image"])
def test_pictures_and_sounds_of_words_need_some(runner, observation, task):
    with pytest.raises(InstructionError, match="instruction is empty"):
        runner.run(Instruction(" ", task), observation)


@pytest.mark.parametrize(
    "senseless",
    [
        {"normal_axes": "+x +x -z"},
        {"normal_axes": "x y z"},
        {"normal_axes": "+x"},
        {"depth_max_m": 0.0},
        {"depth_max_m": -3.0},
        {"mask_threshold": 1.5},
        {"max_masks": 0},
    ],
)
def test_settings_of_pictures_that_make_no_sense_are_refused_by_name(senseless):
    with pytest.raises(ValueError, match=next(iter(senseless))):
        TaskSettings(**senseless)
