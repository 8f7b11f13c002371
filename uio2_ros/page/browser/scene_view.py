"""The list of `scene.py` in the browser, by NiceGUI's scene (three.js)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from nicegui import ui
from transforms3d.quaternions import quat2mat

from uio2_ros.page.scene import Caption, Item, SceneSolid, Segment, SolidForm

GROUND = "#eef2f6"


class SceneView:
    """Shows items; only what is new, gone or moved is sent."""

    def __init__(self) -> None:
        self._shown: dict[Any, tuple[Item, Any]] = {}
        self.element = ui.scene(
            width=420, height=300, grid=(4, 40), background_color=GROUND, fps=10
        ).classes("w-full")
        self.element.move_camera(
            x=0.0, y=-0.6, z=0.55, look_at_x=0.45, look_at_y=-0.05, look_at_z=0, duration=0
        )

    def show(self, items: list[Item]) -> None:
        """Brings the scene to these items."""
        wanted = dict(_keyed(items))
        for key in self._shown.keys() - wanted.keys():
            self._shown.pop(key)[1].delete()
        with self.element:
            for key, item in wanted.items():
                known = self._shown.get(key)
                if known is None:
                    self._shown[key] = item, self._made(item)
                elif isinstance(item, SceneSolid) and known[0] != item:
                    self._shown[key] = item, _placed(known[1], item)

    def _made(self, item: Item) -> Any:
        if isinstance(item, Segment):
            return self.element.line(list(item.start), list(item.end)).material(item.color)
        if isinstance(item, Caption):
            text = self.element.text(item.text, "font-size: 11px; color: #334155")
            return text.move(*item.place)
        return self._solid(item)

    def _solid(self, item: SceneSolid) -> Any:
        if item.form is SolidForm.SPHERE:
            body: Any = self.element.sphere(item.size[0] / 2)
        elif item.form is SolidForm.CYLINDER:
            radius = item.size[0] / 2
            body = self.element.cylinder(radius, radius, item.size[2], 24)
        else:
            body = self.element.box(*item.size)
        body.material(item.color).with_name(item.name)
        return _placed(body, item)


def _keyed(items: list[Item]) -> Iterator[tuple[Any, Item]]:
    """Each with what it is known by: its looks, and a number where several look alike."""
    seen: Counter[Item] = Counter()
    for item in items:
        looks = item.looks if isinstance(item, SceneSolid) else item
        yield (looks, seen[looks]), item
        seen[looks] += 1


def _placed(body: Any, item: SceneSolid) -> Any:
    turn = quat2mat(item.quaternion_wxyz)
    if item.form is SolidForm.CYLINDER:  # three.js' stand along y, and ours along z
        turn = turn @ [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    return body.move(*item.center).rotate_R(turn.tolist())
