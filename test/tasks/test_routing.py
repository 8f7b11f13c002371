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
        ("what is on the table?", "caption", "what is on the table?"),
        ("What do you see here?", "caption", "What do you see here?"),
        ("what objects do you see?", "detect", "what objects do you see?"),
        ("list the objects", "detect", "list the objects"),
        ("can you see a red mug?", "vqa", "can you see a red mug?"),
        ("could you tell me if there is a mug?", "vqa", "tell me if there is a mug"),
        ("tell me the colour of the mug", "vqa", "tell me the colour of the mug"),
        ("count the mugs", "vqa", "count the mugs"),
        ("Could you please find the red mug?", "localize", "red mug"),
        ("find the red mug please", "localize", "red mug"),
        ("point at the red mug", "localize", "red mug"),
        ("Can you put the mug in the tray?", "next_action", "put the mug in the tray"),
        ("Hey robot, put the mug in the tray, please.", "next_action", "put the mug in the tray."),
        ("I want you to push the cube to the line", "next_action", "push the cube to the line"),
        ("I'd like the mug in the tray", "next_action", "I'd like the mug in the tray"),
        ("let's sort the objects, thanks!", "plan", "sort the objects!"),
        ("would you swap the mug and the bowl?", "plan", "swap the mug and the bowl"),
        ("hand me the mug", "next_action", "hand me the mug"),
        ("give me a description", "", "give me a description"),
        ("will you be here?", "vqa", "will you be here?"),
        ("hello", "vqa", "What can you do?"),
        ("Hi!", "vqa", "What can you do?"),
        ("could you count the mugs?", "vqa", "count the mugs"),
        ("hello world program", "", "world program"),
        ("robots are fun", "", "robots are fun"),
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
        ("segment the mug", "segment", "mug"),
        ("Show me the mask of the red mug.", "segment", "red mug"),
        ("outline every plate", "segment", "plate"),
        ("how far is the door?", "depth", "how far is the door?"),
        ("show me the depth map", "depth", "show me the depth map"),
        ("What is the distance to the wall?", "depth", "What is the distance to the wall?"),
        ("show the surface normals", "normals", "show the surface normals"),
        ("draw a red mug on a table", "generate_image", "a red mug on a table"),
        ("Generate an image of a kitchen.", "generate_image", "a kitchen"),
        ("paint me a sunset", "generate_image", "a sunset"),
        ("draw a box around the mug", "localize", "mug"),
        ("make the sound of a dog", "generate_audio", "a dog"),
        ("play a noise like breaking glass", "generate_audio", "breaking glass"),
        (
            "edit the picture: make the mug blue",
            "edit_image",
            "edit the picture: make the mug blue",
        ),
        ("remove the mug from the image", "edit_image", "remove the mug from the image"),
        ("what will it look like once the table is clear?", "goal_image", "the table is clear"),
        ("show me the result of stacking the mugs", "goal_image", "stacking the mugs"),
        ("what is the robot doing?", "demonstration_caption", "what is the robot doing?"),
        ("what just happened?", "video_caption", "what just happened?"),
        ("describe the video", "video_caption", "describe the video"),
        ("Which action is this?", "video_tag", "Which action is this?"),
        ("list all objects", "detect", "list all objects"),
        ("find everything on the table", "detect", "find everything on the table"),
        ("find all red things", "localize", "red things"),
        ("list all objects in 3D", "cuboids", "list all objects in 3D"),
        ("detect the COCO objects", "coco_detect", "detect the COCO objects"),
        ("find the marker", "localize", "marker"),
        ("where is the picture?", "localize", "picture"),
        ("put the mask on the table", "next_action", "put the mask on the table"),
        ("take the picture to the door", "next_action", "take the picture to the door"),
        ("the mug goes in the tray", "next_action", "the mug goes in the tray"),
        ("swap the mug and the bowl", "plan", "swap the mug and the bowl"),
        ("stack the red cube on the mug", "plan", "stack the red cube on the mug"),
        ("let the mug and the bowl trade places", "plan", "let the mug and the bowl trade places"),
        ("which tray does the mug go in?", "vqa", "which tray does the mug go in?"),
        ("switch the light on and off", "", "switch the light on and off"),
        ("stand still", "", "stand still"),
        ("the label at the bottom is torn", "", "the label at the bottom is torn"),
        ("segment", "", "segment"),
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


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name or "free form")
def test_the_example_of_every_phrase_asks_for_its_task(task):
    for phrase in task.phrases:
        assert suggest_task(phrase.example) == task.name


@pytest.mark.parametrize(
    ("sentence", "task"),
    [
        ("list all objects in 3D.", "cuboids"),
        ("find all COCO objects in the image", "coco_detect"),
        ("what is the depth of the sink?", "depth"),
        ("what can you hear", "audio_caption"),
        ("show me the mask of the cup", "segment"),
        ("move left", "navigate"),
        ("what is going on here?", "video_caption"),
    ],
)
def test_the_opening_that_reads_most_of_a_sentence_wins(sentence, task):
    assert suggest_task(sentence) == task
