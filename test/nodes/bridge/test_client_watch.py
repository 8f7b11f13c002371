"""The lease of a goal: who counts as gone, and from what is known of the readers of feedback."""

from __future__ import annotations

from uio2_ros.nodes.bridge.client_watch import ClientWatch


class Clock:
    now_s = 0.0


def watch(timeout_s: float = 5.0) -> tuple[ClientWatch, Clock]:
    clock = Clock()
    return ClientWatch(timeout_s, lambda: clock.now_s), clock


def test_client_that_acknowledges_now_and_then_is_there() -> None:
    lease, clock = watch()
    lease.begin(1, acknowledged=True)
    for tick in range(200):
        clock.now_s += 0.2
        assert lease.lost(1, acknowledged=tick % 20 == 0) == ""


def test_client_that_acknowledges_no_longer_is_gone_after_the_timeout() -> None:
    lease, clock = watch()
    lease.begin(1, acknowledged=True)
    clock.now_s = 4.9
    assert lease.lost(1, acknowledged=False) == ""
    clock.now_s = 5.1
    assert "has acknowledged no feedback for 5 s" in lease.lost(1, acknowledged=False)


def test_client_that_leaves_the_graph_is_gone_at_once() -> None:
    lease, _ = watch()
    lease.begin(2, acknowledged=True)
    assert lease.lost(2, acknowledged=True) == ""
    assert "was there when the goal came has gone" in lease.lost(1, acknowledged=True)


def test_client_that_came_later_may_leave() -> None:
    lease, _ = watch()
    lease.begin(1, acknowledged=True)
    assert lease.lost(2, acknowledged=True) == ""
    assert lease.lost(1, acknowledged=True) == ""


def test_somebody_who_died_before_is_not_held_against_the_client() -> None:
    lease, clock = watch()
    lease.begin(2, acknowledged=False)
    clock.now_s = 15.0
    assert lease.lost(2, acknowledged=False) == ""


def test_without_a_timeout_nobody_is_watched() -> None:
    lease, clock = watch(0.0)
    lease.begin(1, acknowledged=True)
    clock.now_s = 1000.0
    assert lease.lost(0, acknowledged=False) == ""
