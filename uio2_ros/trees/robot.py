"""What the behaviours of a tree act through: the agent, the bridge, and the agent's eyes. rclpy."""

from __future__ import annotations

import threading
from concurrent import futures
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile

from uio2_ros.action import ExecutePlan
from uio2_ros.client import AgentClient
from uio2_ros.msg import HistoryState, Plan
from uio2_ros.trees.failures import ExecutionError

NS_PER_S = 1_000_000_000
CANCEL_WAIT_S = 1.0
"""How long a closing tree stays for its cancellations to arrive."""


class Execution(Future[int]):
    """A plan on its way: the number of steps done, or ExecutionError. Any thread."""

    def __init__(self) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self._lock = threading.Lock()  # guards the two below
        self._goal: Any = None
        self._cancel_requested = False
        self.feedback: Any = None
        """The newest ExecutePlan.Feedback; None before the first."""

    def cancel(self) -> bool:
        """Asks the bridge to stop the robot; whether that may still have an effect."""
        with self._lock:
            if self.done():
                return False
            self._cancel_requested = True
            if self._goal is not None:
                self._goal.cancel_goal_async()
            return True

    # On the thread of the robot's node.

    def accepted(self, goal: Any) -> None:
        """The bridge took the goal, or did not."""
        if not goal.accepted:
            self.set_exception(ExecutionError(0, "the bridge did not take the plan"))
            return
        goal.get_result_async().add_done_callback(lambda future: self._ended(future.result()))
        with self._lock:
            self._goal = goal
            if self._cancel_requested:
                goal.cancel_goal_async()

    def _ended(self, response: Any) -> None:
        result = response.result
        if response.status == GoalStatus.STATUS_SUCCEEDED:
            self.set_result(int(result.steps_done))
        else:
            reason = result.error_msg or "the bridge knows nothing of this plan; was it restarted?"
            self.set_exception(ExecutionError(int(result.error_code), reason))


class Robot:
    """The agent, the bridge and the pictures of one namespace; `close`, or `with`, at the end."""

    def __init__(
        self,
        *,
        namespace: str = "",
        agent: str = "agent",
        bridge: str = "bridge",
        use_sim_time: bool = False,
    ) -> None:
        """`agent` and `bridge` are node names in `namespace`; simulated time is that of /clock."""
        self.agent = AgentClient(name=agent, namespace=namespace)
        self.agent.node.set_parameters([Parameter("use_sim_time", value=use_sim_time)])
        prefix = self.agent.agent.rpartition("/")[0]
        self.bridge = f"{prefix}/{bridge}/execute"
        node = self.agent.node
        self._plans = ActionClient(node, ExecutePlan, self.bridge)
        self._executions: set[Execution] = set()
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.create_subscription(HistoryState, f"{prefix}/history_state", self._remember, latched)
        self._newest_ns = 0

    def now_ns(self) -> int:
        """The time by which pictures are stamped."""
        return int(self.agent.node.get_clock().now().nanoseconds)

    @property
    def newest_picture_ns(self) -> int:
        """Stamp of the newest picture that the agent has; 0 before the first."""
        return self._newest_ns

    def has_bridge(self) -> bool:
        """Whether there is a bridge at this moment."""
        return bool(self._plans.server_is_ready())

    def execute(self, plan: Plan, timeout_s: float) -> Execution:
        """Sends a plan to the bridge without waiting."""
        execution = Execution()
        self._executions.add(execution)
        execution.add_done_callback(self._forget)
        goal = ExecutePlan.Goal(plan=plan, timeout=float(timeout_s))

        def on_feedback(message: Any) -> None:
            execution.feedback = message.feedback

        sent = self._plans.send_goal_async(goal, feedback_callback=on_feedback)
        sent.add_done_callback(lambda future: execution.accepted(future.result()))
        return execution

    def close(self) -> None:
        """Cancels what is on its way, and ends the node and its thread."""
        left = list(self._executions)
        for execution in left:
            execution.cancel()
        futures.wait(left, CANCEL_WAIT_S)
        self.agent.close(self._plans.destroy)

    def __enter__(self) -> Robot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _forget(self, execution: Any) -> None:
        self._executions.discard(execution)

    def _remember(self, state: HistoryState) -> None:
        if state.frame_stamps:
            newest = state.frame_stamps[-1]
            self._newest_ns = newest.sec * NS_PER_S + newest.nanosec
