import pytest

from uio2_ros.decoding import read_runs
from uio2_ros.decoding.reading import LocationToken, confidence


def test_tokens_are_cut_where_locations_begin(words, boxes_text):
    tokens = boxes_text("go to", 0.0, 1.0, "red cup", 0.5)
    first, second, third = read_runs(words, tokens)
    assert (first.places, first.text) == ((), "go to")
    assert ([place.value for place in second.places], second.text) == ([0.0, 1.0], "red cup")
    assert (len(third.places), third.text) == (1, "")


def test_nothing_has_no_runs(words):
    assert read_runs(words, []) == ()


def test_each_place_has_its_own_probability(words, boxes_text):
    (run,) = read_runs(words, boxes_text(0.0, 1.0, "cup"), [0.5, 0.25, 1.0])
    assert [place.probability for place in run.places] == [0.5, 0.25]


def test_probabilities_must_fit_the_tokens(words):
    with pytest.raises(ValueError, match="expected 2 probabilities"):
        read_runs(words, [5, 6], [1.0])


def test_confidence_is_the_geometric_mean():
    places = [LocationToken(0, 0.0, probability) for probability in (0.5, 0.125)]
    assert confidence(places) == pytest.approx(0.25)
    assert confidence([LocationToken(0, 0.0, 0.0)]) == 0.0
