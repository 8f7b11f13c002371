"""msgpack with numpy's arrays, the way openpi's clients and servers write them. No pickle.

An array is a map of `__ndarray__`, `data`, `dtype` and `shape`, a number of numpy's one of
`__npgeneric__`, `data` and `dtype`, all keys as bytes. What comes is not trusted: a dtype that is
not of plain numbers or truth values, and bytes that do not fill their shape, are refused.
Source: openpi, packages/openpi-client/src/openpi_client/msgpack_numpy.py.
"""

from __future__ import annotations

import math
from typing import Any

import msgpack
import numpy as np

from uio2_ros.serving.codec import MOST_DIMENSIONS, MOST_ITEMS, ProtocolError

KINDS = "biuf"
"""Kinds of dtypes that may travel."""


def pack(value: object) -> bytes:
    """Maps, lists, texts, numbers and arrays as bytes; ProtocolError for anything else."""
    try:
        packed: bytes = msgpack.packb(value, default=_packed)
    except (OverflowError, TypeError, UnicodeError, ValueError) as error:
        raise ProtocolError(f"this cannot be sent: {error}") from error
    return packed


def unpack(data: bytes) -> dict[Any, Any]:
    """The map that was packed; ProtocolError if it is none. Arrays are read-only."""
    try:
        value = msgpack.unpackb(
            data,
            object_hook=_unpacked,
            max_array_len=MOST_ITEMS,
            max_map_len=MOST_ITEMS,
            max_ext_len=0,
        )
    except ProtocolError:
        raise
    except Exception as error:  # msgpack's are of many kinds
        raise ProtocolError(f"{len(data)} bytes are no message: {error}") from error
    if not isinstance(value, dict):
        raise ProtocolError(f"a message is a map; got a {type(value).__name__}")
    return value


def _packed(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in KINDS:
        raise TypeError(f"values of {value.dtype} do not travel")
    if isinstance(value, np.ndarray):
        content, dtype, shape = value.tobytes(), value.dtype.str, value.shape
        return {b"__ndarray__": True, b"data": content, b"dtype": dtype, b"shape": shape}
    if isinstance(value, np.generic):
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise TypeError(f"{type(value).__name__} has no place in a message")


def _unpacked(value: dict[Any, Any]) -> object:
    if b"__ndarray__" in value:
        return _array(value.get(b"data"), _dtype(value.get(b"dtype")), value.get(b"shape"))
    if b"__npgeneric__" in value:
        number = value.get(b"data")
        if not isinstance(number, bool | int | float):
            raise ProtocolError(f"a number is a {type(number).__name__}")
        return _dtype(value.get(b"dtype")).type(number)
    return value


def _dtype(name: object) -> np.dtype[Any]:
    try:
        dtype = np.dtype(name if isinstance(name, str) else "")
    except (TypeError, ValueError, SyntaxError) as error:
        raise ProtocolError(f"{name!r:.50} is no dtype") from error
    if dtype.kind not in KINDS or dtype.str != name:
        raise ProtocolError(f"an array of {name!r:.50} is not one of plain numbers")
    return dtype


def _array(content: object, dtype: np.dtype[Any], shape: object) -> np.ndarray[Any, Any]:
    if (
        not isinstance(shape, list)
        or len(shape) > MOST_DIMENSIONS
        or not all(type(size) is int and size >= 0 for size in shape)
    ):
        raise ProtocolError(f"{shape!r:.50} is no shape of an array")
    if not isinstance(content, bytes) or len(content) != math.prod(shape) * dtype.itemsize:
        raise ProtocolError(f"the bytes of an array do not fill its shape {shape}")
    return np.frombuffer(content, dtype).reshape(shape)
