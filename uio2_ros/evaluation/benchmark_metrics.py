"""The scores by which Unified-IO 2 was published, of one answer each (training.md, section 11).

Referring expressions by IoU > 0.5, VQA by the agreement of ten people, the rest as the GRIT
benchmark defines it (arXiv 2204.13653).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.decoding.keypoints import COCO_17
from uio2_ros.evaluation.scores import box_overlap, pairs
from uio2_ros.robot.answer import Detection, PointSet

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.uint8]

OKS_SIGMAS = dict(
    zip(
        COCO_17,
        (26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89),
        strict=True,
    )
)
"""Of COCO's joints: how far apart two people place one, in thousandths of the person's size."""
BOUNDARY = 0.02
"""Of a picture's diagonal: how thick the rim of a mask is that segmentation compares."""
RIGHT_ANGLES_DEG = (11.25, 22.5, 30.0)
EDGE_DEG = 40.0
"""Between a true normal and a neighbour: more is an edge, where nobody knows the normal."""
ROTATIONS, CONSENSUS_PIXELS = 500, 500
ENOUGH_PEOPLE = 3
"""Of those who were asked: an answer that so many gave is right."""

_CONTRACTIONS = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't
haven't he'd he'd've he's how'd how'll how's i'd've i'm i've isn't it'd it'd've it'll ma'am mightn't
mightn't've might've mustn't must've needn't not've o'clock oughtn't shan't she'd've should've
shouldn't shouldn't've somebody'd somebody'd've somebody'll somebody's someone'd someone'd've
someone'll someone's something'd something'd've something'll that's there'd there'd've there're
there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're
what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're
why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're
you've
"""
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
} | {"none": "0"}
_ARTICLES = {"a", "an", "the"}
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_BETWEEN_DIGITS = re.compile(r"\d,\d")


def _without_apostrophes() -> dict[str, str]:
    """Contractions by every spelling that lacks one apostrophe or more."""
    spellings: dict[str, str] = {}
    for word in _CONTRACTIONS.split():
        parts = word.split("'")
        for kept in itertools.product(("", "'"), repeat=len(parts) - 1):
            spelt = parts[0] + "".join(a + b for a, b in zip(kept, parts[1:], strict=True))
            if spelt != word:
                spellings[spelt] = word
    return spellings


_APOSTROPHES = _without_apostrophes()


def vqa_words(text: str) -> str:
    """An answer as VQA compares it: without punctuation and articles, numbers as digits."""
    text = text.replace("\n", " ").replace("\t", " ").strip()
    original = text
    for mark in _PUNCTUATION:
        touches = f"{mark} " in original or f" {mark}" in original
        deleted = touches or _BETWEEN_DIGITS.search(original) is not None
        text = text.replace(mark, "" if deleted else " ")
    text = re.sub(r"\.(?!\d)", "", text)
    words = (_NUMBERS.get(word, word) for word in text.lower().split())
    return " ".join(_APOSTROPHES.get(word, word) for word in words if word not in _ARTICLES)


def vqa_score(said: str, answers: Sequence[str]) -> float:
    """How right a short answer is, in [0, 1], beside those that people gave; one must be met."""
    same = sum(vqa_words(said) == vqa_words(one) for one in answers)
    return min(same / ENOUGH_PEOPLE, 1.0) if len(answers) > 1 else float(same)


def exact_match(said: str, answers: Sequence[str]) -> float:
    """Whether it is one of the answers, but for upper and lower case."""
    return float(said.strip().lower() in {one.strip().lower() for one in answers})


def _matched(total: float, found: int, truth: int, matched: int) -> float:
    """The sum of likeness over all that was found or missed; nothing found of nothing is right."""
    count = found + truth - matched
    return total / count if count else 1.0


def localization(found: Sequence[Detection], truth: Sequence[Detection]) -> float:
    """IoU of boxes that are matched for the greatest sum, over all found and missed ones."""

    def likeness(one: Detection, other: Detection) -> float:
        return box_overlap(one.box, other.box)

    matched = pairs(found, truth, likeness)
    total = sum(likeness(found[a], truth[b]) for a, b in matched)
    return _matched(total, len(found), len(truth), len(matched))


def segmentation(found: Sequence[Mask], truth: Sequence[Mask]) -> float:
    """As `localization`, of masks (H, W) by the IoU of their rims."""
    rims, true_rims = [_rim(one) for one in found], [_rim(one) for one in truth]
    matched = pairs(rims, true_rims, _pixel_overlap)
    total = sum(_pixel_overlap(rims[a], true_rims[b]) for a, b in matched)
    return _matched(total, len(found), len(truth), len(matched))


def _rim(mask: Mask) -> npt.NDArray[np.bool_]:
    """The pixels of a mask near its edge; the picture's border is an edge."""
    filled = (mask > 0).astype(np.uint8)
    thickness = max(1, round(BOUNDARY * float(np.hypot(*mask.shape))))
    inner = cv2.erode(
        filled,
        np.ones((3, 3), np.uint8),
        iterations=thickness,
        borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    rim: npt.NDArray[np.bool_] = filled != inner
    return rim


def _pixel_overlap(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 0.0


def keypoints(found: Sequence[PointSet], truth: Sequence[PointSet]) -> float:
    """As `localization`, of people by the likeness of their joints (OKS)."""
    matched = pairs(found, truth, joint_likeness)
    total = sum(joint_likeness(found[a], truth[b]) for a, b in matched)
    return _matched(total, len(found), len(truth), len(matched))


def joint_likeness(found: PointSet, truth: PointSet) -> float:
    """OKS in [0, 1], over the true joints that are visible; their bounding box is the size."""
    there = {point.name: point for point in found.points}
    wanted = [point for point in truth.points if point.visible and point.name in OKS_SIGMAS]
    if not wanted:
        return 0.0
    xs, ys = [point.x for point in wanted], [point.y for point in wanted]
    area = max((max(xs) - min(xs)) * (max(ys) - min(ys)), 1.0)
    likeness = [
        0.0
        if point.name not in there
        else np.exp(
            -((there[point.name].x - point.x) ** 2 + (there[point.name].y - point.y) ** 2)
            / (2 * (2 * OKS_SIGMAS[point.name] / 1000) ** 2 * area)
        )
        for point in wanted
    ]
    return float(np.mean(likeness))


def depth_rmse(found: Floats, truth: Floats) -> float:
    """Metres over the pixels (H, W) whose depth is known; NaN where none is."""
    if found.shape != truth.shape:
        size = truth.shape[1], truth.shape[0]
        found = np.asarray(cv2.resize(found.astype(np.float32), size), np.float32)  # bilinear
    known = np.isfinite(truth) & (truth > 0)
    error = np.nan_to_num(found[known].astype(np.float64)) - truth[known]
    return float(np.sqrt(np.mean(error**2))) if known.any() else float("nan")


def normal_errors_deg(found: Floats, truth: Floats) -> Floats:
    """Angles (K,) between normals (H, W, 3) where the true one is known and no edge is near.

    After the rotation of all of them, found by RANSAC, that brings most within 11.25 degrees: what
    axes a model was taught does not count.
    """
    known = _trusted(truth)
    wanted = _unit(truth[known])
    given = _unit(np.nan_to_num(found[known]))
    if not len(wanted):
        return np.zeros(0)
    turned = given @ _best_rotation(given, wanted, np.random.default_rng(0)).T
    angles: Floats = _angles_deg(turned, wanted)
    return angles


def normals(found: Floats, truth: Floats) -> dict[str, float]:
    """GRIT's score, the share within 11.25 degrees, and the mean, median and other shares."""
    angles = normal_errors_deg(found, truth)
    if not len(angles):
        return {f"within {RIGHT_ANGLES_DEG[0]:g} deg": 1.0}
    shares = {f"within {limit:g} deg": float(np.mean(angles < limit)) for limit in RIGHT_ANGLES_DEG}
    middle = float(np.median(angles))
    return {**shares, "angle (deg)": float(np.mean(angles)), "median angle (deg)": middle}


def _trusted(normals: Floats) -> npt.NDArray[np.bool_]:
    """Whether a normal is known and within 40 degrees of its neighbours to the right and below."""
    known: npt.NDArray[np.bool_] = np.isfinite(normals).all(-1) & (
        np.linalg.norm(np.nan_to_num(normals), axis=-1) > 0
    )
    unit = _unit(np.nan_to_num(normals))
    least = np.cos(np.radians(EDGE_DEG))
    trusted: npt.NDArray[np.bool_] = known.copy()
    for axis in (0, 1):
        first, second = [slice(None)] * 2, [slice(None)] * 2
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        a, b = tuple(first), tuple(second)
        apart = (np.sum(unit[a] * unit[b], axis=-1) < least) & known[a] & known[b]
        trusted[a] &= ~apart
        trusted[b] &= ~apart
    return trusted


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = vectors / np.maximum(lengths, 1e-12)
    return unit


def _angles_deg(one: Floats, other: Floats) -> Floats:
    angles: Floats = np.degrees(np.arccos(np.clip(np.sum(one * other, axis=-1), -1, 1)))
    return angles


def _best_rotation(given: Floats, wanted: Floats, rng: np.random.Generator) -> Floats:
    """The rotation (3, 3) of `given` (K, 3) that most agree to; no rotation is one of the tries."""
    drawn = rng.integers(len(given), size=(2, ROTATIONS))
    tries = _frames(wanted[drawn[0]], wanted[drawn[1]]) @ np.swapaxes(
        _frames(given[drawn[0]], given[drawn[1]]), 1, 2
    )
    tries = np.concatenate([np.eye(3)[None], tries])
    asked = rng.integers(len(given), size=CONSENSUS_PIXELS)
    turned = np.einsum("rij,kj->rki", tries, given[asked])
    agreed = np.sum(_angles_deg(turned, wanted[asked]) < RIGHT_ANGLES_DEG[0], axis=1)
    best: Floats = tries[int(np.argmax(agreed))]
    return best


def _frames(first: Floats, second: Floats) -> Floats:
    """Axes (R, 3, 3): the first vector, the one beside it in the plane of both, and a third."""
    third = _unit(np.cross(first, second))
    frames: Floats = np.stack([first, np.cross(third, first), third], axis=-1)
    return frames
