"""AgentClient: for people, scripts and behaviour trees. rclpy.

with AgentClient() as agent:
    print(agent.locate("the red mug").box)
    pending = agent.ask_async("what is on the table?", task="vqa", timeout_s=5)
    print(pending.result().text)
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidTopicNameException
from rclpy.validate_full_topic_name import validate_full_topic_name
from std_srvs.srv import Trigger

from uio2_ros.action import Instruct, InstructAbout, Watch
from uio2_ros.client.action_goal import ActionGoal
from uio2_ros.client.agent_methods import AgentMethods, AskSettings
from uio2_ros.client.failures import AgentError, AgentUnavailableError
from uio2_ros.client.pending_answer import OnProgress, PendingAnswer
from uio2_ros.client.service_call import call_service
from uio2_ros.client.spinner import Spinner
from uio2_ros.messages.answers import AgentAnswer, answer_of
from uio2_ros.messages.instructions import about_goal_of, goal_of, progress_of
from uio2_ros.messages.located import remembered_of
from uio2_ros.messages.standing_instructions import watch_goal_of
from uio2_ros.msg import InstructionResult
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.located import RememberedObject
from uio2_ros.robot.standing_instruction import StandingInstruction, Until
from uio2_ros.srv import ListTasks, Recall
from uio2_ros.tasks.task import TaskInfo

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")
OnAnswer = Callable[[AgentAnswer], None]

WATCH_PERIOD_S = 0.1
"""How often a client looks whether the agent is still there and the time is not over."""
CANCEL_WAIT_S = 3.0
"""How long an interrupted or closed client stays until the agent has said that it stopped."""
DISCOVERY_S = 5.0
"""How long a blocking call looks for an agent that is not known yet."""
REST_DISCOVERY_S = 2.0
"""For the actions beside `~/instruct`, once that is found; agents of before may lack them."""
LOOK_PERIOD_S = 0.05
"""Between two looks for an agent, or for that one of its actions that is needed."""
SERVICE_S = 10.0
"""How long the agent's small services may take."""


class InstructSettings(AskSettings, total=False):
    """What `ask` takes beside the instruction: its task, without one free form, and what that
    needs."""

    task: str
    options: Sequence[str]
    region: Box | None
    action_space: str


class WatchSettings(TypedDict, total=False):
    """What `watch` takes beside the instruction.

    task, options, region, action_space, max_age_s, timeout_s (of each answer), seed: as of `ask`.
    rate_hz: answers per second; 0: one for every picture. until: what ends it, of the object or
    answer until_text ("": any) with least_score or more, in_a_row answers long. for_at_most_s:
    seconds until it ends anyway. on_answer: is called on the client's thread with each answer.
    """

    task: str
    options: Sequence[str]
    region: Box | None
    action_space: str
    rate_hz: float
    until: Until
    until_text: str
    least_score: float
    in_a_row: int
    for_at_most_s: float
    max_age_s: float
    timeout_s: float
    seed: int
    on_answer: OnAnswer | None


class RecallSettings(TypedDict, total=False):
    """What `recall` takes beside the question.

    frame_id: in which places are told; "": that of the agent's memory. max_age_s: seconds since
    something was seen last, most: how many things; 0: any. pictures: with a JPEG of each.
    """

    frame_id: str
    max_age_s: float
    most: int
    pictures: bool


