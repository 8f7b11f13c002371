"""`~/execute`: plans as goals, for behaviour trees and programs. Cancelling stops the robot."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.duration import Duration
from rclpy.node import Node

from uio2_ros.action import ExecutePlan
from uio2_ros.control import Cause, Outcome, PlanError, PlanRun
from uio2_ros.msg import Plan
from uio2_ros.nodes.bridge.client_watch import ClientWatch
from uio2_ros.nodes.bridge.parameters import ClientSettings
from uio2_ros.nodes.deferred import result_of

FEEDBACK_PERIOD_S = 0.2


class PlanExecutor(Protocol):
    """Who carries plans out."""

    def carry_out(
        self,
        plan: Plan,
        timeout_s: float,
        on_end: Callable[[Outcome], None],
        *,
        after_step: bool,
    ) -> None:
        """Starts a plan, now or after the step under way; PlanError if it cannot be."""

    def stop(self, cause: Cause, message: str) -> bool:
        """Stops what moves."""

    async def halted(self) -> str:
        """Which controllers go on though they were cancelled, once all had their time to end."""


class ExecuteServer:
    """The action server. The spinning thread; a newer goal ends the older."""

    def __init__(self, node: Node, executor: PlanExecutor, settings: ClientSettings) -> None:
        self._node = node
        self._executor = executor
        self._settings = settings
        self._current: ServerGoalHandle | None = None
        self._fed_back_s = -math.inf
        self._unfinished = 0
        self._watch = ClientWatch(settings.timeout_s)
        # The action server's own publisher does not tell whether its feedback was acknowledged.
        self._feedback = node.create_publisher(
            ExecutePlan.Impl.FeedbackMessage, "~/execute/_action/feedback", 10
        )
        self._server = ActionServer(
            node,
            ExecutePlan,
            "~/execute",
            self._on_goal,
            cancel_callback=self._on_cancel,
            callback_group=ReentrantCallbackGroup(),
        )

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for a result."""
        return not self._unfinished

    def destroy(self) -> None:
        """Ends the server, when it is idle."""
        self._server.destroy()
        self._node.destroy_publisher(self._feedback)

    def feed_back(self, run: PlanRun, now_s: float) -> None:
        """Tells the newest caller how far the plan is; call in each period of its run.

        Stops the plan when the caller is gone.
        """
        if self._current is None or 0 <= now_s - self._fed_back_s < FEEDBACK_PERIOD_S:
            return
        self._fed_back_s = now_s
        if self._settings.watches(run) and (
            loss := self._watch.lost(self._readers, acknowledged=self._acknowledged)
        ):
            self._executor.stop(Cause.CLIENT_LOST, loss)
            return
        progress = run.progress
        feedback = ExecutePlan.Feedback(
            step=progress.step,
            steps=progress.steps,
            progress=float(progress.fraction),
            elapsed=float(now_s - run.begin_s),
        )
        message = ExecutePlan.Impl.FeedbackMessage(goal_id=self._current.goal_id, feedback=feedback)
        self._feedback.publish(message)

    @property
    def _readers(self) -> int:
        return int(self._feedback.get_subscription_count())

    @property
    def _acknowledged(self) -> bool:
        return bool(self._feedback.wait_for_all_acked(Duration()))

    async def _on_goal(self, goal: ServerGoalHandle) -> ExecutePlan.Result:
        self._unfinished += 1
        try:
            return await self._carry_out(goal)
        finally:
            self._unfinished -= 1

    async def _carry_out(self, goal: ServerGoalHandle) -> ExecutePlan.Result:
        outcome: Future[Outcome] = Future()
        try:
            asked = goal.request
            self._executor.carry_out(
                asked.plan, float(asked.timeout), outcome.set_result, after_step=asked.after_step
            )
        except PlanError as error:
            outcome.set_result(Outcome(error.cause, error.message, 0))
        self._current, self._fed_back_s = goal, -math.inf
        self._watch.begin(self._readers, acknowledged=self._acknowledged)
        if goal.is_cancel_requested:
            self._executor.stop(Cause.CANCELED, "the goal was cancelled")
        ended = await result_of(outcome, self._node)
        if self._current is goal:
            self._current = None
        if ended.cause is not Cause.NONE and (goes_on := await self._executor.halted()):
            message = f"{ended.message}; {goes_on}"
            ended = Outcome(Cause.CONTROLLER_REFUSED, message, ended.steps_done)
        _conclude(goal, ended.cause)
        return ExecutePlan.Result(
            error_code=int(ended.cause), error_msg=ended.message, steps_done=ended.steps_done
        )

    def _on_cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        if self._current is not None and self._current.goal_id == goal.goal_id:
            self._executor.stop(Cause.CANCELED, "the goal was cancelled")
        return CancelResponse.ACCEPT


def _conclude(goal: ServerGoalHandle, cause: Cause) -> None:
    """Succeeded, canceled on request, or aborted."""
    if cause is Cause.NONE:
        goal.succeed()
    elif cause is Cause.CANCELED and goal.is_cancel_requested:
        goal.canceled()
    else:
        goal.abort()
