"""Objects are merged, moved and forgotten by the rules of the module, and survive restarts."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from uio2_ros.memory.memory_file import IN_MEMORY, MemoryFile
from uio2_ros.memory.settings import MemorySettings
from uio2_ros.memory.world_memory import Searched, Survey, WorldMemory
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.located import LocatedObject, RangeSource
from uio2_ros.robot.poses import Pose3D, Vector3, from_roll_pitch_yaw
from uio2_ros.robot.time import to_ns

CAMERA = CameraModel(160, 120, 150.0, 150.0, 79.5, 59.5)
DOWN = Pose3D((0.0, 0.0, 1.0), from_roll_pitch_yaw(math.pi, 0.0, 0.0))
"""Of the optical frame in odom: 1 m above a table, looking straight down."""
EVERYTHING = Searched(everything=True)


class Scene:
    """A memory, and looks at a table a second apart; places are in odom."""

    def __init__(self, wall: Callable[[], float] | None = None, **settings: object) -> None:
        chosen = {"file": IN_MEMORY, **settings}
        self.memory = WorldMemory(
            MemorySettings(**chosen),  # type: ignore[arg-type]
            wall_clock=wall or (lambda: 1e9),
        )
        self.now_s = 100.0

    def look(
        self,
        *seen: tuple[str, Vector3],
        searched: Searched = EVERYTHING,
        depth: float | None = 1.0,
        score: float = 0.9,
        deviation_m: float = 0.02,
        eye: Pose3D = DOWN,
        size: Vector3 = (0.08, 0.08, 0.08),
        is_cut: bool = False,
    ) -> None:
        self.now_s += 1.0
        objects = [
            LocatedObject(
                label,
                score,
                Box(0, 0, 9, 9),
                RangeSource.DEPTH,
                eye.inverse().then(Pose3D(place)),
                size,
                deviation_m,
                is_cut=is_cut,
            )
            for label, place in seen
        ]
        metres = None if depth is None else np.full((120, 160), depth, np.float32)
        survey = Survey(to_ns(self.now_s), CAMERA, eye, objects, searched, metres)
        self.memory.merge(survey, to_ns(self.now_s))

    def places(self, query: str = "") -> dict[int, tuple[float, ...]]:
        found = self.memory.recall(query, to_ns(self.now_s))
        return {one.id: tuple(round(value, 3) for value in one.pose.position) for one in found}


HERE, NEAR, THERE = (0.2, 0.1, 0.04), (0.23, 0.1, 0.04), (-0.2, -0.1, 0.04)


def test_what_is_seen_is_remembered_in_the_fixed_frame_wherever_the_camera_is() -> None:
    scene = Scene()
    aside = Pose3D((0.3, 0.0, 1.2), from_roll_pitch_yaw(math.pi, 0.0, 0.4))
    scene.look(("red mug", HERE))
    scene.look(("red mug", HERE), eye=aside)
    assert scene.places("where is the red mug?") == {1: HERE}
    (found,) = scene.memory.recall("red mug", to_ns(scene.now_s + 5))
    assert (found.sightings, found.frame_id, found.age_s) == (2, "odom", 5.0)
    assert found.confidence == pytest.approx(0.99)


def test_many_sightings_are_better_than_one() -> None:
    scene = Scene()
    scene.look(("mug", HERE))
    for offset in (0.01, -0.01, 0.01, -0.01):
        scene.look(("mug", (HERE[0] + offset, HERE[1], HERE[2])))
    ((number, place),) = scene.places().items()
    assert number == 1
    assert math.dist(place, HERE) < 0.006
    (found,) = scene.memory.recall("", to_ns(scene.now_s))
    assert found.deviation_m == pytest.approx(0.01)


def test_a_part_at_the_edge_hardly_moves_and_never_shrinks_what_is_known() -> None:
    scene = Scene()
    scene.look(("mug", HERE))
    part = (0.03, 0.03, 0.03)
    for _ in range(3):
        scene.look(("mug", NEAR), deviation_m=0.1, size=part, is_cut=True)
    (found,) = scene.memory.recall("mug", to_ns(scene.now_s))
    assert math.dist(found.pose.position, HERE) < 0.005
    assert (found.size, found.sightings) == ((0.08, 0.08, 0.08), 4)
    assert found.deviation_m <= 0.02


def test_what_was_pushed_a_little_is_where_it_is_now() -> None:
    scene = Scene()
    for _ in range(5):
        scene.look(("mug", HERE), deviation_m=0.005)
    scene.look(("mug", NEAR), deviation_m=0.005)
    assert scene.places() == {1: NEAR}


def test_a_name_that_says_more_is_kept_and_another_colour_is_another_thing() -> None:
    scene = Scene()
    scene.look(("mug", HERE))
    scene.look(("red mug", HERE), ("blue mug", NEAR))
    scene.look(("mug", HERE), ("blue mug", NEAR))
    found = scene.memory.recall("", to_ns(scene.now_s))
    assert {one.label for one in found} == {"red mug", "blue mug"}


def test_two_of_a_name_are_two_things() -> None:
    scene = Scene()
    scene.look(("mug", HERE), ("mug", NEAR))
    scene.look(("mug", NEAR), ("mug", HERE))
    assert scene.places() == {1: HERE, 2: NEAR}


def test_what_was_carried_elsewhere_keeps_its_number() -> None:
    scene = Scene()
    scene.look(("red mug", HERE), ("bowl", (0.0, 0.2, 0.04)))
    scene.look(("red mug", THERE), ("bowl", (0.0, 0.2, 0.04)))
    assert scene.places("red mug") == {1: THERE}


def test_a_second_one_is_no_move_while_the_first_is_out_of_view() -> None:
    scene = Scene()
    scene.look(("red mug", (2.0, 0.0, 0.04)))
    scene.look(("red mug", THERE))
    assert scene.places() == {1: (2.0, 0.0, 0.04), 2: THERE}


def test_seen_to_be_gone_is_forgotten_after_some_looks() -> None:
    scene = Scene(misses=3)
    scene.look(("mug", HERE))
    scene.look()
    (found,) = scene.memory.recall("mug", to_ns(scene.now_s))
    assert found.missed == 1
    assert found.confidence < 0.6
    scene.look(("mug", HERE))  # in a row, not in all
    scene.look()
    scene.look()
    assert len(scene.memory) == 1
    scene.look()
    assert scene.places() == {}


@pytest.mark.parametrize(
    ("depth", "searched", "why"),
    [
        (None, EVERYTHING, "without depth nobody knows what is in the way"),
        (0.7, EVERYTHING, "something is in the way"),
        (0.0, EVERYTHING, "the depth of its place is unknown"),
        (0.93, EVERYTHING, "something as thick as it stands there, overlooked"),
        (1.0, Searched(names=("bowl",)), "nobody searched for it"),
        (1.0, Searched(), "the task lists what it pleases"),
    ],
)
def test_what_may_still_be_there_is_not_forgotten(
    depth: float | None, searched: Searched, why: str
) -> None:
    scene = Scene(misses=1)
    scene.look(("mug", HERE))
    scene.look(depth=depth, searched=searched)
    assert scene.places() == {1: HERE}, why


def test_out_of_view_is_not_forgotten() -> None:
    scene = Scene(misses=1)
    scene.look(("mug", (0.52, 0.0, 0.04)))  # at the edge of the picture
    scene.look()
    assert len(scene.memory) == 1


def test_where_something_else_is_seen_to_stand_it_is_gone() -> None:
    scene = Scene(misses=1)
    scene.look(("mug", HERE))
    scene.look(("bowl", HERE), depth=0.93)
    assert {one.label for one in scene.memory.recall("", to_ns(scene.now_s))} == {"bowl"}


def test_age_forgets() -> None:
    scene = Scene(max_age_s=60.0)
    scene.look(("mug", HERE))
    scene.now_s += 61
    scene.look(("bowl", THERE))
    assert scene.places("mug") == {}
    assert scene.places("bowl") == {2: THERE}


def test_no_more_than_so_many_are_remembered() -> None:
    scene = Scene(most=2)
    for number in range(4):
        scene.look((f"mug {number}", (2.0 + number, 0.0, 0.0)))
    assert {one.label for one in scene.memory.recall("", to_ns(scene.now_s))} == {"mug 2", "mug 3"}


def test_what_has_no_place_no_name_or_a_low_score_is_not_remembered() -> None:
    scene = Scene(least_score=0.5)
    scene.look(("mug", HERE), score=0.4)
    scene.look(("", HERE))
    nowhere = LocatedObject("mug", 0.9, Box(0, 0, 9, 9))
    scene.memory.merge(Survey(1, CAMERA, DOWN, [nowhere]), 1)
    assert len(scene.memory) == 0


def test_the_same_picture_asked_about_again_is_no_second_sighting() -> None:
    scene = Scene()
    scene.look(("mug", HERE))
    scene.now_s -= 1.0
    scene.look(("mug", HERE))
    (found,) = scene.memory.recall("", to_ns(scene.now_s))
    assert found.sightings == 1


def test_the_best_answer_comes_first_and_may_be_limited() -> None:
    scene = Scene()
    scene.look(("mug", THERE))
    scene.look(("red mug", HERE), searched=Searched())
    scene.look(("blue mug", (2.0, 0.0, 0.0)), searched=Searched())
    found = scene.memory.recall("have you seen the red mug?", to_ns(scene.now_s))
    assert [one.label for one in found] == ["red mug", "mug"]
    assert len(scene.memory.recall("mug", to_ns(scene.now_s), most=2)) == 2
    assert scene.memory.recall("red mug", to_ns(scene.now_s), max_age_s=0.5) == []
    assert scene.memory.recall("zebra", to_ns(scene.now_s)) == []
    assert scene.memory.recall("where is it?", to_ns(scene.now_s)) == []


def test_it_survives_a_restart_with_ages_of_the_machines_clock(tmp_path: Path) -> None:
    file = str(tmp_path / "world.sqlite")
    scene = Scene(wall=lambda: 1000.0, file=file)
    scene.look(("red mug", HERE), ("bowl", THERE))
    scene.memory.close()
    later = Scene(wall=lambda: 1030.0, file=file)
    later.now_s = 3.0  # simulated time began anew
    assert later.places() == {1: HERE, 2: THERE}
    assert later.memory.recall("mug", to_ns(3.0))[0].age_s == 30.0
    later.look(("red mug", HERE))
    (mug,) = later.memory.recall("mug", to_ns(later.now_s + 2))
    assert (mug.id, mug.sightings, mug.age_s) == (1, 2, 2.0)
    assert later.memory.forget() == 2
    later.memory.close()
    assert len(Scene(file=file).memory) == 0


def test_a_clock_that_jumps_back_makes_nothing_younger_or_of_the_future() -> None:
    wall_s = [1000.0]
    scene = Scene(wall=lambda: wall_s[0])
    scene.look(("mug", HERE))
    wall_s[0] += 7
    scene.memory.clock_jumped()
    scene.now_s = 1.0
    assert scene.memory.recall("mug", to_ns(1.0))[0].age_s == 7.0


def test_other_frames_in_the_file_are_left_alone(tmp_path: Path) -> None:
    file = str(tmp_path / "world.sqlite")
    scene = Scene(file=file)
    scene.look(("mug", HERE))
    scene.memory.close()
    in_map = Scene(file=file, frame="map")
    assert in_map.places() == {}
    in_map.look(("bowl", THERE))
    in_map.memory.close()
    assert Scene(file=file).places() == {1: HERE}


def test_a_file_that_cannot_be_used_is_told_and_the_memory_works(tmp_path: Path) -> None:
    file = str(tmp_path / "world.sqlite")
    other = MemoryFile(file)
    scene = Scene(file=file)
    assert "another agent has it open" in scene.memory.problem
    scene.look(("mug", HERE))
    assert scene.places() == {1: HERE}
    other.close()


def test_a_file_that_fails_later_is_told_and_the_memory_goes_on(tmp_path: Path) -> None:
    scene = Scene(file=str(tmp_path / "world.sqlite"))
    assert scene.memory.problem == ""
    assert scene.memory._file is not None
    scene.memory._file.close()
    scene.look(("mug", HERE))
    assert "cannot be used" in scene.memory.problem
    assert scene.places() == {1: HERE}


@pytest.mark.parametrize(
    ("asked", "searched"),
    [
        (Instruction("", "detect"), Searched(everything=True)),
        (Instruction("", "detect", ("mug", "bowl")), Searched(names=("mug", "bowl"))),
        (Instruction("mug", "localize"), Searched(names=("mug",))),
        (Instruction("the red mug", "refexp"), Searched(names=("the red mug",))),
        (Instruction("", "coco_detect"), Searched()),
    ],
)
def test_what_an_instruction_searches_for(asked: Instruction, searched: Searched) -> None:
    found = [LocatedObject("the red mug", 1.0, Box(0, 0, 1, 1))]
    assert Searched.by(asked, found) == searched


def test_a_search_for_mugs_is_one_for_the_red_mug_but_not_the_other_way_round() -> None:
    scene = Scene(misses=1)
    scene.look(("red mug", HERE), ("mug", THERE))
    scene.look(searched=Searched(names=("red mug",)))
    assert scene.places() == {2: THERE}
    scene.look(("red mug", HERE), searched=Searched())
    scene.look(searched=Searched(names=("all mugs",)))
    assert scene.places() == {}


def test_depth_far_behind_the_place_shows_that_it_is_empty() -> None:
    scene = Scene(misses=1)
    scene.look(("mug", HERE))
    scene.look(depth=5.0)
    assert scene.places() == {}
