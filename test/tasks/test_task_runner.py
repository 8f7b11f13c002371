from dataclasses import replace

import numpy as np
import pytest
import torch

from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.plan import ActionKind
from uio2_ros.tasks import TASKS, Box, Frame, Instruction, Observation, Stage
from uio2_ros.tasks.admission import admit
from uio2_ros.tasks.task import Argument


def failure(runner, instruction, observation):
    with pytest.raises(InstructionError) as problem:
        runner.run(instruction, observation)
    return problem.value


def test_progress_is_told_at_every_stage_and_token(runner, engine, observation):
    engine.script = ["a red mug"]
    told = []
    runner.run(Instruction("", "caption"), observation, lambda *now: told.append(now))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == [Stage.PREPROCESSING, Stage.ENCODING, Stage.GENERATING, Stage.FINISHING]
    generating = [(text, count) for stage, text, count in told if stage is Stage.GENERATING]
    assert generating[0][1] == 1
    assert generating[-1][0] == "a red mug"
    *counts, last = [count for _, count in generating]
    assert counts == list(range(1, last + 1))  # and a last time when the end is found


def test_what_progress_raises_ends_the_work(runner, engine, observation):
    class Canceled(Exception):
        pass

    def cancel(stage, _text, tokens):
        if stage is Stage.GENERATING and tokens == 2:
            raise Canceled

    engine.script = ["a very long answer that nobody waits for"]
    with pytest.raises(Canceled):
        runner.run(Instruction("", "caption"), observation, cancel)


def test_progress_never_shows_half_a_character(runner, engine, observation):
    engine.script = ["a ☕ and a 🥤"]
    told = []
    answer = runner.run(Instruction("", "caption"), observation, lambda *now: told.append(now))
    assert answer.text == "a ☕ and a 🥤"
    texts = [text for stage, text, _ in told if stage is Stage.GENERATING]
    assert len(texts) > len(answer.text), "these characters take several tokens each"
    assert all(answer.text.startswith(text) for text in texts)


def test_cancellation_is_seen_while_options_are_scored(runner, observation):
    class Canceled(Exception):
        pass

    def cancel(stage, text, _tokens):
        if (stage, text) == (Stage.GENERATING, "0 of 2 options"):
            raise Canceled

    with pytest.raises(Canceled):
        runner.run(Instruction("what?", "score", ("cup", "spoon")), observation, cancel)


def test_cancellation_is_seen_before_a_picture_is_decoded(runner, engine, observation):
    class Canceled(Exception):
        pass

    def cancel(stage, text, _tokens):
        if (stage, text) == (Stage.FINISHING, "0 of 1 rendered"):
            raise Canceled

    engine.pictures = [np.zeros((256, 256, 3), np.uint8)]
    with pytest.raises(Canceled):
        runner.run(Instruction("", "depth"), observation, cancel)


@pytest.mark.parametrize("task", ["score", "vqa", "detect", ""])
def test_an_option_that_is_too_long_is_an_invalid_request(runner, observation, task):
    instruction = Instruction("" if task == "detect" else "what?", task, ("spoon", "cup " * 2000))
    error = failure(runner, instruction, observation)
    assert error.code is ErrorCode.INVALID_REQUEST
    assert "shorten" in error.message


@pytest.mark.parametrize("option", ["<extra_id_500>", "cup <extra_id_7>"])
def test_an_option_that_cannot_be_written_is_an_invalid_request(
    runner, engine, observation, option
):
    engine.script = ["cup"]
    instruction = Instruction("", "detect", ("cup", option))
    assert failure(runner, instruction, observation).code is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize(("task", "limit"), [("caption", 64), ("vqa", 32), ("", 128)])
def test_a_text_that_was_cut_at_its_limit_is_marked(runner, engine, observation, task, limit):
    engine.script = ["mug " * limit, "mug"]
    instruction = Instruction("what?", task)
    assert runner.run(instruction, observation).truncated
    assert not runner.run(instruction, observation).truncated


