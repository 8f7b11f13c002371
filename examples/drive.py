"""Drives the simulated base to what each episode names: somebody does it, or the agent.

./uio2 up sim_task:=go_to                  # in another terminal
python examples/drive.py --episodes 20     # shows how: to be recorded, and learnt from
python examples/drive.py --agent           # asks the agent what to do, again and again
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import TwistStamped
from std_srvs.srv import Trigger
from uio2_ros.srv import GetSimulationState, ResetSimulation

from uio2_ros.client import AgentClient, AgentError

PERIOD_S = 0.1
LONGEST_S = 25.0
ARRIVED_M = 0.5
FASTEST_M_S, FASTEST_RAD_S = 0.5, 1.0
KEEP_AFTER_S = 20.0
"""The recorder keeps the last half minute."""
SPACE = "diff_drive"


class Drive:
    """The simulator's services, and the base's velocity."""

    def __init__(self, agent: AgentClient) -> None:
        self.agent = agent
        node = agent.node
        self._velocity = node.create_publisher(TwistStamped, "cmd_vel", 1)
        self._reset = node.create_client(ResetSimulation, "simulator/reset")
        self._look = node.create_client(GetSimulationState, "simulator/get_state")
        self._keep = node.create_client(Trigger, "recorder/keep")

    def begin(self, seed: int, split: str) -> Any:
        request = ResetSimulation.Request(task="go_to", seed=seed, split=split)
        return done(self._reset, request).state

    def state(self) -> Any:
        return done(self._look, GetSimulationState.Request()).state

    def keep(self) -> str:
        return str(done(self._keep, Trigger.Request()).message)

    def go(self, forward: float, turn: float) -> None:
        message = TwistStamped()
        message.header.stamp = self.agent.node.get_clock().now().to_msg()
        message.twist.linear.x, message.twist.angular.z = forward, turn
        self._velocity.publish(message)


def done(client: Any, request: Any) -> Any:
    if not client.wait_for_service(10.0):
        raise SystemExit(f"there is no {client.service_name}: ./uio2 up sim_task:=go_to ring:=true")
    future = client.call_async(request)
    while not future.done():
        time.sleep(0.01)
    return future.result()


def show_how(drive: Drive, state: Any) -> bool:
    """Turns towards what is named, drives there and stops; whether it has arrived."""
    target = next(one for one in state.objects if one.label in state.instruction)
    reach = ARRIVED_M + target.size.x / 2
    begun_s = time.monotonic()
    while time.monotonic() - begun_s < LONGEST_S:
        state = drive.state()
        gap, bearing = way(state.robot, target.pose.position)
        if gap < reach:
            drive.go(0.0, 0.0)
            time.sleep(3 * PERIOD_S)
            return bool(drive.state().succeeded)
        turn = max(-FASTEST_RAD_S, min(FASTEST_RAD_S, 2.0 * bearing))
        forward = FASTEST_M_S * max(0.0, math.cos(bearing)) ** 4 * min(1.0, 2 * (gap - reach) + 0.2)
        drive.go(forward, turn)
        time.sleep(PERIOD_S)
    return False


def way(robot: Any, place: Any) -> tuple[float, float]:
    """Metres to a place, and the angle to the left of straight ahead."""
    turn = robot.orientation
    yaw = 2 * math.atan2(turn.z, turn.w)
    east, north = place.x - robot.position.x, place.y - robot.position.y
    return math.hypot(east, north), math.remainder(math.atan2(north, east) - yaw, 2 * math.pi)


def ask_agent(drive: Drive, state: Any) -> bool:
    """Has the bridge carry out what the agent answers, which it does by itself in the simulator."""
    begun_s = time.monotonic()
    while time.monotonic() - begun_s < LONGEST_S and not drive.state().succeeded:
        steps = drive.agent.act(state.instruction, SPACE, timeout_s=5.0).steps
        time.sleep(steps[-1].time_from_start_s / 2)
    drive.go(0.0, 0.0)
    return bool(drive.state().succeeded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", action="store_true", help="the agent drives")
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the first episode")
    parser.add_argument("--split", default="train", choices=("train", "held-out"))
    parser.add_argument("--keep", action="store_true", help="have the recorder keep it")
    given = parser.parse_args()
    act: Callable[[Drive, Any], bool] = ask_agent if given.agent else show_how
    arrived, kept_s = 0, time.monotonic()
    with AgentClient() as agent:
        drive = Drive(agent)
        for seed in range(given.seed, given.seed + given.episodes):
            state = drive.begin(seed, given.split)
            try:
                good = act(drive, state)
            except AgentError as error:
                raise SystemExit(f"the agent did not answer: {error}") from error
            arrived += good
            gap = nearest(drive.state(), state)
            print(f"{seed}: {state.instruction}: {'there' if good else 'not there'}, {gap:.2f} m")
            if given.keep and time.monotonic() - kept_s > KEEP_AFTER_S:
                print("kept", drive.keep())
                kept_s = time.monotonic()
    print(f"{arrived} of {given.episodes} there")


def nearest(state: Any, begun: Any) -> float:
    """Metres from the base to what was named."""
    target = next(one for one in state.objects if one.label in begun.instruction)
    return way(state.robot, target.pose.position)[0] - target.size.x / 2


if __name__ == "__main__":
    main()
