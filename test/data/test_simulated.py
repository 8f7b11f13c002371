"""Samples out of the simulator: the same every time, valid, and true."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.data.shards import read_shard, write_shard
from uio2_ros.data.simulated import SimulatedSettings, episode_of, samples_of
from uio2_ros.data.simulated_tasks import expressions, perceived
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.robot.box import Box
from uio2_ros.robot.plan import TaskPlan
from uio2_ros.sim import PictureSize, Split, World, sample_episode
from uio2_ros.sim.spec import Place
from uio2_ros.sim.truth import SceneTruth, observe
from uio2_ros.tasks.admission import admit
from uio2_ros.tasks.registry import TASKS, tasks_of
from uio2_ros.tasks.task import DEFAULT_FAMILY

SMALL = SimulatedSettings(size=PictureSize(64, 64), period_s=1.0)
SPACES = load_action_spaces(Path(__file__).parents[2] / "config" / "action_spaces")
LEFT_OUT = {"", "keypoints", "coco_detect", "act", "score"}


def episode_samples(task: str, seed: int = 1) -> list[Sample]:
    episode = sample_episode(task, seed, Split.TRAIN, SMALL.size)
    return list(samples_of(episode, SMALL))


@pytest.fixture(scope="module")
def swapping() -> list[Sample]:
    return episode_samples("swap")


@pytest.fixture(scope="module")
def driving() -> list[Sample]:
    return episode_samples("go_to")


@pytest.fixture(scope="module")
def ringing() -> list[Sample]:
    return episode_samples("rang")


@pytest.fixture(scope="module")
def truth() -> SceneTruth:
    episode = sample_episode("put", 2, Split.TRAIN, PictureSize(128, 128))
    with World(episode.scene, 0) as world:
        return observe(world, "front")


@pytest.fixture
def every(swapping: list[Sample], driving: list[Sample], ringing: list[Sample]) -> list[Sample]:
    return [*swapping, *driving, *ringing]


def asked(samples: list[Sample], task: str) -> list[tuple[Sample, LabelledTask]]:
    return [
        (sample, labelled)
        for sample in samples
        for labelled in sample.tasks
        if labelled.instruction.task == task
    ]


def test_equal_episodes_give_equal_shards(tmp_path: Path, ringing: list[Sample]) -> None:
    write_shard(tmp_path / "a.tar", ringing)
    write_shard(tmp_path / "b.tar", episode_samples("rang"))
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_every_task_that_is_labelled_can_be_asked(every: list[Sample]) -> None:
    for sample in every:
        for labelled in sample.tasks:
            task = TASKS[labelled.instruction.task]
            admit(task, labelled.instruction, sample.observation, SPACES)
            assert labelled.answer.task == task.name


def test_all_tasks_are_there_but_those_without_truth(every: list[Sample]) -> None:
    there = {labelled.instruction.task for sample in every for labelled in sample.tasks}
    assert there == set(tasks_of(DEFAULT_FAMILY)) - LEFT_OUT


def test_a_shard_gives_the_labels_back(tmp_path: Path, swapping: list[Sample]) -> None:
    write_shard(tmp_path / "a.tar", swapping)
    for written, read in zip(swapping, read_shard(tmp_path / "a.tar"), strict=True):
        assert [task.instruction for task in read.tasks] == [
            task.instruction for task in written.tasks
        ]
        assert [task.answer.detections for task in read.tasks] == [
            task.answer.detections for task in written.tasks
        ]


def test_all_cameras_are_seen_while_the_arm_works(swapping: list[Sample]) -> None:
    during = Counter(sample.key.rpartition("_")[2] for sample in swapping if "during" in sample.key)
    assert during["front"] == during["top"] > 3


def test_pictures_between_steps_have_the_steps_still_to_come(swapping: list[Sample]) -> None:
    for camera in ("front", "top"):
        plans = [
            labelled.answer.plan
            for sample, labelled in asked(swapping, "plan")
            if sample.key.endswith(camera)
        ]
        whole = plans[0].steps
        assert [plan.steps for plan in plans] == [whole[n:] for n in range(len(whole))]


def test_the_next_action_is_the_first_of_the_plan(swapping: list[Sample]) -> None:
    for (_, plan), (_, following) in zip(
        asked(swapping, "plan"), asked(swapping, "next_action"), strict=True
    ):
        assert following.answer.plan.steps == plan.answer.plan.steps[:1]


def test_the_goal_picture_is_what_is_seen_in_the_end(swapping: list[Sample]) -> None:
    last = [sample for sample in swapping if asked([sample], "demonstration_caption")]
    (_, goal), *_ = asked(swapping, "goal_image")
    np.testing.assert_array_equal(goal.answer.pictures[0].pixels, last[0].observation.image.pixels)


def test_every_move_of_the_base_is_told_with_those_before_it(driving: list[Sample]) -> None:
    moves = asked(driving, "navigate")
    assert len(moves) > 3
    names = [labelled.answer.plan.steps[0].name for _, labelled in moves]
    assert names[-1] == "stop"
    for number, (sample, _) in enumerate(moves):
        past = sample.observation.robot_history
        assert [text.rpartition(" ")[2] for text in past] == names[:number][-16:]
    assert (
        "( <extra_id_699> <extra_id_699> <extra_id_699> )"
        in moves[1][0].observation.robot_history[0]
    )


def test_the_base_drives_where_its_moves_say(driving: list[Sample]) -> None:
    """Habitat's z is backward: driving straight on makes it smaller."""
    *_, (sample, _) = asked(driving, "navigate")
    places = [text.split()[2:5] for text in sample.observation.robot_history]
    ahead = [int(z.removeprefix("<extra_id_").removesuffix(">")) for _, z, _ in places]
    assert ahead[-1] < ahead[0]


