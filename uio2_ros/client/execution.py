"""Plans on their way to a bridge: a future, and the client that makes them. rclpy."""

from __future__ import annotations

import threading
from concurrent import futures
from concurrent.futures import Future
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient

from uio2_ros.action import ExecutePlan
from uio2_ros.client.agent_client import AgentClient
from uio2_ros.client.failures import ExecutionError
from uio2_ros.msg import Plan

CANCEL_WAIT_S = 1.0
"""How long a client that ends stays for its cancellations to arrive."""


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

    # On the thread of the client's node.

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


class BridgeClient:
    """Has a bridge in the agent's namespace carry plans out, through the node of an AgentClient.

    The AgentClient, when it is closed, ends this one too.
    """

    def __init__(self, agent: AgentClient, name: str = "bridge") -> None:
        """`name` is the bridge's node name."""
        self.action = f"{agent.agent.rpartition('/')[0]}/{name}/execute"
        self._plans = ActionClient(agent.node, ExecutePlan, self.action)
        agent.add_to_close(self._plans.destroy)
        self._executions: set[Execution] = set()

    def is_ready(self) -> bool:
        """Whether there is a bridge at this moment."""
        return bool(self._plans.server_is_ready())

    def wait_for_bridge(self, timeout_s: float) -> bool:
        """Waits until the bridge is there; whether it is."""
        return bool(self._plans.wait_for_server(timeout_s))

    def execute(self, plan: Plan, timeout_s: float = 0.0) -> Execution:
        """Sends a plan to the bridge without waiting; timeout 0: the bridge's own."""
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
        """Cancels what is on its way, and waits a little for the robot to stop."""
        left = list(self._executions)
        for execution in left:
            execution.cancel()
        futures.wait(left, CANCEL_WAIT_S)

    def _forget(self, execution: Any) -> None:
        self._executions.discard(execution)
