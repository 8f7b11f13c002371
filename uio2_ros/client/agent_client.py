"""AgentClient: for people, scripts and behaviour trees. rclpy.

with AgentClient() as agent:
    print(agent.locate("the red mug").box)
    pending = agent.ask_async("what is on the table?", task="vqa", timeout_s=5)
    print(pending.result().text)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import TYPE_CHECKING, Any, TypeVar

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidTopicNameException
from rclpy.validate_full_topic_name import validate_full_topic_name
from std_srvs.srv import Trigger

from uio2_ros.action import Instruct
from uio2_ros.client.agent_methods import AgentMethods, AskSettings
from uio2_ros.client.failures import AgentError, AgentTimeoutError, AgentUnavailableError
from uio2_ros.client.pending_answer import OnProgress, PendingAnswer
from uio2_ros.client.spinner import Spinner
from uio2_ros.messages.answers import AgentAnswer, answer_of
from uio2_ros.messages.instructions import goal_of, progress_of
from uio2_ros.msg import InstructionResult
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.srv import ListTasks
from uio2_ros.tasks.task import TaskInfo

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")

WATCH_PERIOD_S = 0.1
"""How often a client looks whether the agent is still there and the time is not over."""
CANCEL_WAIT_S = 1.0
"""How long an interrupted or closed client stays for its cancellations to arrive."""
DISCOVERY_S = 5.0
"""How long a blocking call looks for an agent that is not known yet."""
SERVICE_S = 10.0
"""How long the agent's small services may take."""


