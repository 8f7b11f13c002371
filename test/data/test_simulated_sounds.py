"""Mixtures of the simulator's sounds, and scenes that are asked for pictures."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs the extra sim")
from uio2_ros.data.simulated_scenes import SceneSettings, samples_of_scene
from uio2_ros.data.simulated_sounds import SoundShards, sample_of_mixture
from uio2_ros.sim import PictureSize, Split


def test_a_mixture_is_one_segment_that_is_described_and_made() -> None:
    one, again = (sample_of_mixture(3, Split.TRAIN) for _ in range(2))
    heard = one.observation.audio
    assert heard is not None
    assert heard.shape == (65280,)
    assert 0 < np.abs(heard).max() <= 1
    described, made = one.tasks
    assert (described.instruction.task, made.instruction.task) == (
        "audio_caption",
        "generate_audio",
    )
    assert made.instruction.instruction == described.answer.text
    np.testing.assert_array_equal(made.answer.audio[0], heard)
    np.testing.assert_array_equal(again.tasks[1].answer.audio[0], heard)


def test_no_mixture_of_one_split_is_in_the_other() -> None:
    train, held_out = (
        next(SoundShards(split, 1).samples(0)).observation.audio
        for split in (Split.TRAIN, Split.HELD_OUT)
    )
    assert train is not None
    assert held_out is not None
    assert not np.array_equal(train, held_out)


def test_scenes_are_asked_for_pictures_beside_all_they_were_asked_for() -> None:
    plain = SceneSettings(size=PictureSize(64, 48), samples_per_pixel=0)
    drawn = SceneSettings(size=PictureSize(64, 48), samples_per_pixel=0, drawn=True)
    without, beside = (next(samples_of_scene(0, settings)).tasks for settings in (plain, drawn))
    assert [one.instruction for one in beside[:-3]] == [one.instruction for one in without]
    assert [one.instruction.task for one in beside[-3:]] == ["depth", "normals", "generate_image"]
    depth = beside[-3].answer.pictures[0].pixels
    assert depth.shape == (48, 64)
