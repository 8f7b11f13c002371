"""The agent's own state as messages: histories, diagnostics, the list of tasks."""

from __future__ import annotations

import math
import time

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Header

from uio2_ros.messages.stamps import time_message
from uio2_ros.msg import HistoryState, TaskDescription
from uio2_ros.nodes.agent.instructions import Instructions
from uio2_ros.nodes.agent.observations import Observations
from uio2_ros.nodes.agent.surroundings import Surroundings
from uio2_ros.nodes.diagnostics import status_message
from uio2_ros.robot.time import to_s
from uio2_ros.serving import ModelState, ModelStatus
from uio2_ros.tasks.task import TaskInfo


def task_message(task: TaskInfo) -> TaskDescription:
    """A task as ~/list_tasks tells it."""
    return TaskDescription(
        name=task.name,
        description=task.description,
        prompt=task.prompt,
        needs_image=task.needs_image,
        needs_audio=task.needs_audio,
        needs_region=task.needs_region,
        needs_options=task.needs_options,
        needs_action_space=task.needs_action_space,
        outputs=list(task.outputs),
    )


def history_state_message(observations: Observations, stamp: Time) -> HistoryState:
    """What the histories hold and dropped."""
    frames, audio = observations.frames.state(), observations.audio.state()
    drops = {f"picture {cause}": count for cause, count in frames.drops.items()}
    drops |= {f"sound {cause}": count for cause, count in audio.drops.items()}
    return HistoryState(
        header=Header(stamp=stamp),
        frames=frames.frames,
        frame_stamps=[time_message(stamp_ns) for stamp_ns in frames.stamps_ns],
        frame_span=frames.span_s,
        frame_bytes=frames.bytes,
        audio_span=audio.span_s,
        audio_end=time_message(audio.end_ns or 0),
        audio_bytes=audio.bytes,
        drop_causes=list(drops),
        drops=list(drops.values()),
    )


def model_status(
    name: str, label: str, problem: str, status: ModelStatus | None, instructions: Instructions
) -> DiagnosticStatus:
    """How the inference process does. `label` is the agent's lifecycle state."""
    readings = {"lifecycle": label}
    if status is None:
        return status_message(name, problem, readings, severe=True)
    readings |= {
        "state": status.state.value,
        "model": status.model.name,
        "synthetic weights": str(status.model.synthetic_weights),
        "pid": str(status.pid or ""),
        "restarts": str(status.restarts),
        "latency p50 (s)": f"{instructions.latency.percentile_s(50):.3f}",
        "latency p99 (s)": f"{instructions.latency.percentile_s(99):.3f}",
        "overhead p50 (ms)": f"{instructions.overhead.percentile_s(50) * 1e3:.2f}",
        "overhead p99 (ms)": f"{instructions.overhead.percentile_s(99) * 1e3:.2f}",
        **{cause: str(count) for cause, count in status.counts.items()},
    }
    if status.state is not ModelState.READY:
        problem = f"the model is {status.state.value}: {status.reason}"
    elif status.suspended:
        problem = f"the inference process {status.pid} is stopped; send it SIGCONT"
    elif status.model.synthetic_weights:
        problem = "synthetic weights: answers mean nothing"
    return status_message(name, problem, readings, severe=status.state is ModelState.FAILED)


def picture_status(name: str, observations: Observations, now_ns: int) -> DiagnosticStatus:
    """Rate, age, drops and QoS of the pictures."""
    subscription, state = observations.subscriptions["picture"], observations.frames.state()
    camera, camera_problem = observations.camera(None)
    newest_ns = state.stamps_ns[-1] if state.stamps_ns else None
    readings = {
        "topic": subscription.topic,
        "qos": subscription.qos,
        "rate (Hz)": f"{observations.picture_watch.rate_hz(time.monotonic()):.1f}",
        "age (s)": _age(newest_ns, now_ns),
        "received": str(observations.picture_watch.count),
        "held": str(state.frames),
        "held (bytes)": str(state.bytes),
        **observations.picture_watch.readings(),
        **{f"dropped: {cause}": str(count) for cause, count in state.drops.items()},
        **{f"event: {cause}": str(count) for cause, count in state.events.items()},
        "last error": observations.picture_problem or state.last_error or camera_problem,
        "camera calibrated": str(camera is not None),
    }
    return status_message(name, _problem(subscription.problems, newest_ns, "picture"), readings)


def sound_status(name: str, observations: Observations, now_ns: int) -> DiagnosticStatus:
    """Rate, age, drops and QoS of the sound. A robot without a microphone is no problem."""
    subscription, state = observations.subscriptions["sound"], observations.audio.state()
    readings = {
        "topic": subscription.topic,
        "qos": subscription.qos,
        "rate (Hz)": f"{observations.sound_watch.rate_hz(time.monotonic()):.1f}",
        "age (s)": _age(state.end_ns, now_ns),
        "received": str(observations.sound_watch.count),
        "held (s)": f"{state.span_s:.2f}",
        **observations.sound_watch.readings(),
        **{f"dropped: {cause}": str(count) for cause, count in state.drops.items()},
        **{f"event: {cause}": str(count) for cause, count in state.events.items()},
        "last error": observations.sound_problem or state.last_error,
    }
    problem = "; ".join(subscription.problems) or observations.sound_problem
    return status_message(name, problem, readings)


def odometry_status(name: str, observations: Observations, now_ns: int) -> DiagnosticStatus:
    """Where the robot is and how many moves are remembered."""
    subscription = observations.subscriptions["odometry"]
    position = observations.moves.position(now_ns, math.inf)
    readings = {
        "topic": subscription.topic,
        "qos": subscription.qos,
        "position (m)": " ".join(f"{number:.2f}" for number in position or ()),
        "moves": str(len(observations.moves.texts())),
        "last error": observations.odometry_problem,
    }
    problem = "; ".join(subscription.problems) or observations.odometry_problem
    return status_message(name, problem or ("" if position else "no position yet"), readings)


def surroundings_statuses(
    name: str, surroundings: Surroundings, now_ns: int
) -> list[DiagnosticStatus]:
    """How depth comes, and what the memory holds; of each where there is one."""
    statuses = []
    subscription, memory = surroundings.subscription, surroundings.memory
    if subscription is not None:
        newest_ns = surroundings.depths.newest_stamp_ns()
        readings = {
            "topic": subscription.topic,
            "qos": subscription.qos,
            "received": str(surroundings.depths.heard),
            "age (s)": _age(newest_ns, now_ns),
            "newest offset (s)": f"{surroundings.offset_s:+.3f}",
        }
        problem = _problem(subscription.problems, newest_ns, "depth") or surroundings.depth_problem
        statuses.append(status_message(f"{name}: depth", problem, readings))
    if memory is not None:
        settings = surroundings.settings.memory
        readings = {"file": settings.file, "frame": settings.frame, "objects": str(len(memory))}
        problem = memory.problem or surroundings.memory_problem
        statuses.append(status_message(f"{name}: memory", problem, readings))
    return statuses


def clock_status(name: str, problem: str, now_ns: int) -> DiagnosticStatus:
    """Whether simulated time goes on."""
    return status_message(name, problem, {"time (s)": f"{to_s(now_ns):.3f}"})


def _problem(problems: list[str], newest_ns: int | None, what: str) -> str:
    if problems:
        return "; ".join(problems)
    return f"no {what} yet" if newest_ns is None else ""


def _age(stamp_ns: int | None, now_ns: int) -> str:
    return "" if stamp_ns is None else f"{to_s(now_ns - stamp_ns):.3f}"
