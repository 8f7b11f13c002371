"""Bounds and thresholds of the tasks. Imports nothing of ours."""

from __future__ import annotations

import math
from dataclasses import dataclass

AXES = "xyz"
_HIGHEST = {"sampling_temperature": math.inf, "depth_max_m": math.inf}


@dataclass(frozen=True)
class TaskSettings:
    """Bounds and thresholds of the tasks; ValueError for values that make no sense.

    The thresholds are those of model.md section 8.
    """

    free_form_tokens: int = 128
    caption_tokens: int = 64
    answer_tokens: int = 32
    category_tokens: int = 16
    label_tokens: int = 8
    max_boxes: int = 20
    max_steps: int = 8
    max_batch: int = 8
    """Texts, pictures or sounds generated at once."""
    max_masks: int = 8
    """Objects of a name that are segmented; those with the highest scores."""
    force_class: float = 0.3
    """Probability of all locations from which another box of a class is forced."""
    force_people: float = 0.5
    """The same for the people whose keypoints are sought."""
    force_everything: float = 0.5
    """The same where every object is sought."""
    overlap: float = 0.8
    """Intersection over union above which a later box repeats an earlier one."""
    sampling_temperature: float = 1.0
    """Of instructions with a seed; without one the likeliest token is taken."""
    sampling_top_p: float = 0.9
    mask_threshold: float = 0.5
    """Gray above which a pixel belongs to a mask."""
    depth_max_m: float = 10.0
    depth_near_is_white: bool = True
    """White is 0 m and black `depth_max_m`; False is the inverse."""
    normal_axes: str = "+x -y -z"
    """The optical axes that red, green and blue stand for; brighter is further along."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) is int and value < 1:
                raise ValueError(f"{name} of the tasks is {value}; give 1 or more")
            if type(value) is float and not 0 <= value <= _HIGHEST.get(name, 1):
                highest = _HIGHEST.get(name, 1)
                raise ValueError(f"{name} of the tasks is {value}; give a value in [0, {highest}]")
        for name in ("sampling_temperature", "sampling_top_p", "depth_max_m"):
            if getattr(self, name) == 0:
                raise ValueError(f"{name} of the tasks is 0; give more")
        if sorted(axis[1:] for axis in self.normal_axes.split()) != sorted(AXES) or not all(
            axis[0] in "+-" for axis in self.normal_axes.split()
        ):
            raise ValueError(
                f"normal_axes of the tasks is {self.normal_axes!r}; give three signed axes that "
                "differ, such as '+x -y -z'"
            )
