"""Whether the camera still shows what a plan was made from: pictures compared at low resolution."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.plan_errors import Cause, PlanError

Pixels = npt.NDArray[np.uint8]
Thumbnail = npt.NDArray[np.float64]

WIDTH, HEIGHT = 32, 24
KEPT_PERIOD_S = 0.2
"""Between two pictures that are kept; those between them are not decoded."""
MATCH_S = 0.5
"""How far the picture that is compared may be from the plan's, and the newest from now."""
DIFFERENT = 0.1
"""Of full brightness, by which a part of the picture has to differ to count: above the noise of
cameras, below anything that one would see."""


class SceneMemory:
    """Thumbnails of the last pictures. One thread; times are of the pictures' stamps, seconds."""

    def __init__(self, threshold: float, max_age_s: float) -> None:
        """threshold: the share of the picture that may change; 0: pictures are not compared."""
        self._threshold = threshold
        kept = int(max_age_s / KEPT_PERIOD_S) + 2
        self._kept: deque[tuple[float, Thumbnail]] = deque(maxlen=kept)

    @property
    def is_used(self) -> bool:
        """Whether pictures are compared at all."""
        return self._threshold > 0

    def is_due(self, stamp_s: float) -> bool:
        """Whether a picture is to be kept; ask before it is decoded."""
        if self._kept and stamp_s < self._kept[-1][0]:
            self._kept.clear()  # time jumped back
        return not self._kept or stamp_s - self._kept[-1][0] >= KEPT_PERIOD_S

    def keep(self, stamp_s: float, pixels: Pixels) -> None:
        """(H, W, 3) the camera's picture of that time."""
        self._kept.append((stamp_s, thumbnail(pixels)))

    def expect_same(self, stamp_s: float, now_s: float) -> None:
        """PlanError SCENE_CHANGED unless the newest picture looks like that of `stamp_s`."""
        if not self.is_used:
            return
        then = min(self._kept, key=lambda kept: abs(kept[0] - stamp_s), default=None)
        if then is None or abs(then[0] - stamp_s) > MATCH_S or now_s - self._kept[-1][0] > MATCH_S:
            raise PlanError(
                Cause.SCENE_CHANGED,
                "nobody can tell whether the plan's picture is still true: there is no picture on "
                f"image within {MATCH_S:g} s of the plan's, or of now; ask again, see that the "
                "camera runs, or set gate.scene.threshold to 0",
            )
        share = changed_share(then[1], self._kept[-1][1])
        if share > self._threshold:
            raise PlanError(
                Cause.SCENE_CHANGED,
                f"{100 * share:.0f} % of the picture look different from that of the plan, taken "
                f"{now_s - stamp_s:.1f} s ago; {100 * self._threshold:.0f} % may: ask again",
            )


def changed_share(before: Thumbnail, now: Thumbnail) -> float:
    """How much of the picture looks different, 0 to 1."""
    return float((np.abs(now - before) > DIFFERENT).mean())


def thumbnail(pixels: Pixels) -> Thumbnail:
    """(HEIGHT, WIDTH) brightness of an RGB picture, less its mean: light goes up and down."""
    height, width = pixels.shape[:2]
    thinned = pixels[:: max(1, height // (4 * HEIGHT)), :: max(1, width // (4 * WIDTH))]
    grey = thinned.mean(axis=2) / 255
    small = _means(_means(grey, HEIGHT).T, WIDTH).T
    return np.asarray(small - small.mean())


def _means(rows: npt.NDArray[np.float64], parts: int) -> npt.NDArray[np.float64]:
    """(parts, W) the means of as many groups of (H, W) rows."""
    bounds = np.linspace(0, len(rows), parts + 1).astype(int)
    sums = np.add.reduceat(rows, bounds[:-1], axis=0)
    means: npt.NDArray[np.float64] = sums / np.maximum(np.diff(bounds), 1)[:, np.newaxis]
    return means
