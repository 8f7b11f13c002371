"""Where a model runs and in which dtype: what "auto" means."""

from __future__ import annotations

import torch

Device = torch.device | str


def resolve_device(device: Device) -> torch.device:
    """ "auto" is CUDA where there is one, else the CPU.

    ValueError for a CUDA device that this PyTorch does not see.
    """
    if device != "auto":
        place = _known(device)
        if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
            raise ValueError(
                f"device is {device} but this PyTorch ({torch.__version__}) sees "
                f"{torch.cuda.device_count()} CUDA devices; install a PyTorch with CUDA and the "
                "driver of the graphics card, or give device auto or cpu"
            )
        return place
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _known(device: Device) -> torch.device:
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device is {device!r}; give auto, cpu, cuda or cuda:N") from error


def resolve_dtype(dtype: torch.dtype | str, device: torch.device) -> torch.dtype:
    """ "auto" is bfloat16 on CUDA and float32 elsewhere; names are those of torch."""
    if isinstance(dtype, torch.dtype):
        return dtype
    names = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if dtype not in names:
        raise ValueError(f"dtype must be auto, {', '.join(names)} or a torch dtype, got {dtype!r}")
    return names[dtype]
