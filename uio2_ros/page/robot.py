"""The graph as the page and other programs see it: what it shows, and what can be asked. rclpy.

Methods may be called from any thread and do not wait; what takes time gives a future. Topics that
cost something are listened to only while somebody looks (`watch`).
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from uio2_ros.client import (
    AgentClient,
    AgentUnavailableError,
    BridgeClient,
    Execution,
    PendingAnswer,
    RecallSettings,
    RememberedObject,
)
from uio2_ros.messages.answers import AgentAnswer, answer_of
from uio2_ros.messages.qos import LATCHED, STATIC_TRANSFORMS
from uio2_ros.model.bundle import local_bundle
from uio2_ros.msg import AgentState, Asked, HistoryState
from uio2_ros.page.journal import Journal, JournalEntry
from uio2_ros.page.live import LivePicture
from uio2_ros.page.questions import AskedQuestion, Questions, StandingQuestion
from uio2_ros.page.safety import BridgeSafety, SafetyState
from uio2_ros.page.settings import PageSettings
from uio2_ros.page.simulation import Simulation
from uio2_ros.robot.activity import Activity
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.plan_errors import Cause, PlanError
from uio2_ros.robot.standing_instruction import StandingInstruction
from uio2_ros.tasks.registry import TASKS, tasks_of
from uio2_ros.tasks.task import DEFAULT_FAMILY, Task
from uio2_ros.viewing.published_answer import PublishedAnswer

if TYPE_CHECKING:
    from typing_extensions import Unpack

FOLLOW_PERIOD_S = 0.3
"""How often `follow` is to be called."""
UNWATCHED_S = 5.0
FRESH_S = 5.0
"""Diagnostics that are older are of somebody who is gone."""
AGENT, BRIDGE = "agent", "bridge"


@dataclass(frozen=True)
class DiagnosticReading:
    """A diagnostic: level 0 ok, 1 warning, 2 error, 3 silent."""

    name: str
    level: int
    message: str
    readings: Mapping[str, str]
    heard_s: float


class RobotLink:
    """See the module. `follow` is for the thread that spins the node; `close` ends it."""

    def __init__(self, node: Node, settings: PageSettings) -> None:
        """The agent, the bridge and the simulator are those of the node's namespace."""
        self._node = node
        namespace = node.get_namespace()
        self.agent = AgentClient(name=AGENT, namespace=namespace, node_name="page_client")
        self.bridge = BridgeClient(self.agent, BRIDGE)
        self.simulation = Simulation(self.agent.node, namespace)
        self.live = LivePicture(node, settings)
        self.picture_rate_hz = settings.picture_rate_hz
        self.questions: Questions[AskedQuestion] = Questions(settings.most_questions)
        self.watches: Questions[StandingQuestion] = Questions(settings.most_watches)
        self.agent.can_recall()  # the memory is looked for from now on
        self.journal = Journal()
        self.notices = 0
        self.notice = ""
        """What everybody who looks should know, and how many such there were."""
        self.history: Any = None
        """The newest HistoryState; None before any."""
        self._lock = threading.Lock()  # guards what follows
        self._published = PublishedAnswer()
        self._statuses: dict[str, DiagnosticReading] = {}
        self._states: dict[str, Any] = {}
        self._watched_s = -UNWATCHED_S
        self._on_demand: list[Any] = []
        self.safety = BridgeSafety(self.agent.node, f"{namespace.rstrip('/')}/{BRIDGE}")
        self._bridge_status = f"{namespace.strip('/')}/{BRIDGE}: plans".lstrip("/")
        self._subscribe()

    def close(self) -> None:
        """Cancels what this server has asked; the robot goes on with its plan."""
        self.agent.close()

    def _subscribe(self) -> None:
        for kind, topic, callback, qos in (
            (DiagnosticArray, "/diagnostics", self._on_diagnostics, 10),
            (HistoryState, "history_state", self._on_history, LATCHED),
            (Asked, "agent/asked", self._on_asked, 10),
            (AgentState, "agent/state", functools.partial(self._on_state, AGENT), LATCHED),
            (AgentState, "bridge/state", functools.partial(self._on_state, BRIDGE), LATCHED),
        ):
            self._node.create_subscription(kind, topic, callback, qos)

    # Looking.

    def watch(self) -> None:
        """Somebody looks: what costs something is listened to for some seconds."""
        self._watched_s = time.monotonic()
        self.simulation.watch()

    def follow(self) -> None:
        """Listens to what is looked at; to be called now and then."""
        self.live.follow()
        watched = time.monotonic() - self._watched_s < UNWATCHED_S
        if watched and not self._on_demand:
            self._on_demand = [
                self._node.create_subscription(
                    kind, topic, functools.partial(self._on_shown, topic), qos
                )
                for kind, topic, qos in (
                    (Image, "debug_image", LATCHED),
                    (MarkerArray, "markers", LATCHED),
                    (CameraInfo, "camera_info", qos_profile_sensor_data),
                    (TFMessage, "/tf", QoSProfile(depth=100)),
                    (TFMessage, "/tf_static", STATIC_TRANSFORMS),
                )
            ]
        elif not watched:
            for subscription in self._on_demand:
                self._node.destroy_subscription(subscription)
            self._on_demand = []

    def statuses(self) -> tuple[DiagnosticReading, ...]:
        """The diagnostics of those who are there, by name."""
        with self._lock:
            heard = tuple(self._statuses.values())
        now_s = time.monotonic()
        there = (one for one in heard if now_s - one.heard_s < FRESH_S)
        return tuple(sorted(there, key=lambda one: one.name))

    def state(self) -> tuple[str, str]:
        """What the robot does, as AgentState has it in lower case, and why; "gone" without one.

        What the bridge says about motion counts also where the agent is gone.
        """
        with self._lock:
            states = dict(self._states)
        bridge = states.get(BRIDGE) if self.bridge.is_ready() else None
        agent = states.get(AGENT) if self.agent.is_ready() else None
        if bridge is not None and (agent is None or bridge.state == Activity.MOVING):
            return _named(bridge.state), bridge.reason
        if agent is None:
            return "gone", "no agent answers; is it still starting?"
        return _named(agent.state), agent.reason

    def safety_state(self) -> SafetyState:
        """What keeps the robot still, as the bridge told last."""
        with self._lock:
            heard = self._statuses.get(self._bridge_status)
        return SafetyState() if heard is None else SafetyState.of(heard.readings)

    def published(self, read: Callable[[PublishedAnswer], Any]) -> Any:
        """What `read` takes out of what topics showed; None for what cannot be shown."""
        with self._lock:
            try:
                return read(self._published)
            except InvalidInputError:
                return None

    def tasks(self) -> dict[str, Task]:
        """The tasks that the agent's family of models has, those it was trained for first."""
        model = self.reading("model")
        bundle = local_bundle(model) if model else None
        trained = bundle.trained_for.tasks if bundle is not None else ()
        tasks = tasks_of(bundle.family if bundle is not None else DEFAULT_FAMILY)
        first = {name: tasks[name] for name in trained if name in tasks}
        return {**first, **tasks}

    def reading(self, key: str) -> str:
        """A reading of the agent's diagnostics; "" if it is not there."""
        found = (one.readings[key] for one in self.statuses() if key in one.readings)
        return next(found, "")

    # Asking.

    def ask(
        self,
        instruction: Instruction,
        *,
        max_age_s: float = 0.0,
        timeout_s: float = 0.0,
        picture: bytes = b"",
    ) -> AskedQuestion:
        """Sends an instruction; InstructionError if that cannot be.

        picture: a JPEG or PNG that it is about, instead of what the camera sees.
        """
        _expect_task(instruction)

        def submit(question: AskedQuestion) -> Future[AgentAnswer]:
            return self.agent.submit(
                instruction,
                lambda answer: answer,
                question.on_progress,
                max_age_s=max_age_s,
                timeout_s=timeout_s,
                picture=picture,
            )

        question = self.questions.ask(AskedQuestion(instruction), submit)
        assert question.pending is not None, "it was submitted"
        if not picture:  # what the robot sees is shown, and what it plans about that
            question.pending.add_done_callback(lambda _: self._note(question))
        return question

    def _note(self, question: AskedQuestion) -> None:
        """Answers come on ~/asked too, as those to others do; later, and failures do not."""
        asked = question.instruction
        if question.error is None:
            self.journal.add(JournalEntry(asked.instruction, question.answer))
            return
        error = question.error
        failed = AgentAnswer(error_code=error.code, error_msg=error.message, task=asked.task)
        self.journal.add(JournalEntry(asked.instruction, failed))

    def keep_looking(
        self, standing: StandingInstruction, *, max_age_s: float = 0.0, timeout_s: float = 0.0
    ) -> StandingQuestion:
        """Begins a standing instruction; InstructionError if that cannot be. Times as in `ask`."""
        _expect_task(standing.instruction)

        def submit(question: StandingQuestion) -> Future[AgentAnswer]:
            return self.agent.submit_watch(
                standing, question.on_answer, max_age_s=max_age_s, timeout_s=timeout_s
            )

        return self.watches.ask(StandingQuestion(standing), submit)

    def recall(
        self, query: str, **settings: Unpack[RecallSettings]
    ) -> PendingAnswer[tuple[RememberedObject, ...]]:
        """Where things are that the agent has seen, as `AgentClient.recall_async`."""
        if not self.agent.can_recall():
            raise AgentUnavailableError(f"there is no {self.agent.agent}/recall")
        return self.agent.recall_async(query, **settings)

    # Moving.

    def execute(self, answer: AgentAnswer) -> Execution:
        """Has the bridge carry out the plan of an answer; PlanError if there is none, or none to
        do it."""
        if answer.plan is None or not answer.plan.steps:
            raise PlanError(Cause.INVALID_PLAN, "the answer holds no plan; ask for one first")
        if not self.bridge.is_ready():
            raise PlanError(
                Cause.NO_CONTROLLER,
                f"there is no {self.bridge.action}; start it with ./uio2 up bridge:=true",
            )
        return self.bridge.execute(answer.message.plan)

    def stop(self) -> Future[str]:
        """Stops the robot: what the bridge says of it. Cancels what is asked here, whose plan might
        move it again. PlanError NO_CONTROLLER if there is no bridge, TIMEOUT if it is silent."""
        return self._stopping(self.safety.stop())

    def press_estop(self) -> Future[str]:
        """The same, and nothing moves until it is released."""
        return self._stopping(self.safety.press())

    def _stopping(self, stopped: Future[str]) -> Future[str]:
        stopped.add_done_callback(self._on_stopped)
        self.questions.cancel_all()
        self.watches.cancel_all()
        return stopped

    def _on_stopped(self, stopped: Future[str]) -> None:
        self._notify(f"STOP: {stopped.exception() or stopped.result()}")

    def _notify(self, notice: str) -> None:
        self.notice = notice
        self.notices += 1

    # On the thread that spins the node.

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now_s = time.monotonic()
        with self._lock:
            for status in message.status:
                level = int.from_bytes(status.level, "little")
                readings = {value.key: value.value for value in status.values}
                self._statuses[status.name] = DiagnosticReading(
                    status.name, level, status.message, readings, now_s
                )

    def _on_history(self, message: HistoryState) -> None:
        self.history = message

    def _on_state(self, who: str, message: AgentState) -> None:
        with self._lock:
            self._states[who] = message

    def _on_asked(self, message: Asked) -> None:
        try:
            answer = answer_of(message.result, message.task)
        except InvalidInputError as error:
            self._node.get_logger().warning(f"an answer cannot be shown: {error}")
            return
        if not answer.error_code:
            asked = message.instruction, message.task
            is_standing = any(
                (one.instruction.instruction, one.instruction.task) == asked
                for one in self.watches.under_way()
            )
            entry = JournalEntry(message.instruction, answer, is_standing=is_standing)
            self.journal.add(entry)

    def _on_shown(self, topic: str, message: Any) -> None:
        with self._lock, suppress(InvalidInputError):  # a marker that nobody can draw
            self._published.take(topic, message)


def _expect_task(instruction: Instruction) -> None:
    if instruction.task not in TASKS:
        raise InstructionError(
            ErrorCode.UNKNOWN_TASK, f"there is no task {instruction.task[:40]!r}"
        )


def _named(number: int) -> str:
    return Activity.of(number).name.lower()
