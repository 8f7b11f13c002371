"""`./uio2 bench ros`: the agent in its own process, fed by a camera in another, over real DDS."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lifecycle_msgs.srv import GetState

from uio2_ros.cli.faults.stage import PICTURES, FaultStage, Program, wait_until
from uio2_ros.cli.measurement import Measurement, bench_parser, conclude
from uio2_ros.client.service_call import ask_service
from uio2_ros.srv import Instruct

START_S = 900.0  # a first start may download a checkpoint
ANSWER_S = 300.0
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


class ObservedAgent:
    """The agent of a stage: asked through its services, and what its diagnostics say."""

    def __init__(self, stage: FaultStage, **parameters: Any) -> None:
        self.stage = stage
        given = {name: value for name, value in parameters.items() if value != ""}
        self.program = stage.node(
            "uio2_ros.nodes.agent.node", diagnostics_period=DIAGNOSTICS_PERIOD_S, **given
        )
        node, name = stage.client.node, stage.client.agent
        self._instruct = node.create_client(Instruct, f"{name}/instruct")
        self._state = node.create_client(GetState, f"{name}/get_state")

    def wait_until_active(self) -> None:
        """It does not report pictures before; RuntimeError if it ends."""

        def is_active() -> bool:
            self.program.expect_alive()
            return any(name.endswith(PICTURES) for name in self.stage.diagnostics)

        wait_until(is_active, "an active agent", longest_s=START_S)

    def ask(self) -> Call:
        """One instruction through the service; RuntimeError if the agent refuses it."""
        request = Instruct.Request(instruction=INSTRUCTION, timeout=ANSWER_S)
        late = TimeoutError(f"no answer after {2 * ANSWER_S:.0f} s")
        start = time.perf_counter()
        result = ask_service(self._instruct, request, late, 2 * ANSWER_S).result().result
        latency_s = time.perf_counter() - start
        if result.error_code:
            raise RuntimeError(f"the agent answered {result.error_code}: {result.error_msg}")
        t = result.timings
        return Call(latency_s, t.total, t.queue + t.preprocess + t.encode + t.decode)

    def ask_for(self, seconds: float) -> list[Call]:
        """Instruction after instruction."""
        end, calls = time.monotonic() + seconds, []
        while time.monotonic() < end:
            calls.append(self.ask())
        return calls

    def empty_call_s(self, calls: int = 25) -> float:
        """The median seconds of a service call that does next to nothing in the agent."""
        late, durations_s = TimeoutError("the agent does not say its state"), []
        for _ in range(calls):
            start = time.perf_counter()
            ask_service(self._state, GetState.Request(), late).result()
            durations_s.append(time.perf_counter() - start)
            time.sleep(0.05)
        return statistics.median(durations_s)

    def callback_ms(self, percentile: str) -> float:
        """Of the pictures lately; "longest", too."""
        return float(self.stage.readings(PICTURES)[f"callback {percentile} (ms)"])


def measure_streaming(agent: ObservedAgent, minutes: float) -> list[Measurement]:
    """640x480 at 30 Hz: callbacks, service overhead, memory."""
    camera = agent.stage.camera()
    wait_until(lambda: agent.stage.received > 0, "pictures")
    agent.ask()
    time.sleep(QUIET_S)
    empty_call_s = agent.empty_call_s()
    not_due = Measurement(
        "picture not due", agent.callback_ms("p50"), NOT_DUE_LIMIT_MS, "ms", "p50, idle"
    )
    calls = agent.ask_for(BUSY_S)
    time.sleep(2 * DIAGNOSTICS_PERIOD_S)
    callback = Measurement(
        "picture callback, 640x480 30 Hz",
        agent.callback_ms("p99"),
        CALLBACK_LIMIT_MS,
        "ms",
        f"p99 while {len(calls)} instructions ran; longest {agent.callback_ms('longest')} ms",
    )
    growth = measure_memory(agent, minutes)
    camera.end()
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


def measure_memory(agent: ObservedAgent, minutes: float) -> Measurement:
    """How much the agent grows while it streams and answers now and then."""
    end, sizes = time.monotonic() + minutes * 60, []
    next_ask = time.monotonic()
    while time.monotonic() < end:
        if time.monotonic() >= next_ask:
            agent.ask()
            next_ask += ASK_EVERY_S
        time.sleep(1.0)
        agent.program.expect_alive()
        sizes.append(agent.program.resident_bytes)
    return growth_of(sizes, minutes)


def growth_of(sizes: Sequence[int], minutes: float, what: str = "the agent") -> Measurement:
    """The median of the last fifth against that of the first."""
    fifth = max(1, len(sizes) // 5)
    before, after = statistics.median(sizes[:fifth]), statistics.median(sizes[-fifth:])
    percent = max(0.0, (after - before) / before * 100)
    sizes_mib = f"{before / 2**20:.1f} to {after / 2**20:.1f} MiB"
    note = f"{sizes_mib} with shared memory, in {minutes:g} min of streaming"
    return Measurement(f"growth of {what}", percent, GROWTH_LIMIT_PERCENT, "%", note)


def measure_loss(stage: FaultStage) -> Measurement:
    """1080p at 30 Hz, best effort, with whatever DDS profile the environment has."""
    time.sleep(SETTLE_S)
    camera, before = stage.camera(size=(1920, 1080)), stage.received
    wait_until(lambda: stage.received > before, "1080p pictures")
    time.sleep(2 * SETTLE_S)
    _send(camera, 1)
    before = stage.received
    _send(camera, PICTURES_1080P)
    lost = PICTURES_1080P - (stage.received - before)
    note = f"of {PICTURES_1080P}"
    return Measurement("lost of 1080p 30 Hz best effort", lost, 0, "pictures", note)


def _send(camera: Program, pictures: int) -> None:
    """So many and no more; they have arrived when this returns."""
    camera.say(f"count {pictures}")
    wait_until(lambda: f"sent {pictures}" in camera.said(), "pictures to be sent")
    time.sleep(SETTLE_S)


def main(argv: Sequence[str]) -> int:
    """0 if nothing exceeds its limit."""
    options = _parse(argv)
    print(f"starting the agent with model {options.model} ...", file=sys.stderr, flush=True)
    with FaultStage() as stage:
        agent = ObservedAgent(
            stage, model=options.model, tokenizer=options.tokenizer, device=options.device
        )
        agent.wait_until_active()
        results = [*measure_streaming(agent, options.minutes), measure_loss(stage)]
    return conclude(results, options.json)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("ros", __doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long memory is watched")
    parser.add_argument("--model", default="synthetic", help="hub id or directory")
    parser.add_argument("--tokenizer", default="", help="tokenizer file of the checkpoint")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    return parser.parse_args(argv)
