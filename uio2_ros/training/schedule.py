"""How the learning rate goes over a run, as a factor of its base."""

from __future__ import annotations

import math

from uio2_ros.training.config import OptimizerSettings


def rate_factor(step: int, steps: int, settings: OptimizerSettings) -> float:
    """At step 0, 1, ... of `steps`. Warm-up is linear, but for T5's, which has its own."""
    done = step + 1
    if settings.schedule == "inverse_sqrt":
        warmup = max(settings.warmup, 1)
        return min(1.0, done / warmup) / math.sqrt(max(done, warmup))
    rising = min(1.0, done / max(settings.warmup, 1))
    if settings.schedule == "constant":
        return rising
    part = min(1.0, max(0, done - settings.warmup) / max(1, steps - settings.warmup))
    falling = 0.5 + 0.5 * math.cos(math.pi * part) if settings.schedule == "cosine" else 1.0 - part
    return rising * (settings.final + (1 - settings.final) * falling)
