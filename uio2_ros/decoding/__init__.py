"""Tokens to boxes, keypoints, 3D boxes and action steps, and the grammars that keep their form.

numpy and transforms3d only.
"""

from uio2_ros.decoding.actions import action_steps, parse_action_steps
from uio2_ros.decoding.automaton import Grammar
from uio2_ros.decoding.boxes import LocatedBox, parse_boxes, suppress_repeats
from uio2_ros.decoding.cuboid_grammar import LocatedCuboid, labelled_cuboids, parse_cuboids
from uio2_ros.decoding.cuboids import (
    CuboidCodec,
    CuboidError,
    MetricBoxes,
)
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
    ManipulationStep,
    Primitive,
    UnitPose,
    manipulation_steps,
    parse_manipulation,
)
from uio2_ros.decoding.navigation import named_action, parse_named_action, past_move
from uio2_ros.decoding.placement import CanvasPlacement
from uio2_ros.decoding.points import PointCodec
from uio2_ros.decoding.projection import edges_ahead, outlines
from uio2_ros.decoding.quantities import Range
from uio2_ros.decoding.reading import read_runs
from uio2_ros.decoding.relative_pose import RelativePose, RelativePoseCodec
from uio2_ros.decoding.vocabulary import Symbols, Vocabulary, location_bin

__all__ = [
    "COCO_17",
    "CanvasPlacement",
    "CuboidCodec",
    "CuboidError",
    "Grammar",
    "LocatedBox",
    "LocatedCuboid",
    "LocatedPoint",
    "ManipulationStep",
    "MetricBoxes",
    "PointCodec",
    "Primitive",
    "Range",
    "RelativePose",
    "RelativePoseCodec",
    "Symbols",
    "UnitPose",
    "Vocabulary",
    "action_steps",
    "edges_ahead",
    "free_form",
    "free_text",
    "labelled_boxes",
    "labelled_cuboids",
    "location_bin",
    "locations",
    "manipulation_steps",
    "named_action",
    "named_points",
    "options",
    "outlines",
    "parse_action_steps",
    "parse_boxes",
    "parse_cuboids",
    "parse_keypoints",
    "parse_manipulation",
    "parse_named_action",
    "past_move",
    "read_runs",
    "single_box",
    "suppress_repeats",
]
