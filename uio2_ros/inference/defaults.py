"""The settings each kind of output is generated with unless told otherwise (model.md section 5)."""

from __future__ import annotations

from uio2_ros.inference.sampling import Sampling

TEXT_SAMPLING = Sampling()
IMAGE_SAMPLING = Sampling(top_p=0.9, guidance_scale=10.0)
AUDIO_SAMPLING = Sampling(top_p=0.9)
DENSE_SAMPLING = Sampling(top_p=0.9, temperature=0.9)
"""Depth maps and surface normals."""
SEGMENTATION_SAMPLING = Sampling(top_p=0.95, temperature=0.9)

DEFAULT_SAMPLING = {"text": TEXT_SAMPLING, "image": IMAGE_SAMPLING, "audio": AUDIO_SAMPLING}
NEGATIVE_PROMPTS = {
    "image": "An image of a random picture.",
    "audio": "A video of a random audio.",
}
"""What guidance moves away from: the prompts of the examples that were trained without a text."""
