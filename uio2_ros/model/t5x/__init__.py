"""Checkpoints as JAX programs write them: T5X folders and flat .npz files, read array by array.

Files are data here: nothing is unpickled, no path leaves its folder, and what is damaged is an
error that names the file. msgpack, gzip and numpy read all of it, bfloat16 too, which zarr's own
version 2 does not know.
"""

from uio2_ros.model.t5x.source import JaxCheckpoint, is_jax_checkpoint, open_checkpoint
from uio2_ros.model.t5x.tensors import StoredArray, TensorLayout, read_tensor

__all__ = [
    "JaxCheckpoint",
    "StoredArray",
    "TensorLayout",
    "is_jax_checkpoint",
    "open_checkpoint",
    "read_tensor",
]
