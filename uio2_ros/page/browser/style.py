"""How the page looks: colours, and the few rules that classes cannot say."""

from __future__ import annotations

from nicegui import ui

STATE_COLOURS = {
    "idle": "#64748b",
    "listening": "#0f766e",
    "thinking": "#4f46e5",
    "moving": "#c2610c",
    "stopped": "#b91c1c",
    "fault": "#b91c1c",
    "gone": "#94a3b8",
}
LEVEL_COLOURS = ("#16a34a", "#d97706", "#dc2626", "#94a3b8")
"""Of a diagnostic: ok, warning, error, silent."""
TIMING_COLOURS = {
    "queue": "#cbd5e1",
    "preprocess": "#a5b4fc",
    "encode": "#6366f1",
    "first_token": "#f59e0b",
    "decode": "#fbbf24",
    "postprocess": "#94a3b8",
}
CARD = "w-full rounded-xl shadow-none border border-slate-200 p-4 gap-3"
TITLE = "text-xs font-semibold uppercase tracking-wider text-slate-400"
QUIET = "text-sm text-slate-500"
STOP_SCRIPT = "() => fetch('/stop', {method: 'POST'})"
"""Straight to the server, past whatever else this page has to tell it."""
ESTOP_SCRIPT = STOP_SCRIPT.replace("/stop", "/estop")
CSS = """
body { background: #f6f8fa; color: #0f172a; }
.q-btn { text-transform: none; }
.uio2-stop { min-height: 56px; min-width: 168px; font-size: 1.35rem; font-weight: 700;
  letter-spacing: .08em; }
.uio2-picture img { border-radius: 12px; background: #0f172a; min-height: 240px; }
.uio2-label { font-weight: 500; font-family: Roboto, sans-serif; }
.uio2-step path { animation: uio2-flow 1.2s linear infinite; }
@keyframes uio2-flow { to { stroke-dashoffset: -30; } }
.uio2-dot { width: 10px; height: 10px; border-radius: 50%; flex: none; }
.uio2-thinking { animation: uio2-breathe 1.6s ease-in-out infinite; }
@keyframes uio2-breathe { 50% { opacity: .45; } }
"""
SCRIPT = (
    "<script>document.addEventListener('keydown', event => "
    "{ if (event.key === 'Escape') fetch('/stop', {method: 'POST'}); });</script>"
)


def dress() -> None:
    """Once a page."""
    ui.colors(primary="#0f766e", negative="#dc2626")
    ui.add_css(CSS)
    ui.add_head_html(SCRIPT)


def card(title: str) -> ui.card:
    """A card with a title; use it with `with`."""
    made = ui.card().classes(CARD)
    with made:
        ui.label(title).classes(TITLE)
    return made
