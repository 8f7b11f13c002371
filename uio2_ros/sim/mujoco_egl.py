"""MuJoCo, set to draw without a screen. The one place of the package that imports it.

`MUJOCO_GL` chooses how pictures are made and is read once, when MuJoCo is imported: EGL, which
needs neither a display nor a GPU, unless the user has set another.
"""

from __future__ import annotations

import logging
import os

os.environ.setdefault("MUJOCO_GL", "egl")

try:
    import mujoco
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "the simulator needs MuJoCo, which is not installed: pip install 'uio2_ros[sim]'"
    ) from missing

# Otherwise MuJoCo writes its warnings to MUJOCO_LOG.TXT in the folder one happens to be in.
mujoco.set_mju_user_warning(logging.getLogger("uio2_ros.sim").warning)

__all__ = ["mujoco"]
