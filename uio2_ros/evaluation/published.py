"""What the authors measured of the released sizes, to stand beside what is measured here.

arXiv 2312.17172; without tuning on any benchmark. In per cent where `benchmarks` gives shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Published(NamedTuple):
    """Scores of L (1.1 B parameters), XL (3.2 B) and XXL (6.8 B)."""

    large: float
    xl: float
    xxl: float


PUBLISHED: Mapping[str, Published] = {
    "RefCOCO": Published(84.1, 88.2, 90.7),
    "RefCOCO+": Published(71.7, 79.8, 83.1),
    "RefCOCOg": Published(79.0, 84.0, 86.6),
    "VQAv2": Published(75.3, 78.1, 79.4),
    "OK-VQA": Published(50.2, 53.7, 55.5),
    "TallyQA": Published(69.1, 72.2, 75.9),
    "COCO captions": Published(128.2, 130.3, 125.4),
    "COCO detection": Published(float("nan"), float("nan"), 47.2),
    "NYU depth": Published(float("nan"), float("nan"), 0.623),
    "GRIT categorisation": Published(70.1, 74.2, 74.9),
    "GRIT localisation": Published(66.1, 69.1, 70.3),
    "GRIT VQA": Published(67.6, 69.0, 71.3),
    "GRIT referring expression": Published(66.6, 71.9, 75.5),
    "GRIT segmentation": Published(53.8, 57.3, 58.2),
    "GRIT keypoints": Published(56.8, 68.2, 72.8),
    "GRIT normals": Published(44.5, 46.7, 45.2),
    "VGG-Sound": Published(37.8, 44.2, 47.7),
    "AudioCaps captions": Published(45.7, 45.7, 48.9),
    "Kinetics-400": Published(68.5, 71.4, 73.8),
    "BoolQ": Published(66.6, 72.8, 77.3),
}
"""RefCOCOg is of the Google split; GRIT of the ablation set; COCO detection is AP."""