def test_answers_say_what_made_them_and_how_long_it_took(runner, engine, observation):
    engine.script = ["a red mug"]
    answer = runner.run(Instruction("", "caption"), observation)
    assert (answer.task, answer.model, answer.synthetic_weights) == ("caption", "scripted", True)
    timings = answer.timings
    assert 0 < timings.encode < timings.total
    assert 0 < timings.first_token < timings.decode < timings.total
    assert timings.tokens == len(engine.processor.tokenizer.encode("a red mug"))
    assert timings.preprocess > 0
    assert timings.total >= timings.preprocess


def test_timings_of_several_generations_add_up(runner, engine, observation, locations):
    from uio2_ros.decoding import COCO_17

    pose = " ".join(f"{locations(300, 400)} {name}" for name in COCO_17)
    person = locations(200, 100, 700, 190) + " person"
    engine.script = [person, pose]
    timings = runner.run(Instruction("", "keypoints"), observation).timings
    assert 0 < timings.first_token < timings.decode < timings.total
    assert 0 < timings.encode < timings.total
    written = (engine.processor.tokenizer.encode(text) for text in (person, pose))
    assert timings.tokens == sum(map(len, written))


def test_seed_zero_is_greedy_and_others_sample_with_that_seed(runner, engine, observation):
    engine.script = ["a mug", "a mug"]
    runner.run(Instruction("", "caption"), observation)
    runner.run(Instruction("", "caption", seed=7), observation)
    greedy, sampled = (request.sampling for request in engine.requests)
    assert greedy.greedy
    assert (sampled.greedy, sampled.seed) == (False, 7)


def test_grammars_are_compiled_once(runner, engine, observation, locations):
    engine.script = [locations(1, 2, 3, 4)] * 2
    for text in ("mug", "plate"):
        runner.run(Instruction(text, "refexp"), observation)
    first, second = (request.grammar for request in engine.requests)
    assert first is second


def test_frames_can_be_encoded_in_advance(runner, engine, observation):
    runner.precompute(observation.image)
    assert list(engine.frames) == [30]


def test_a_frame_without_a_key_cannot_be_encoded_in_advance(runner):
    with pytest.raises(ValueError, match="needs a key"):
        runner.precompute(Frame(np.zeros((8, 8, 3), np.uint8), 0))


def test_unknown_task_names_the_known_ones(runner, observation):
    error = failure(runner, Instruction("mug", "levitate"), observation)
    assert error.code is ErrorCode.UNKNOWN_TASK
    assert "'levitate'" in error.message
    assert "plan, refexp, score" in error.message


@pytest.mark.parametrize("task", ["", "refexp", "localize", "vqa", "score", "plan", "navigate"])
def test_empty_instruction_is_invalid_where_text_is_needed(runner, observation, task):
    options = ("a",) if task == "score" else ()
    error = failure(runner, Instruction("  ", task, options=options), observation)
    assert error.code is ErrorCode.INVALID_REQUEST
    assert "instruction is empty" in error.message


@pytest.mark.parametrize(
    ("task", "missing"),
    [
        ("", "a picture or sound"),
        ("refexp", "a picture"),
        ("detect", "a picture"),
        ("keypoints", "a picture"),
        ("navigate", "a picture"),
        ("audio_caption", "sound"),
    ],
)
def test_missing_senses_are_named(runner, task, missing):
    error = failure(runner, Instruction("mug", task), Observation())
    assert error.code is ErrorCode.NO_INPUT
    assert f"needs {missing} and there is none" in error.message


@pytest.mark.parametrize("task", ["video_caption", "video_tag", "demonstration_caption"])
def test_a_video_needs_earlier_pictures(runner, observation, task):
    error = failure(runner, Instruction("", task), Observation(observation.image))
    assert error.code is ErrorCode.NO_INPUT
    assert "earlier pictures" in error.message


def test_a_video_of_no_pictures_is_refused(runner):
    with pytest.raises(InstructionError, match="needs a picture"):
        runner.video_caption([])


