"""cv_bridge, for encodings that `images` lacks: used where one is installed that works.

The distributed cv_bridge may be built against another numpy than the one that is imported, and
then ends the process that imports it. So it is tried in a process of its own, once.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.errors import InvalidInputError

Converter = Callable[[Any], npt.NDArray[np.uint8]]

TRIAL_S = 30.0
"""How long an import and a conversion may take on a slow machine."""
_TRIAL = """
import numpy
from cv_bridge import CvBridge
from sensor_msgs.msg import Image
message = Image(height=1, width=1, step=3, encoding="bgr8", data=[1, 2, 3])
found = CvBridge().imgmsg_to_cv2(message, "rgb8")
assert numpy.asarray(found).tolist() == [[[3, 2, 1]]]
"""


@functools.cache
def installed_cv_bridge() -> Converter | None:
    """What turns an Image into (H, W, 3) uint8 RGB by cv_bridge; None where none works.

    The first call takes a second or more where one is installed: call it at the start.
    """
    if find_spec("cv_bridge") is None or not _works():
        return None
    from cv_bridge import CvBridge

    bridge = CvBridge()

    def convert(message: Any) -> npt.NDArray[np.uint8]:
        try:
            return np.asarray(bridge.imgmsg_to_cv2(message, "rgb8"), np.uint8)
        except Exception as error:  # CvBridgeError, and OpenCV's own
            raise InvalidInputError(
                f"encoding {message.encoding!r} is known neither here nor to cv_bridge: {error}"
            ) from error

    return convert


def _works() -> bool:
    try:
        trial = subprocess.run([sys.executable, "-c", _TRIAL], capture_output=True, timeout=TRIAL_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0
