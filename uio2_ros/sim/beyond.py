"""What people ask that a table and a room of toys cannot answer, and what is true to say of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from uio2_ros.sim.language import Wordings
from uio2_ros.sim.questions import COLOUR, PRESENCE, Question, article
from uio2_ros.sim.splits import Split

KNOWN_STRANGERS = """
banana apple pear lemon book pen pencil phone laptop keyboard cat dog person man woman child chair
sofa lamp door window car bike bus train tree flower plant shoe hat bag spoon fork knife key clock
watch screwdriver hammer nail coin card napkin sponge towel robot hand camera cake bread egg carrot
tomato potato horse mouse candle pillow sock
"""
OTHER_STRANGERS = """
umbrella guitar wallet pizza helmet bird battery ladder teapot remote glove cow
"""
STRANGERS = Wordings(tuple(KNOWN_STRANGERS.split()), tuple(OTHER_STRANGERS.split()))
"""Things that the simulator does not have."""
UNKNOWN = Wordings(
    train=(
        "Is it raining?",
        "What time is it?",
        "What day is today?",
        "How old are you?",
        "Where do you live?",
        "Who is the president?",
        "What is two plus two?",
        "What is the capital of France?",
        "Do you like music?",
        "How much does it cost?",
        "Is it warm today?",
        "Who made this table?",
        "What is the weather like?",
        "When is dinner?",
        "How far is the moon?",
        "Are you happy?",
        "Did you sleep well?",
        "Why is the sky blue?",
        "What is my name?",
        "How heavy is it?",
        "Can you sing?",
        "Do you speak German?",
        "What did I say before?",
        "Is anybody at home?",
        "Which film is the best?",
        "How do you feel?",
        "Are we late?",
        "What is the news?",
        "Who won the game?",
        "Does it smell good?",
        "Was it cold yesterday?",
        "How tall am I?",
    ),
    held_out=(
        "Is it sunny outside?",
        "What is three times four?",
        "What is the capital of Spain?",
        "Do you like cheese?",
        "When does the train leave?",
        "Are you tired?",
        "How much is the fish?",
        "Who is your friend?",
    ),
)
DO_NOT_KNOW = "I do not know."
ABOUT_ITSELF = Wordings(
    train=(
        "Who are you?",
        "What are you?",
        "What can you do?",
        "What is your name?",
        "How can you help me?",
        "What do you know?",
        "What should I ask you?",
    ),
    held_out=("What are you good at?", "Which things can you do?"),
)
ITSELF = "I find, count and move things on this table."


def strange_questions(split: Split, rng: np.random.Generator) -> Iterator[Question]:
    """Two about things that are not there, one about another world, and one about the robot."""
    word = stranger(split, rng)
    yield Question(PRESENCE.say(rng, split, a=article(word), x=word), "no")
    word = stranger(split, rng)
    yield Question(COLOUR.say(rng, split, x=word), f"there is no {word}")
    yield Question(UNKNOWN.say(rng, split), DO_NOT_KNOW)
    yield Question(ABOUT_ITSELF.say(rng, split), ITSELF)


def stranger(split: Split, rng: np.random.Generator) -> str:
    """The name of a thing that the simulator does not have."""
    return STRANGERS.say(rng, split)
