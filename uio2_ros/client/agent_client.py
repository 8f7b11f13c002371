"""AgentClient: for people, scripts and behaviour trees. rclpy.

with AgentClient() as agent:
    agent.wait_for_agent(10)
    result = agent.ask("the red mug", task="refexp")
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import rclpy
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.context import Context
from rclpy.exceptions import InvalidTopicNameException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.validate_full_topic_name import validate_full_topic_name

from uio2_ros.action import Instruct
from uio2_ros.errors import ErrorCode, InstructionError
from uio2_ros.msg import InstructionResult
from uio2_ros.tasks.instruction import Box

LIVENESS_PERIOD_S = 0.25
"""How often a waiting client looks whether the agent is still there."""
CANCEL_WAIT_S = 1.0
"""How long an interrupted client stays for its cancellation to arrive."""
SEEDS = range(-(2**63), 2**63)


class AgentUnavailableError(ConnectionError):
    """No agent answers under this name; the message says which and what to do."""


@dataclass(frozen=True)
class Progress:
    """How far an instruction is: stage, text so far, tokens, and seconds since it was asked."""

    stage: str
    text: str
    tokens: int
    elapsed_s: float


OnProgress = Callable[[Progress], None]


class PendingAnswer:
    """An instruction on its way. Every method may be called from any thread."""

    def __init__(self, is_reachable: Callable[[], bool], agent: str) -> None:
        self._is_reachable = is_reachable
        self._agent = agent
        self._lock = threading.Lock()  # guards the two below
        self._goal: ClientGoalHandle | None = None
        self._cancel_requested = False
        self._answer: Future[InstructionResult] = Future()
        self.progress: Progress | None = None
        """The newest feedback; None before the first."""

    def done(self) -> bool:
        """Whether there is an answer or a failure."""
        return self._answer.done()

    def cancel(self) -> None:
        """Asks the agent to stop at its next token; the answer then is CANCELED."""
        with self._lock:
            self._cancel_requested = True
            if self._goal is not None:
                self._goal.cancel_goal_async()

    def cancel_and_wait(self, timeout_s: float) -> None:
        """Cancels, and returns once the agent has stopped or `timeout_s` is over."""
        self.cancel()
        futures.wait([self._answer], timeout_s)

    def result(self, timeout_s: float | None = None) -> InstructionResult:
        """Waits for the answer.

        InstructionError with the agent's code if it failed, AgentUnavailableError if the agent went
        away, TimeoutError if `timeout_s` is over (the instruction goes on).
        """
        end_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left_s = LIVENESS_PERIOD_S if end_s is None else end_s - time.monotonic()
            futures.wait([self._answer], max(0.0, min(LIVENESS_PERIOD_S, left_s)))
            if not self._answer.done():
                self._keep_waiting(left_s, timeout_s)
                continue
            result = self._answer.result()
            if result.error_code != ErrorCode.NONE:
                raise InstructionError(_code(result.error_code), result.error_msg)
            return result

    def _keep_waiting(self, left_s: float, timeout_s: float | None) -> None:
        """Returns if there is still reason to wait."""
        if not self._is_reachable():
            raise AgentUnavailableError(f"{self._agent} went away before it answered")
        if left_s <= 0:
            raise TimeoutError(f"{self._agent} has not answered within {timeout_s} s")

    # Called by the client, on the thread that spins.

    def accepted(self, goal: ClientGoalHandle) -> None:
        """The agent has the goal."""
        with self._lock:
            self._goal = goal
            if self._cancel_requested:
                goal.cancel_goal_async()

    def answered(self, result: InstructionResult) -> None:
        """The agent has answered; without effect after `failed`."""
        if not self._answer.done():
            self._answer.set_result(result)

    def failed(self, error: Exception) -> None:
        """There will be no answer."""
        if not self._answer.done():
            self._answer.set_exception(error)


class AgentClient:
    """Asks an agent through its `instruct` action. Every method may be called from any thread.

    It has a node and a thread of its own, unless it is given a node that is spun elsewhere; then
    only `send` must be used from that node's callbacks, as the others wait.
    """

    def __init__(
        self, *, name: str = "agent", namespace: str = "", node: Node | None = None
    ) -> None:
        """The agent is the node `name` in `namespace`; AgentUnavailableError if none can be."""
        self.agent = "/".join(["", *namespace.strip("/").split("/"), name]).replace("//", "/")
        _check_name(self.agent)
        self._spinner = _Spinner() if node is None else None
        self.node: Any = node if self._spinner is None else self._spinner.node
        self._client = ActionClient(self.node, Instruct, f"{self.agent}/instruct")
        if self._spinner is not None:
            self._spinner.start()

    def wait_for_agent(self, timeout_s: float) -> bool:
        """Waits until the agent is there; whether it is."""
        return bool(self._client.wait_for_server(timeout_s))

    def ask(
        self,
        instruction: str,
        *,
        task: str = "",
        options: Sequence[str] = (),
        region: Box | None = None,
        action_space: str = "",
        max_age_s: float = 0.0,
        timeout_s: float = 0.0,
        seed: int = 0,
        on_progress: OnProgress | None = None,
    ) -> InstructionResult:
        """The answer; 0 seconds leave the limits to the agent.

        InstructionError if the agent says that it failed, AgentUnavailableError if there is none.
        Interrupted (KeyboardInterrupt), it cancels the instruction.
        """
        pending = self.send(
            instruction,
            task=task,
            options=options,
            region=region,
            action_space=action_space,
            max_age_s=max_age_s,
            timeout_s=timeout_s,
            seed=seed,
            on_progress=on_progress,
        )
        try:
            return pending.result()
        except KeyboardInterrupt:
            pending.cancel_and_wait(CANCEL_WAIT_S)
            raise

    def send(
        self,
        instruction: str,
        *,
        task: str = "",
        options: Sequence[str] = (),
        region: Box | None = None,
        action_space: str = "",
        max_age_s: float = 0.0,
        timeout_s: float = 0.0,
        seed: int = 0,
        on_progress: OnProgress | None = None,
    ) -> PendingAnswer:
        """Asks without waiting; the arguments are those of `ask`.

        What `on_progress` raises cancels the instruction and is raised by `result`.
        """
        if seed not in SEEDS:
            raise InstructionError(
                ErrorCode.INVALID_REQUEST,
                f"the seed is {seed}; give one from {SEEDS.start} to {SEEDS.stop - 1}",
            )
        if not self._client.server_is_ready():
            raise AgentUnavailableError(
                f"there is no {self.agent} on ROS_DOMAIN_ID of this process; start it with "
                "./uio2 up, or give its name and namespace"
            )
        goal = Instruct.Goal(
            instruction=instruction,
            task=task,
            options=list(options),
            action_space=action_space,
            max_age=float(max_age_s),
            timeout=float(timeout_s),
            seed=seed,
        )
        if region is not None:
            goal.region.center.position.x, goal.region.center.position.y = map(float, region.center)
            goal.region.size_x, goal.region.size_y = map(float, region.size)
        return self._send(goal, on_progress)

    def close(self) -> None:
        """Ends the client's own node and thread."""
        if self._spinner is not None:
            self._spinner.stop()
        self._client.destroy()
        if self._spinner is not None:
            self._spinner.destroy()

    def __enter__(self) -> AgentClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, goal: Instruct.Goal, on_progress: OnProgress | None) -> PendingAnswer:
        pending = PendingAnswer(self._client.server_is_ready, self.agent)

        def on_feedback(message: Any) -> None:
            feedback = message.feedback
            pending.progress = Progress(
                feedback.stage, feedback.text, feedback.tokens, feedback.elapsed
            )
            if on_progress is None or pending.done():
                return
            try:
                on_progress(pending.progress)
            except Exception as error:  # of the caller's code, for the caller
                pending.failed(error)
                pending.cancel()

        sent = self._client.send_goal_async(goal, feedback_callback=on_feedback)
        sent.add_done_callback(lambda future: _on_accepted(future.result(), pending))
        return pending


