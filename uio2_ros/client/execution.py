"""Plans on their way to a bridge: a future, and the client that makes them. rclpy."""

from __future__ import annotations

from concurrent import futures
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient

from uio2_ros.action import ExecutePlan
from uio2_ros.client.action_goal import ActionGoal
from uio2_ros.client.agent_client import AgentClient
from uio2_ros.client.failures import ExecutionError
from uio2_ros.client.interruptible_future import InterruptibleFuture
from uio2_ros.msg import Plan
from uio2_ros.robot.plan_errors import Cause

STOP_WAIT_S = 5.0
"""How long a client that ends stays until the bridge has said that its plans are over."""


class Execution(InterruptibleFuture[int]):
    """A plan on its way: the number of steps done, or ExecutionError. Any thread."""

    def __init__(self, agent: AgentClient, plans: ActionClient, message: Any) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self.feedback: Any = None
        """The newest ExecutePlan.Feedback; None before the first."""
        self._goal = ActionGoal(
            agent.spinner,
            plans,
            message,
            on_feedback=self._hear,
            on_result=self._ended,
            on_failure=lambda why: self._fail(Cause.UNKNOWN, f"the bridge: {why}"),
        )

    def send(self) -> None:
        """Sends the plan, once."""
        self._goal.send()

    def cancel(self) -> bool:
        """Asks the bridge to stop the robot; whether that may still have an effect."""
        if self.done():
            return False
        self._goal.cancel()
        return True

    # On the thread of the client's node.

    def watch(self, is_reachable: bool) -> None:
        """Gives up if the bridge is gone; looks after lost replies."""
        if is_reachable:
            self._goal.look()
        else:
            self._fail(Cause.NO_CONTROLLER, "the bridge went away before the plan was over")

    def _hear(self, feedback: Any) -> None:
        self.feedback = feedback

    def _ended(self, response: Any) -> None:
        result = response.result
        if response.status != GoalStatus.STATUS_SUCCEEDED:
            reason = result.error_msg or "the bridge knows nothing of this plan; was it restarted?"
            self._fail(int(result.error_code), reason)
        elif not self.done():
            self.set_result(int(result.steps_done))

    def _fail(self, code: int, reason: str) -> None:
        if not self.done():
            self.set_exception(ExecutionError(code, reason))


class BridgeClient:
    """Has a bridge in the agent's namespace carry plans out, through the node of an AgentClient.

    The AgentClient, when it is closed, ends this one too.
    """

    def __init__(self, agent: AgentClient, name: str = "bridge") -> None:
        """`name` is the bridge's node name."""
        self._agent = agent
        self.action = f"{agent.agent.rpartition('/')[0]}/{name}/execute"
        self._plans = ActionClient(agent.node, ExecutePlan, self.action)
        agent.add_to_close(self._plans.destroy)
        agent.add_to_watch(self._watch)
        self._executions: set[Execution] = set()

    def is_ready(self) -> bool:
        """Whether there is a bridge at this moment."""
        return bool(self._plans.server_is_ready())

    def wait_for_bridge(self, timeout_s: float) -> bool:
        """Waits until the bridge is there; whether it is."""
        return bool(self._plans.wait_for_server(timeout_s))

    def execute(self, plan: Plan, timeout_s: float = 0.0, *, after_step: bool = False) -> Execution:
        """Sends a plan to the bridge without waiting; timeout 0: the bridge's own.

        It takes over from a plan under way: at once, or when that has done its step.
        """
        goal = ExecutePlan.Goal(plan=plan, timeout=float(timeout_s), after_step=after_step)
        execution = Execution(self._agent, self._plans, goal)
        self._executions.add(execution)
        execution.add_done_callback(self._forget)
        execution.send()
        return execution

    def close(self) -> bool:
        """Cancels what is on its way; whether the bridge has said in time that it is over."""
        left = list(self._executions)
        for execution in left:
            execution.cancel()
        return not futures.wait(left, STOP_WAIT_S).not_done

    def _watch(self) -> None:
        under_way = list(self._executions)
        is_reachable = bool(under_way) and self.is_ready()
        for execution in under_way:
            execution.watch(is_reachable)

    def _forget(self, execution: Any) -> None:
        self._executions.discard(execution)
