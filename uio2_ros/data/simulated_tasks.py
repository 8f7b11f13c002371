"""What can be asked about a moment in the simulator, with the right answers.

Left out are the tasks for which the simulator has no truth: keypoints (those of people only),
coco_detect (a COCO table is in every picture and has no box), act (its robots have no continuous
space) and score (which is any other task with options).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from uio2_ros.data.sample import LabelledTask
from uio2_ros.robot.answer import Answer, Detection, Picture
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.robot.plan import TaskPlan
from uio2_ros.sim import SIM_TASKS, Episode
from uio2_ros.sim.questions import Question, absent_label, caption, questions
from uio2_ros.sim.spec import Colour, Place, Shape
from uio2_ros.sim.splits import Split
from uio2_ros.sim.truth import ObjectTruth, SceneTruth

OPTIONS_SHARE = 0.3
"""Of questions, categories and detections, how many come with options."""
MOST_OPTIONS = 4
SEGMENT_S = 4.08
"""Of sound that the model can make at once."""
HIDDEN_PART = 0.15
"""Of the picture's longer side, the least that is left out to be drawn anew."""
BESIDE_PIXELS = 0.05
"""Of the picture's width: objects nearer to each other than this are not the leftmost or so."""

TAGS = {Place.TABLE: "a tabletop", Place.ROOM: "a room"}
_ALTERNATIVES = (
    ("yes", "no"),
    tuple(colour.value for colour in Colour),
    tuple(shape.value for shape in Shape),
    tuple(map(str, range(9))),
)

Pixels = npt.NDArray[np.uint8]
Generator = np.random.Generator


@dataclass(frozen=True)
class ScenarioSound:
    """All sound that goes with a picture in words, and its newest part in words and samples."""

    words: str
    newest_words: str
    newest: npt.NDArray[np.float32]  # mono, 16 kHz


def perceived(
    truth: SceneTruth, place: Place, split: Split, rng: Generator
) -> tuple[LabelledTask, ...]:
    """The tasks that a single picture answers."""
    depth, normals, picture = drawn(truth, caption(truth, place))
    tasks = [
        labelled("caption", Answer(text=caption(truth, place))),
        labelled("image_tag", Answer(text=TAGS[place])),
        depth,
        normals,
        *(_question(asked, rng) for asked in questions(truth, split, rng)),
        *_found(truth, split, rng),
        picture,
    ]
    if truth.objects:
        tasks += _about_one(truth, truth.objects[int(rng.integers(len(truth.objects)))], rng)
    return tuple(tasks)


def drawn(truth: SceneTruth, said: str) -> tuple[LabelledTask, LabelledTask, LabelledTask]:
    """The pictures that are made of a view: its depth, its normals, and itself from words."""
    seen_from_front = truth.normals[..., 2:] < 0  # 0 where nothing is; beyond, see `Picture`
    normals = np.where(seen_from_front, truth.normals, np.float32(np.nan))
    return (
        labelled("depth", Answer(pictures=(Picture("depth", truth.depth),))),
        labelled("normals", Answer(pictures=(Picture("normals", normals),))),
        labelled(
            "generate_image", Answer(pictures=(Picture("generated", truth.colour, said),)), said
        ),
    )


def listened(heard: ScenarioSound) -> tuple[LabelledTask, ...]:
    """What was heard, in words; and the other way round, where there was something."""
    tasks = [labelled("audio_caption", Answer(text=heard.words))]
    if heard.newest.any():
        tasks.append(labelled("generate_audio", Answer(audio=(heard.newest,)), heard.newest_words))
    return tuple(tasks)


def to_come(
    episode: Episode, plan: TaskPlan, number: int, goal: Pixels
) -> tuple[LabelledTask, ...]:
    """What to do from step `number` (0, 1, ...) of a plan on, and the picture it leads to."""
    said = episode.instruction
    rest = replace(plan, steps=plan.steps[number:])
    following = Answer(plan=replace(plan, steps=rest.steps[:1]))
    if episode.scene.place is Place.ROOM:
        tasks = [labelled("navigate", following, said, action_space=plan.action_space)]
    else:
        tasks = [
            labelled("plan", Answer(plan=rest), said, action_space=plan.action_space),
            labelled("next_action", following, said, action_space=plan.action_space),
        ]
    # Pictures are drawn of what is seen at that moment alone.
    told = SIM_TASKS[episode.task].needs == "image"
    if number == 0 and told and episode.scene.place is Place.TABLE:
        picture = Answer(pictures=(Picture("generated", goal, said),))
        tasks += [labelled("goal_image", picture, said), labelled("edit_image", picture, said)]
    return tuple(tasks)


def done(episode: Episode, seen: Observation) -> tuple[LabelledTask, ...]:
    """What was done, as the last pictures show it."""
    if not seen.history:
        return ()
    return (
        labelled("demonstration_caption", Answer(text=episode.doing)),
        labelled("video_caption", Answer(text=episode.doing)),
        labelled("video_tag", Answer(text=SIM_TASKS[episode.task].tag)),
    )


