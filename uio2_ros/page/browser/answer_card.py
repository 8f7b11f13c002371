"""What was asked last: the text as it comes, then findings, scores, timings and the plan."""

from __future__ import annotations

import asyncio
import math
from dataclasses import asdict
from html import escape

from nicegui import ui

from uio2_ros.client.failures import ExecutionError
from uio2_ros.messages.answers import AgentAnswer
from uio2_ros.model.bundle import untaught
from uio2_ros.page.browser.style import QUIET, TIMING_COLOURS, card
from uio2_ros.page.media import data_url, png_of, wav_of
from uio2_ros.page.questions import AskedQuestion
from uio2_ros.page.robot import RobotLink
from uio2_ros.robot.answer import Timings
from uio2_ros.robot.plan_errors import PlanError
from uio2_ros.viewing.answer_text import findings, step_text

MEANS_NOTHING = "Synthetic weights: nobody trained this model, its answers mean nothing."
MOST_LINES, MOST_PICTURES = 12, 8
"""Of findings, and of masks and the like."""


class AnswerCard:
    """Follows one question, or shows an answer to somebody else."""

    def __init__(self, robot: RobotLink) -> None:
        self._robot = robot
        self._question: AskedQuestion | None = None
        self._answer: AgentAnswer | None = None
        with card("Answer"):
            with ui.row().classes("w-full items-center no-wrap gap-2"):
                self._asked = ui.label("Nothing was asked yet.").classes(QUIET + " grow")
                self._spinner = ui.spinner("dots", size="1.5em")
                self._cancel = ui.button("Cancel", on_click=self._on_cancel)
                self._cancel.props("flat dense")
            self._text = ui.label().classes("text-lg whitespace-pre-wrap").mark("answer")
            self._warning = ui.label().classes("text-sm text-amber-700")
            self._findings = ui.column().classes("w-full gap-0")
            self._media = ui.row().classes("w-full gap-2")
            self._plan = ui.column().classes("w-full gap-2")
            self._timings = ui.column().classes("w-full gap-1")
        self._set_busy(False)

    def follow(self, question: AskedQuestion) -> None:
        """Shows a question from its beginning to its end."""
        self._question = question
        asked = question.instruction
        self._begin(asked.instruction, asked.task)
        self._set_busy(True)

    def show(self, instruction: str, answer: AgentAnswer) -> None:
        """Shows an answer that is there."""
        self._begin(instruction, answer.task)
        self._end(answer)

    @property
    def is_following(self) -> bool:
        """Whether a question of this page is under way."""
        return self._question is not None

    def refresh(self) -> None:
        """Brings the card up to date with its question."""
        question = self._question
        if question is not None:
            if question.progress is not None:
                self._text.set_text(question.progress.text or f"{question.progress.stage.value} …")
            if question.done:
                self._question = None
                self._set_busy(False)
                if question.error is not None:
                    self._text.set_text(f"{question.error.code.name}: {question.error.message}")
                else:
                    self._end(question.answer)

    def _begin(self, instruction: str, task: str) -> None:
        self._asked.set_text(f"{task or 'free form'}: {instruction}" if instruction else task)
        for part in (self._findings, self._media, self._plan, self._timings):
            part.clear()
        self._text.set_text("")
        self._warning.set_text("")

    def _end(self, answer: AgentAnswer) -> None:
        self._answer = answer
        self._text.set_text(answer.text or ("" if findings(answer) else "nothing found"))
        warning = MEANS_NOTHING if answer.synthetic_weights else untaught(answer.model, answer.task)
        self._warning.set_text(warning)
        self._show_findings(answer)
        self._show_media(answer)
        if answer.plan is not None and answer.plan.steps:
            self._show_plan(answer)
        self._show_timings(answer)

    def _show_findings(self, answer: AgentAnswer) -> None:
        with self._findings:
            for line in findings(answer)[:MOST_LINES] if not answer.plan else ():
                ui.label(line).classes(QUIET)
            for option, score in zip(answer.options, answer.scores, strict=True):
                with ui.row().classes("w-full items-center no-wrap gap-2"):
                    ui.label(option).classes("w-40 truncate")
                    share = math.exp(min(0.0, score))
                    ui.linear_progress(share, show_value=False, size="8px").classes("grow")
                    ui.label(f"{score:.2f}").classes(QUIET)

    def _show_media(self, answer: AgentAnswer) -> None:
        with self._media:
            for picture in answer.pictures[:MOST_PICTURES]:
                shown = ui.image(data_url("image/png", png_of(picture))).classes("w-60 rounded-lg")
                shown.tooltip(f"{picture.role} {picture.label}".strip())
            for samples in answer.audio:
                ui.audio(data_url("audio/wav", wav_of(samples))).classes("w-full")

    def _show_plan(self, answer: AgentAnswer) -> None:
        assert answer.plan is not None, "it has steps"
        with self._plan:
            for number, step in enumerate(answer.plan.steps[:MOST_LINES], start=1):
                ui.label(f"{number}. {step_text(step)}").classes("text-sm font-mono")
            with ui.row().classes("items-center gap-3"):
                execute = ui.button("Execute", icon="play_arrow", on_click=self._on_execute)
                execute.props("outline").mark("execute")
                self._motion = ui.label().classes(QUIET)

    def _show_timings(self, answer: AgentAnswer) -> None:
        """The stages as parts of a bar."""
        timings = answer.timings
        with self._timings:
            ui.html(_bar(timings), sanitize=False).classes("w-full")
            told = f"{timings.total * 1e3:.0f} ms, {timings.tokens} tokens, {answer.model}"
            ui.label(told).classes(QUIET)

    def _set_busy(self, busy: bool) -> None:
        self._spinner.set_visibility(busy)
        self._cancel.set_visibility(busy)

    def _on_cancel(self) -> None:
        if self._question is not None:
            self._question.cancel()

    async def _on_execute(self) -> None:
        assert self._answer is not None, "its plan has the button"
        motion = self._motion
        try:
            execution = self._robot.execute(self._answer)
            motion.set_text("under way; STOP or Escape stops it")
            steps = await asyncio.wrap_future(execution)
            motion.set_text(f"done, {steps} steps")
        except (PlanError, ExecutionError) as error:
            motion.set_text(str(error))


def _bar(timings: Timings) -> str:
    seconds = asdict(timings)
    total = sum(seconds[name] for name in TIMING_COLOURS) or 1.0
    parts = "".join(
        f'<div title="{escape(name)}: {seconds[name] * 1e3:.1f} ms" style="width:'
        f'{100 * seconds[name] / total:.2f}%;background:{color}"></div>'
        for name, color in TIMING_COLOURS.items()
    )
    return f'<div style="display:flex;height:8px;border-radius:4px;overflow:hidden">{parts}</div>'
