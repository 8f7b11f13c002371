"""Tensors of the host on their way to a device. torch only."""

from __future__ import annotations

import torch
from torch import Tensor


def pinned(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor where a CUDA device reads it while the host goes on; itself for other devices."""
    on_host = device.type == "cuda" and tensor.device.type == "cpu"
    return tensor.pin_memory() if on_host else tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; the host does not wait for the transfer to one of CUDA."""
    return pinned(tensor, device).to(device, non_blocking=True)
