"""What was asked of late, what the agent remembers, and the diagnostics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from nicegui import ui

from uio2_ros.page.browser.style import CARD, LEVEL_COLOURS, QUIET
from uio2_ros.page.journal import JournalEntry
from uio2_ros.page.robot import DiagnosticReading, RobotLink


def _column(name: str, **looks: str) -> dict[str, str]:
    return {"name": name, "label": name, "field": name, **looks}


COLUMNS = [
    _column("time", align="left"),
    _column("task", align="left"),
    _column("asked", align="left", classes="max-w-40 truncate"),
    _column("answer", align="left", classes="max-w-52 truncate"),
    _column("ms"),
]


class StatusCard:
    """Three tabs; `on_entry` is told which past answer somebody wants to see again."""

    def __init__(self, robot: RobotLink, on_entry: Callable[[JournalEntry], None]) -> None:
        self._robot = robot
        self._on_entry = on_entry
        self._count = -1
        self._entries: tuple[JournalEntry, ...] = ()
        self._rows: dict[str, _StatusRow] = {}
        with ui.card().classes(CARD):
            with ui.tabs().props("dense align=left no-caps") as tabs:
                asked, memory, health = map(ui.tab, ("Asked", "Memory", "Diagnostics"))
            with ui.tab_panels(tabs, value=asked).classes("w-full p-0"):
                with ui.tab_panel(asked).classes("p-0"):
                    self._table = ui.table(rows=[], columns=COLUMNS, row_key="number")
                    self._table.props("flat dense hide-bottom wrap-cells").classes("w-full")
                    self._table.on("rowClick", self._on_row, [[], ["number"], None])
                with ui.tab_panel(memory):
                    self._memory = ui.label().classes("whitespace-pre-line text-sm")
                with ui.tab_panel(health).classes("p-0"):
                    self._health = ui.column().classes("w-full gap-0")

    def refresh(self) -> None:
        """Brings all tabs up to date."""
        self._refresh_asked()
        self._memory.set_text(_memory(self._robot.history))
        statuses = {status.name: status for status in self._robot.statuses()}
        for name in self._rows.keys() - statuses.keys():
            self._rows.pop(name).element.delete()
        for name, status in statuses.items():
            if name not in self._rows:
                with self._health:
                    self._rows[name] = _StatusRow(name)
            self._rows[name].show(status)

    def _refresh_asked(self) -> None:
        journal = self._robot.journal
        if journal.count == self._count:
            return
        self._count, self._entries = journal.count, journal.entries()
        self._table.rows = [
            {
                "number": number,
                "time": time.strftime("%H:%M:%S", time.localtime(entry.heard_s)),
                "task": entry.answer.task or "free form",
                "asked": entry.instruction,
                "answer": entry.outcome,
                "ms": f"{entry.answer.timings.total * 1e3:.0f}",
            }
            for number, entry in enumerate(self._entries)
        ]

    def _on_row(self, event: Any) -> None:
        number = event.args[1]["number"]
        if number < len(self._entries):
            self._on_entry(self._entries[number])


class _StatusRow:
    """One diagnostic: a dot, its message, and the readings for who opens it."""

    def __init__(self, name: str) -> None:
        self.element = ui.expansion().classes("w-full").props("dense")
        with self.element.add_slot("header"), ui.row().classes("w-full items-center no-wrap"):
            self._dot = ui.element("div").classes("uio2-dot")
            ui.label(name).classes("text-sm font-medium")
            self._message = ui.label().classes(QUIET + " grow truncate")
        with self.element:
            self._readings = ui.label().classes("whitespace-pre-line text-xs font-mono")

    def show(self, status: DiagnosticReading) -> None:
        level = min(status.level, len(LEVEL_COLOURS) - 1)
        self._dot.style(f"background: {LEVEL_COLOURS[level]}")
        self._message.set_text(status.message)
        if self.element.value:
            lines = (f"{key}: {value}" for key, value in status.readings.items())
            self._readings.set_text("\n".join([status.message, *lines]))


def _memory(history: Any) -> str:
    """A HistoryState in words."""
    if history is None:
        return "Nothing is known of the agent's histories yet."
    lines = [
        f"{history.frames} pictures over {history.frame_span:.1f} s, "
        f"{history.frame_bytes / 2**20:.1f} MiB",
        f"{history.audio_span:.1f} s of sound, {history.audio_bytes / 2**20:.1f} MiB",
    ]
    drops = zip(history.drop_causes, history.drops, strict=True)
    lines += [f"left out, {cause}: {count}" for cause, count in drops if count]
    return "\n".join(lines)