def test_what_rang_is_in_the_sound_and_in_its_caption(ringing: list[Sample]) -> None:
    first = next(sample for sample in ringing if sample.key.endswith("step0_front"))
    (_, heard), *_ = asked([first], "audio_caption")
    assert heard.answer.text != "Silence."
    assert np.abs(first.observation.audio).max() > 0.1
    (_, made), *_ = asked([first], "generate_audio")
    assert made.answer.audio[0].size <= round(4.08 * 16000)
    np.testing.assert_array_equal(
        made.answer.audio[0], first.observation.audio[-made.answer.audio[0].size :]
    )


def test_earlier_pictures_are_older_and_apart(every: list[Sample]) -> None:
    for sample in every:
        stamps = [frame.stamp_ns for frame in sample.observation.history]
        stamps.append(sample.observation.image.stamp_ns)
        assert len(stamps) <= SMALL.history_frames + 1
        assert all(later - earlier > 0.98e9 for earlier, later in pairwise(stamps))


def test_the_right_answer_is_among_the_options(every: list[Sample]) -> None:
    given = 0
    for sample in every:
        for labelled in sample.tasks:
            options = labelled.instruction.options
            if options and labelled.instruction.task in ("vqa", "categorize"):
                assert labelled.answer.text in options
                given += 1
            names = {one.label for one in labelled.answer.detections}
            assert not options or names <= set(options)
    assert given > 5


def test_what_is_not_there_is_not_found(swapping: list[Sample]) -> None:
    empty = [
        labelled for _, labelled in asked(swapping, "localize") if not labelled.answer.detections
    ]
    assert empty
    seen = {
        one.label for _, labelled in asked(swapping, "detect") for one in labelled.answer.detections
    }
    assert any(labelled.instruction.instruction not in seen for labelled in empty)


def test_an_expression_means_one_object(truth: SceneTruth) -> None:
    meant: dict[str, Box] = {}
    for text, seen in expressions(truth):
        assert meant.setdefault(text, seen.box) == seen.box
    assert len(meant) > len(truth.objects)


def test_a_surface_has_a_normal_that_faces_the_camera_or_none(truth: SceneTruth) -> None:
    depth = truth.depth.copy()
    depth[:3] = 0
    holed = replace(truth, depth=depth)
    tasks = perceived(holed, Place.TABLE, Split.TRAIN, np.random.default_rng(1))
    (picture,) = next(one for one in tasks if one.instruction.task == "normals").answer.pictures
    assert np.isnan(picture.pixels[:3]).all()
    known = picture.pixels[np.isfinite(picture.pixels[..., 2])]
    assert len(known) > 0.9 * depth[3:].size
    assert (known[:, 2] < 0).all()


@dataclass(frozen=True)
class NeverReached:
    goal: Any

    def reached(self, world: World) -> bool:  # noqa: ARG002
        return False

    def plan(self, world: World) -> TaskPlan:
        return self.goal.plan(world)


def test_a_plan_that_failed_is_not_taught() -> None:
    episode = sample_episode("push", 1, Split.TRAIN, SMALL.size)
    failed = list(samples_of(replace(episode, goal=NeverReached(episode.goal)), SMALL))
    there = {labelled.instruction.task for sample in failed for labelled in sample.tasks}
    assert "depth" in there
    assert not there & {"plan", "next_action", "goal_image", "edit_image", "video_caption"}


def test_episodes_take_their_tasks_in_turn() -> None:
    settings = SimulatedSettings(tasks=("put", "push"), seed=5)
    told = [(one.task, one.seed) for one in (episode_of(n, settings) for n in range(4))]
    assert told == [("put", 5), ("push", 5), ("put", 6), ("push", 6)]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"tasks": ("juggle",)}, "juggle"),
        ({"tasks": ()}, "nothing"),
        ({"period_s": 0.0}, "period_s"),
        ({"history_frames": -1}, "history_frames"),
        ({"seed": -1}, "seed"),
        ({"size": PictureSize(0, 9)}, "0 x 9"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SimulatedSettings(**wrong)
