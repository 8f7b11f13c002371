"""Simulated time: the bridge stops what moves when it stands, and hears joints sent best effort."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from geometry_msgs.msg import TwistStamped
from nodes.agent_process import AgentProcess
from nodes.bridge.sender import Sender
from nodes.robot import wait_until
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from uio2_ros.action import ExecutePlan

from uio2_ros.control import Cause
from uio2_ros.messages.stamps import time_message
from uio2_ros.robot.time import to_ns

pytestmark = pytest.mark.ros
STEP_S = 0.02
CLOCK_TIMEOUT_S = 3.0


class Simulator:
    """Publishes /clock while it runs."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._over, self._runs = threading.Event(), threading.Event()
        self._runs.set()
        self.now_s = 1000.0
        sender.publish("/clock", self._clock())
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def pause(self) -> None:
        self._runs.clear()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(STEP_S):
            if self._runs.is_set():
                self.now_s += STEP_S
                self._sender.publish("/clock", self._clock())

    def _clock(self) -> Clock:
        return Clock(clock=time_message(to_ns(self.now_s)))


@pytest.fixture(scope="module", autouse=True)
def bridge(start: Callable[..., AgentProcess]) -> AgentProcess:
    return start("bridge", use_sim_time=True, clock_timeout=CLOCK_TIMEOUT_S)


@pytest.fixture
def simulator(sender_of_module: Sender) -> Iterator[Simulator]:
    simulator = Simulator(sender_of_module)
    yield simulator
    simulator.close()


def test_without_a_clock_nothing_moves_and_it_is_said_why(sender_of_module: Sender) -> None:
    sender = sender_of_module
    result = sender.carry_out(sender.moves("left"))
    assert result.error_code == ExecutePlan.Result.CLOCK_STOPPED
    wait_until(lambda: "or never came: run the simulator" in sender.status().message, "the report")


def test_time_that_stands_stops_the_base(simulator: Simulator, sender_of_module: Sender) -> None:
    sender = sender_of_module
    sender.publish("joint_states", JointState(name=["a"], position=[0.0]), qos_profile_sensor_data)
    wait_until(lambda: sender.report()["joints known"] == "1", "the joints to be heard")
    before = sender.counted(Cause.CLOCK_STOPPED)
    plan = sender.drive([[0.3, 0.0]] * 1000)
    plan.header.stamp = time_message(to_ns(simulator.now_s))
    sender.hear("cmd_vel", TwistStamped)
    sender.send(plan)
    sender.heard("cmd_vel", lambda twist: twist.twist.linear.x > 0.25)
    simulator.pause()
    sender.assert_stops()
    sender.wait_until_counted(Cause.CLOCK_STOPPED, before + 1)
    assert f"/clock stood still for {CLOCK_TIMEOUT_S:g} s" in sender.status().message
