"""What an instruction was about goes into `~/asked` and comes back as it was."""

from __future__ import annotations

import numpy as np
from std_msgs.msg import Header
from uio2_ros.srv import Instruct

from uio2_ros.messages.answers import result_message
from uio2_ros.messages.asked import asked_message, observation_of
from uio2_ros.messages.instructions import instruction_of
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.observation import Frame, Observation

PIXELS = np.zeros((4, 6, 3), np.uint8)
NEWEST, OLDER = Frame(PIXELS, 3_000_000_001), (Frame(PIXELS, 1), Frame(PIXELS, 2_000_000_000))
REQUEST = Instruct.Request(instruction="go", task="navigate", options=["a"], seed=5, timeout=3.0)
RESULT = result_message(Answer(text="forward"), "go", Header(frame_id="camera"))


def test_everything_but_the_pixels_comes_back() -> None:
    observation = Observation(
        image=NEWEST,
        history=OLDER,
        audio=np.linspace(-1, 1, 50, dtype=np.float32),
        camera=CameraModel(6, 4, 5.0, 5.5, 3.0, 2.0),
        robot_history=("observation ( 0 0 0 ) forward",),
    )
    asked = asked_message(REQUEST, observation, RESULT)
    stamps = [(stamp.sec, stamp.nanosec) for stamp in asked.frame_stamps]
    assert stamps == [(0, 1), (2, 0)]
    back = observation_of(asked, NEWEST, OLDER)
    assert (back.camera, back.robot_history) == (observation.camera, observation.robot_history)
    assert back.audio is not None
    np.testing.assert_array_equal(back.audio, observation.audio)
    assert back.audio_rate == observation.audio_rate
    assert instruction_of(asked) == instruction_of(REQUEST)
    assert asked.result == RESULT


def test_what_was_not_there_is_not_there_again() -> None:
    back = observation_of(asked_message(REQUEST, Observation(), RESULT), None, ())
    assert back == Observation()
