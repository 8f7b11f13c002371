"""The simulator's episode: what is to be done, whether it is, and another one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nicegui import ui

from uio2_ros.page.browser.style import QUIET, card
from uio2_ros.page.simulation import Simulation, SimulationError

HIGHEST_SEED = 2**31


class SimulationCard:
    """Visible where the robot is simulated."""

    def __init__(self, simulation: Simulation, suggest: Callable[[str], None]) -> None:
        self._simulation = simulation
        with card("Simulator") as self._card:
            with ui.row().classes("w-full items-center no-wrap gap-2"):
                self._instruction = ui.label().classes("grow")
                self._success = ui.badge("done").classes("px-3 py-2 text-sm").mark("success")
                ui.button(
                    icon="north_west", on_click=lambda: suggest(self._instruction.text)
                ).props("flat round dense").tooltip("put it in the ask box")
            self._told = ui.label().classes(QUIET)
            with ui.row().classes("w-full items-center no-wrap gap-3"):
                self._task = ui.select(list(simulation.tasks), value="put", label="task")
                self._task.classes("w-28")
                self._seed = ui.number("seed", value=0, min=0, max=HIGHEST_SEED, precision=0)
                self._seed.classes("w-24")
                ui.button("Reset", on_click=self._on_reset).props("outline").mark("reset")
                ui.button("Next", on_click=self._on_next).props("flat").tooltip("the next seed")
        self._follows = True

    def refresh(self) -> None:
        """Brings the card up to date."""
        state = self._simulation.state
        self._card.set_visibility(state is not None)
        if state is None:
            return
        if self._follows:
            self._task.set_value(state.task)
            self._seed.set_value(state.seed)
            self._follows = False
        self._instruction.set_text(state.instruction)
        self._success.set_text("done" if state.succeeded else "not yet")
        color = "positive" if state.succeeded else "grey-5"
        self._success.props(f"color={color}")
        held = f", holds {state.held}" if state.held else ""
        self._told.set_text(
            f"{state.split}, step {state.steps} of {state.max_steps}, "
            f"{state.real_time_factor:.1f} × real time{held}"
        )

    async def _on_next(self) -> None:
        self._seed.set_value(int(self._seed.value or 0) + 1)
        await self._on_reset()

    async def _on_reset(self) -> None:
        seed = int(self._seed.value or 0)
        try:
            await asyncio.wrap_future(self._simulation.reset(self._task.value, seed))
        except SimulationError as error:
            ui.notify(error.message, type="negative", multi_line=True)
