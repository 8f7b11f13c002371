import pytest

from uio2_ros.tasks import TASKS, suggest, suggest_task


@pytest.mark.parametrize(
    ("sentence", "task", "instruction"),
    [
        ("find the cup", "localize", "cup"),
        ("Where is the red mug?", "localize", "red mug"),
        ("where are my keys", "localize", "keys"),
        ("Please locate all of the screws.", "localize", "screws"),
        ("look for a door", "localize", "door"),
        ("what is on the table?", "vqa", "what is on the table?"),
        ("How many cups are there?", "vqa", "How many cups are there?"),
        ("Is the door open", "vqa", "Is the door open"),
        ("the door is open?", "vqa", "the door is open?"),
        ("pick up the red block", "next_action", "pick up the red block"),
        ("Put the mug on the tray", "next_action", "Put the mug on the tray"),
        ("move the mug to the left", "next_action", "move the mug to the left"),
        ("move forward", "navigate", "move forward"),
        ("move to the door", "navigate", "move to the door"),
        ("Go to the kitchen", "navigate", "Go to the kitchen"),
        ("turn left", "navigate", "turn left"),
        ("describe the scene", "caption", "describe the scene"),
        ("Describe the sound", "audio_caption", "Describe the sound"),
        ("What can you hear?", "audio_caption", "What can you hear?"),
        ("tell me a story", "", "tell me a story"),
        ("find", "", "find"),
        ("goggles", "", "goggles"),
        ("  ", "", ""),
    ],
)
def test_plain_sentences_are_led_to_their_task(sentence, task, instruction):
    suggestion = suggest(sentence)
    assert (suggestion.task, suggestion.instruction) == (task, instruction)
    assert suggestion.reason
    assert suggest_task(sentence) == task
    assert task in TASKS
