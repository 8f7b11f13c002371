"""Tokens to boxes, keypoints and action steps, and the grammars that keep answers in their form.

numpy only.
"""

from uio2_ros.decoding.automaton import Automaton, Grammar
from uio2_ros.decoding.boxes import LocatedBox, parse_boxes, suppress_repeats
from uio2_ros.decoding.grammars import (
    free_form,
    free_text,
    labelled_boxes,
    locations,
    named_points,
    options,
    single_box,
)
from uio2_ros.decoding.keypoints import COCO_17, LocatedPoint, parse_keypoints
from uio2_ros.decoding.manipulation import (
    Motion,
    Primitive,
    UnitPose,
    manipulation_steps,
    parse_motions,
)
from uio2_ros.decoding.navigation import named_action, parse_named_action, past_move
from uio2_ros.decoding.reading import Place, Run, read_runs
from uio2_ros.decoding.vocabulary import Symbols, Vocabulary, location_bin

__all__ = [
    "COCO_17",
    "Automaton",
    "Grammar",
    "LocatedBox",
    "LocatedPoint",
    "Motion",
    "Place",
    "Primitive",
    "Run",
    "Symbols",
    "UnitPose",
    "Vocabulary",
    "free_form",
    "free_text",
    "labelled_boxes",
    "location_bin",
    "locations",
    "manipulation_steps",
    "named_action",
    "named_points",
    "options",
    "parse_boxes",
    "parse_keypoints",
    "parse_motions",
    "parse_named_action",
    "past_move",
    "read_runs",
    "single_box",
    "suppress_repeats",
]
