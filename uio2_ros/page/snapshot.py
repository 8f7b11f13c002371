"""One picture for who asks for one: what the camera sees, or the last answer drawn on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from uio2_ros.page.live import ShownPicture, encode
from uio2_ros.page.robot import RobotLink
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError

LONGEST_WAIT_S = 3.0
"""For the first picture after nobody looked for a while."""
LOOK_PERIOD_S = 0.05
WIDEST = 1920


async def snapshot(robot: RobotLink, *, drawn: bool) -> ShownPicture:
    """InstructionError NO_INPUT if there is no such picture, INVALID_INPUT if it is none."""
    robot.watch()
    take: Callable[[], ShownPicture | None] = _drawing(robot) if drawn else _camera(robot)
    end_s = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < end_s:
        try:
            shown = await asyncio.to_thread(take)
        except InvalidInputError as error:
            raise InstructionError(ErrorCode.INVALID_INPUT, str(error)) from error
        if shown is not None:
            return shown
        await asyncio.sleep(LOOK_PERIOD_S)
    missing = "answer with a picture was drawn" if drawn else "picture comes from the camera"
    raise InstructionError(ErrorCode.NO_INPUT, f"no {missing}")


def _camera(robot: RobotLink) -> Callable[[], ShownPicture | None]:
    looked_s = time.monotonic()

    def take() -> ShownPicture | None:
        robot.live.look()
        return robot.live.shown() if robot.live.arrived_s >= looked_s else None

    return take


def _drawing(robot: RobotLink) -> Callable[[], ShownPicture | None]:
    def take() -> ShownPicture | None:
        pixels = robot.published(lambda published: published.drawing())
        return None if pixels is None else encode(pixels, WIDEST)

    return take
