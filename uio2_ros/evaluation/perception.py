"""How well single pictures are understood: questions with known answers, and their scores.

Scenes are those of the episodes, as they are at the instruction. Captions are not scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from uio2_ros.data.simulated_tasks import perceived
from uio2_ros.evaluation.records import PerceptionRecord
from uio2_ros.evaluation.run_settings import RunSettings
from uio2_ros.evaluation.scores import (
    box_overlap,
    cuboid_errors,
    cuboid_likeness,
    detection_score,
    keypoint_errors,
    mask_overlap,
    pairs,
    same_answer,
)
from uio2_ros.robot.answer import Answer, Picture, Point, PointSet
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.time import to_ns
from uio2_ros.sim import Split, World, sample_episode
from uio2_ros.sim.beyond import strange_questions, stranger
from uio2_ros.sim.questions import absent_label, false_premises
from uio2_ros.sim.truth import ObjectTruth, SceneTruth, observe

POINTS_ASKED = 2  # of each scene
MOST_SAID = 200  # letters of an answer that are kept

Scores = Mapping[str, float]
Mask = npt.NDArray[np.bool_]  # (H, W)


@dataclass(frozen=True)
class Look:
    """One question about a scene: what is asked of which task of the agent, and the truth."""

    task: str
    """As in the results: "points" asks refexp, "absent" and "beyond" localize and vqa."""
    scene: str
    instruction: Instruction
    observation: Observation
    truth: Answer

    @property
    def asked(self) -> str:
        region = self.instruction.region
        where = (
            "" if region is None else f" [{region.x1:g} {region.y1:g} {region.x2:g} {region.y2:g}]"
        )
        return f"{self.instruction.instruction}{where}".strip()

    @property
    def key(self) -> tuple[str, str, str]:
        """That of its record."""
        return PerceptionRecord(self.task, self.scene, self.asked).key

    def score(self, answer: Answer) -> PerceptionRecord:
        """The scores of an answer; those of one that failed are the worst there are."""
        if answer.error_code:
            return PerceptionRecord(
                self.task,
                self.scene,
                self.asked,
                WORST[self.task],
                error_code=int(answer.error_code),
                error=answer.error_msg,
            )
        scores = SCORERS[self.task](answer, self.truth)
        return PerceptionRecord(
            self.task,
            self.scene,
            self.asked,
            scores,
            answer.text[:MOST_SAID],
            confidences=_confidences(answer, self.truth) if self.task in BOXED else (),
        )


def scene_names(settings: RunSettings) -> list[tuple[str, int]]:
    """Task and seed of the scenes, the tasks in turn."""
    count = len(settings.tasks)
    return [
        (settings.tasks[number % count], settings.seed + number // count)
        for number in range(settings.perception)
    ]


def looks_of(task: str, seed: int, settings: RunSettings) -> tuple[Look, ...]:
    """What is asked about one scene. Equal arguments give equal questions."""
    episode = sample_episode(task, seed, Split(settings.split), settings.size)
    rng = np.random.default_rng([seed, 5])
    with World(episode.scene) as world:
        episode.begin(world)
        camera = episode.scene.cameras[0].name
        truth = observe(world, camera)
        frame = Frame(truth.colour, to_ns(world.time_s), f"{camera}_optical_frame")
    seen = Observation(image=frame, camera=truth.camera.model)
    name = f"{task}_{seed}"
    labelled = perceived(truth, episode.scene.place, episode.split, rng)
    looks = [
        Look(one.instruction.task, name, one.instruction, seen, one.answer)
        for one in labelled
        if one.instruction.task in settings.perception_tasks
    ]
    others = {
        "points": _points(truth, rng),
        "absent": _absent(truth, episode.split, rng),
        "beyond": _beyond(episode.split, rng),
    }
    looks += [
        Look(kind, name, instruction, seen, answer)
        for kind, questions in others.items()
        if kind in settings.perception_tasks  # else they draw nothing from `rng`
        for instruction, answer in questions
    ]
    return tuple(looks)


def _absent(
    truth: SceneTruth, split: Split, rng: np.random.Generator
) -> Iterator[tuple[Instruction, Answer]]:
    """Questions that suppose what is not there, and a search for it."""
    for asked in false_premises(truth, split, rng):
        yield Instruction(asked.text, "vqa"), Answer(text=asked.answer)
    yield Instruction(absent_label(truth, split, rng), "localize"), Answer()


def _beyond(split: Split, rng: np.random.Generator) -> Iterator[tuple[Instruction, Answer]]:
    """Questions that no table of toys answers, and a search for what it never holds."""
    for asked in strange_questions(split, rng):
        yield Instruction(asked.text, "vqa"), Answer(text=asked.answer)
    yield Instruction(stranger(split, rng), "localize"), Answer()


def _points(truth: SceneTruth, rng: np.random.Generator) -> Iterator[tuple[Instruction, Answer]]:
    """Some named points that are seen, asked for as regions: "the handle of the red mug"."""
    named = [(seen, point) for seen in truth.objects for point in _outer_points(seen)]
    for number in rng.permutation(len(named))[:POINTS_ASKED].tolist():
        seen, point = named[number]
        words = point.name.replace("_", " ")
        answer = Answer(keypoints=(PointSet(seen.label, seen.box, (point,)),))
        yield Instruction(f"the {words} of the {seen.label}", "refexp"), answer


def _outer_points(seen: ObjectTruth) -> list[Point]:
    return [point for point in seen.keypoints.points if point.visible]


def _boxes(answer: Answer, truth: Answer) -> Scores:
    score = detection_score(answer.detections, truth.detections)
    if not truth.detections:  # asked for what is not there: nothing can be missed
        return {"precision": score.precision}
    return {"precision": score.precision, "recall": score.recall, "IoU": score.overlap}


def _region(answer: Answer, truth: Answer) -> Scores:
    if not answer.detections:
        return {"IoU": 0.0, "IoU > 0.5": 0.0}
    overlap = box_overlap(answer.detections[0].box, truth.detections[0].box)
    return {"IoU": overlap, "IoU > 0.5": float(overlap > 0.5)}


def _refused(answer: Answer, truth: Answer) -> Scores:
    """Whether it says that there is none, or finds none."""
    refused = same_answer(answer.text, truth.text) if truth.text else not answer.detections
    return {"refused": float(refused)}


def _confidences(answer: Answer, truth: Answer) -> tuple[tuple[float, bool], ...]:
    """Of each box; that of a region may be called anything."""
    found = answer.detections
    if len(truth.detections) == 1 == len(found):
        found = (replace(found[0], label=truth.detections[0].label),)
    right = detection_score(found, truth.detections).right
    return tuple((one.score, each) for one, each in zip(found, right, strict=True))


def _words(answer: Answer, truth: Answer) -> Scores:
    return {"accuracy": float(same_answer(answer.text, truth.text))}


def _cuboids(answer: Answer, truth: Answer) -> Scores:
    """Errors are means over the objects that were found; their share is the recall."""
    matched = pairs(answer.cuboids, truth.cuboids, cuboid_likeness)
    errors = [cuboid_errors(answer.cuboids[a], truth.cuboids[b]) for a, b in matched]
    scores = {
        "recall": len(matched) / len(truth.cuboids) if truth.cuboids else 1.0,
        "precision": len(matched) / len(answer.cuboids) if answer.cuboids else 1.0,
    }
    if errors:
        scores["centre error (m)"] = float(np.mean([one.center_m for one in errors]))
        scores["size error"] = float(np.mean([one.size for one in errors]))
        scores["rotation error (deg)"] = math.degrees(
            float(np.mean([one.rotation_rad for one in errors]))
        )
    return scores


def _point(answer: Answer, truth: Answer) -> Scores:
    """The middle of the region that was found, as the point."""
    if not answer.detections:
        return {"found": 0.0}
    (wanted,) = truth.keypoints
    (point,) = wanted.points
    x, y = answer.detections[0].box.center
    # boxes are edges, points are centres of pixels
    found = PointSet(wanted.label, None, (Point(point.name, x - 0.5, y - 0.5),))
    (error,) = keypoint_errors(found, wanted)
    return {"found": 1.0, "error (pixels)": error}


def _mask(answer: Answer, truth: Answer) -> Scores:
    true = np.asarray(truth.pictures[0].pixels, np.uint8)
    found = np.zeros_like(true)
    for picture in answer.pictures:
        found = np.maximum(found, np.asarray(picture.pixels, np.uint8))
    return {"IoU": mask_overlap(found, true)}


def _depth(answer: Answer, truth: Answer) -> Scores:
    return depth_scores(_floats(answer.pictures[0]), _floats(truth.pictures[0]))


def depth_scores(found: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]) -> Scores:
    """Over the pixels that both know: mean |d - d*| / d*, and the share within a factor of 1.25."""
    true: Mask = np.isfinite(truth) & (truth > 0)
    known: Mask = true & np.isfinite(found) & (found > 0)
    covered = _share(known, true)
    if not known.any():
        return {"covered": covered}
    ratio = found[known].astype(np.float64) / truth[known]
    return {
        "covered": covered,
        "relative error": float(np.mean(np.abs(ratio - 1))),
        "within 25 %": float(np.mean(np.maximum(ratio, 1 / ratio) < 1.25)),
    }


def _normals(answer: Answer, truth: Answer) -> Scores:
    return normal_scores(_floats(answer.pictures[0]), _floats(truth.pictures[0]))


def normal_scores(found: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]) -> Scores:
    """The mean angle between normals (H, W, 3), over the pixels where both have one."""
    true_lengths = np.nan_to_num(np.linalg.norm(truth, axis=-1))
    lengths = np.nan_to_num(np.linalg.norm(found, axis=-1)) * true_lengths
    known: Mask = lengths > 0
    covered = _share(known, true_lengths > 0)
    if not known.any():
        return {"covered": covered}
    cosines = np.einsum("nc,nc->n", found[known], truth[known]) / lengths[known]
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    return {"covered": covered, "angle (deg)": float(np.mean(angles))}


def _share(part: Mask, whole: Mask) -> float:
    return int(np.count_nonzero(part)) / max(1, int(np.count_nonzero(whole)))


def _floats(picture: Picture) -> npt.NDArray[np.float32]:
    return np.asarray(picture.pixels, np.float32)


SCORERS: Mapping[str, Callable[[Answer, Answer], Scores]] = {
    "refexp": _region,
    "localize": _boxes,
    "detect": _boxes,
    "vqa": _words,
    "categorize": _words,
    "cuboids": _cuboids,
    "points": _point,
    "absent": _refused,
    "beyond": _refused,
    "segment": _mask,
    "depth": _depth,
    "normals": _normals,
}
WORST: Mapping[str, Scores] = {
    "refexp": {"IoU": 0.0, "IoU > 0.5": 0.0},
    "localize": {"precision": 0.0, "recall": 0.0, "IoU": 0.0},
    "detect": {"precision": 0.0, "recall": 0.0, "IoU": 0.0},
    "vqa": {"accuracy": 0.0},
    "categorize": {"accuracy": 0.0},
    "cuboids": {"recall": 0.0, "precision": 0.0},
    "points": {"found": 0.0},
    "absent": {"refused": 0.0},
    "beyond": {"refused": 0.0},
    "segment": {"IoU": 0.0},
    "depth": {"covered": 0.0},
    "normals": {"covered": 0.0},
}
"""What an answer that failed scores: rates are 0, errors have no value."""
BOXED = ("refexp", "localize", "detect")
"""Tasks whose answers are boxes with a probability each."""
