"""Benchmarks are judged by their limits."""

import math

from uio2_ros.cli.measurement import Measurement, table


def test_a_value_at_its_limit_passes_and_one_above_fails() -> None:
    assert Measurement("callback", 5.0, 5.0, "ms").passes
    assert not Measurement("callback", 5.1, 5.0, "ms").passes


def test_the_ratio_is_to_the_limit_and_absent_where_nothing_is_allowed() -> None:
    ratio = Measurement("callback", 1.0, 4.0, "ms").ratio
    assert ratio is not None
    assert math.isclose(ratio, 0.25)
    assert Measurement("lost", 0, 0, "pictures").ratio is None


def test_the_table_has_a_line_per_measurement_with_its_verdict() -> None:
    lines = table(
        [Measurement("fast", 1.0, 4.0, "ms", "note"), Measurement("lost", 3, 0, "pictures")]
    ).splitlines()
    assert lines[0].split() == ["value", "limit", "ratio"]
    assert lines[1].split() == ["fast", "1", "ms", "4", "ms", "0.25", "pass", "note"]
    assert lines[2].split() == ["lost", "3", "pictures", "0", "pictures", "FAIL"]
