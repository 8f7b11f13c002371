"""Arrays of a JAX network on disk, and how they lie in the tensors of a torch network."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uio2_ros.robot.errors import CheckpointError

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

STORAGE: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "bfloat16": np.dtype("<i2"),
    "float16": np.dtype("<f2"),
}
"""Types of weights, and what holds them in numpy, which has no bfloat16: its bits as integers."""


def storage(dtype: str, where: str) -> np.dtype[Any]:
    """What holds a type of weights; CheckpointError for a type that weights do not have."""
    if dtype not in STORAGE:
        raise CheckpointError(f"{where} holds {dtype!r}; expected one of {', '.join(STORAGE)}")
    return STORAGE[dtype]


@dataclass(frozen=True)
class StoredArray:
    """An array that was not read yet. `read_into` fills an array of its shape and storage."""

    shape: Shape
    dtype: str
    read_into: Callable[[Array], None]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * STORAGE[self.dtype].itemsize


class TensorLayout(Enum):
    """Which axes of the array are those of the tensor."""

    SAME = "same"
    TRANSPOSED = "transposed"
    """(in, out) -> (out, in)"""
    CONVOLUTION = "convolution"
    """(h, w, in, out) -> (out, in, h, w)"""
    TRANSPOSED_CONVOLUTION = "transposed convolution"
    """(h, w, in, out) -> (in, out, h, w), and the window reversed in h and w"""

    def tensor_shape(self, shape: Shape) -> Shape:
        """The shape of the tensor for an array of a shape."""
        return tuple(shape[axis] for axis in self._axes(len(shape)))

    def array_view(self, tensor: Array) -> Array:
        """The memory of a tensor under the array's axes: what is written there is in place."""
        if self is TensorLayout.TRANSPOSED_CONVOLUTION:
            tensor = tensor[:, :, ::-1, ::-1]
        view: Array = tensor.transpose(np.argsort(self._axes(tensor.ndim)))
        return view

    def _axes(self, dimensions: int) -> tuple[int, ...]:
        return _AXES.get(self, tuple(range(dimensions)))


_AXES = {
    TensorLayout.TRANSPOSED: (1, 0),
    TensorLayout.CONVOLUTION: (3, 2, 0, 1),
    TensorLayout.TRANSPOSED_CONVOLUTION: (2, 3, 0, 1),
}


def read_tensor(array: StoredArray, layout: TensorLayout) -> Tensor:
    """The tensor for an array, in its stored type; memory holds it and one chunk of the array."""
    values = np.empty(layout.tensor_shape(array.shape), STORAGE[array.dtype])
    array.read_into(layout.array_view(values))
    tensor = torch.from_numpy(values)
    return tensor.view(torch.bfloat16) if array.dtype == "bfloat16" else tensor