def expressions(truth: SceneTruth) -> Iterator[tuple[str, ObjectTruth]]:
    """Ways to speak of one object that no other object of the picture fits."""
    colours = [seen.spec.colour for seen in truth.objects]
    shapes = [seen.spec.shape for seen in truth.objects]
    for seen in truth.objects:
        yield seen.label, seen
        yield f"the {seen.label}", seen
        if colours.count(seen.spec.colour) == 1:
            yield f"the {seen.spec.colour.value} thing", seen
        if shapes.count(seen.spec.shape) == 1:
            yield f"the {seen.spec.shape.value}", seen
    least = BESIDE_PIXELS * truth.camera.model.width
    ordered = sorted(truth.objects, key=lambda seen: seen.box.center[0])
    middles = [seen.box.center[0] for seen in ordered]
    if len(ordered) > 1 and middles[1] - middles[0] > least:
        yield "the leftmost object", ordered[0]
    if len(ordered) > 1 and middles[-1] - middles[-2] > least:
        yield "the object furthest to the right", ordered[-1]


def _question(asked: Question, rng: Generator) -> LabelledTask:
    answer = Answer(text=asked.answer)
    for words in _ALTERNATIVES:
        if asked.answer in words and rng.uniform() < OPTIONS_SHARE:
            options = _options(asked.answer, words, rng)
            return labelled("vqa", replace(answer, options=options), asked.text, options=options)
    return labelled("vqa", answer, asked.text)


def _found(truth: SceneTruth, split: Split, rng: Generator) -> Iterator[LabelledTask]:
    """Everything that is seen, as boxes in the picture and in space; and nothing of what is not."""
    detections = tuple(one.detection for one in truth.objects)
    cuboids = tuple(one.cuboid for one in truth.objects)
    absent = absent_label(truth, split, rng)
    for task, answer in (
        ("detect", Answer(detections=detections)),
        ("cuboids", Answer(cuboids=cuboids)),
    ):
        labels = [one.label for one in truth.objects]
        given = rng.uniform() < OPTIONS_SHARE
        yield labelled(task, answer, options=_shuffled([*labels, absent], rng) if given else ())
    yield labelled("localize", Answer(), absent)


def _about_one(truth: SceneTruth, one: ObjectTruth, rng: Generator) -> Iterator[LabelledTask]:
    """Tasks about an object, named or in its box."""
    shape = one.spec.shape
    alike = [Detection(seen.box, shape.value) for seen in truth.objects if seen.spec.shape is shape]
    itself = (one.detection,)
    mask = (Picture("mask", one.mask, one.label),)
    yield labelled("localize", Answer(detections=itself), one.label)
    yield labelled("localize", Answer(detections=tuple(alike)), shape.value)
    yield labelled("segment", Answer(detections=itself, pictures=mask), one.label)
    yield labelled("segment", Answer(detections=itself, pictures=mask), one.label, region=one.box)
    told = list(expressions(truth))
    text, meant = told[int(rng.integers(len(told)))]
    yield labelled("refexp", Answer(detections=(Detection(meant.box, text),)), text)
    labels = [seen.label for seen in truth.objects]
    options = _options(one.label, labels, rng) if rng.uniform() < OPTIONS_SHARE else ()
    category = Answer(text=one.label, options=options)
    yield labelled("categorize", category, options=options, region=one.box)
    restored = Answer(pictures=(Picture("generated", truth.colour, one.label),))
    yield labelled("inpaint", restored, one.label, region=_around(one.box, truth.camera.model))


def _around(box: Box, camera: CameraModel) -> Box:
    """A box that holds the given one and is large enough to hide patches of the picture."""
    least = HIDDEN_PART * max(camera.width, camera.height)
    x1, x2 = _widened(box.x1, box.x2, least, camera.width)
    y1, y2 = _widened(box.y1, box.y2, least, camera.height)
    return Box(x1, y1, x2, y2)


def _widened(low: float, high: float, least: float, end: float) -> tuple[float, float]:
    missing = max(0.0, least - (high - low)) / 2
    return max(0.0, low - missing), min(end, high + missing)


def _options(right: str, words: Sequence[str], rng: Generator) -> tuple[str, ...]:
    """The right word among others, in any order."""
    others = _shuffled([word for word in dict.fromkeys(words) if word != right], rng)
    return _shuffled([right, *others[: MOST_OPTIONS - 1]], rng)


def _shuffled(words: Sequence[str], rng: Generator) -> tuple[str, ...]:
    return tuple(words[number] for number in rng.permutation(len(words)).tolist())


def labelled(
    name: str,
    answer: Answer,
    said: str = "",
    *,
    options: tuple[str, ...] = (),
    region: Box | None = None,
    action_space: str = "",
) -> LabelledTask:
    instruction = Instruction(said, name, options, region, action_space)
    return LabelledTask(instruction, replace(answer, task=name))