def test_silence_of_no_samples_is_no_sound(runner):
    silence = Observation(audio=np.zeros(0, np.float32))
    assert failure(runner, Instruction("", "audio_caption"), silence).code is ErrorCode.NO_INPUT


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        (Box(600, 10, 700, 20), "not inside the picture of 640 x 480"),
        (Box(-1, 10, 70, 20), "not inside the picture"),
        (Box(70, 10, 70, 20), "empty or inverted"),
        (Box(10, 90, 70, 20), "empty or inverted"),
        (Box(float("nan"), 10, 70, 20), "not finite"),
    ],
)
def test_regions_must_lie_in_the_picture(runner, observation, region, problem):
    error = failure(runner, Instruction("", "keypoints", region=region), observation)
    assert error.code is ErrorCode.INVALID_REQUEST
    assert problem in error.message


def test_regions_of_the_whole_picture_are_fine(runner, engine, observation):
    engine.script = ["a mug"]
    region = Box(0, 0, 640, 480)
    assert runner.run(Instruction("", "categorize", region=region), observation).text == "a mug"


@pytest.mark.parametrize(
    ("instruction", "problem"),
    [
        (Instruction("", "caption", region=Box(0, 0, 9, 9)), "takes no region"),
        (Instruction("what is it?", "vqa", region=Box(0, 0, 9, 9)), "write {box}"),
        (Instruction("what is at {box}?", "vqa"), "there is no region"),
        (Instruction("", "caption", options=("a",)), "takes no options"),
        (Instruction("mug", "score"), "needs options"),
        (Instruction("mug", "score", options=("a", " ")), "option 2 of 2 is empty"),
        (Instruction("mug", "refexp", action_space="vima"), "takes no action space"),
        (Instruction("mug", "plan", action_space="arm"), "no action space is called 'arm'"),
        (Instruction("mug", "plan", action_space="arm"), "there are vima"),
        (Instruction("mug", "plan", action_space="pointnav"), "needs pick_place: vima"),
        (Instruction("mug " * 600, "vqa"), "shorten the instruction"),
        (Instruction("", "detect", options=("mug " * 600,)), "shorten it"),
        (Instruction("<extra_id_300> mug", "localize"), "give plain words"),
        (Instruction("", "detect", options=("mug", "[Image] [S]")), "'[Image] [S]' holds"),
    ],
)
def test_requests_that_do_not_fit_their_task_say_why(runner, observation, instruction, problem):
    error = failure(runner, instruction, observation)
    assert error.code is ErrorCode.INVALID_REQUEST
    assert problem in error.message


def test_a_task_may_require_a_region(observation):
    task = replace(
        TASKS["categorize"], arguments=(Argument("region", "what it is asked of", "region"),)
    )
    with pytest.raises(InstructionError, match="needs a region of the picture"):
        admit(task, Instruction("", "categorize"), observation, {})


def test_a_region_without_a_picture_needs_one(runner, observation):
    heard = Observation(audio=observation.audio)
    error = failure(runner, Instruction("what is {box}?", region=Box(0, 0, 9, 9)), heard)
    assert error.code is ErrorCode.NO_INPUT


def test_pixels_that_are_none_are_invalid_input(runner):
    seen = Observation(Frame(np.zeros((0, 640, 3), np.uint8), 0))
    assert failure(runner, Instruction("", "caption"), seen).code is ErrorCode.INVALID_INPUT


def test_sound_that_is_not_finite_is_invalid_input(runner):
    heard = Observation(audio=np.full(16000, np.nan, np.float32))
    assert failure(runner, Instruction("", "audio_caption"), heard).code is ErrorCode.INVALID_INPUT


def test_running_out_of_memory_has_its_own_code(runner, engine, observation, monkeypatch):
    def explode(*_arguments, **_settings):
        raise torch.OutOfMemoryError("needed 3 GiB")

    monkeypatch.setattr(engine, "encode", explode)
    error = failure(runner, Instruction("", "caption"), observation)
    assert error.code is ErrorCode.OUT_OF_MEMORY
    assert "needed 3 GiB" in error.message


