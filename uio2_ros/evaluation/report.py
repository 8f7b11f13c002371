"""report.html: one file with everything in it, to be read by people."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from uio2_ros.evaluation.records import EpisodeRecord, Record
from uio2_ros.evaluation.run_folder import RunFolder
from uio2_ros.evaluation.run_settings import POLICIES, RunSettings
from uio2_ros.evaluation.scores import Estimate
from uio2_ros.evaluation.summary import (
    ALL,
    Comparison,
    Sameness,
    Success,
    Understanding,
    compare,
    sameness,
    successes,
    understandings,
)
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.sim import SIM_TASKS

REPORT, TEMPLATE = "report.html", "evaluation_report.html"
MOST_FAILURES = 24
"""Shown with pictures."""
SHARES = ("precision", "recall", "IoU", "IoU > 0.5", "accuracy", "found", "covered", "within 25 %")
"""Scores in [0, 1], drawn as bars."""


@dataclass(frozen=True)
class Other:
    """Another run to compare with: what it is called, and its records."""

    name: str
    records: Sequence[Record]


@dataclass(frozen=True)
class Facts:
    """What the report says beside the records."""

    model: str
    synthetic_weights: bool
    complete: bool
    versions: dict[str, str]
    command: str
    video: str = ""
    other: Other | None = None


def write_report(folder: RunFolder, settings: RunSettings, facts: Facts) -> Path:
    """Writes report.html into the folder of the run."""
    assets = Path(__file__).resolve().parent.parent / "assets"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(assets),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    path = folder.path / REPORT
    page = environment.get_template(TEMPLATE).render(contents(folder, settings, facts))
    path.write_text(page, encoding="utf-8")
    return path


def contents(folder: RunFolder, settings: RunSettings, facts: Facts) -> dict[str, Any]:
    """What the template is filled with."""
    episodes = folder.episodes
    shown, failed = _shown(folder, episodes), _failures(folder, episodes)
    seeds = f"seeds {settings.seeds.start} to {settings.seeds.stop - 1}" if episodes else "no seeds"
    return {
        "title": f"{facts.model or 'Reference policies'} in the simulator",
        "subtitle": f"{settings.split} split, {seeds}, {settings.mode}, "
        f"{settings.width} x {settings.height} pixels, table task {settings.table_task}",
        "synthetic": facts.synthetic_weights,
        "complete": facts.complete,
        "policies": [policy for policy in POLICIES if policy in settings.policies],
        "success": _success_rows(successes(episodes), settings),
        "perception": [_perception_row(one) for one in understandings(folder.perceptions)],
        "comparison": None if facts.other is None else _comparison(folder.records, facts.other),
        "video": facts.video,
        "episodes": [_figure(folder, record) for record in shown],
        "errors": _errors(episodes),
        "failures": [_figure(folder, record) for record in failed],
        "failures_text": _failures_text(episodes, failed),
        "command": facts.command,
        "versions": ", ".join(f"{name} {version}" for name, version in facts.versions.items()),
    }


def percent(estimate: Estimate) -> str:
    """For people: 98.0 % [93.0, 99.4]."""
    if not estimate.count:
        return "-"
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.mean:.1f} % [{low:.1f}, {high:.1f}]"


def number(estimate: Estimate) -> str:
    """For people, in the unit of the score: 0.123 [0.100, 0.150]."""
    if math.isnan(estimate.mean):
        return "-"
    return f"{estimate.mean:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _bar(estimate: Estimate) -> dict[str, float]:
    """In percent of the bar's width."""
    return {
        "mean": round(100 * estimate.mean, 2),
        "low": round(100 * estimate.low, 2),
        "width": round(100 * (estimate.high - estimate.low), 2),
    }


