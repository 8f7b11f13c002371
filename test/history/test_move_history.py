"""Past moves as navigation prompts tell them."""

from __future__ import annotations

import math

import pytest

from uio2_ros.history.move_history import MoveHistory, move_text
from uio2_ros.robot.errors import InvalidInputError

HERE = (0.0, 0.0, 0.0)
S = 10**9


def test_moves_are_told_in_order_and_the_oldest_are_forgotten() -> None:
    moves = MoveHistory(2)
    for action in ("left", "forward", "stop"):
        moves.add(HERE, action)
    assert [text.split(" ) ")[1] for text in moves.texts()] == ["forward", "stop"]


def test_positions_are_written_right_backward_up() -> None:
    """Ahead is a falling z of Habitat's, left a falling x, up a rising y (told last)."""
    assert move_text((50.0, 0.0, 0.0), "go") == (
        "observation ( <extra_id_699> <extra_id_200> <extra_id_699> ) go"
    )
    assert move_text((0.0, 50.0, 0.0), "go") == (
        "observation ( <extra_id_200> <extra_id_699> <extra_id_699> ) go"
    )
    assert move_text((0.0, 0.0, 50.0), "go") == (
        "observation ( <extra_id_699> <extra_id_699> <extra_id_1199> ) go"
    )


def test_positions_out_of_reach_are_at_the_edge() -> None:
    assert move_text((1e6, 0.0, 0.0), "go") == move_text((50.0, 0.0, 0.0), "go")


def test_position_ages_and_is_replaced() -> None:
    moves = MoveHistory(1)
    assert moves.position(S, 1.0) is None
    moves.arrive(1 * S, HERE)
    moves.arrive(2 * S, (1.0, 2.0, 3.0))
    assert moves.position(3 * S, 1.0) == (1.0, 2.0, 3.0)
    assert moves.position(3 * S + 1, 1.0) is None
    assert moves.position(1 * S - 1, 1.0) is None, "the clock was set back"


def test_clear_forgets_moves_and_position() -> None:
    moves = MoveHistory(1)
    moves.arrive(S, HERE)
    moves.add(HERE, "left")
    moves.clear()
    assert (moves.texts(), moves.position(S, 1.0)) == ((), None)


def test_positions_that_are_no_numbers_are_refused() -> None:
    moves = MoveHistory(1)
    moves.arrive(S, HERE)
    with pytest.raises(InvalidInputError, match="not finite"):
        moves.arrive(S, (0.0, math.nan, 0.0))
    assert moves.position(S, 1.0) == HERE


def test_history_of_no_moves_is_refused() -> None:
    with pytest.raises(ValueError, match="give 1 or more"):
        MoveHistory(0)
