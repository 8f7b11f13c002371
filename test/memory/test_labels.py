"""Names and questions are compared by the words that name things."""

from __future__ import annotations

import pytest

from uio2_ros.memory.labels import likeness, may_be_one, words_of


@pytest.mark.parametrize(
    "question",
    ["red mug", "The red mug", "Where is the red mug?", "did you see my red mugs", "mug, red"],
)
def test_questions_say_what_they_ask_for(question: str) -> None:
    assert words_of(question) == {"red", "mug"}


def test_a_name_that_says_less_may_be_the_same_thing() -> None:
    red, mug, blue = map(words_of, ("red mug", "mug", "blue mug"))
    assert may_be_one(red, mug)
    assert not may_be_one(red, blue)
    assert not may_be_one(words_of("the"), mug)


def test_the_name_that_says_what_was_asked_is_the_best_answer() -> None:
    asked = words_of("where is the red mug?")
    exact, short, wrong = (likeness(asked, words_of(x)) for x in ("red mug", "mug", "blue mug"))
    assert exact == 1.0 > short > wrong == 0.0
