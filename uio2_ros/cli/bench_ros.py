"""`./uio2 bench ros`: the agent in its own process, fed by a camera in another, over real DDS."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import GetState

from uio2_ros.cli.measurement import Measurement, table
from uio2_ros.srv import Instruct

NAMESPACE = "/uio2_bench"
RATE_HZ = 30.0
START_TIMEOUT_S = 900.0  # a first start may download a checkpoint
DIAGNOSTICS_PERIOD_S = 0.25
SETTLE_S = 1.0  # until the last picture has arrived and has been reported
QUIET_S = 8.0
BUSY_S = 20.0  # longer than the agent's window of durations, which then holds nothing older
PICTURES_1080P = 300
ASK_EVERY_S = 5.0  # while the memory is watched
INSTRUCTION = "What is in front of the robot?"

CALLBACK_LIMIT_MS = 5.0
NOT_DUE_LIMIT_MS = 0.3
OVERHEAD_LIMIT_MS = 10.0
GROWTH_LIMIT_PERCENT = 1.0  # of the agent's memory after it has warmed up


@dataclass(frozen=True)
class Call:
    """One instruction: seconds until its result was here, and those of them that passed from its
    arrival at the agent to its result, and in the model."""

    latency_s: float
    agent_s: float
    model_s: float

    @property
    def overhead_s(self) -> float:
        return self.latency_s - self.model_s


class Observer:
    """The benchmark's own node: asks the agent and reads its diagnostics."""

    def __init__(self) -> None:
        self._node = rclpy.create_node("bench", enable_rosout=False)
        self._client = self._node.create_client(Instruct, f"{NAMESPACE}/agent/instruct")
        self._state = self._node.create_client(GetState, f"{NAMESPACE}/agent/get_state")
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self.pictures: dict[str, str] = {}

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith("agent: pictures"):
                self.pictures = {value.key: value.value for value in status.values}

    def spin(self, seconds: float) -> None:
        """Keep reading diagnostics for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rclpy.spin_once(self._node, timeout_sec=max(0.0, end - time.monotonic()))

    def wait_until(self, condition: Callable[[], bool], what: str, agent: Agent) -> None:
        end = time.monotonic() + START_TIMEOUT_S
        while not condition():
            agent.check()
            if time.monotonic() > end:
                raise TimeoutError(f"waited {START_TIMEOUT_S:.0f} s for {what}\n{agent.log()}")
            self.spin(0.1)

    def ask(self) -> Call:
        """One instruction through the service; RuntimeError if the agent refuses it."""
        start = time.perf_counter()
        future = self._client.call_async(Instruct.Request(instruction=INSTRUCTION, timeout=300.0))
        rclpy.spin_until_future_complete(self._node, future)
        latency_s = time.perf_counter() - start
        result = future.result().result
        if result.error_code:
            raise RuntimeError(f"the agent answered {result.error_code}: {result.error_msg}")
        t = result.timings
        return Call(latency_s, t.total, t.queue + t.preprocess + t.encode + t.decode)

    def empty_call_s(self, calls: int = 25) -> float:
        """The median seconds of a service call that does next to nothing in the agent."""
        durations_s = []
        for _ in range(calls):
            start = time.perf_counter()
            future = self._state.call_async(GetState.Request())
            rclpy.spin_until_future_complete(self._node, future)
            durations_s.append(time.perf_counter() - start)
            self.spin(0.05)
        return statistics.median(durations_s)

    def ask_for(self, seconds: float) -> list[Call]:
        """Instruction after instruction."""
        end, calls = time.monotonic() + seconds, []
        while time.monotonic() < end:
            calls.append(self.ask())
        return calls

    @property
    def received(self) -> int:
        """Pictures that have reached the agent."""
        return int(self.pictures.get("received", 0))

    def callback_ms(self, percentile: str) -> float:
        return float(self.pictures[f"callback {percentile} (ms)"])


class Agent:
    """The agent's process."""

    def __init__(self, process: subprocess.Popen[bytes], log_file: Path) -> None:
        self._process = process
        self._log_file = log_file

    def check(self) -> None:
        if self._process.poll() is not None:
            raise RuntimeError(f"the agent ended with {self._process.returncode}\n{self.log()}")

    def log(self) -> str:
        return self._log_file.read_text(errors="replace")[-4000:]

    def resident_bytes(self) -> int:
        """With the shared memory that the agent has touched: its pictures, and DDS's segments."""
        return int(psutil.Process(self._process.pid).memory_info().rss)


