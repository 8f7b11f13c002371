"""Ids stay with objects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("norfair")

from uio2_ros.robot.answer import Answer, Cuboid, Detection
from uio2_ros.robot.box import Box
from uio2_ros.watching.object_tracks import GROWN_UP, KEPT, NAMES, ObjectTracks, diou_distances


def boxes(*centres: tuple[float, float], label: str = "mug", size: float = 40.0) -> Answer:
    half = size / 2
    return Answer(
        detections=tuple(
            Detection(Box(x - half, y - half, x + half, y + half), label) for x, y in centres
        )
    )


def ids(answer: Answer) -> list[str]:
    return [found.track for found in answer.detections]


def test_two_objects_that_move_keep_their_ids_in_whatever_order_they_are_told() -> None:
    tracks = ObjectTracks()
    one, other = ids(tracks.followed(boxes((100, 100), (300, 100))))
    assert one
    assert other not in ("", one)
    for step in range(1, 20):
        places = [(100 + 15 * step, 100.0), (300.0, 100 + 15 * step)]
        assert ids(tracks.followed(boxes(*places))) == [one, other]
        assert ids(tracks.followed(boxes(*reversed(places)))) == [other, one]


def test_an_object_that_moves_by_more_than_its_size_is_the_same() -> None:
    tracks = ObjectTracks()
    seen = {ids(tracks.followed(boxes((100 + 60 * step, 200))))[0] for step in range(8)}
    assert len(seen) == 1


def test_an_object_that_was_hidden_for_a_while_is_the_same_and_after_long_another() -> None:
    tracks = ObjectTracks()
    for _ in range(KEPT):
        first = ids(tracks.followed(boxes((100, 100))))
    for _ in range(KEPT - 2):
        tracks.followed(Answer())
    assert ids(tracks.followed(boxes((100, 100)))) == first
    for _ in range(2 * KEPT):
        tracks.followed(Answer())
    assert ids(tracks.followed(boxes((100, 100)))) != first


def test_what_was_found_once_is_remembered_as_long() -> None:
    tracks = ObjectTracks()
    first = ids(tracks.followed(boxes((100, 100))))
    for _ in range(KEPT - 1):
        tracks.followed(Answer())
    assert ids(tracks.followed(boxes((100, 100)))) == first


def test_what_stops_while_it_is_hidden_is_where_it_was_last() -> None:
    tracks = ObjectTracks()
    for step in range(8):
        moving = ids(tracks.followed(boxes((100 + 30 * step, 100))))
    for _ in range(4):
        tracks.followed(Answer())
    assert ids(tracks.followed(boxes((310, 100), label="cup"))) == moving


def test_what_goes_on_while_it_is_hidden_is_where_it_is_expected() -> None:
    tracks = ObjectTracks()
    for step in range(8):
        moving = ids(tracks.followed(boxes((100 + 30 * step, 100))))
    for _ in range(4):
        tracks.followed(Answer())
    assert ids(tracks.followed(boxes((460, 100), label="cup"))) == moving


def test_what_is_called_otherwise_is_the_same_where_it_was_and_nowhere_else() -> None:
    tracks = ObjectTracks()
    known = ids(tracks.followed(boxes((100, 100))))
    assert ids(tracks.followed(boxes((105, 100), label="cup"))) == known
    assert ids(tracks.followed(boxes((150, 100), label="jug"))) != known


def test_a_name_that_wavers_is_the_same_object_while_it_is_carried_away() -> None:
    tracks = ObjectTracks()
    known = ids(tracks.followed(boxes((100, 100), label="white cube")))
    assert ids(tracks.followed(boxes((160, 100), label="white bottle"))) == known
    assert ids(tracks.followed(boxes((460, 100), label="white cube"))) == known  # its older name
    assert ids(tracks.followed(boxes((520, 100), label="red mug"))) != known


def test_names_that_an_object_had_long_ago_are_forgotten_and_late_ones_are_not() -> None:
    tracks = ObjectTracks()
    for _ in range(3):
        known = ids(tracks.followed(boxes((100, 100), label="white cube")))
    for _ in range(4 * NAMES):
        assert ids(tracks.followed(boxes((100, 100), label="pink ball"))) == known
    assert ids(tracks.followed(boxes((100, 100), label="red mug"))) == known
    assert ids(tracks.followed(boxes((300, 100), label="pink ball"))) == known
    assert ids(tracks.followed(boxes((500, 100), label="white cube"))) != known


def test_what_a_model_saw_twice_is_afterwards_the_object_that_was_long_known() -> None:
    tracks = ObjectTracks()
    for _ in range(GROWN_UP):
        known = ids(tracks.followed(boxes((100, 100))))
    twice = ids(tracks.followed(boxes((100, 100), (125, 100))))
    assert twice[0] == known[0] != twice[1]
    assert ids(tracks.followed(boxes((125, 100)))) == known


def test_what_a_model_sees_twice_in_one_answer_has_one_id() -> None:
    tracks = ObjectTracks()
    one = boxes((100, 100), (300, 100), label="red cube").detections
    double = boxes((106, 100), label="red ball").detections
    other = boxes((294, 100), label="blue tray").detections
    for _ in range(3):
        first, second, again, inside = ids(tracks.followed(Answer(detections=one + double + other)))
        assert again == first
        assert len({first, second, inside}) == 3


def test_doubles_are_of_one_object_whichever_is_told_first() -> None:
    tracks = ObjectTracks()
    seen = [ids(tracks.followed(boxes(*pair))) for pair in ([(100, 100), (106, 100)],) * 3]
    seen += [ids(tracks.followed(boxes((106, 100), (100, 100)))) for _ in range(3)]
    assert len({track for pair in seen for track in pair}) == 1


def test_what_has_come_to_stay_keeps_its_own_id() -> None:
    tracks = ObjectTracks()
    for _ in range(GROWN_UP):
        tracks.followed(boxes((100, 100)))
    for _ in range(GROWN_UP):
        both = ids(tracks.followed(boxes((100, 100), (125, 100))))
    assert ids(tracks.followed(boxes((125, 100)))) == both[1:]


def test_boxes_without_labels_are_called_the_same() -> None:
    tracks = ObjectTracks()
    known = ids(tracks.followed(boxes((100, 100), label="")))
    assert ids(tracks.followed(boxes((200, 100), label=""))) == known


def test_what_comes_beside_it_or_is_of_another_watch_is_another_object() -> None:
    tracks = ObjectTracks()
    known = ids(tracks.followed(boxes((100, 100))))
    both = ids(tracks.followed(boxes((600, 400), (100, 100))))
    assert both[1:] == known
    assert both[0] != known[0]
    assert ids(ObjectTracks().followed(boxes((100, 100)))) != known


def test_3d_boxes_are_followed_in_metres() -> None:
    tracks = ObjectTracks()

    def seen(x: float) -> str:
        cuboid = Cuboid("mug", (x, 0.0, 1.0), (0.1, 0.1, 0.1), (1.0, 0.0, 0.0, 0.0))
        (found,) = tracks.followed(Answer(cuboids=(cuboid,))).cuboids
        return found.track

    first = seen(0.0)
    assert [seen(0.1), seen(0.2)] == [first, first]
    assert seen(2.0) != first


def test_what_is_forgotten_takes_no_memory() -> None:
    tracks = ObjectTracks()
    for step in range(200):
        tracks.followed(boxes((37.0 * step % 600, 91.0 * step % 400), label=f"thing {step}"))
    assert len(tracks._boxes.tracked_objects) <= 2 * KEPT


corner = st.floats(0, 600)
side = st.floats(1, 100)
box = st.tuples(corner, corner, side, side).map(
    lambda one: np.array([[one[0], one[1], one[0] + one[2], one[1] + one[3]]])
)


@given(box, box)
def test_distances_of_boxes_are_symmetric_and_tell_overlap(
    one: np.ndarray, other: np.ndarray
) -> None:
    distance = diou_distances(one, other)[0, 0]
    assert distance == pytest.approx(diou_distances(other, one)[0, 0])
    assert 0 <= distance <= 2
    apart = (one[0, 2:] <= other[0, :2]).any() or (other[0, 2:] <= one[0, :2]).any()
    assert distance >= 1 or not apart
    assert diou_distances(one, one)[0, 0] == pytest.approx(0)
