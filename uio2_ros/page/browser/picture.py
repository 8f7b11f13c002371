"""The live picture, with the last answer over it and a box to draw for tasks that take one."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import events, ui

from uio2_ros.page.browser.style import CARD, QUIET
from uio2_ros.page.journal import JournalEntry
from uio2_ros.page.overlay import OverlayView, svg_of
from uio2_ros.page.robot import RobotLink

LEAST_PIXELS = 4
Corners = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the original picture


class LivePictureView:
    """`wants_region` says whether boxes may be drawn, and `on_region` takes them."""

    def __init__(
        self,
        robot: RobotLink,
        wants_region: Callable[[], bool],
        on_region: Callable[[Corners], None],
    ) -> None:
        self._robot = robot
        self._wants_region = wants_region
        self._on_region = on_region
        self._entry: JournalEntry | None = None
        self._drawn = ""
        self._number = 0
        self._start: tuple[float, float] | None = None
        with ui.card().classes(CARD + " p-2"):
            self._image = ui.interactive_image(
                on_mouse=self._on_mouse, events=["mousedown", "mouseup"]
            ).classes("uio2-picture w-full")
            with ui.row().classes("w-full items-center px-2"):
                self._caption = ui.label().classes(QUIET + " grow")
                self._hide = ui.button("Clear", on_click=self.clear).props("flat dense no-caps")

    def clear(self) -> None:
        """Takes the answer off the picture."""
        self._entry = None
        self.refresh()

    def show(self, entry: JournalEntry) -> None:
        """Draws an answer."""
        self._entry = entry
        self.refresh()

    def look(self) -> None:
        """Has the browser fetch the newest picture; what it is too slow for, it leaves out."""
        number = self._robot.live.look()
        if number != self._number:
            self._number = number
            self._image.set_source(f"/picture?number={number}")

    def refresh(self) -> None:
        """Draws again what has moved in the picture, as a plan's places do with the camera."""
        drawn = "" if self._entry is None else self._svg(self._entry)
        if drawn != self._drawn:
            self._drawn = drawn
            self._image.set_content(drawn)
        self._hide.set_visibility(self._entry is not None)
        self._caption.set_text(self._words())

    def _words(self) -> str:
        if not self._robot.live.look():
            return "no picture from the camera yet"
        if self._entry is None:
            return "what the camera sees now"
        return (
            f"“{self._entry.instruction or self._entry.answer.task}”, on what the camera sees now"
        )

    def _svg(self, entry: JournalEntry) -> str:
        size = self._robot.live.size
        if size is None:
            return ""
        plan = entry.answer.plan
        camera = self._robot.published(lambda published: published.camera_model(size))
        frame = plan.frame_id if plan is not None else ""
        pose = self._robot.published(lambda published: published.seen_by_camera(frame))
        view = OverlayView(*size, self._robot.live.scale, camera, pose if frame else None)
        return svg_of(entry.answer, view)

    def _on_mouse(self, event: events.MouseEventArguments) -> None:
        if not self._wants_region():
            return
        scale = self._robot.live.scale
        spot = event.image_x / scale, event.image_y / scale
        if event.type == "mousedown":
            self._start = spot
            return
        start, self._start = self._start, None
        if start is None:
            return
        x1, x2 = sorted((start[0], spot[0]))
        y1, y2 = sorted((start[1], spot[1]))
        if min(x2 - x1, y2 - y1) >= LEAST_PIXELS:
            self._on_region((x1, y1, x2, y2))
