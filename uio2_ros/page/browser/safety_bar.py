"""Why nothing moves, and what lets it move again: the emergency stop and the dry run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

from nicegui import ui

from uio2_ros.page.browser.style import ESTOP_SCRIPT
from uio2_ros.page.robot import RobotLink
from uio2_ros.robot.plan_errors import PlanError

BANNER = "w-full items-center no-wrap rounded-xl px-4 py-2 gap-4 text-white"
RELEASE = "Is it safe to move? Plans will move the robot again."
MOVE = "Plans will move the robot from now on, not only show what they would move."


class SafetyBar:
    """Two banners under the page's bar, each there while what it tells is so."""

    def __init__(self, robot: RobotLink) -> None:
        self._robot = robot
        with ui.column().classes("w-full max-w-screen-2xl mx-auto px-4 gap-2"):
            with ui.row().classes(BANNER + " bg-red-700").mark("estop-banner") as self._estop:
                self._why = ui.label().classes("grow font-medium")
                self._button("Release", RELEASE, lambda: robot.safety.release())
            with ui.row().classes(BANNER + " bg-amber-700").mark("dry-run-banner") as self._dry:
                ui.label("Dry run: plans are shown, and nothing moves.").classes("grow font-medium")
                self._button("Let it move", MOVE, lambda: robot.safety.set_dry_run(False))
        self.refresh()

    def buttons(self) -> None:
        """What begins them, for the page's bar."""
        begin = ui.button("Dry run", on_click=self._on_dry_run).props("flat")
        begin.tooltip("show what plans would move, and move nothing")
        press = ui.button("E-stop", color="negative").props("outline")
        press.on("click", js_handler=ESTOP_SCRIPT).tooltip("stops until it is released")

    def refresh(self) -> None:
        """Brings them up to date."""
        state = self._robot.safety_state()
        self._estop.set_visibility(bool(state.estop))
        self._why.set_text(state.estop)
        self._dry.set_visibility(state.dry_run)

    def _button(self, label: str, question: str, act: Callable[[], Future[str]]) -> None:
        async def on_click() -> None:
            if await _confirmed(question, label):
                await _tell(act())

        ui.button(label, on_click=on_click, color="white").props("text-color=black unelevated")

    async def _on_dry_run(self) -> None:
        await _tell(self._robot.safety.set_dry_run(True))


async def _tell(doing: Future[str]) -> None:
    try:
        ui.notify(await asyncio.wrap_future(doing), position="top")
    except PlanError as error:
        ui.notify(error.message, type="negative", multi_line=True, position="top")


async def _confirmed(question: str, label: str) -> bool:
    with ui.dialog() as dialog, ui.card():
        ui.label(question)
        with ui.row().classes("w-full justify-end"):
            ui.button("No", on_click=lambda: dialog.submit(False)).props("flat")
            ui.button(f"Yes, {label.lower()}", on_click=lambda: dialog.submit(True))
    return bool(await dialog)
