"""Answers in words, for people, and as JSON, for programs. No ROS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from uio2_ros.robot.answer import Answer, Cuboid, Detection, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.plan import ActionKind, Step
from uio2_ros.robot.poses import Pose2D
from uio2_ros.viewing.panels import SOUND_RATE_HZ


def findings(answer: Answer) -> list[str]:
    """Boxes, points, steps, pictures and sound, one line each."""
    lines = []
    for found in answer.detections:
        corners = ", ".join(f"{number:.0f}" for number in _corners(found.box))
        lines.append(f"box {_named(found)} ({found.score:.2f}): {corners}")
    for cuboid in answer.cuboids:
        where, size = _metres(cuboid.center), _metres(cuboid.size)
        told = f"({cuboid.score:.2f}): at {where} m, {size} m large"
        lines.append(f"cuboid {_named(cuboid)} {told}")
    for points in answer.keypoints:
        for point in points.points:
            where = f"{point.x:.0f}, {point.y:.0f}" if point.visible else "not visible"
            lines.append(f"point {point.name!r} ({point.score:.2f}): {where}")
    for number, step in enumerate(answer.plan.steps if answer.plan else (), start=1):
        lines.append(f"step {number}: {step_text(step)} [{_plan_frame(answer)}]")
    for picture in answer.pictures:
        height, width = picture.pixels.shape[:2]
        lines.append(f"{picture.role} {picture.label!r}: {width} x {height} pixels")
    lines += [f"sound: {samples.size / SOUND_RATE_HZ:.2f} s" for samples in answer.audio]
    return lines


def answer_json(answer: Answer) -> dict[str, Any]:
    """What can be written down of an answer; pictures and sound are told of by `findings`."""
    return {
        "error_code": int(answer.error_code),
        "text": answer.text,
        "truncated": answer.truncated,
        "detections": list(map(_detection_json, answer.detections)),
        "cuboids": [asdict(cuboid) for cuboid in answer.cuboids],
        "keypoints": list(map(_points_json, answer.keypoints)),
        "plan": [step_json(step) for step in (answer.plan.steps if answer.plan else ())],
        "plan_frame_id": _plan_frame(answer),
        "options": dict(zip(answer.options, answer.scores, strict=True)),
        "timings": asdict(answer.timings),
        "model": answer.model,
        "synthetic_weights": answer.synthetic_weights,
    }


def step_text(step: Step) -> str:
    """From where to where, or by how much and until when; SI units, degrees."""
    if step.start is not None and step.end is not None:
        return f"{step.name} ({_place(step.start)}) -> ({_place(step.end)})"
    values = zip(step.dimension_names, step.values, strict=True)
    due = [f"at {step.time_from_start_s:g} s:"] if step.kind is ActionKind.CONTINUOUS else []
    return " ".join([step.name, *due, *(f"{name}={value:.3f}" for name, value in values)])


def step_json(step: Step) -> dict[str, Any]:
    """The fields of a step; metres, radians, seconds."""
    return {
        "kind": int(step.kind),
        "name": step.name,
        "start": asdict(step.start) if step.start else None,
        "end": asdict(step.end) if step.end else None,
        "values": dict(zip(step.dimension_names, step.values, strict=True)),
        "time_from_start_s": step.time_from_start_s,
    }


def _named(found: Detection | Cuboid) -> str:
    """The label, and which of them it is where that is known."""
    return f"{found.label!r} #{found.track}" if found.track else repr(found.label)


def _detection_json(found: Detection) -> dict[str, Any]:
    return {
        "label": found.label,
        "score": found.score,
        "corners": _corners(found.box),
        "track": found.track,
    }


def _points_json(points: PointSet) -> dict[str, Any]:
    return {"label": points.label, "points": [asdict(point) for point in points.points]}


def _corners(box: Box) -> tuple[float, float, float, float]:
    return box.x1, box.y1, box.x2, box.y2


def _metres(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:.3f}" for number in numbers)


def _plan_frame(answer: Answer) -> str:
    return answer.plan.frame_id if answer.plan else ""


def _place(pose: Pose2D) -> str:
    """x and y in metres, yaw in degrees."""
    return f"{pose.x:.3f} m, {pose.y:.3f} m, {math.degrees(pose.yaw):.0f} deg"
