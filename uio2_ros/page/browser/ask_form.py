"""The ask box: a sentence, or a task with the fields that the table of tasks gives it; once, or
again and again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nicegui import ui

from uio2_ros.page.browser.style import QUIET, card
from uio2_ros.page.task_fields import asked, spaces_of
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.standing_instruction import StandingInstruction, Until
from uio2_ros.tasks.arguments import Argument
from uio2_ros.tasks.routing import suggest
from uio2_ros.tasks.task import Task

BY_SENTENCE = "by the sentence"
FREE_FORM = "free form"
UNTIL = {one: one.name.lower() for one in Until}
USUAL_RATE_HZ = 2.0
PLACEHOLDER = 'what shall it do? such as "find the cup"'


class AskForm:
    """Makes instructions of what is typed, and hands them to `on_ask`, or to `on_keep_looking`."""

    def __init__(
        self,
        tasks: Callable[[], dict[str, Task]],
        on_ask: Callable[[Instruction], None],
        on_keep_looking: Callable[[StandingInstruction], None],
    ) -> None:
        self._tasks = tasks
        self._on_ask = on_ask
        self._on_keep_looking = on_keep_looking
        self._fields: dict[str, tuple[Argument, Any]] = {}
        with card("Ask"):
            with ui.row().classes("w-full items-start no-wrap gap-3"):
                self._task = (
                    ui.select(
                        self._choices(), value=BY_SENTENCE, label="task", on_change=self._on_task
                    )
                    .classes("w-44")
                    .mark("task")
                )
                self._place = ui.column().classes("grow gap-2")
                ui.button("Ask", on_click=self._submit).props("unelevated").classes(
                    "h-14 px-8"
                ).mark("ask")
            self._hint = ui.label().classes(QUIET)
            self._keep_looking_row()
        self._on_task()

    def refresh(self) -> None:
        """Takes tasks over that the agent has told of."""
        choices = self._choices()
        if self._task.options != choices:
            self._task.set_options(choices, value=self._task.value)

    def suggest(self, sentence: str) -> None:
        """Puts a sentence in the box, to be asked."""
        self._task.set_value(BY_SENTENCE)
        self._sentence.set_value(sentence)

    @property
    def wants_region(self) -> bool:
        """Whether a box drawn on the picture has a field to go to."""
        return any(argument.fills == "region" for argument, _ in self._fields.values())

    def take_region(self, corners: tuple[float, float, float, float]) -> None:
        """A box that was drawn on the picture, pixels."""
        for argument, field in self._fields.values():
            if argument.fills == "region":
                field.set_value(", ".join(f"{number:.0f}" for number in corners))

    def _keep_looking_row(self) -> None:
        with ui.row().classes("w-full items-center gap-4"):
            self._keeps_looking = ui.switch("keep looking").mark("keep-looking")
            with ui.row().classes("items-center gap-3 grow") as more:
                self._rate = ui.number("times a second; 0: every picture", value=USUAL_RATE_HZ)
                self._rate.props("min=0").classes("w-52")
                self._until = ui.select(UNTIL, value=Until.FOREVER, label="until")
                self._until.classes("w-36").mark("until")
                self._until_text = ui.input("what counts (empty: any)").classes("w-44")
                self._for_s = ui.number("seconds at most").props("min=0 clearable")
                self._for_s.classes("w-36")
            more.bind_visibility_from(self._keeps_looking, "value")

    def _standing(self, instruction: Instruction) -> StandingInstruction:
        return StandingInstruction(
            instruction,
            rate_hz=float(self._rate.value or 0),
            until=self._until.value,
            until_text=self._until_text.value or "",
            for_at_most_s=float(self._for_s.value or 0) or math.inf,
        )

    def _choices(self) -> dict[str, str]:
        named = {name: name or FREE_FORM for name in self._tasks()}
        return {BY_SENTENCE: BY_SENTENCE, **named}

    def _on_task(self) -> None:
        self._place.clear()
        self._fields = {}
        with self._place:
            if self._task.value == BY_SENTENCE:
                self._sentence = self._text(PLACEHOLDER).mark("sentence")
                self._hint.set_text("")
                return
            task = self._tasks()[self._task.value]
            self._fields = {one.name: (one, self._field(task, one)) for one in task.arguments}
        nothing = "" if task.arguments else " It needs nothing but the picture or the sound."
        self._hint.set_text(task.description + nothing)

    def _text(self, label: str) -> ui.input:
        made = ui.input(label).props("outlined clearable").classes("w-full")
        return made.on("keydown.enter", self._submit)

    def _field(self, task: Task, argument: Argument) -> Any:
        optional = "" if argument.required else " (may be left out)"
        label = f"{argument.name}{optional}: {argument.meaning}"
        if argument.fills == "action_space":
            spaces = list(spaces_of(task))
            made: Any = ui.select(spaces, value=task.default_action_space or None, label=label)
            made.props("outlined clearable").classes("w-full")
        elif argument.fills == "options":
            made = ui.textarea(f"{label}; one a line").props("outlined autogrow").classes("w-full")
        elif argument.fills == "region":
            made = self._text(f"{label}; draw it on the picture")
        else:
            made = self._text(label)
        return made.mark(argument.name)

    def _submit(self) -> None:
        try:
            instruction = self._instruction()
            if self._keeps_looking.value:
                self._on_keep_looking(self._standing(instruction))
            else:
                self._on_ask(instruction)
        except InstructionError as error:
            ui.notify(error.message, type="negative", multi_line=True)

    def _instruction(self) -> Instruction:
        if self._task.value == BY_SENTENCE:
            if not (self._sentence.value or "").strip():
                raise InstructionError(ErrorCode.INVALID_REQUEST, "type what it shall do")
            chosen = suggest(self._sentence.value)
            is_thing = self._keeps_looking.value and self._until.value in (Until.SEEN, Until.GONE)
            name = chosen.task or ("localize" if is_thing else "")
            self._hint.set_text(f"{name or FREE_FORM}: {chosen.reason}")
            return Instruction(chosen.instruction, name)
        task = self._tasks()[self._task.value]
        return asked(task, {name: _given(*field) for name, field in self._fields.items()})


def _given(argument: Argument, field: Any) -> Any:
    value = field.value
    if argument.fills == "options":
        return [line.strip() for line in (value or "").splitlines() if line.strip()]
    return value or ""