class AgentClient(AgentMethods):
    """Asks an agent through its `~/instruct` action. Every method may be called from any thread.

    Answers arrive on a thread of the client's own (see `spinner.py`), so that methods that wait
    may be called in callbacks of any node; on that very thread, as in `on_progress`, they raise
    RuntimeError instead of waiting for ever. `close`, or `with`, ends the node and the thread and
    cancels what is on its way.
    """

    def __init__(
        self,
        *,
        name: str = "agent",
        namespace: str = "",
        discovery_s: float = DISCOVERY_S,
        node_name: str = "agent_client",
    ) -> None:
        """The agent is the node `name` in `namespace`; AgentUnavailableError if none can be.

        Methods that wait give an agent that is not known yet `discovery_s` to be discovered.
        node_name: that of the client's own node, which policies of SROS2 know it by.
        """
        self.agent = "/".join(["", *namespace.strip("/").split("/"), name]).replace("//", "/")
        _check_name(self.agent)
        self._discovery_s = discovery_s
        self._lock = threading.Lock()  # guards the three below
        self._open: set[PendingAnswer[Any]] = set()
        self._is_closed = False
        self._recall_client: Any = None
        self._destroyed_first: list[Callable[[], None]] = []
        self._also_watched: list[Callable[[], None]] = []
        self.spinner = Spinner(node_name)
        """The client's thread; for goals of other actions."""
        self.node: Any = self.spinner.node
        """Spun by that thread; for subscriptions and clients that go with it."""
        self._client = ActionClient(self.node, Instruct, f"{self.agent}/instruct")
        self._about = ActionClient(self.node, InstructAbout, f"{self.agent}/instruct_about")
        self._watches = ActionClient(self.node, Watch, f"{self.agent}/watch")
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.node.create_timer(WATCH_PERIOD_S, self._watch, clock=steady)
        self.spinner.start()

    def wait_for_agent(self, timeout_s: float) -> bool:
        """Waits until the agent is there; whether it is.

        DDS discovers each of its actions by itself: those beside `~/instruct` are given a moment.
        """
        if not self._client.wait_for_server(timeout_s):
            return False
        end_s = time.monotonic() + REST_DISCOVERY_S
        for action in (self._about, self._watches):
            action.wait_for_server(max(0.0, end_s - time.monotonic()))
        return True

    def is_ready(self) -> bool:
        """Whether the agent is there at this moment."""
        return bool(self._client.server_is_ready())

    def ask(self, instruction: str, **settings: Unpack[InstructSettings]) -> AgentAnswer:
        """The whole answer of any task; without one, free form. AgentError if there is none.

        Interrupted (KeyboardInterrupt), it cancels the instruction.
        """
        return self.wait_for(lambda: self.ask_async(instruction, **settings))

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
        picture: bytes = b"",
    ) -> PendingAnswer[AgentAnswer]:
        """The same without waiting."""
        asked = Instruction(instruction, task, tuple(options), region, action_space, seed)
        return self.submit(
            asked, _whole, on_progress, max_age_s=max_age_s, timeout_s=timeout_s, picture=picture
        )

    def watch(self, instruction: str, **settings: Unpack[WatchSettings]) -> AgentAnswer:
        """Asks again and again; waits for the end, and gives the answer that was the last.

        AgentError TIMEOUT if the time is over before what it waits for. Interrupted
        (KeyboardInterrupt), it ends the standing instruction.
        """
        return self.wait_for(lambda: self.watch_async(instruction, **settings))

    def watch_async(
        self,
        instruction: str,
        *,
        task: str = "",
        options: Sequence[str] = (),
        region: Box | None = None,
        action_space: str = "",
        rate_hz: float = 0.0,
        until: Until = Until.FOREVER,
        until_text: str = "",
        least_score: float = 0.0,
        in_a_row: int = 1,
        for_at_most_s: float = math.inf,
        max_age_s: float = 0.0,
        timeout_s: float = 0.0,
        seed: int = 0,
        on_answer: OnAnswer | None = None,
    ) -> PendingAnswer[AgentAnswer]:
        """The same without waiting; `cancel` ends the standing instruction."""
        asked = Instruction(instruction, task, tuple(options), region, action_space, seed)
        standing = StandingInstruction(
            asked, rate_hz, until, until_text, least_score, in_a_row, for_at_most_s
        )
        return self.submit_watch(standing, on_answer, max_age_s=max_age_s, timeout_s=timeout_s)

    def submit_watch(
        self,
        standing: StandingInstruction,
        on_answer: OnAnswer | None = None,
        *,
        max_age_s: float = 0.0,
        timeout_s: float = 0.0,
    ) -> PendingAnswer[AgentAnswer]:
        """Begins a standing instruction without waiting; errors as of `submit`.

        max_age_s: seconds each picture may be old; timeout_s: seconds each answer may take.
        """
        task = standing.instruction.task
        try:
            goal = watch_goal_of(standing, max_age_s=max_age_s, timeout_s=timeout_s)
        except InstructionError as error:
            raise AgentError(error.code, error.message) from error

        def hear(pending: PendingAnswer[AgentAnswer], feedback: Any) -> None:
            result = feedback.result
            if on_answer is not None and not pending.done() and not result.error_code:
                on_answer(answer_of(result, task))

        return self._send(
            self._watches, goal, lambda result: answer_of(result, task), goal.for_at_most, hear
        )

    def wait_for(self, submit: Callable[[], PendingAnswer[T]]) -> T:
        """Submits an instruction and waits for its answer; see `ask`.

        An agent, or that one of its actions that `submit` needs, is given time to be discovered.
        """
        self._expect_other_thread()
        pending = self._once_discovered(submit)
        try:
            return pending.result()
        except KeyboardInterrupt:
            pending.cancel_and_wait(CANCEL_WAIT_S)
            raise

    def _once_discovered(self, submit: Callable[[], T]) -> T:
        """What `submit` gives, tried until there is whom it asks; it sends nothing before."""
        end_s = time.monotonic() + self._discovery_s
        while True:
            try:
                return submit()
            except AgentUnavailableError:
                if self._is_closed or time.monotonic() >= end_s:
                    raise
            time.sleep(LOOK_PERIOD_S)

    def submit(
        self,
        instruction: Instruction,
        read: Callable[[AgentAnswer], T],
        on_progress: OnProgress | None = None,
        *,
        max_age_s: float = 0.0,
        timeout_s: float = 0.0,
        picture: bytes = b"",
    ) -> PendingAnswer[T]:
        """Sends an instruction without waiting; `read` takes what is wanted out of its answer.

        picture: a JPEG or PNG that it is about, instead of what the camera sees.

        `on_progress` is called on the client's thread; what it raises cancels the instruction and
        is raised by `result`. AgentUnavailableError if there is no agent at this moment, AgentError
        INVALID_REQUEST for numbers that no request can hold.
        """
        client = self._about if picture else self._client
        try:
            goal = (
                about_goal_of(instruction, picture, timeout_s=timeout_s)
                if picture
                else goal_of(instruction, max_age_s=max_age_s, timeout_s=timeout_s)
            )
        except InstructionError as error:
            raise AgentError(error.code, error.message) from error

        def hear(pending: PendingAnswer[T], feedback: Any) -> None:
            pending.progress = progress_of(feedback)
            if on_progress is not None and not pending.done():
                on_progress(pending.progress)

        return self._send(
            client,
            goal,
            lambda result: read(answer_of(result, instruction.task)),
            timeout_s,
            hear,
        )

    def _send(
        self,
        client: ActionClient,
        goal: Any,
        read: Callable[[InstructionResult], T],
        timeout_s: float,
        hear: Callable[[PendingAnswer[T], Any], None],
    ) -> PendingAnswer[T]:
        """Sends a goal of one of the agent's actions; `hear` is told of each feedback."""
        pending = PendingAnswer(read, self.agent, timeout_s, lambda: self.spinner.is_here)

        def on_feedback(feedback: Any) -> None:
            try:
                hear(pending, feedback)
            except Exception as error:  # of the caller's code, for the caller
                pending.cancel()
                pending.failed(error)

        pending.goal = ActionGoal(
            self.spinner,
            client,
            goal,
            on_feedback=on_feedback,
            on_result=lambda response: _on_result(response, pending),
            on_failure=lambda why: pending.failed(
                AgentError(ErrorCode.INVALID_REQUEST, f"{self.agent}: {why}")
            ),
        )
        self._begin(pending, client)  # with its goal: `close` may cancel it from now on
        pending.goal.send()
        return pending

    def recall(
        self, query: str = "", **settings: Unpack[RecallSettings]
    ) -> tuple[RememberedObject, ...]:
        """Where things are that the agent has seen, the best match first; () for none like it.

        "" asks for everything. AgentError INVALID_REQUEST for an agent without a memory, TF_ERROR
        for a frame that is not known.
        """
        self._expect_other_thread()
        if not self._recalls.wait_for_service(self._discovery_s):
            raise AgentUnavailableError(f"there is no service {self._recalls.service_name}")
        return self.recall_async(query, **settings).result()

    def recall_async(
        self,
        query: str = "",
        *,
        frame_id: str = "",
        max_age_s: float = 0.0,
        most: int = 0,
        pictures: bool = False,
    ) -> PendingAnswer[tuple[RememberedObject, ...]]:
        """The same without waiting; AgentUnavailableError if there is no agent at this moment."""
        request = Recall.Request(
            query=query, frame_id=frame_id, max_age=max_age_s, most=most, pictures=pictures
        )
        pending = PendingAnswer(_remembered, self.agent, SERVICE_S, lambda: self.spinner.is_here)
        self._begin(pending)
        sent = self._recalls.call_async(request)
        sent.add_done_callback(lambda future: pending.answered(future.result()))
        return pending

    def can_recall(self) -> bool:
        """Whether the agent's memory can be asked at this moment."""
        return bool(self._recalls.service_is_ready())

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

    def add_to_watch(self, look: Callable[[], None]) -> None:
        """Has the client's thread call `look` every WATCH_PERIOD_S."""
        self._also_watched.append(look)

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
        self.spinner.stop()
        for pending in left:
            reason = "the client was closed before the answer came"
            pending.failed(AgentError(ErrorCode.CANCELED, reason))
        for destroy in self._destroyed_first:
            destroy()
        self._client.destroy()
        self._about.destroy()
        self._watches.destroy()
        self.spinner.destroy()

    def __enter__(self) -> AgentClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _recalls(self) -> Any:
        """The client of `~/recall`, made when it is first needed."""
        with self._lock:
            if self._recall_client is None:
                self._recall_client = self.node.create_client(Recall, f"{self.agent}/recall")
            return self._recall_client

    def _begin(self, pending: PendingAnswer[Any], client: ActionClient | None = None) -> None:
        """Watches over what is about to be asked; AgentUnavailableError if nobody is there."""
        with self._lock:
            if self._is_closed:
                raise AgentUnavailableError(f"this client of {self.agent} is closed; make another")
            self._expect_agent(client or self._client)
            self._open.add(pending)
        pending.add_done_callback(self._forget)

    def _expect_agent(self, client: ActionClient) -> None:
        if not client.server_is_ready():
            raise AgentUnavailableError(
                f"there is no {self.agent} on ROS_DOMAIN_ID of this process; start it with "
                "./uio2 up, or give its name and namespace"
            )

    def _expect_other_thread(self) -> None:
        if self.spinner.is_here:
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
        for look in self._also_watched:
            look()

    def _call(self, kind: Any, name: str, request: Any) -> Any:
        """The response of one of the agent's services."""
        self._expect_other_thread()
        return call_service(
            self.node,
            kind,
            f"{self.agent}/{name}",
            request,
            discovery_s=self._discovery_s,
            longest_s=SERVICE_S,
        )


def _remembered(response: Any) -> tuple[RememberedObject, ...]:
    return tuple(map(remembered_of, response.objects))


def _whole(answer: AgentAnswer) -> AgentAnswer:
    return answer


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
