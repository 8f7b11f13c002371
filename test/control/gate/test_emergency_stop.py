"""The emergency stop's input."""

from __future__ import annotations

from uio2_ros.control import Cause
from uio2_ros.control.gate.emergency_stop import EmergencyStop


class Steady:
    """A clock that tests move."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_it_latches_until_it_is_released_and_not_while_it_is_pressed() -> None:
    stop = EmergencyStop(0.0)
    assert stop.problem is None
    stop.hear(True)
    assert "release the button" in stop.release()
    stop.hear(False)
    assert stop.problem is not None
    assert stop.problem.cause is Cause.ESTOP
    assert stop.release() == ""
    assert stop.problem is None


def test_missing_heartbeat_latches_although_it_comes_again() -> None:
    clock = Steady()
    stop = EmergencyStop(0.5, clock)
    assert stop.problem is not None  # nobody has spoken yet
    stop.hear(False)
    assert stop.problem is None
    clock.now_s = 0.6
    stop.hear(False)
    assert stop.problem is not None
    assert stop.problem.cause is Cause.ESTOP_LOST
    assert stop.release() == ""
    clock.now_s = 2.0
    assert "silent" in stop.release()


def test_what_was_pressed_tells_so_although_the_heartbeat_is_lost_too() -> None:
    clock = Steady()
    stop = EmergencyStop(0.5, clock)
    stop.hear(False)
    clock.now_s = 1.0
    stop.watch()
    stop.press("by hand")
    assert stop.problem is not None
    assert stop.problem.cause is Cause.ESTOP
