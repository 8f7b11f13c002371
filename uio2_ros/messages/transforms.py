"""What /tf and /tf_static tell, as links of a tree of frames."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

from uio2_ros.messages.poses import transform_of
from uio2_ros.messages.stamps import nanoseconds_of
from uio2_ros.robot.frames import Link

tell_once = functools.lru_cache(maxsize=256)(logging.getLogger(__name__).warning)
"""For those who have no node: says a text the first time it comes."""


def links_of(
    message: Any, *, static: bool, on_bad: Callable[[str], object] = tell_once
) -> Iterator[Link]:
    """The transforms of a TFMessage; those that are none are left out, and `on_bad` hears why.

    static: whether it came on /tf_static, where transforms hold for ever.
    """
    for stamped in message.transforms:
        try:
            pose = transform_of(stamped.transform)
        except ValueError as error:
            on_bad(f"transform of {stamped.child_frame_id!r}: {error}")
            continue
        stamp_ns = None if static else nanoseconds_of(stamped.header.stamp)
        yield Link(stamped.header.frame_id, stamped.child_frame_id, pose, stamp_ns)
