"""Bounds and thresholds of the tasks. Imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass


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
    """People whose keypoints are predicted at once."""
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

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, int) and value < 1:
                raise ValueError(f"{name} of the tasks is {value}; give 1 or more")
            if isinstance(value, float) and not 0 <= value <= 1 and name != "sampling_temperature":
                raise ValueError(f"{name} of the tasks is {value}; give a value in [0, 1]")
        if not (self.sampling_temperature > 0 and self.sampling_top_p > 0):
            raise ValueError("sampling_temperature and sampling_top_p of the tasks must be > 0")
