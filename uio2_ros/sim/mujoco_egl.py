"""MuJoCo, set to draw without a screen. The one place of the package that imports it.

`MUJOCO_GL` chooses how pictures are made and is read once, when MuJoCo is imported: EGL, which
needs neither a display nor a GPU, unless the user has set another.
"""

from __future__ import annotations

import os

os.environ.setdefault("MUJOCO_GL", "egl")

try:
    import mujoco
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "the simulator needs MuJoCo, which is not installed: pip install 'uio2_ros[sim]'"
    ) from missing

__all__ = ["mujoco"]