def test_settings_beyond_the_model_are_an_error(engine, observation):
    from uio2_ros.tasks import TaskRunner, TaskSettings

    runner = TaskRunner(engine, settings=TaskSettings(caption_tokens=600))
    with pytest.raises(ValueError, match="may need 601 tokens but the model generates at most 512"):
        runner.run(Instruction("", "caption"), observation)


@pytest.mark.parametrize(
    "senseless",
    [{"max_boxes": 0}, {"force_class": 1.5}, {"sampling_temperature": 0.0}, {"overlap": -0.1}],
)
def test_settings_that_make_no_sense_are_refused_by_name(senseless):
    from uio2_ros.tasks import TaskSettings

    with pytest.raises(ValueError, match=next(iter(senseless))):
        TaskSettings(**senseless)


def test_sound_at_another_rate_is_accepted(runner, engine, observation):
    engine.script = ["a bell"]
    assert runner.audio_caption(observation.audio, rate_hz=44100) == "a bell"


def test_the_last_sound_before_the_instruction_is_heard(runner, engine):
    """Of 5.9 s, 1.8 s are too short to be a segment: not those just before the instruction."""
    sound = np.zeros(94400, np.float32)
    sound[-16000:] = np.sin(np.arange(16000) / 20)
    engine.script = ["a bell"]
    runner.audio_caption(sound)
    assert engine.examples[0].audio.mask.any()


@pytest.mark.parametrize("method", ["plan", "next_action"])
def test_actions_are_chosen_with_what_was_heard(runner, engine, observation, locations, method):
    step = f"1: push from ( {locations(1, 2, 3)} ) and push to ( {locations(4, 5, 6)} )"
    engine.script = [step, step]
    getattr(runner, method)(observation.image, "push what rang", audio=observation.audio)
    getattr(runner, method)(observation.image, "push what rang")
    assert [example.audio is not None for example in engine.examples] == [True, False]


def test_methods_give_the_interesting_part(runner, engine, observation, locations):
    picture = observation.image.pixels
    box = locations(250, 100, 500, 400)
    step = f"1: push from ( {locations(1, 2, 3)} ) and push to ( {locations(4, 5, 6)} )"
    engine.script = [box, f"{box} mug", f"{box} mug", "yes", "a mug"]
    engine.script += ["a video", "walking", "stacking", "mug", "mug"]
    engine.script += [step, step, "stop", locations(500), "", "hello"]
    assert runner.refexp(picture, "mug").label == "mug"
    assert [found.label for found in runner.localize(picture, "mug")] == ["mug"]
    assert [found.label for found in runner.detect(picture)] == ["mug"]
    assert runner.vqa(picture, "Is it a mug?") == "yes"
    assert runner.caption(picture) == "a mug"
    assert runner.video_caption([picture, picture]) == "a video"
    assert runner.video_tag([picture, picture]) == "walking"
    assert runner.demonstration_caption([picture, picture]) == "stacking"
    assert runner.image_tag(picture) == "mug"
    assert runner.categorize(picture) == "mug"
    assert runner.next_action(picture, "push it").kind is ActionKind.PUSH
    assert len(runner.plan(picture, "push it").steps) == 1
    assert runner.navigate(picture, "go on").name == "stop"
    assert runner.act(picture, "reach it").steps[0].kind is ActionKind.CONTINUOUS
    camera = CameraModel(640, 480, 500.0, 500.0, 320.0, 240.0)
    assert runner.cuboids(picture, camera) == ()
    assert runner.ask(picture, "Hello?").text == "hello"
    assert runner.score(picture, "It is", ("full", "empty")) == {"full": -4.0, "empty": -5.0}
    assert runner.categorize(picture, ("plate", "mug")) == "mug"


def test_pictures_may_be_files(runner, engine, tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "gray.png"), np.full((48, 64, 3), 99, np.uint8))
    engine.script = ["gray"]
    assert runner.caption(tmp_path / "gray.png") == "gray"
