"""Scores that only a whole data set has: average precision of boxes, and CIDEr of captions."""

from __future__ import annotations

import contextlib
import io
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from uio2_ros.robot.answer import Detection

LONGEST_PHRASE = 4  # words
LENGTH_SIGMA = 6.0  # words
CIDER_SCALE = 10.0
_WORD = re.compile(r"'?[a-z0-9]+")

Phrases = list[Counter[tuple[str, ...]]]
"""Of a text, how often it has each phrase of one word, two words, ..."""


def average_precision(
    found: Sequence[Sequence[Detection]], truth: Sequence[Sequence[Detection]]
) -> dict[str, float]:
    """COCO's AP, AP50 and AP75 of labelled boxes, one sequence for each picture, by pycocotools.

    NaN where there is no true box. ModuleNotFoundError without pycocotools.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    labels = sorted({one.label for boxes in truth for one in boxes})
    if not labels:
        return dict.fromkeys(("AP", "AP50", "AP75"), math.nan)
    number = {label: index + 1 for index, label in enumerate(labels)}
    images = [{"id": index + 1} for index in range(len(truth))]
    wanted = [
        {**_coco_box(one, image, number), "id": identity, "iscrowd": 0}
        for identity, (image, one) in enumerate(_numbered(truth), start=1)
    ]
    given = [
        {**_coco_box(one, image, number), "score": one.score}
        for image, one in _numbered(found)
        if one.label in number
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO()
        known.dataset = {
            "images": images,
            "annotations": wanted,
            "categories": [{"id": index, "name": label} for label, index in number.items()],
            "info": {},
        }
        known.createIndex()
        if not given:
            return dict.fromkeys(("AP", "AP50", "AP75"), 0.0)
        measured = COCOeval(known, known.loadRes(given), "bbox")
        measured.evaluate()
        measured.accumulate()
        measured.summarize()
    return dict(zip(("AP", "AP50", "AP75"), map(float, measured.stats[:3]), strict=True))


def _numbered(boxes: Sequence[Sequence[Detection]]) -> list[tuple[int, Detection]]:
    """Every box with the number of its picture, from 1."""
    return [(image, one) for image, some in enumerate(boxes, start=1) for one in some]


def _coco_box(one: Detection, image: int, number: Mapping[str, int]) -> dict[str, Any]:
    width, height = one.box.size
    return {
        "image_id": image,
        "category_id": number[one.label],
        "bbox": [one.box.x1, one.box.y1, width, height],
        "area": width * height,
    }


def cider(said: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """CIDEr-D of each caption beside what people said of its picture, 1 being as people say it.

    Phrases count by how few pictures they are said of (arXiv 1411.5726), so that the score depends
    on all references. Words are letters and digits in lower case; the published numbers split
    them as the Penn Treebank does, which differs in a few.
    """
    pictures = [[_phrases(text) for text in some] for some in references]
    known: Counter[tuple[str, ...]] = Counter(
        phrase
        for some in pictures
        for phrase in {phrase for one in some for counts in one for phrase in counts}
    )
    weights = {phrase: math.log(len(pictures) / count) for phrase, count in known.items()}
    rare = math.log(max(len(pictures), 1))
    return [
        CIDER_SCALE
        * float(np.mean([_likeness(_phrases(text), one, weights, rare) for one in some] or [0.0]))
        for text, some in zip(said, pictures, strict=True)
    ]


def _phrases(text: str) -> Phrases:
    words = _WORD.findall(text.lower())
    return [
        Counter(tuple(words[first : first + n]) for first in range(len(words) - n + 1))
        for n in range(1, LONGEST_PHRASE + 1)
    ]


def _likeness(
    said: Phrases, reference: Phrases, weights: Mapping[tuple[str, ...], float], rare: float
) -> float:
    """The mean cosine over lengths of phrases, those said too often cut, less for other lengths."""
    longer = sum(said[1].values()) - sum(reference[1].values())
    penalty = math.exp(-(longer**2) / (2 * LENGTH_SIGMA**2))
    return penalty * float(
        np.mean([_cosine(a, b, weights, rare) for a, b in zip(said, reference, strict=True)])
    )


def _cosine(
    said: Counter[tuple[str, ...]],
    reference: Counter[tuple[str, ...]],
    weights: Mapping[tuple[str, ...], float],
    rare: float,
) -> float:
    def weighted(counts: Counter[tuple[str, ...]]) -> dict[tuple[str, ...], float]:
        return {phrase: count * weights.get(phrase, rare) for phrase, count in counts.items()}

    mine, theirs = weighted(said), weighted(reference)
    shared = sum(
        min(mine[phrase], theirs[phrase]) * theirs[phrase] for phrase in mine.keys() & theirs
    )
    norms = math.hypot(*mine.values()) * math.hypot(*theirs.values())
    return shared / norms if norms else 0.0