class _Spinner:
    """A node with a context, an executor and a thread of its own."""

    def __init__(self) -> None:
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node(
            "agent_client", context=self._context, use_global_arguments=False
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name="agent client", daemon=True)

    def start(self) -> None:
        """Begins to spin."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._executor.shutdown()
        self._thread.join()

    def destroy(self) -> None:
        """Gives the node back; after `stop`."""
        self.node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return


def _on_accepted(goal: ClientGoalHandle, pending: PendingAnswer) -> None:
    if not goal.accepted:
        pending.failed(
            InstructionError(ErrorCode.INVALID_REQUEST, "the agent did not take the goal")
        )
        return
    goal.get_result_async().add_done_callback(lambda future: _on_result(future.result(), pending))
    pending.accepted(goal)


def _on_result(response: Any, pending: PendingAnswer) -> None:
    result: InstructionResult = response.result.result
    if response.status != GoalStatus.STATUS_SUCCEEDED and result.error_code == ErrorCode.NONE:
        # the response of an agent that no longer has the goal is empty
        pending.failed(
            InstructionError(
                ErrorCode.UNKNOWN,
                "the agent knows nothing of this instruction any more; was it restarted? Ask again",
            )
        )
        return
    pending.answered(result)


def _check_name(agent: str) -> None:
    try:
        validate_full_topic_name(agent)
    except InvalidTopicNameException as error:
        reason = str(error).splitlines()[0]
        raise AgentUnavailableError(
            f"{agent!r} cannot be the name of an agent ({reason}); give a namespace and a name of "
            "letters, digits and underscores"
        ) from error


def _code(number: int) -> ErrorCode:
    """The code of a number; UNKNOWN for those of a newer agent."""
    try:
        return ErrorCode(number)
    except ValueError:
        return ErrorCode.UNKNOWN
