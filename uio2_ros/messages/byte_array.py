"""Arrays as what rclpy takes for uint8[] fields without looking at each byte."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import numpy.typing as npt


def byte_array(values: npt.NDArray[Any]) -> array.array[int]:
    """The bytes of any array, row by row."""
    content = array.array("B")
    content.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return content
