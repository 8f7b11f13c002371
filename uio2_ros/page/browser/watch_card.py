"""Standing instructions that were begun on this server: their last answers, and their end."""

from __future__ import annotations

from nicegui import ui

from uio2_ros.page.browser.style import QUIET, card
from uio2_ros.page.questions import StandingQuestion
from uio2_ros.page.robot import RobotLink
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.standing_instruction import StandingInstruction, Until
from uio2_ros.viewing.answer_text import findings

OVER_SHOWN = 3
MOST_LINES = 2
"""Of findings of the last answer."""


class WatchCard:
    """Visible while there is one; every visitor sees all, and may cancel them."""

    def __init__(self, robot: RobotLink) -> None:
        self._robot = robot
        self._rows: dict[str, _WatchRow] = {}
        with card("Keeps looking") as self._card:
            self._place = ui.column().classes("w-full gap-2")
        self.refresh()

    def refresh(self) -> None:
        """Brings the card up to date: those under way, then the last that are over."""
        watches = self._robot.watches
        shown = {one.id: one for one in (*watches.under_way(), *watches.over()[:OVER_SHOWN])}
        for identity in self._rows.keys() - shown.keys():
            self._rows.pop(identity).element.delete()
        for identity, question in shown.items():
            if identity not in self._rows:
                with self._place:
                    self._rows[identity] = _WatchRow(question)
            self._rows[identity].refresh()
        self._card.set_visibility(bool(shown))


class _WatchRow:
    """One: what is looked for, what was seen last, and a button."""

    def __init__(self, question: StandingQuestion) -> None:
        self._question = question
        with ui.row().classes("w-full items-center no-wrap gap-3 uio2-watch") as self.element:
            with ui.column().classes("grow gap-0"):
                ui.label(_looked_for(question.standing)).classes("text-sm font-medium")
                self._outcome = ui.label().classes(QUIET + " whitespace-pre-line")
            self._cancel = ui.button("Cancel", on_click=question.cancel).props("flat dense")

    def refresh(self) -> None:
        self._outcome.set_text(_outcome(self._question))
        self._cancel.set_visibility(not self._question.done)


def _looked_for(standing: StandingInstruction) -> str:
    asked = standing.instruction
    rate = f"{standing.rate_hz:g} times a second" if standing.rate_hz else "every picture"
    until = "" if standing.until is Until.FOREVER else f", until {standing.until.name.lower()}"
    return f"{asked.task or 'free form'}: {asked.instruction} ({rate}{until})"


def _outcome(question: StandingQuestion) -> str:
    count, newest = question.answered
    if question.error is not None:
        return f"{question.error.code.name}: {question.error.message}"
    if question.answer is not None:
        return f"over: {_words(question.answer)}"
    return f"answer {count}: {_words(newest)}" if count else "no answer yet"


def _words(answer: Answer) -> str:
    return "\n".join(findings(answer)[:MOST_LINES]) or answer.text or "nothing found"
