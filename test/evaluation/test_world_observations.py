"""What an agent in a simulated world is shown is what its histories would hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation.scripted import settings

from uio2_ros.evaluation.run_settings import ObservationSettings, agent_defaults
from uio2_ros.evaluation.world_observations import WorldObservations
from uio2_ros.history import FrameHistory, FrameHistorySettings
from uio2_ros.robot.observation import Observation
from uio2_ros.robot.time import NS_PER_S
from uio2_ros.sim import Split, World, sample_episode
from uio2_ros.tasks.registry import task_named

HISTORIES = ObservationSettings(FrameHistorySettings(3, 0.7))


def observed(
    task: str, sim_task: str = "moved", histories: ObservationSettings = HISTORIES
) -> Observation:
    episode = sample_episode(sim_task, 7, Split.HELD_OUT, settings().size)
    with World(episode.scene) as world:
        found = WorldObservations(world, histories)
        episode.begin(world)
        return found.observe(task_named(task))


def test_pictures_are_those_of_an_agent_that_saw_every_one() -> None:
    episode = sample_episode("moved", 7, Split.HELD_OUT, settings().size)
    history = FrameHistory(HISTORIES.frames)

    def show() -> None:
        pixels = world.colour("front")
        history.offer(round(world.time_s * NS_PER_S), "front_optical_frame", lambda: pixels)

    with World(episode.scene) as world:
        world.watch(show, 1 / HISTORIES.picture_rate_hz)
        senses = WorldObservations(world, HISTORIES)
        episode.begin(world)
        show()
        seen = senses.observe(task_named("plan"))
    with history.snapshot() as expected:
        assert seen.image.stamp_ns == expected.newest.stamp_ns
        assert np.array_equal(seen.image.pixels, expected.newest.pixels)
        assert [one.stamp_ns for one in seen.history] == [one.stamp_ns for one in expected.older]
        assert len(seen.history) == 3
        for mine, theirs in zip(seen.history, expected.older, strict=True):
            assert np.array_equal(mine.pixels, theirs.pixels)
            assert mine.frame_id == theirs.frame_id


def test_what_was_moved_is_seen_in_the_history_only() -> None:
    seen = observed("plan")
    assert not np.array_equal(seen.history[0].pixels, seen.image.pixels)


def test_a_task_is_shown_what_it_makes_use_of() -> None:
    caption, listening = observed("caption"), observed("audio_caption", "rang")
    assert (caption.history, caption.audio) == ((), None)
    assert np.abs(listening.audio).max() > 0.1
    assert caption.camera.width == 64


def test_looking_twice_changes_nothing() -> None:
    episode = sample_episode("moved", 7, Split.HELD_OUT, settings().size)
    with World(episode.scene) as world:
        senses = WorldObservations(world, HISTORIES)
        episode.begin(world)
        first, second = (senses.observe(task_named("plan")) for _ in range(2))
    assert first.image.stamp_ns == second.image.stamp_ns
    assert len(first.history) == len(second.history)


def test_the_histories_are_those_of_the_agents_parameters() -> None:
    histories, bounds = agent_defaults()
    frames, sound = histories.frames, histories.audio
    assert (frames.count, frames.period_s, sound.seconds) == (8, 1.0, 40.0)
    assert bounds.max_steps == 8


def test_a_parameter_file_that_up_takes_is_taken_here(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "/robot/agent: {ros__parameters: {history.count: 3, tasks: {max_steps: 5}, model: nano}}"
    )
    histories, bounds = agent_defaults(file)
    assert (histories.frames.count, bounds.max_steps) == (3, 5)
    file.write_text("bridge: {ros__parameters: {rate: 5.0}}")
    with pytest.raises(ValueError, match="does not hold the parameters of an agent"):
        agent_defaults(file)


def test_pictures_that_nobody_will_see_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    draw = World.colour
    monkeypatch.setattr(World, "colour", lambda *which: drawn.append(which) or draw(*which))
    seen = observed("plan", histories=ObservationSettings(FrameHistorySettings(period_s=0.7)))
    assert len(drawn) == len(seen.history) + 1 == 6
