"""recorder_node: the last seconds of all topics in memory, written to MCAP when it mattered.

It mattered when an answer of the agent or a plan of the bridge ends with an error code, when the
emergency stop says true, when the bridge reports a fault, and when `~/keep` is called. `./uio2
replay --verify` asks what is in such a file again.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from uio2_ros.msg import InstructionResult
from uio2_ros.nodes.deferred import result_of
from uio2_ros.nodes.diagnostics import DiagnosticsTopic, status_message
from uio2_ros.nodes.parameters import declare_parameters, read_parameters
from uio2_ros.nodes.recorder.parameters import RecorderSettings
from uio2_ros.nodes.running import WRONG, run_node
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.recorder import Recorder
from uio2_ros.recording.ring import MessageRing, make_room
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.plan_errors import Cause
from uio2_ros.settings import Effect

LOOK_PERIOD_S = 0.1
DIAGNOSTICS_PERIOD_S = 1.0
NO_FAULTS = (ErrorCode.NONE, ErrorCode.CANCELED)
"""Ends of instructions that do not matter."""
NO_PLAN_FAULTS = (Cause.NONE, Cause.PREEMPTED, Cause.STOPPED, Cause.CANCELED, Cause.DRY_RUN)
ENDED = "ended "
MIB = 2**20


class RecorderNode(Node):
    """See the module. One thread spins it, another writes."""

    def __init__(self, **arguments: Any) -> None:
        """ValueError for parameters that do not fit; OSError if there can be no folder."""
        super().__init__("recorder", **arguments)
        declare_parameters(self, RecorderSettings, Effect.RESTART)
        self._settings = settings = read_parameters(self, RecorderSettings)
        self._folder = Path(settings.directory).expanduser()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._ring = MessageRing(settings.seconds, settings.most_bytes)
        self._recorder = Recorder(self, self._ring, settings.topics.split(), self._on_failure)
        self._writer = ThreadPoolExecutor(max_workers=1)
        self._reasons: list[str] = []
        self._due_s = 0.0  # time.monotonic()
        self._written: Future[str] = Future()
        self._ends: dict[str, int] = {}
        self._is_severe = False  # of the bridge: it was stopped, or cannot stop somebody
        self._files = 0
        self._problem = ""
        self._listen()
        self._diagnostics = DiagnosticsTopic(self)
        real_time = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(LOOK_PERIOD_S, self._look, clock=real_time)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._report, clock=real_time)
        self.get_logger().info(
            f"ready: the last {settings.seconds:g} s are kept, and written to {self._folder}"
        )

    def keep(self, reason: str) -> Future[str]:
        """Writes what is held, soon: the future has the file's name, or raises RecordingError.

        Reasons that come before it is written are one recording.
        """
        if not self._reasons:
            self._due_s = time.monotonic() + self._settings.after_s
            self._written = Future()
        self._reasons.append(reason)
        return self._written

    def end(self) -> None:
        """Writes what was asked for, and waits until it is written."""
        self._due_s = 0.0
        self._look()
        self._recorder.close()
        self._writer.shutdown()

    # What matters.

    def _listen(self) -> None:
        agent, bridge = self._settings.agent, self._settings.bridge
        self._bridge_status = f"{self.resolve_topic_name(bridge).lstrip('/')}: plans"
        self.create_subscription(InstructionResult, f"{agent}/result", self._on_result, 10)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 100)
        self.create_subscription(Bool, "estop", self._on_estop, 10)
        waiting = ReentrantCallbackGroup()
        self.create_service(Trigger, "~/keep", self._on_keep, callback_group=waiting)

    def _on_result(self, result: InstructionResult) -> None:
        code = ErrorCode.of(result.error_code)
        if code not in NO_FAULTS:
            self.keep(f"{code.name} {result.error_msg}")

    def _on_estop(self, message: Bool) -> None:
        if message.data:
            self.keep("ESTOP")

    def _on_diagnostics(self, report: DiagnosticArray) -> None:
        for status in report.status:
            if status.name != self._bridge_status:
                continue
            for cause in self._new_ends(status):
                self.keep(f"{cause} {status.message}")
            before, self._is_severe = self._is_severe, status.level == DiagnosticStatus.ERROR
            if self._is_severe and not before:
                self.keep(f"FAULT {status.message}")

    def _new_ends(self, status: DiagnosticStatus) -> Iterator[str]:
        """Causes of the bridge that were counted since its last report."""
        for item in status.values:
            cause = item.key.removeprefix(ENDED)
            is_count = cause != item.key and item.value.isdecimal()
            if not is_count or cause not in Cause.__members__:
                continue
            count, before = int(item.value), self._ends.get(cause)
            self._ends[cause] = count
            if before is not None and count > before and Cause[cause] not in NO_PLAN_FAULTS:
                yield cause

    async def _on_keep(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        del request
        try:
            response.message = await result_of(self.keep("KEEP"), self)
            response.success = True
        except RecordingError as error:
            response.message = str(error)
        return response

    # Writing.

    def _look(self) -> None:
        if not self._reasons or time.monotonic() < self._due_s:
            return
        reason, written = "; ".join(dict.fromkeys(self._reasons)), self._written
        self._reasons = []
        content = self._ring.content()

        def write() -> None:
            try:
                path = self._new_path(reason)  # here, where what is written before has its file
                size = content.write(path, reason)
                make_room(self._folder, self._settings.disk_bytes)
            except Exception as error:  # whatever it is, who called ~/keep gets an answer
                self._problem = f"a recording was lost: {error}"
                self.get_logger().error(self._problem)
                written.set_exception(RecordingError(self._problem))
                return
            self._files, self._problem = self._files + 1, ""
            self.get_logger().warning(f"kept {path}, {size / MIB:.1f} MiB: {reason}")
            written.set_result(str(path))

        self._writer.submit(write)

    def _new_path(self, reason: str) -> Path:
        """Named by the time and the first word of the reason; never one that exists."""
        word = re.sub(r"\W", "", reason.partition(" ")[0]).lower()
        stem = f"uio2_kept_{datetime.now():%Y-%m-%d_%H-%M-%S}_{word}"
        number, path = 1, self._folder / f"{stem}.mcap"
        while path.exists() or path.with_suffix(".part").exists():
            number, path = number + 1, self._folder / f"{stem}_{number}.mcap"
        return path

    def _on_failure(self, error: RecordingError) -> None:
        self._problem = str(error)

    def _report(self) -> None:
        readings = {
            "topics": str(len(self._recorder.topics)),
            "messages": str(len(self._ring)),
            "MiB in memory": f"{self._ring.bytes / MIB:.1f}",
            "messages gone early": str(self._ring.forgotten),
            "recordings": str(self._files),
        }
        name = f"{self._diagnostics.name}: ring"
        self._diagnostics.tell(status_message(name, self._problem, readings))


def main(args: list[str] | None = None) -> int:
    """Entry point of recorder_node: spins until SIGINT or SIGTERM and returns 0; 1 if a parameter
    is wrong.
    """
    return run_node(
        RecorderNode, lambda node, _: node.end(), args, name="recorder", wrong=(*WRONG, OSError)
    )


if __name__ == "__main__":
    sys.exit(main())
