"""What stands around an agent: a camera, a microphone, and someone who asks. Real DDS, one node."""

from __future__ import annotations

import array
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, KeyValue
from nodes.locked_action_client import LockedActionClient
from nodes.scripted_model import ENDLESS
from patience import patient
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from uio2_ros.action import Instruct as InstructAction
from uio2_ros.action import InstructAbout
from uio2_ros.msg import AudioChunk, HistoryState, InstructionResult
from uio2_ros.srv import Instruct

from uio2_ros.client.tolerant_executor import TolerantExecutor

WAIT_S = 30.0
TAKEN_S = 3.0
MOST_SENT = 2
"""How often a message is sent, for as long, until the histories change; some change nothing."""
SETTLING_S = 0.3
"""A writer may know its reader before the reader knows it; best effort is lost until then."""
PATIENT = {"max_age": 600.0, "timeout": 600.0}
"""So that a busy machine makes no picture too old and no answer too late; 0: the parameters'."""
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
FRAME_ID = "camera_optical_frame"


class Robot:
    """Publishes what tests give it, asks the agent, and keeps what topics say."""

    def __init__(self) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self.node = rclpy.create_node("robot", context=self._context)
        self._executor = TolerantExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._arrived = threading.Condition()
        self._messages: dict[str, list[Any]] = defaultdict(list)
        self._publishers: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}
        self._over = False
        self.action = LockedActionClient(self.node, InstructAction, "/agent/instruct")
        self.about = LockedActionClient(self.node, InstructAbout, "/agent/instruct_about")
        self._history: HistoryState | None = None
        self.node.create_subscription(HistoryState, "/history_state", self._remember, LATCHED)
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def __enter__(self) -> Robot:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()
        self._executor.shutdown()
        self.action.destroy()
        self.about.destroy()
        self.node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        while not self._over:
            self._executor.spin_once(timeout_sec=0.05)

    def _remember(self, state: HistoryState) -> None:
        with self._arrived:
            self._history = state
            self._arrived.notify_all()

    # Topics.

    def publish(self, topic: str, message: Any, qos: QoSProfile = qos_profile_sensor_data) -> None:
        """Publishes once the agent listens."""
        if topic not in self._publishers:
            self._publishers[topic] = self.node.create_publisher(type(message), topic, qos)
        publisher = self._publishers[topic]
        if publisher.get_subscription_count() == 0:
            wait_until(lambda: publisher.get_subscription_count() > 0, f"a reader of {topic}")
            time.sleep(SETTLING_S)
        publisher.publish(message)

    def publish_and_wait(self, topic: str, message: Any) -> None:
        """Publishes, and waits until the agent's histories say that something came."""
        with self._arrived:
            before = _content(self._history)
        for _ in range(MOST_SENT):  # best effort: one may be lost before the reader is known
            self.publish(topic, message)
            with self._arrived:
                if self._arrived.wait_for(lambda: _content(self._history) != before, TAKEN_S):
                    return

    def unpublish(self, topic: str) -> None:
        """Ends the publisher of a topic."""
        self.node.destroy_publisher(self._publishers.pop(topic))

    def listen(self, topic: str, message_type: type, qos: QoSProfile | int = 10) -> None:
        """Begins to keep a topic's messages; what is said at once may be missed, but where it is
        latched or said again and again."""

        def keep(message: Any) -> None:
            with self._arrived:
                self._messages[topic].append(message)
                self._arrived.notify_all()

        self.node.create_subscription(message_type, topic, keep, qos)
        wait_until(lambda: self.node.count_publishers(topic) > 0, f"a publisher of {topic}")

    def listen_until_heard(self, topics: dict[str, type], provoke: Callable[[], object]) -> None:
        """Begins to keep the messages of topics whose writers know it, then: each has been heard.

        A writer loses what it says before it knows its reader, and the reader cannot tell when
        that is. So `provoke`, which lets something be said on all of them, is called until it is
        heard. What was heard is forgotten.
        """
        for topic, message_type in topics.items():
            self.listen(topic, message_type)

        def are_heard() -> bool:
            provoke()
            with self._arrived:
                return self._arrived.wait_for(
                    lambda: all(self._messages[topic] for topic in topics), TAKEN_S
                )

        wait_until(are_heard, f"{', '.join(topics)} to speak")
        self.forget()

    def heard(
        self, topic: str, fits: Callable[[Any], bool] = lambda _: True, timeout_s: float = WAIT_S
    ) -> Any:
        """The first kept message that fits."""
        found = self.has_heard(topic, fits, patient(timeout_s))
        with self._arrived:
            last = self._messages[topic][-1:]
            assert found, f"nothing that fits on {topic}; last: {last}"
            return next(message for message in self._messages[topic] if fits(message))

    def has_heard(self, topic: str, fits: Callable[[Any], bool], within_s: float) -> bool:
        """Whether a message that fits is kept, or comes within a time."""
        with self._arrived:
            return self._arrived.wait_for(
                lambda: any(fits(message) for message in self._messages[topic]), within_s
            )

    def forget(self) -> None:
        """Forgets the messages kept so far."""
        with self._arrived:
            self._messages.clear()

    # Senses.

    def show(
        self,
        pixels: npt.NDArray[np.uint8] | None = None,
        *,
        age_s: float = 0.0,
        topic: str = "image",
        **changes: Any,
    ) -> Image:
        """Publishes a picture, with some of its fields changed, and waits until it is taken."""
        pixels = pixels if pixels is not None else picture()
        height, width = pixels.shape[:2]
        stamp_ns = self.now_ns() - round(age_s * 1e9)
        message = Image(
            header=header(stamp_ns),
            height=height,
            width=width,
            encoding="rgb8",
            step=width * 3,
            data=as_bytes(pixels),
        )
        for name, value in changes.items():
            setattr(message, name, value)
        self.publish_and_wait(topic, message)
        return message

    def calibrate(self, numbers: Sequence[float], *, accepted: bool = True, **changes: Any) -> None:
        """Publishes intrinsics (fx, cx, fy, cy), with some fields changed, until the agent reports
        what it made of them."""
        fx, cx, fy, cy = map(float, numbers)
        message = CameraInfo(width=64, height=48, k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0])
        for name, value in changes.items():
            setattr(message, name, value)
        wanted = KeyValue(key="camera calibrated", value=str(accepted))
        self.listen("/diagnostics", DiagnosticArray)

        def is_reported() -> bool:
            self.publish("camera_info", message)
            reports = self._messages["/diagnostics"][-1:]
            return any(wanted in status.values for report in reports for status in report.status)

        wait_until(is_reported, f"the intrinsics to be {'' if accepted else 'not '}accepted")

    def say(
        self, samples: npt.NDArray[Any], rate: int = 16000, encoding: str = "F32LE"
    ) -> AudioChunk:
        """Publishes sound that ends now. samples: (n,) or (n, channels)."""
        duration_ns = round(len(samples) / rate * 1e9)
        message = AudioChunk(
            header=header(self.now_ns() - duration_ns),
            sample_rate=rate,
            channels=1 if samples.ndim == 1 else samples.shape[1],
            encoding=encoding,
            data=as_bytes(samples),
        )
        self.publish_and_wait("audio", message)
        return message

    def now_ns(self) -> int:
        return int(self.node.get_clock().now().nanoseconds)

    # Calls.

    def call(self, kind: type, name: str, request: Any) -> Any:
        """The response of a service."""
        return done(self.call_async(kind, name, request))

    def call_async(self, kind: type, name: str, request: Any) -> Future:
        """The same without waiting."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
        client = self._clients[name]
        assert client.wait_for_service(patient(WAIT_S)), f"no service {name}"
        return client.call_async(request)

    def ask(self, instruction: str = "hello", **fields: Any) -> InstructionResult:
        """The result of ~/instruct, asked with patience but for what `fields` say."""
        return done(self.ask_async(instruction, **fields)).result

    def ask_async(self, instruction: str = "hello", **fields: Any) -> Future:
        """The same without waiting."""
        request = Instruct.Request(instruction=instruction, **{**PATIENT, **fields})
        return self.call_async(Instruct, "/agent/instruct", request)

    def order(
        self, instruction: str, on_feedback: Callable[[Any], None] | None = None, **fields: Any
    ) -> Any:
        """The goal handle of an accepted goal of the action."""
        assert self.action.wait_for_server(patient(WAIT_S))
        goal = InstructAction.Goal(instruction=instruction, **{**PATIENT, **fields})
        handle = done(self.action.send_goal_async(goal, feedback_callback=on_feedback))
        assert handle.accepted
        return handle

    def endless_order(self) -> Any:
        """The goal handle of an instruction that the model is at until it is ended."""
        begun = threading.Event()

        def hear(message: Any) -> None:
            if message.feedback.tokens:
                begun.set()

        handle = self.order(ENDLESS, hear)
        assert begun.wait(patient(WAIT_S)), "the model did not begin"
        return handle


def _content(state: HistoryState | None) -> tuple[Any, ...]:
    """What changes in a history when a picture or sound comes, taken or not.

    The first report of an empty history is no change: it may be on its way while one is awaited.
    """
    state = state or HistoryState()
    return list(state.frame_stamps), sum(state.drops), state.audio_end, state.audio_span


def done(future: Future, timeout_s: float = 2 * WAIT_S) -> Any:
    """The result of an rclpy future that another thread completes."""
    finished = threading.Event()
    future.add_done_callback(lambda _: finished.set())
    assert finished.wait(patient(timeout_s)), "no answer"
    return future.result()


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
    """Waits until a condition holds."""
    timeout_s = patient(timeout_s)
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, f"waited {timeout_s} s for {what}"
        time.sleep(0.02)


def header(stamp_ns: int, frame_id: str = FRAME_ID) -> Header:
    message = Header(frame_id=frame_id)
    message.stamp.sec, message.stamp.nanosec = divmod(stamp_ns, 10**9)
    return message


def picture(height: int = 48, width: int = 64, seed: int = 0) -> npt.NDArray[np.uint8]:
    """(height, width, 3) random pixels."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def as_bytes(values: npt.NDArray[Any]) -> array.array[int]:
    content = array.array("B")
    content.frombytes(np.ascontiguousarray(values).tobytes())
    return content
