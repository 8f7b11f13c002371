"""Whether a shown probability is the rate at which it is right, and how to make it so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from uio2_ros.evaluation.scores import Estimate, bootstrapped
from uio2_ros.model.bundle import ScoreCalibration

BINS = 10
LEAST_TO_FIT = 50
_PRIOR = 1e-3
"""Weight of the squared parameters, those of standardised logarithms: finite where all are right"""

Floats = npt.NDArray[np.float64]


class Confidence(NamedTuple):
    """A probability that was shown with something found, and whether it was right."""

    shown: float
    right: bool


def calibration_error(found: Sequence[Confidence]) -> Estimate:
    """Expected calibration error with its bootstrap interval; NaN of nothing.

    Over ten bins of equal count, the mean distance of the mean probability from the rate that was
    right (arXiv 1909.10155).
    """
    return bootstrapped(_error, *_arrays(found))


def fitted(found: Sequence[Confidence]) -> ScoreCalibration:
    """Platt's scaling of the logarithm of a score, which never turns it around, also where all were
    right and nothing can be learnt of its slope. ValueError for too few.
    """
    if len(found) < LEAST_TO_FIT:
        raise ValueError(f"{len(found)} are too few to calibrate with; {LEAST_TO_FIT} are needed")
    shown, right = _arrays(found)
    logs = np.log(np.maximum(shown, ScoreCalibration.LEAST))
    middle, spread = float(logs.mean()), float(logs.std()) or 1.0
    standard = (logs - middle) / spread  # a score may vary little and yet tell much

    def loss(parameters: Floats) -> float:
        logits = parameters[0] * standard + parameters[1]
        losses = np.logaddexp(0, logits) - right * logits
        return float(losses.mean() + _PRIOR * np.square(parameters).mean())

    found_at = minimize(loss, np.array([1.0, 0.0]), bounds=[(0, None), (None, None)])
    slope, offset = found_at.x.tolist()
    return ScoreCalibration(slope / spread, offset - slope * middle / spread)


def _arrays(found: Sequence[Confidence]) -> tuple[Floats, Floats]:
    columns = np.array(found, np.float64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


def _error(shown: Floats, right: Floats) -> float:
    order = np.argsort(shown, kind="stable")
    bins = np.array_split(order, min(BINS, len(order)))
    apart = [len(one) * abs(shown[one].mean() - right[one].mean()) for one in bins]
    return float(sum(apart) / len(order))
