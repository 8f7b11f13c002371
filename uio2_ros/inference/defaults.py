"""The settings each kind of output is generated with unless told otherwise (model.md section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from uio2_ros.inference.sampling import Sampling

TEXT_SAMPLING = Sampling()
IMAGE_SAMPLING = Sampling(top_p=0.9, guidance_scale=10.0)
AUDIO_SAMPLING = Sampling(top_p=0.9)
DENSE_SAMPLING = Sampling(top_p=0.9, temperature=0.9)
"""Depth maps and surface normals."""
SEGMENTATION_SAMPLING = Sampling(top_p=0.95, temperature=0.9)
PLAIN_IMAGE_SAMPLING = Sampling(top_p=0.9)


@dataclass(frozen=True)
class Defaults:
    """What a family is generated with, by modality."""

    sampling: Mapping[str, Sampling]
    negative_prompts: Mapping[str, str]
    """For the modalities whose sampling has a guidance_scale."""
    dense: Sampling = PLAIN_IMAGE_SAMPLING
    """Depth maps and surface normals."""
    mask: Sampling = PLAIN_IMAGE_SAMPLING


PLAIN = Defaults(
    {"text": Sampling(), "image": PLAIN_IMAGE_SAMPLING, "audio": Sampling(top_p=0.9)}, {}
)
"""Of families that say nothing else."""
