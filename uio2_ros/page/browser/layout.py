"""The page: a bar with the robot's state and STOP, what it sees and says, and how it is."""

from __future__ import annotations

from nicegui import ui

from uio2_ros.page.browser.answer_card import AnswerCard
from uio2_ros.page.browser.ask_form import AskForm
from uio2_ros.page.browser.picture import LivePictureView
from uio2_ros.page.browser.recall_card import RecallCard
from uio2_ros.page.browser.safety_bar import SafetyBar
from uio2_ros.page.browser.scene_view import SceneView
from uio2_ros.page.browser.simulation_card import SimulationCard
from uio2_ros.page.browser.status import StatusCard
from uio2_ros.page.browser.style import (
    QUIET,
    STATE_COLOURS,
    STOP_SCRIPT,
    card,
    dress,
)
from uio2_ros.page.browser.watch_card import WatchCard
from uio2_ros.page.journal import JournalEntry
from uio2_ros.page.robot import RobotLink
from uio2_ros.page.scene import Item, items_of_answer, items_of_simulation
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.standing_instruction import StandingInstruction

QUICK_S, SLOW_S = 0.1, 0.5
"""How often the answer under way, and everything else, is looked at."""


class Page:
    """What one visitor sees."""

    def __init__(self, robot: RobotLink) -> None:
        self._robot = robot
        self._seen = robot.journal.count
        self._told = robot.notices
        dress()
        robot.watch()
        self._safety = SafetyBar(robot)
        self._header()
        with ui.row().classes("w-full max-w-screen-2xl mx-auto p-4 gap-4 items-start"):
            with ui.column().classes("gap-4 flex-1 min-w-96"):
                self._picture = LivePictureView(
                    robot,
                    lambda: self._form.wants_region,
                    lambda corners: self._form.take_region(corners),
                )
                self._form = AskForm(robot.tasks, self._ask, self._keep_looking)
                self._answer = AnswerCard(robot)
                self._watches = WatchCard(robot)
                RecallCard(robot)
            with ui.column().classes("gap-4 flex-1 min-w-96"):
                self._simulation = SimulationCard(robot.simulation, self._form.suggest)
                with card("Scene"):
                    self._scene = SceneView()
                self._status = StatusCard(robot, self._show)
        newest = robot.journal.newest_drawable()
        if newest is not None:
            self._show(newest)
        ui.timer(1 / robot.picture_rate_hz, self._picture.look)
        ui.timer(QUICK_S, self._quickly)
        ui.timer(SLOW_S, self._slowly)

    def _header(self) -> None:
        with ui.header().classes("bg-white text-slate-900 items-center no-wrap gap-4 px-6 py-2"):
            ui.label("uio2_ros").classes("text-xl font-bold tracking-tight")
            self._model = ui.label().classes(QUIET + " max-sm:hidden")
            ui.space()
            self._reason = ui.label().classes(QUIET + " truncate max-md:hidden")
            self._state = (
                ui.label()
                .classes("uio2-state px-4 py-1 rounded-full text-white text-sm font-semibold")
                .mark("state")
            )
            self._safety.buttons()
            stop = ui.button("STOP", color="negative").classes("uio2-stop").props("unelevated")
            stop.on("click", js_handler=STOP_SCRIPT).tooltip("or the Escape key").mark("stop")

    def _ask(self, instruction: Instruction) -> None:
        self._picture.clear()
        self._answer.follow(self._robot.ask(instruction))

    def _keep_looking(self, standing: StandingInstruction) -> None:
        self._robot.keep_looking(standing)
        self._watches.refresh()

    def _show(self, entry: JournalEntry) -> None:
        self._answer.show(entry.instruction, entry.answer)
        self._picture.show(entry)

    def _quickly(self) -> None:
        self._robot.watch()
        was_following = self._answer.is_following
        self._answer.refresh()
        if self._robot.journal.count != self._seen and not self._answer.is_following:
            self._seen = self._robot.journal.count
            newest = self._robot.journal.entries()[0]
            if not newest.answer.error_code:
                if was_following or newest.is_standing:  # which has a card of its own
                    self._picture.show(newest)
                else:
                    self._show(newest)
        self._show_state()

    def _slowly(self) -> None:
        self._form.refresh()
        self._safety.refresh()
        self._picture.refresh()
        self._simulation.refresh()
        self._watches.refresh()
        self._status.refresh()
        self._scene.show(self._items())
        self._model.set_text(self._robot.reading("model"))
        if self._told != self._robot.notices:
            self._told = self._robot.notices
            ui.notify(self._robot.notice, type="warning", position="top")

    def _show_state(self) -> None:
        state, reason = self._robot.state()
        self._state.set_text(state)
        self._state.style(f"background: {STATE_COLOURS[state]}")
        self._state.classes(
            add="uio2-thinking" if state == "thinking" else "",
            remove="" if state == "thinking" else "uio2-thinking",
        )
        self._reason.set_text(reason)

    def _items(self) -> list[Item]:
        simulated = self._robot.simulation.state
        frame = simulated.header.frame_id if simulated is not None else ""
        scenes = self._robot.published(lambda published: published.scenes(frame)) or []
        items = items_of_simulation(simulated) if simulated is not None else []
        return items + (items_of_answer(scenes[0]) if scenes else [])
