"""Bounds and thresholds of the tasks."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.settings import check, setting

AXES = "xyz"
LEAST = 1e-6
"""Lower bound of what must not be 0."""


@dataclass(frozen=True)
class TaskSettings:
    """Bounds and thresholds of the tasks; ValueError for values that make no sense.

    The thresholds are those of model.md section 8.
    """

    free_form_tokens: int = setting(128, "most tokens of a free-form answer", low=1)
    caption_tokens: int = setting(64, "most tokens of a caption", low=1)
    answer_tokens: int = setting(32, "most tokens of an answer to a question", low=1)
    category_tokens: int = setting(16, "most tokens of a category", low=1)
    label_tokens: int = setting(8, "most tokens of the label of a box", low=1)
    max_boxes: int = setting(20, "most boxes of an answer", low=1)
    max_steps: int = setting(8, "most steps of a plan", low=1)
    max_batch: int = setting(8, "texts, pictures or sounds generated at once", low=1)
    max_masks: int = setting(
        8, "most objects of a name that are segmented; those with the highest scores", low=1
    )
    force_class: float = setting(
        0.3, "probability of all locations from which another box of a class is forced", high=1.0
    )
    force_people: float = setting(
        0.5, "the same for the people whose keypoints are sought", high=1.0
    )
    force_everything: float = setting(0.5, "the same where every object is sought", high=1.0)
    overlap: float = setting(
        0.8, "intersection over union above which a later box repeats an earlier one", high=1.0
    )
    sampling_temperature: float = setting(
        1.0, "of instructions with a seed; without one the likeliest token is taken", low=LEAST
    )
    sampling_top_p: float = setting(
        0.9, "of the same: tokens of this probability together", low=LEAST, high=1.0
    )
    mask_threshold: float = setting(0.5, "gray above which a pixel belongs to a mask", high=1.0)
    depth_max_m: float = setting(10.0, "metres of the farthest depth", low=LEAST)
    depth_near_is_white: bool = setting(
        False, "false: black is 0 m and white depth_max_m, as in training; true: the inverse"
    )
    normal_axes: str = setting(
        "+x -y -z",
        "optical axes that red, green and blue stand for; brighter is further along",
    )

    def __post_init__(self) -> None:
        check(self)
        if sorted(axis[1:] for axis in self.normal_axes.split()) != sorted(AXES) or not all(
            axis[0] in "+-" for axis in self.normal_axes.split()
        ):
            raise ValueError(
                f"normal_axes of the tasks is {self.normal_axes!r}; give three signed axes that "
                "differ, such as '+x -y -z'"
            )
