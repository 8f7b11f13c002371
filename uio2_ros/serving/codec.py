"""Frozen dataclasses as bytes and back: msgpack on the wire, cattrs for the types. No torch.

What comes is not trusted to be right: another version, unknown messages and fields, values of
another type and arrays that lie elsewhere are a `ProtocolError` that says where.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from types import UnionType
from typing import Any, Union, get_args, get_origin

import cattrs
import msgpack
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Placer = Callable[[Array], int | None]
"""Where an array lies in memory that both sides share; None: it travels in the message."""
Finder = Callable[[int, tuple[int, ...], "np.dtype[Any]"], Array]
"""The array of a shape and dtype that lies at a place; ProtocolError if none can."""

MOST_DIMENSIONS = 8
MOST_ITEMS = 2**16
"""Of one list or map: room is made for as many as a message claims. Arrays are bytes."""


class ProtocolError(ValueError):
    """A message that this side does not understand, or cannot send."""


def nowhere(_: Array) -> None:
    """A `Placer` without shared memory."""


def nothing_shared(_place: int, _shape: tuple[int, ...], _dtype: np.dtype[Any]) -> Array:
    """A `Finder` without shared memory."""
    raise ProtocolError("an array lies in shared memory, of which there is none here")


class Codec:
    """Messages of the given dataclasses, in a version. Any thread.

    A message is the version, the name of its class and its fields by name. An array is its dtype,
    its shape, and either its bytes or its place in shared memory. Arrays that come are read-only.
    """

    def __init__(
        self, version: int, kinds: Iterable[type[Any]], find: Finder = nothing_shared
    ) -> None:
        self._version = version
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._converter = _converter(find)
        for kind in self._kinds.values():  # compiled now rather than with the first message
            self._converter.get_unstructure_hook(kind)
            self._converter.get_structure_hook(kind)

    def pack(self, message: object, place: Placer = nowhere) -> bytes:
        """The message as bytes; ProtocolError for values that have none. What `place` raises comes
        out."""
        name = type(message).__name__
        try:
            packed: bytes = msgpack.packb(
                [self._version, name, self._converter.unstructure(message)],
                default=lambda value: _unstructured(value, place),
            )
        except (OverflowError, TypeError, UnicodeError) as error:
            raise ProtocolError(f"a {name} cannot be sent: {error}") from error
        return packed

    def unpack(self, data: bytes) -> Any:
        """The message; ProtocolError if it is none of this version and these kinds."""
        version, name, fields = _envelope(data)
        if version != self._version:
            raise ProtocolError(f"the other side speaks protocol {version}, this {self._version}")
        if name not in self._kinds:
            raise ProtocolError(
                f"a message {name!r} is unknown; expected {', '.join(sorted(self._kinds))}"
            )
        try:
            return self._converter.structure(fields, self._kinds[name])
        except Exception as error:  # cattrs groups whatever the fields raise
            reasons = "; ".join(cattrs.transform_error(error, name, _reason))
            raise ProtocolError(f"a message {name} is not understood: {reasons}") from error


def _envelope(data: bytes) -> tuple[int, str, object]:
    try:
        version, name, fields = msgpack.unpackb(
            data, max_array_len=MOST_ITEMS, max_map_len=MOST_ITEMS, max_ext_len=0
        )
    except Exception as error:  # of msgpack, or because it is no list of three
        raise ProtocolError(f"{len(data)} bytes are no message: {error}") from error
    if type(version) is not int or type(name) is not str:
        raise ProtocolError(f"{len(data)} bytes are no message: they have no version and name")
    return version, name, fields


def _reason(error: BaseException, expected: type[Any] | None) -> str:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return f"extra fields found ({', '.join(sorted(map(str, error.extra_fields)))})"
    if isinstance(error, KeyError):
        return cattrs.v.format_exception(error, expected)
    return str(error) or type(error).__name__


def _converter(find: Finder) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for accepted in ((str,), (bytes,), (bool,), (int,), (float, int)):
        converter.register_structure_hook(accepted[0], partial(_exactly, accepted))
    converter.register_structure_hook_func(
        _is_array, lambda value, asked: _array(value, _dtypes(asked), find)
    )
    converter.register_unstructure_hook_factory(
        _is_array, lambda asked: lambda value: _of_dtype(value, _dtypes(asked))
    )
    converter.register_structure_hook_factory(
        _is_row, lambda asked: _row_of(converter, get_args(asked))
    )
    return converter


def _exactly(accepted: tuple[type[Any], ...], value: object, asked: type[Any]) -> object:
    """The value, which cattrs would convert: 1 is no bool, and "1" no number. Enumerations are
    numbers and texts by their class."""
    if type(value) not in accepted:
        raise TypeError(f"{type(value).__name__} is not {accepted[0].__name__}")
    return asked(value) if issubclass(asked, Enum) else value


def _row_of(converter: cattrs.Converter, kinds: tuple[Any, ...]) -> Callable[..., tuple[Any, ...]]:
    """Makes tuples, whose elements are of these types (the last may be `...`), of lists."""

    endless = kinds[-1:] == (...,)
    made = [(converter.get_structure_hook(kind), kind) for kind in kinds if kind is not ...]

    def row(value: object, _: object) -> tuple[Any, ...]:
        if type(value) is not list:
            raise TypeError(f"{type(value).__name__} is not list")
        wanted = made * len(value) if endless else made
        if len(value) != len(wanted):
            raise ValueError(f"{len(value)} values are not {len(wanted)}")
        return tuple(make(one, kind) for one, (make, kind) in zip(value, wanted, strict=True))

    return row


def _is_row(asked: Any) -> bool:
    return get_origin(asked) is tuple


def _is_array(asked: Any) -> bool:
    """Whether a type is an array's, or a union of those."""
    if get_origin(asked) in (Union, UnionType):
        return all(map(_is_array, get_args(asked)))
    return asked is np.ndarray or get_origin(asked) is np.ndarray


