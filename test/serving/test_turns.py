"""Robots take turns, and what moves one goes first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.serving.turns import MOST_URGENT, Turns


def taken(turns: Turns[str]) -> list[str]:
    return [turns.take() for _ in range(len(turns))]


def test_what_came_first_goes_first() -> None:
    turns: Turns[str] = Turns()
    for thing in "abc":
        turns.put(thing)
    assert list(turns) == ["a", "b", "c"]
    assert turns.peek() == "a"
    assert taken(turns) == ["a", "b", "c"]
    assert turns.peek() is None
    with pytest.raises(IndexError):
        turns.take()


def test_a_robot_that_asks_much_does_not_keep_others_waiting() -> None:
    turns: Turns[str] = Turns()
    for n in range(3):
        turns.put(f"greedy {n}", "greedy")
    turns.put("modest 0", "modest")
    assert taken(turns) == ["greedy 0", "modest 0", "greedy 1", "greedy 2"]
    turns.put("greedy 3", "greedy")
    turns.put("modest 1", "modest")
    assert turns.take() == "modest 1", "its last turn is the longest ago"


def test_what_moves_a_robot_goes_first_but_not_for_ever() -> None:
    turns: Turns[str] = Turns()
    turns.put("caption", "a")
    for n in range(5):
        turns.put(f"act {n}", "b", urgent=True)
    order = taken(turns)
    assert order[:MOST_URGENT] == ["act 0", "act 1", "act 2"]
    assert order[MOST_URGENT] == "caption"


def test_what_is_removed_has_no_turn() -> None:
    turns: Turns[str] = Turns()
    for thing in "abc":
        turns.put(thing)
    turns.remove("b")
    with pytest.raises(ValueError, match="not in list"):
        turns.remove("b")
    assert taken(turns) == ["a", "c"]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=40))
def test_everything_has_its_turn_and_no_robot_waits_for_long(asked: list[tuple[str, bool]]) -> None:
    turns: Turns[tuple[int, str, bool]] = Turns()
    for number, (robot, urgent) in enumerate(asked):
        turns.put((number, robot, urgent), robot, urgent)
    order = [turns.take() for _ in asked]
    assert sorted(order) == [(n, *one) for n, one in enumerate(asked)]
    for kind in (True, False):
        of_kind = [one for one in order if one[2] is kind]
        for robot in "abcd":
            own = [number for number, of, _ in of_kind if of == robot]
            assert own == sorted(own), "a robot's are answered in its order"
    names = {robot for robot, _ in asked}
    if not any(urgent for _, urgent in asked):
        assert {robot for _, robot, _ in order[: len(names)]} == names, "first each has one turn"