class AgentClient(AgentMethods):
    """Asks an agent through its `~/instruct` action. Every method may be called from any thread.

    Answers arrive on a thread of the client's own (see `spinner.py`), so that methods that wait
    may be called in callbacks of any node; on that very thread, as in `on_progress`, they raise
    RuntimeError instead of waiting for ever. `close`, or `with`, ends the node and the thread and
    cancels what is on its way.
    """

    def __init__(
        self, *, name: str = "agent", namespace: str = "", discovery_s: float = DISCOVERY_S
    ) -> None:
        """The agent is the node `name` in `namespace`; AgentUnavailableError if none can be.

        Methods that wait give an agent that is not known yet `discovery_s` to be discovered.
        """
        self.agent = "/".join(["", *namespace.strip("/").split("/"), name]).replace("//", "/")
        _check_name(self.agent)
        self._discovery_s = discovery_s
        self._lock = threading.Lock()  # guards the two below
        self._open: set[PendingAnswer[Any]] = set()
        self._is_closed = False
        self._destroyed_first: list[Callable[[], None]] = []
        self._spinner = Spinner("agent_client")
        self.node: Any = self._spinner.node
        """Spun by the client's thread; for subscriptions and clients that go with it."""
        self._client = ActionClient(self.node, Instruct, f"{self.agent}/instruct")
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.node.create_timer(WATCH_PERIOD_S, self._watch, clock=steady)
        self._spinner.start()

    def wait_for_agent(self, timeout_s: float) -> bool:
        """Waits until the agent is there; whether it is."""
        return bool(self._client.wait_for_server(timeout_s))

    def is_ready(self) -> bool:
        """Whether the agent is there at this moment."""
        return bool(self._client.server_is_ready())

    def ask(
        self,
        instruction: str,
        *,
        task: str = "",
        options: Sequence[str] = (),
        region: Box | None = None,
        action_space: str = "",
        **settings: Unpack[AskSettings],
    ) -> AgentAnswer:
        """The whole answer of any task; without one, free form. AgentError if there is none.

        Interrupted (KeyboardInterrupt), it cancels the instruction.
        """
        return self.wait_for(
            lambda: self.ask_async(
                instruction,
                task=task,
                options=options,
                region=region,
                action_space=action_space,
                **settings,
            )
        )

    def ask_async(
        self,
        instruction: str,
        *,
        task: str = "",
        options: Sequence[str] = (),
        region: Box | None = None,
        action_space: str = "",
        on_progress: OnProgress | None = None,
        max_age_s: float = 0.0,
        timeout_s: float = 0.0,
        seed: int = 0,
    ) -> PendingAnswer[AgentAnswer]:
        """The same without waiting."""
        asked = Instruction(instruction, task, tuple(options), region, action_space, seed)
        return self.submit(asked, _whole, on_progress, max_age_s=max_age_s, timeout_s=timeout_s)

    def wait_for(self, submit: Callable[[], PendingAnswer[T]]) -> T:
        """Submits an instruction and waits for its answer; see `ask`."""
        self._expect_other_thread()
        if not self._client.server_is_ready():
            self.wait_for_agent(self._discovery_s)
        pending = submit()
        try:
            return pending.result()
        except KeyboardInterrupt:
            pending.cancel_and_wait(CANCEL_WAIT_S)
            raise

    def submit(
        self,
        instruction: Instruction,
        read: Callable[[AgentAnswer], T],
        on_progress: OnProgress | None = None,
        *,
        max_age_s: float = 0.0,
        timeout_s: float = 0.0,
    ) -> PendingAnswer[T]:
        """Sends an instruction without waiting; `read` takes what is wanted out of its answer.

        `on_progress` is called on the client's thread; what it raises cancels the instruction and
        is raised by `result`. AgentUnavailableError if there is no agent at this moment, AgentError
        INVALID_REQUEST for numbers that no request can hold.
        """
        try:
            goal = goal_of(instruction, max_age_s=max_age_s, timeout_s=timeout_s)
        except InstructionError as error:
            raise AgentError(error.code, error.message) from error
        pending = PendingAnswer(
            lambda result: read(answer_of(result, instruction.task)),
            self.agent,
            timeout_s,
            lambda: self._spinner.is_here,
        )
        with self._lock:
            if self._is_closed:
                raise AgentUnavailableError(f"this client of {self.agent} is closed; make another")
            self._expect_agent()
            self._open.add(pending)
        pending.add_done_callback(self._forget)

        def on_feedback(message: Any) -> None:
            _progress(pending, message.feedback, on_progress)

        sent = self._client.send_goal_async(goal, feedback_callback=on_feedback)
        sent.add_done_callback(lambda future: _on_accepted(future.result(), pending))
        return pending

    def list_tasks(self) -> tuple[TaskInfo, ...]:
        """What the agent can be asked."""
        response = self._call(ListTasks, "list_tasks", ListTasks.Request())
        names = TaskInfo.__dataclass_fields__
        return tuple(
            TaskInfo(
                **{
                    **{name: getattr(task, name) for name in names},
                    "outputs": tuple(task.outputs),
                }
            )
            for task in response.tasks
        )

    def clear_history(self) -> None:
        """Makes the agent forget what it has seen and heard."""
        response = self._call(Trigger, "clear_history", Trigger.Request())
        if not response.success:
            raise AgentError(ErrorCode.UNKNOWN, f"{self.agent}/clear_history: {response.message}")

    def add_to_close(self, destroy: Callable[[], None]) -> None:
        """Has `close` destroy what somebody has added to the node, when no thread spins it."""
        self._destroyed_first.append(destroy)

    def close(self) -> None:
        """Cancels what is on its way, and ends the client's node and thread."""
        self._expect_other_thread()
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            left = list(self._open)
        for pending in left:
            pending.cancel()
        futures.wait(left, CANCEL_WAIT_S)
        self._spinner.stop()
        for pending in left:
            reason = "the client was closed before the answer came"
            pending.failed(AgentError(ErrorCode.CANCELED, reason))
        for destroy in self._destroyed_first:
            destroy()
        self._client.destroy()
        self._spinner.destroy()

    def __enter__(self) -> AgentClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _expect_agent(self) -> None:
        if not self._client.server_is_ready():
            raise AgentUnavailableError(
                f"there is no {self.agent} on ROS_DOMAIN_ID of this process; start it with "
                "./uio2 up, or give its name and namespace"
            )

    def _expect_other_thread(self) -> None:
        if self._spinner.is_here:
            raise RuntimeError(
                "this is the client's own thread, on which answers arrive: waiting here would "
                "never end; use a method that ends with _async, or another thread"
            )

    def _forget(self, pending: Any) -> None:
        with self._lock:
            self._open.discard(pending)

    def _watch(self) -> None:
        with self._lock:
            waiting = list(self._open)
        for pending in waiting:
            pending.watch(self._client.server_is_ready)

    def _call(self, kind: Any, name: str, request: Any) -> Any:
        """The response of one of the agent's services."""
        self._expect_other_thread()
        client = self.node.create_client(kind, f"{self.agent}/{name}")
        try:
            if not client.wait_for_service(self._discovery_s):
                raise AgentUnavailableError(f"there is no service {client.service_name}")
            answered = threading.Event()
            future = client.call_async(request)
            future.add_done_callback(lambda _: answered.set())
            if not answered.wait(SERVICE_S):
                raise AgentTimeoutError(f"{client.service_name} is silent for {SERVICE_S:g} s")
            return future.result()
        finally:
            self.node.destroy_client(client)


def _whole(answer: AgentAnswer) -> AgentAnswer:
    return answer


def _progress(pending: PendingAnswer[Any], feedback: Any, on_progress: OnProgress | None) -> None:
    try:
        pending.progress = progress_of(feedback)
        if on_progress is not None and not pending.done():
            on_progress(pending.progress)
    except Exception as error:  # of the caller's code, for the caller
        pending.cancel()
        pending.failed(error)


def _on_accepted(goal: ClientGoalHandle, pending: PendingAnswer[Any]) -> None:
    if not goal.accepted:
        pending.failed(AgentError(ErrorCode.INVALID_REQUEST, "the agent did not take the goal"))
        return
    goal.get_result_async().add_done_callback(lambda future: _on_result(future.result(), pending))
    pending.accepted(goal)


def _on_result(response: Any, pending: PendingAnswer[Any]) -> None:
    result: InstructionResult = response.result.result
    if response.status != GoalStatus.STATUS_SUCCEEDED and result.error_code == ErrorCode.NONE:
        # the response of an agent that no longer has the goal is empty
        pending.failed(
            AgentError(
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