def _dtypes(asked: Any) -> tuple[np.dtype[Any], ...]:
    """The dtypes that an array of this type may have."""
    if get_origin(asked) is np.ndarray:
        (kind,) = get_args(get_args(asked)[1])
        return (np.dtype(kind),)
    return tuple(dtype for one in get_args(asked) for dtype in _dtypes(one))


def _of_dtype(value: Array, dtypes: tuple[np.dtype[Any], ...]) -> Array:
    if value.dtype not in dtypes:
        raise TypeError(f"an array of {value.dtype} is not one of {', '.join(map(str, dtypes))}")
    return value


def _unstructured(value: object, place: Placer) -> object:
    """What msgpack can pack of numpy's arrays and numbers; TypeError for anything else."""
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray) or value.dtype.hasobject:
        raise TypeError(f"{type(value).__name__} {value!r:.50} has no place in a message")
    where = place(value)
    # msgpack takes flat bytes only, and empty arrays cannot be cast to them
    content = np.ascontiguousarray(value).reshape(-1).view(np.uint8).data if where is None else None
    return [value.dtype.str, value.shape, content if where is None else where]


def _array(value: object, dtypes: tuple[np.dtype[Any], ...], find: Finder) -> Array:
    if type(value) is not list or len(value) != 3:
        raise TypeError(f"{type(value).__name__} is not an array")
    name, shape, content = value
    dtype = next((one for one in dtypes if one.str == name), None)
    if dtype is None:
        raise TypeError(f"an array of {name!r} is not one of {', '.join(map(str, dtypes))}")
    if (
        type(shape) is not list
        or len(shape) > MOST_DIMENSIONS
        or not all(type(size) is int and size >= 0 for size in shape)
    ):
        raise ValueError(f"{shape!r:.50} is no shape of an array")
    if type(content) is int:
        return find(content, tuple(shape), dtype)
    if type(content) is not bytes or len(content) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"the bytes of an array do not fill its shape {shape}")
    return np.frombuffer(content, dtype).reshape(shape)
