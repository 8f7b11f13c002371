"""A scene that lives: time passes, robots act, cameras see, and sounds are heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.plan import Step, TaskPlan
from uio2_ros.sim.arm import Arm
from uio2_ros.sim.base import Base
from uio2_ros.sim.cameras import CameraView, PictureSize
from uio2_ros.sim.events import Event, Ring, Shift, Wait
from uio2_ros.sim.model import SAMPLES_PER_PIXEL, TIMESTEP_S, magnification
from uio2_ros.sim.physics import BodyPose, Physics
from uio2_ros.sim.renderer import Render, SceneRenderer
from uio2_ros.sim.shapes import Form, form
from uio2_ros.sim.sounds import RATE_HZ, SOUND_OF_SHAPE, Samples, clip
from uio2_ros.sim.spec import CameraSpec, ObjectPose, Place, SceneSpec

SHIFT_HEIGHT_M = 0.12
SETTLE_S = 0.3


@dataclass(frozen=True)
class StepOutcome:
    """What a step did: the object that suction picked, and the scene's seconds it took."""

    picked: str | None
    seconds: float


class World:
    """One scene, from its start. Equal scenes and equal acts give equal pixels and outcomes.

    Drawing needs EGL and starts with the first picture; physics and sound need neither. 0 samples
    per pixel draw twice as fast as 4, with jagged edges. Belongs to the thread that draws. Use it
    as a context manager, or call `close`.
    """

    def __init__(self, scene: SceneSpec, samples_per_pixel: int = SAMPLES_PER_PIXEL) -> None:
        self.scene = scene
        self.physics = Physics(scene, samples_per_pixel)
        self._forms = {thing.name: self._form_of(thing.name) for thing in scene.objects}
        self._robot = self._make_robot()
        self._renderers: dict[PictureSize, SceneRenderer] = {}
        self.physics.advance(SETTLE_S)

    @property
    def time_s(self) -> float:
        """Seconds since the start."""
        return self.physics.time_s

    @property
    def arm(self) -> Arm:
        """The arm of a table. Raises TypeError in a room."""
        if not isinstance(self._robot, Arm):
            raise TypeError("a room has a mobile base and no arm")
        return self._robot

    @property
    def base(self) -> Base:
        """The mobile base of a room. Raises TypeError at a table."""
        if not isinstance(self._robot, Base):
            raise TypeError("a table has an arm and no mobile base")
        return self._robot

    def execute(self, step: Step) -> StepOutcome:
        """Carry out one step. Raises ActionError for a step of another kind of robot."""
        began_s = self.time_s
        picked = self._robot.execute(step)
        return StepOutcome(picked, self.time_s - began_s)

    def execute_plan(self, plan: TaskPlan) -> tuple[StepOutcome, ...]:
        """Carry out all steps."""
        return tuple(self.execute(step) for step in plan.steps)

    def play(self, event: Event) -> None:
        """Let something happen that the robot has no part in."""
        if isinstance(event, Wait):
            self.advance(event.seconds)
        elif isinstance(event, Ring):
            sound = SOUND_OF_SHAPE[self.scene.object_named(event.name).shape]
            self.physics.sounds.play(sound, self.time_s)
            self.advance(len(clip(sound)) / RATE_HZ)
        else:
            self._shift(event)

    def advance(self, seconds: float) -> None:
        """Let time pass with nobody acting."""
        self.physics.advance(seconds)

    def watch(self, callback: Callable[[], None], period_s: float) -> None:
        """Call back every `period_s` of the scene's time, also while steps are carried out."""
        self.physics.watch(callback, period_s)

    def colour(self, camera: str) -> npt.NDArray[np.uint8]:
        """What a camera sees, (H, W, 3) RGB."""
        return self._renderer(camera).colour(self.physics.data, camera)

    def colour_and_depth(
        self, camera: str
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """What a camera sees, and how far it is in metres, as in `Render`."""
        return self._renderer(camera).colour_and_depth(self.physics.data, camera)

    def see(self, camera: str) -> Render:
        """What a camera sees, with depth and the bodies behind the pixels."""
        return self._renderer(camera).everything(self.physics.data, camera)

    def view(self, camera: str) -> CameraView:
        """Intrinsics and pose of a camera now."""
        model, state = self._camera(camera).model, self.physics.data.cam(camera)
        rotation = state.xmat.reshape(3, 3) * np.array([1.0, -1.0, -1.0])
        return CameraView(model, state.xpos.copy(), rotation)

    def audio(self, seconds: float) -> Samples:
        """The last seconds of sound, mono at 16 kHz; silence before the start."""
        return self.physics.sounds.audio(self.time_s - seconds, self.time_s)

    def pose(self, name: str) -> BodyPose:
        """Where an object is now."""
        self.scene.object_named(name)
        return self.physics.pose(name)

    def form(self, name: str) -> Form:
        """The form of an object."""
        return self._forms[self.scene.object_named(name).name]

    def close(self) -> None:
        """Free what drawing took."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_robot(self) -> Arm | Base:
        if self.scene.place is Place.TABLE:
            return Arm(self.physics)
        if self.scene.base_pose is None:
            raise ValueError("a room needs base_pose, where its mobile base starts")
        return Base(self.physics, self.scene.base_pose)

    def _form_of(self, name: str) -> Form:
        thing = self.scene.object_named(name)
        return form(thing.shape, thing.size, magnification(self.scene.place))

    def _camera(self, name: str) -> CameraSpec:
        for camera in self.scene.cameras:
            if camera.name == name:
                return camera
        known = ", ".join(camera.name for camera in self.scene.cameras)
        raise KeyError(f"the scene has no camera {name!r}; it has {known}")

    def _renderer(self, camera: str) -> SceneRenderer:
        model = self._camera(camera).model
        size = PictureSize(model.width, model.height)
        if size not in self._renderers:
            self._renderers[size] = SceneRenderer(self.physics.model, size)
        return self._renderers[size]

    def _shift(self, event: Shift) -> None:
        pose = self.pose(event.name)
        x, y, z = pose.position.tolist()
        steps = max(1, round(event.seconds / TIMESTEP_S))
        for number in range(1, steps + 1):
            part = number / steps
            height = 4 * part * (1 - part) * SHIFT_HEIGHT_M
            between = ObjectPose(
                x + (event.to.x - x) * part,
                y + (event.to.y - y) * part,
                z + (event.to.z - z) * part + height,
                pose.yaw + (event.to.yaw - pose.yaw) * part,
            )
            self.physics.put(event.name, between)
            self.physics.step()
        self.physics.put(event.name, event.to)
        self.advance(SETTLE_S)
