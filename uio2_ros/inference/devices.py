"""Where a model runs and in which dtype: what "auto" means."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import lru_cache

import torch

from uio2_ros.model.products import product

logger = logging.getLogger(__name__)

Device = torch.device | str

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
ALL_BFLOAT16 = "all-bfloat16"
"""bfloat16, and so are the ViTs, which the released models have in float32."""
SMALL_BYTES = 400_000_000
"""Weights below which a CPU spends its time on starting operations, whatever the dtype."""
FASTER = 1.25  # how many times as fast a dtype must be, so that it is not by chance
WIDTH, HIDDEN = 1024, 16384  # of the layer that is measured: 64 MB in float32, beyond caches
PREFILL_ROWS, ROUNDS = 256, 6
SMALL_ROWS, SMALL_WIDTH, SMALL_HIDDEN = 400, 192, 768  # of a picture in a ViT of uio2-nano's size


def resolve_device(device: Device) -> torch.device:
    """ "auto" is CUDA where there is one, else the CPU.

    ValueError for a device that does not exist or that this PyTorch cannot use.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device is {str(device)!r}; give auto, cpu, cuda or cuda:N") from error
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device is {device} but this PyTorch ({torch.__version__}) sees "
            f"{torch.cuda.device_count()} CUDA devices; install a PyTorch with CUDA and the "
            "driver of the graphics card, or give device auto or cpu"
        )
    try:
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {device} cannot be used: {reason}; give auto or cpu") from error
    return place


def resolve_dtype(
    dtype: torch.dtype | str, device: torch.device, weight_bytes: int = 0
) -> torch.dtype:
    """ "auto" is bfloat16 on CUDA, and on a CPU for large weights where it measures faster.

    weight_bytes: what the weights take on disk. Other names are those of torch.
    """
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype == "auto":
        return _fastest(device, weight_bytes)
    if dtype == ALL_BFLOAT16:
        return torch.bfloat16
    if dtype not in DTYPES:
        names = ", ".join(("auto", *DTYPES, ALL_BFLOAT16))
        raise ValueError(f"dtype must be {names} or a torch dtype, got {dtype!r}")
    return DTYPES[dtype]


def _fastest(device: torch.device, weight_bytes: int) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16
    if device.type != "cpu" or weight_bytes < SMALL_BYTES:
        return torch.float32
    prefill, step = bfloat16_speed()
    chosen = torch.bfloat16 if math.sqrt(prefill * step) >= FASTER else torch.float32
    logger.info(
        "dtype auto is %s: a layer in bfloat16 measured %.2f times as fast as in float32 for whole "
        "inputs and %.2f times for a token",
        str(chosen).removeprefix("torch."),
        prefill,
        step,
    )
    return chosen


def small_layers_are_faster_in_bfloat16(device: torch.device) -> bool:
    """On CUDA; on a CPU where a layer of a small ViT's size measures so."""
    if device.type == "cpu":
        return _speed(SMALL_ROWS, SMALL_WIDTH, SMALL_HIDDEN) >= FASTER
    return device.type == "cuda"


@lru_cache(1)
def bfloat16_speed() -> tuple[float, float]:
    """How many times as fast as float32 this CPU is in bfloat16: for many rows, and for one."""
    return _speed(PREFILL_ROWS, WIDTH, HIDDEN), _speed(1, WIDTH, HIDDEN)


@lru_cache
def _speed(rows: int, width: int, hidden: int) -> float:
    """Of a layer in bfloat16, as a multiple of float32's.

    Of a few rounds the best counts, and the dtypes take turns: other work disturbs both alike.
    """
    with torch.inference_mode():
        runs = [_layer(dtype, rows, width, hidden) for dtype in (torch.float32, torch.bfloat16)]
        times = [[_seconds(run) for run in runs] for _ in range(ROUNDS)]
    exact, low = (float(min(column)) for column in zip(*times, strict=True))
    return exact / low


def _layer(dtype: torch.dtype, rows: int, width: int, hidden: int) -> Callable[[], torch.Tensor]:
    weight = torch.full((hidden, width), 0.01, dtype=dtype)
    x = torch.full((rows, width), 0.01, dtype=dtype)
    return lambda: product(x, weight)


def _seconds(run: Callable[[], torch.Tensor]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
