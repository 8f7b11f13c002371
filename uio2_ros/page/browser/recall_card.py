"""Where things are that the agent has seen: label, place, age, confidence and picture."""

from __future__ import annotations

from nicegui import ui

from uio2_ros.page.browser.style import QUIET, card
from uio2_ros.page.media import data_url
from uio2_ros.page.robot import RobotLink
from uio2_ros.robot.errors import InstructionError
from uio2_ros.robot.located import RememberedObject

MOST = 6


class RecallCard:
    """Asks the memory, not the model."""

    def __init__(self, robot: RobotLink) -> None:
        self._robot = robot
        with card("Where is it?"):
            with ui.row().classes("w-full items-center no-wrap gap-3"):
                self._query = ui.input("where is … (empty: everything)")
                self._query.props("outlined clearable").classes("grow")
                self._query.on("keydown.enter", self._on_recall)
                ui.button("Recall", on_click=self._on_recall).props("outline").mark("recall")
            self._told = ui.label().classes(QUIET)
            self._found = ui.column().classes("w-full gap-2")

    async def _on_recall(self) -> None:
        query = self._query.value or ""
        self._found.clear()
        try:
            found = await self._robot.recall(query, most=MOST, pictures=True)
        except InstructionError as error:
            self._told.set_text(error.message)
            return
        self._told.set_text("" if found else "Nothing like it is remembered.")
        self._found.clear()  # of a second click meanwhile
        with self._found:
            for one in found:
                _row(one)


def _row(one: RememberedObject) -> None:
    x, y, z = one.pose.position
    missed = f", missed {one.missed} times since" if one.missed else ""
    with ui.row().classes("w-full items-center no-wrap gap-3 uio2-remembered"):
        if one.picture:
            ui.image(data_url("image/jpeg", one.picture)).classes("w-24 rounded-lg")
        with ui.column().classes("grow gap-0"):
            ui.label(one.label).classes("font-medium")
            ui.label(f"x {x:.3f}, y {y:.3f}, z {z:.3f} m in {one.frame_id}").classes(
                "text-sm font-mono"
            )
            ui.label(
                f"seen {_age(one.age_s)} ago, confidence {one.confidence:.2f}{missed}"
            ).classes(QUIET)


def _age(age_s: float) -> str:
    """In the unit that people would use."""
    if age_s < 120:
        return f"{age_s:.0f} s"
    return f"{age_s / 60:.0f} min" if age_s < 7200 else f"{age_s / 3600:.0f} h"
