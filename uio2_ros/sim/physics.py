"""The state of a scene and its passing of time, whoever acts in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.sim.model import SAMPLES_PER_PIXEL, TIMESTEP_S, build_model
from uio2_ros.sim.mujoco_egl import mujoco
from uio2_ros.sim.sounds import Soundscape
from uio2_ros.sim.spec import ObjectPose, SceneSpec

Array = npt.NDArray[np.float64]


_DIVERGED = (
    mujoco.mjtWarning.mjWARN_BADQPOS,
    mujoco.mjtWarning.mjWARN_BADQVEL,
    mujoco.mjtWarning.mjWARN_BADQACC,
)


class UnstableSceneError(RuntimeError):
    """The physics of a scene diverged."""


@dataclass(frozen=True)
class BodyPose:
    """Position (3,) in metres and rotation matrix (3, 3) in the frame of the scene."""

    position: Array
    rotation: Array

    @property
    def yaw(self) -> float:
        """Radians about +z, from the x axis of what it is the pose of."""
        return float(np.arctan2(self.rotation[1, 0], self.rotation[0, 0]))

    def apply(self, points: Array) -> Array:
        """Points (N, 3) of the body in the frame of the scene."""
        moved: Array = points @ self.rotation.T + self.position
        return moved


@dataclass
class _Watch:
    callback: Callable[[], None]
    period_s: float
    due_s: float


class Physics:
    """A model, its state, and what sounds in it. One thread at a time."""

    def __init__(self, scene: SceneSpec, samples_per_pixel: int = SAMPLES_PER_PIXEL) -> None:
        self.model = build_model(scene, samples_per_pixel)
        self.data = mujoco.MjData(self.model)
        self.sounds = Soundscape()
        self._watches: list[_Watch] = []
        self._names = [self.model.body(number).name for number in range(self.model.nbody)]
        mujoco.mj_forward(self.model, self.data)

    @property
    def time_s(self) -> float:
        return float(self.data.time)

    def watch(self, callback: Callable[[], None], period_s: float) -> None:
        """Call back every `period_s` of the scene's time, from now on, while time passes."""
        if period_s <= 0:
            raise ValueError(f"a period must be positive, got {period_s} s")
        self._watches.append(_Watch(callback, period_s, self.time_s))

    def step(self) -> None:
        """Let one time step pass. Raises UnstableSceneError where the physics diverged."""
        for watch in self._watches:
            if self.time_s >= watch.due_s - TIMESTEP_S / 2:
                watch.due_s += watch.period_s
                watch.callback()
        mujoco.mj_step(self.model, self.data)
        if any(self.data.warning[kind].number for kind in _DIVERGED):
            raise UnstableSceneError(f"the physics diverged at {self.time_s:.3f} s")

    def advance(self, seconds: float) -> None:
        """Let time pass with nobody acting."""
        for _ in range(round(seconds / TIMESTEP_S)):
            self.step()

    def pose(self, body: str) -> BodyPose:
        """Where a body is now; its frame is that of the object's form."""
        state = self.data.body(body)
        return BodyPose(state.xpos.copy(), state.xmat.reshape(3, 3).copy())

    def body_number(self, body: str) -> int:
        """What `Render.bodies` calls it."""
        return int(self.model.body(body).id)

    def contacts(self) -> Iterator[tuple[str, str]]:
        """Names of the bodies that touch, "world" for all that stands still."""
        pairs = self.model.geom_bodyid[self.data.contact.geom]
        for first, second in pairs.reshape(-1, 2).tolist():
            yield self._names[first], self._names[second]

    def touching(self, first: str, second: str) -> bool:
        return any({first, second} == set(pair) for pair in self.contacts())

    def speed(self, body: str) -> float:
        """m/s of the body's centre of mass."""
        number = self.body_number(body)
        velocity = np.zeros(6)
        mujoco.mj_objectVelocity(
            self.model, self.data, mujoco.mjtObj.mjOBJ_BODY, number, velocity, 0
        )
        return float(np.linalg.norm(velocity[3:]))

    def put(self, body: str, pose: ObjectPose) -> None:
        """Set an object somewhere, at rest. Raises ValueError for what cannot be moved."""
        joint = self.model.body(body).jntadr[0]
        if joint < 0:
            raise ValueError(f"{body} is fixed to the room and cannot be put anywhere")
        place, motion = self.model.jnt_qposadr[joint], self.model.jnt_dofadr[joint]
        quaternion = (np.cos(pose.yaw / 2), 0, 0, np.sin(pose.yaw / 2))
        self.data.qpos[place : place + 7] = (pose.x, pose.y, pose.z, *quaternion)
        self.data.qvel[motion : motion + 6] = 0
        mujoco.mj_forward(self.model, self.data)