def _success_rows(found: Sequence[Success], settings: RunSettings) -> list[dict[str, Any]]:
    cells = {(one.policy, one.task): one for one in found}
    policies = [policy for policy in POLICIES if policy in settings.policies]
    tasks = [*settings.tasks, *([ALL] if len(settings.tasks) > 1 else [])]
    return [
        {
            "task": task,
            "needs": SIM_TASKS[task].needs if task in SIM_TASKS else "",
            "is_all": task == ALL,
            "cells": [_success_cell(cells.get((policy, task))) for policy in policies],
        }
        for task in tasks
    ]


def _success_cell(one: Success | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"policy": one.policy, "text": percent(one.rate), **_bar(one.rate)}


def _perception_row(one: Understanding) -> dict[str, Any]:
    is_share = one.score in SHARES and one.value.count > 0
    return {
        "task": one.task,
        "score": one.score,
        "is_share": is_share,
        "text": percent(one.value) if is_share else number(one.value),
        "count": one.value.count,
        "errors": one.errors,
        **(_bar(one.value) if is_share else {}),
    }


def _comparison(records: Sequence[Record], other: Other) -> dict[str, Any]:
    return {
        "name": other.name,
        "sameness": sameness_text(sameness(records, other.records)),
        "rows": [comparison_row(one) for one in compare(records, other.records)],
    }


def comparison_row(one: Comparison) -> dict[str, Any]:
    """One line of a comparison, for people."""
    write = percent if one.what.split(": ")[-1] in (*SHARES, *SIM_TASKS, ALL) else number
    return {
        "what": one.what,
        "this": write(one.this),
        "other": write(one.other),
        "apart": one.apart,
    }


def sameness_text(found: Sameness) -> str:
    """Whether shared episodes went the same way, for people."""
    if not found.shared:
        return "The runs share no episode."
    if not found.differing:
        return f"All {found.shared} shared episodes and questions went the same, to the pixel."
    named = ", ".join(found.differing[:5])
    return f"{len(found.differing)} of {found.shared} shared ones differ, among them {named}."


def _shown(folder: RunFolder, episodes: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
    """Of each task, one episode of the model (a success if there is one) and one of the oracle."""
    found = []
    for task in dict.fromkeys(record.task for record in episodes):
        for policy in ("model", "oracle"):
            mine = [one for one in episodes if (one.policy, one.task) == (policy, task)]
            pictured = [one for one in mine if folder.picture(one.picture) is not None]
            found += sorted(pictured, key=lambda one: not one.success)[:1]
    return found


def _failures(folder: RunFolder, episodes: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
    """Those of the oracle first, which should have none, then those of the model, task by task."""
    failed = [
        record
        for record in episodes
        if not record.success and record.policy != "random" and folder.picture(record.picture)
    ]
    rank: dict[tuple[str, str], int] = {}
    order = []
    for record in failed:
        number_of_task = rank[record.key[:2]] = rank.get(record.key[:2], 0) + 1
        order.append((record.policy != "oracle", number_of_task, record.task, record))
    return [record for *_, record in sorted(order, key=lambda one: one[:3])][:MOST_FAILURES]


def _failures_text(episodes: Sequence[EpisodeRecord], shown: Sequence[EpisodeRecord]) -> str:
    count = sum(not record.success and record.policy != "random" for record in episodes)
    if not count:
        return "None."
    return f"{len(shown)} of {count} are shown; all are in results.json."


def _errors(episodes: Sequence[EpisodeRecord]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, int], list[EpisodeRecord]] = {}
    for record in episodes:
        if record.error:
            groups.setdefault((record.policy, record.error_code), []).append(record)
    return [
        {
            "policy": policy,
            "code": f"{ErrorCode(code).name} {code}",
            "count": len(group),
            "example": f"{group[0].task} {group[0].seed}: {group[0].error}",
        }
        for (policy, code), group in groups.items()
    ]


def _figure(folder: RunFolder, record: EpisodeRecord) -> dict[str, Any]:
    picture = folder.picture(record.picture) or b""
    return {
        "policy": record.policy,
        "task": record.task,
        "seed": record.seed,
        "instruction": record.instruction,
        "success": record.success,
        "steps": len(record.steps),
        "error": record.error,
        "picture": base64.b64encode(picture).decode(),
    }
