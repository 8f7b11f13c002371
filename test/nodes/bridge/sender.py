"""Who sends plans to a bridge and listens to what it tells the controllers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from nodes.locked_action_client import LockedActionClient
from nodes.robot import Robot, done, wait_until
from patience import patient
from std_srvs.srv import SetBool, Trigger
from uio2_ros.action import ExecutePlan
from uio2_ros.msg import ActionStep, Plan

from uio2_ros.control import Cause
from uio2_ros.messages.stamps import time_message
from uio2_ros.robot.time import to_ns


class Sender(Robot):
    """A robot's environment for a bridge."""

    def __init__(self) -> None:
        super().__init__()
        self.execute = LockedActionClient(self.node, ExecutePlan, "/bridge/execute")
        self._listens: set[str] = set()

    def hear(self, topic: str, message_type: type) -> None:
        """Keeps a topic's messages from now on, once; the first may be missed."""
        if topic not in self._listens:
            self._listens.add(topic)
            self.listen(topic, message_type)

    def messages(self, topic: str) -> list[Any]:
        """What came on a topic since the last rest."""
        with self._arrived:
            return list(self._messages[topic])

    def rest(self) -> None:
        """Stops whatever moves, and forgets."""
        self.call(SetBool, "/bridge/enable", SetBool.Request(data=True))
        self.call(Trigger, "/bridge/stop", Trigger.Request())
        self.forget()

    # Plans.

    def plan(
        self,
        space: str,
        steps: Sequence[ActionStep],
        age_s: float = 0.0,
        frame_id: str = "base_link",
    ) -> Plan:
        """A plan about a picture of that age."""
        message = Plan(action_space=space, steps=list(steps))
        message.header.frame_id = frame_id
        message.header.stamp = time_message(self.now_ns() - to_ns(age_s))
        return message

    def moves(self, *names: str, **options: Any) -> Plan:
        """Discrete moves."""
        steps = [ActionStep(kind=ActionStep.DISCRETE, name=name) for name in names]
        return self.plan("pointnav", steps, **options)

    def drive(self, rows: Sequence[Sequence[float]], **options: Any) -> Plan:
        """Velocities of a base, ten a second."""
        names = ["forward", "turn"]
        return self.plan("diff_drive", [continuous(names, row) for row in rows], **options)

    def arm(self, rows: Sequence[Sequence[float]], **options: Any) -> Plan:
        """Joint positions and a gripper, ten times a second."""
        names = [*(f"j{number}" for number in range(1, 8)), "gripper"]
        return self.plan("arm7", [continuous(names, row) for row in rows], **options)

    def pick_place(self, count: int = 1) -> Plan:
        """Poses that are handed over; each step lasts until `step_done` says so."""
        step = ActionStep(kind=ActionStep.PICK_PLACE)
        step.start.position.x = step.end.position.x = 0.5
        return self.plan("vima", [step] * count)

    def send(self, plan: Plan) -> None:
        """Publishes it."""
        self.publish("agent/plan", plan, 10)

    # Effects.

    def hear_all(self, topics: dict[str, type], provoke: Callable[[], object]) -> None:
        """Keeps all messages from now on: the bridge knows who listens, as `provoke` was heard."""
        new = {topic: kind for topic, kind in topics.items() if topic not in self._listens}
        if new:
            self._listens.update(new)
            self.listen_until_heard(new, provoke)
            self.rest()

    def hear_velocities(self) -> None:
        """Keeps all velocities from now on: the bridge knows who listens."""
        if "cmd_vel" not in self._listens:
            self.drive_on()
            self.rest()
            self.assert_stops()
            self.forget()

    def drive_on(self) -> None:
        """A base at 0.3 m/s for the next 100 s, and until it is."""
        self.hear("cmd_vel", TwistStamped)
        self.send(self.drive([[0.3, 0.0]] * 1000))
        self.heard("cmd_vel", lambda twist: twist.twist.linear.x > 0.25)

    def assert_stops(self) -> None:
        """A velocity of 0 comes, and nothing but 0 after it."""
        self.heard("cmd_vel", lambda twist: not speed(twist))
        wait_until(lambda: len(self._tail()) >= 3, "the repetitions of 0")
        assert not any(speed(twist) for twist in self._tail())

    def _tail(self) -> list[Any]:
        """The velocities from the first 0 after the last movement that was waited for."""
        twists = self.messages("cmd_vel")
        moving = [index for index, twist in enumerate(twists) if speed(twist) > 0.25]
        after = twists[moving[-1] :] if moving else twists
        zero = next((index for index, twist in enumerate(after) if not speed(twist)), len(after))
        return after[zero:]

    def counted(self, cause: Cause) -> int:
        """How often the bridge's next report says that plans ended for this cause."""
        return int(self.report().get(f"ended {cause.name}", "-1"))

    def wait_until_counted(self, cause: Cause, times: int) -> None:
        """Until the bridge says that plans ended so often for this cause."""
        wait_until(lambda: self.counted(cause) == times, f"{cause.name} to be counted")

    def report(self) -> dict[str, str]:
        """The next diagnostics of the bridge."""
        status = self.status()
        return {item.key: item.value for item in status.values}

    def status(self) -> DiagnosticStatus:
        """The next diagnostics of the bridge, whole."""
        self.hear("/diagnostics", DiagnosticArray)
        with self._arrived:
            self._messages["/diagnostics"].clear()
        report = self.heard("/diagnostics", lambda array: "bridge" in array.status[0].name)
        return report.status[0]

    # Goals.

    def order_plan(
        self,
        plan: Plan,
        on_feedback: Callable[[Any], None] | None = None,
        timeout: float = 0.0,
        *,
        after_step: bool = False,
    ) -> Any:
        """The handle of a goal of ~/execute."""
        assert self.execute.wait_for_server(patient(30.0))
        goal = ExecutePlan.Goal(plan=plan, timeout=timeout, after_step=after_step)
        handle = done(self.execute.send_goal_async(goal, feedback_callback=on_feedback))
        assert handle.accepted
        return handle

    def finish(self, handle: Any) -> tuple[int, ExecutePlan.Result]:
        """Status and result of a goal, when it has them."""
        answer = done(handle.get_result_async())
        return answer.status, answer.result

    def carry_out(self, plan: Plan, timeout: float = 0.0) -> ExecutePlan.Result:
        """The result of a goal."""
        return self.finish(self.order_plan(plan, timeout=timeout))[1]


class FirstFeedback:
    """Keeps feedback, and waits for it."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._came = threading.Event()

    def __call__(self, message: Any) -> None:
        self.all.append(message.feedback)
        self._came.set()

    def wait(self) -> None:
        assert self._came.wait(patient(30.0)), "no feedback"


def continuous(names: Sequence[str], values: Sequence[float]) -> ActionStep:
    """A step of a continuous space."""
    return ActionStep(
        kind=ActionStep.CONTINUOUS, dimension_names=list(names), values=[float(v) for v in values]
    )


def speed(twist: TwistStamped) -> float:
    return abs(twist.twist.linear.x) + abs(twist.twist.angular.z)
