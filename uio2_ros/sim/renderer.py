"""Pictures of a model: colour, depth in metres, and which object each pixel shows.

One OpenGL context per thread serves all models: making one takes tens of milliseconds, loading a
model into it a few. Buffers are allocated once per renderer. A renderer belongs to the thread that
made it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.model import SEEN_GROUP, SOLID_GROUP
from uio2_ros.sim.mujoco_egl import mujoco

MAX_GEOMS = 600
NOTHING = -1

_contexts = threading.local()


class RenderError(RuntimeError):
    """The machine cannot draw without a screen."""


@dataclass(frozen=True)
class Render:
    """What a camera sees, each (H, W) or (H, W, 3).

    depth is along the optical axis in metres, 0 where nothing is; bodies are MuJoCo's numbers, 0
    for what belongs to the room and the table, -1 where nothing is.
    """

    colour: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    bodies: npt.NDArray[np.int32]


class SceneRenderer:
    """Draws one model at one size."""

    def __init__(self, model: Any, size: PictureSize) -> None:
        self._model = model
        _make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mujoco.MjvScene(model, maxgeom=MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._options = mujoco.MjvOption()
        self._options.geomgroup[:] = 0
        self._options.geomgroup[SEEN_GROUP] = 1
        self._options.geomgroup[SOLID_GROUP] = 0
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._rect = mujoco.MjrRect(0, 0, size.width, size.height)
        self._rgb = np.empty((size.height, size.width, 3), np.uint8)
        self._depth = np.empty((size.height, size.width), np.float32)

    def colour(self, data: Any, camera: str) -> npt.NDArray[np.uint8]:
        """The picture, (H, W, 3) RGB; a new array."""
        self._look(data, camera)
        return self._draw_colour()

    def colour_and_depth(
        self, data: Any, camera: str
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """The picture and its depth, drawn once; new arrays."""
        self._look(data, camera)
        colour = self._draw_colour(self._depth)
        return colour, self._metres()

    def everything(self, data: Any, camera: str) -> Render:
        """The picture with its depth and bodies; new arrays."""
        self._look(data, camera)
        colour = self._draw_colour()
        self._identify(True)
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._rgb, self._depth, self._rect, self._context)
        self._identify(False)
        return Render(colour, self._metres(), self._bodies())

    def close(self) -> None:
        """Free what the model takes on the graphics side; the renderer is of no use any more."""
        if self._context is not None:
            _make_current()
            self._context.free()
            self._context = None

    def __enter__(self) -> SceneRenderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _look(self, data: Any, camera: str) -> None:
        if self._context is None:
            raise RenderError("this renderer is closed; make a new one")
        _make_current()
        # another renderer of this thread may have drawn, or ended, since
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        kind = mujoco.mjtObj.mjOBJ_CAMERA
        self._camera.fixedcamid = mujoco.mj_name2id(self._model, kind, camera)
        if self._camera.fixedcamid < 0:
            known = ", ".join(self._model.camera(i).name for i in range(self._model.ncam))
            raise KeyError(f"the scene has no camera {camera!r}; it has {known}")
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._options,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._scene,
        )

    def _draw_colour(self, depth: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.uint8]:
        """With `depth` filled in OpenGL's terms, if given."""
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._rgb, depth, self._rect, self._context)
        upright: npt.NDArray[np.uint8] = self._rgb[::-1].copy()
        return upright

    def _identify(self, on: bool) -> None:
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = on
        self._scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = on

    def _metres(self) -> npt.NDArray[np.float32]:
        """OpenGL's reversed depth (1 near, 0 far) as distance along the optical axis."""
        extent = self._model.stat.extent
        near, far = self._model.vis.map.znear * extent, self._model.vis.map.zfar * extent
        value = self._depth[::-1].astype(np.float64)
        metres = near * far / (near + value * (far - near))
        return np.where(value > 0, metres, 0).astype(np.float32)

    def _bodies(self) -> npt.NDArray[np.int32]:
        pixels = self._rgb[::-1].astype(np.int32)
        drawn = pixels[..., 0] + (pixels[..., 1] << 8) + (pixels[..., 2] << 16)
        body_of = np.full(self._scene.ngeom + 1, NOTHING, np.int32)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                body_of[geom.segid + 1] = self._model.geom_bodyid[geom.objid]
        bodies: npt.NDArray[np.int32] = body_of[drawn]
        return bodies


def _make_current() -> None:
    if not hasattr(_contexts, "gl"):
        try:
            _contexts.gl = mujoco.GLContext(64, 64)
        except Exception as failure:  # PyOpenGL and the driver raise what they like
            raise RenderError(
                f"cannot draw without a screen: {failure}. Install EGL and Mesa (apt-get install "
                "libegl1 libgl1-mesa-dri), or set MUJOCO_GL to osmesa or glfw"
            ) from failure
    _contexts.gl.make_current()