class CameraProcess:
    """The camera's process; see `bench_camera`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def stream(self) -> None:
        self._say("stream")

    def count(self, pictures: int) -> int:
        """Publish this many pictures and wait until they are sent."""
        self._say(f"count {pictures}")
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().split()
        return int(answer[1])

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


@contextmanager
def running_agent(options: argparse.Namespace, folder: Path) -> Iterator[Agent]:
    parameters = {
        "model": options.model,
        "tokenizer": options.tokenizer,
        "device": options.device,
        "diagnostics_period": DIAGNOSTICS_PERIOD_S,
    }
    arguments = ["--ros-args", "-r", f"__ns:={NAMESPACE}"]
    for name, value in parameters.items():
        arguments += ["-p", f"{name}:={value}"] if value != "" else []
    log_file = folder / "agent.log"
    command = [sys.executable, "-m", "uio2_ros.nodes.agent.node", *arguments]
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    with ending(process):
        yield Agent(process, log_file)


@contextmanager
def running_camera(width: int, height: int) -> Iterator[CameraProcess]:
    module = "uio2_ros.cli.bench_camera"
    arguments = [f"{NAMESPACE}/image", str(width), str(height), str(RATE_HZ)]
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with ending(process):
        yield CameraProcess(process)


@contextmanager
def ending(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        if process.stdin is not None:
            process.stdin.close()  # ends the camera
        else:
            process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def measure_streaming(observer: Observer, agent: Agent, minutes: float) -> list[Measurement]:
    """640x480 at 30 Hz: callbacks, service overhead, memory."""
    with running_camera(640, 480) as camera:
        camera.stream()
        observer.wait_until(lambda: observer.received > 0, "pictures", agent)
        observer.ask()
        observer.spin(QUIET_S)
        empty_call_s = observer.empty_call_s()
        not_due = Measurement(
            "picture not due", observer.callback_ms("p50"), NOT_DUE_LIMIT_MS, "ms", "p50, idle"
        )
        calls = observer.ask_for(BUSY_S)
        observer.spin(2 * DIAGNOSTICS_PERIOD_S)
        longest = observer.pictures["callback longest (ms)"]
        callback = Measurement(
            "picture callback, 640x480 30 Hz",
            observer.callback_ms("p99"),
            CALLBACK_LIMIT_MS,
            "ms",
            f"p99 while {len(calls)} instructions ran; longest {longest} ms",
        )
        growth = measure_memory(observer, agent, minutes)
    return [callback, not_due, overhead_of(calls, empty_call_s), growth]


def overhead_of(calls: Sequence[Call], empty_call_s: float) -> Measurement:
    overheads_ms = sorted(call.overhead_s * 1e3 for call in calls)
    latency_ms = statistics.median(call.latency_s for call in calls) * 1e3
    agent_ms = statistics.median(call.agent_s - call.model_s for call in calls) * 1e3
    return Measurement(
        "service overhead",
        statistics.median(overheads_ms),
        OVERHEAD_LIMIT_MS,
        "ms",
        f"median of {len(calls)}, {agent_ms:.1f} ms of it in the agent, "
        f"{empty_call_s * 1e3:.1f} ms an empty call; "
        f"longest {overheads_ms[-1]:.1f} ms; an answer takes {latency_ms:.0f} ms",
    )


def measure_memory(observer: Observer, agent: Agent, minutes: float) -> Measurement:
    """How much the agent grows while it streams and answers now and then."""
    end, sizes = time.monotonic() + minutes * 60, []
    next_ask = time.monotonic()
    while time.monotonic() < end:
        if time.monotonic() >= next_ask:
            observer.ask()
            next_ask += ASK_EVERY_S
        observer.spin(1.0)
        agent.check()
        sizes.append(agent.resident_bytes())
    return growth_of(sizes, minutes)


def growth_of(sizes: Sequence[int], minutes: float) -> Measurement:
    """The median of the last fifth against that of the first."""
    fifth = max(1, len(sizes) // 5)
    before, after = statistics.median(sizes[:fifth]), statistics.median(sizes[-fifth:])
    percent = max(0.0, (after - before) / before * 100)
    sizes_mib = f"{before / 2**20:.1f} to {after / 2**20:.1f} MiB"
    note = f"{sizes_mib} with shared memory, in {minutes:g} min of streaming"
    return Measurement("growth of the agent", percent, GROWTH_LIMIT_PERCENT, "%", note)


def measure_loss(observer: Observer, agent: Agent) -> Measurement:
    """1080p at 30 Hz, best effort, with whatever DDS profile the environment has."""
    with running_camera(1920, 1080) as camera:
        before = observer.received
        camera.stream()
        observer.wait_until(lambda: observer.received > before, "1080p pictures", agent)
        observer.spin(2 * SETTLE_S)
        camera.count(1)
        observer.spin(SETTLE_S)
        before = observer.received
        sent = camera.count(PICTURES_1080P)
        observer.spin(SETTLE_S)
    lost = sent - (observer.received - before)
    return Measurement("lost of 1080p 30 Hz best effort", lost, 0, "pictures", f"of {sent}")


def main(argv: Sequence[str]) -> int:
    options = _parse(argv)
    # A domain of its own: the benchmark must neither disturb a robot nor be disturbed by one.
    os.environ["ROS_DOMAIN_ID"] = str(30 + os.getpid() % 60)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uio2-bench-")))
        rclpy.init(args=[])
        stack.callback(rclpy.try_shutdown)
        observer = Observer()
        agent = stack.enter_context(running_agent(options, folder))
        print(f"starting the agent with model {options.model} ...", file=sys.stderr, flush=True)
        observer.wait_until(lambda: bool(observer.pictures), "an active agent", agent)
        results = measure_streaming(observer, agent, options.minutes)
        results.append(measure_loss(observer, agent))
    print(table(results))
    return int(not all(result.passes for result in results))


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./uio2 bench ros", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long memory is watched")
    parser.add_argument("--model", default="synthetic", help="hub id or directory")
    parser.add_argument("--tokenizer", default="", help="tokenizer file of the checkpoint")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
