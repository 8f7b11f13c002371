"""Scores of boxes: what they are worth, and how they are made worth what they say."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from uio2_ros.cli import eval as command
from uio2_ros.evaluation.calibration import Confidence, calibration_error, fitted
from uio2_ros.evaluation.records import PerceptionRecord
from uio2_ros.evaluation.run_folder import FORMAT, VERSION, RunFolder
from uio2_ros.evaluation.run_settings import RunSettings
from uio2_ros.model.bundle import BUNDLE_FILE, Bundle, ScoreCalibration, TrainedFor


def drawn(count: int, worth: ScoreCalibration, seed: int = 0) -> list[Confidence]:
    """Scores that are right as often as `worth` says."""
    rng = np.random.default_rng(seed)
    shown = rng.uniform(0.01, 0.3, count)
    return [Confidence(one, rng.uniform() < worth.probability(one)) for one in shown]


def test_error_is_the_distance_of_what_is_shown_from_what_is_right() -> None:
    rng = np.random.default_rng(1)
    honest = [Confidence(p, rng.uniform() < p) for p in rng.uniform(0, 1, 5000)]
    boasting = [Confidence(0.9, number % 2 == 0) for number in range(1000)]
    assert calibration_error(honest).mean < 0.03
    found = calibration_error(boasting)
    assert found.mean == pytest.approx(0.4, abs=0.05)
    assert found.low < found.mean < found.high
    assert math.isnan(calibration_error([]).mean)


def test_fitting_makes_scores_honest_on_other_boxes() -> None:
    worth = ScoreCalibration(2.0, 5.5)
    fit = fitted(drawn(4000, worth))
    others = drawn(4000, worth, seed=1)
    assert calibration_error(others).mean > 0.2
    honest = [Confidence(fit.probability(one.shown), one.right) for one in others]
    assert calibration_error(honest).mean < 0.04


def test_scores_that_vary_little_are_told_apart_too() -> None:
    """Products of probabilities of neighbouring bins: all between 0.05 and 0.12."""
    worth = ScoreCalibration(8.0, 21.0)
    rng = np.random.default_rng(2)
    shown = rng.normal(0.09, 0.012, 4000).clip(0.05, 0.12)
    found = [Confidence(one, rng.uniform() < worth.probability(one)) for one in shown]
    fit = fitted(found[:2000])
    honest = [Confidence(fit.probability(one.shown), one.right) for one in found[2000:]]
    assert calibration_error(honest).mean < 0.05
    assert fit.probability(0.06) < 0.7 < 0.9 < fit.probability(0.1)


def test_too_few_boxes_are_refused_and_boxes_that_are_all_right_are_not() -> None:
    with pytest.raises(ValueError, match="49 are too few"):
        fitted([Confidence(0.5, True)] * 49)
    assert fitted([Confidence(0.5, True)] * 50).probability(0.5) > 0.9
    assert 0 <= fitted([Confidence(0.0, False)] * 50).probability(0.0) < 0.1


def test_a_better_score_is_never_shown_as_less_likely_right() -> None:
    scores = np.linspace(0.02, 0.3, 100).tolist()
    for right in ([True] * 100, [score < 0.2 for score in scores]):
        scale = fitted([Confidence(*each) for each in zip(scores, right, strict=True)])
        assert scale.slope >= 0
        assert scale.probability(0.3) >= scale.probability(0.02) > 0.5


def test_command_writes_what_a_run_showed_into_the_bundle(tmp_path: Path) -> None:
    bundle = Bundle("unified_io_2", "a model", "Apache-2.0", TrainedFor(("refexp",)))
    bundle.save(tmp_path / BUNDLE_FILE)
    folder = RunFolder(tmp_path / "run", RunSettings(perception=1))
    for number, each in enumerate(drawn(60, ScoreCalibration(2.0, 5.5))):
        record = PerceptionRecord("refexp", f"scene {number}", "the cup", {"IoU": 0.5})
        folder.add(replace(record, confidences=((each.shown, each.right),)))
    records = [one.to_json() for one in folder.perceptions]
    folder.write_results(
        {"format": FORMAT, "version": VERSION, "episodes": [], "perception": records}
    )
    folder.close()
    assert command.main(["calibrate", str(tmp_path / "run"), str(tmp_path)]) == 0
    assert Bundle.read(tmp_path / BUNDLE_FILE).calibration["refexp"].slope > 0
    assert command.main(["calibrate", str(tmp_path / "none"), str(tmp_path)]) == 2
