"""Devices and dtypes: what "auto" means, and what is refused."""

from __future__ import annotations

import logging

import pytest
import torch

from uio2_ros.inference import devices
from uio2_ros.inference.devices import SMALL_BYTES, bfloat16_speed, resolve_device, resolve_dtype

CPU = torch.device("cpu")


def test_auto_is_cuda_where_there_is_one() -> None:
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device("cpu") == CPU


@pytest.mark.parametrize("device", ["gpu", "cuda:x"])
def test_devices_that_do_not_exist_are_refused(device: str) -> None:
    with pytest.raises(ValueError, match=f"device is '{device}'; give auto, cpu, cuda or cuda:N"):
        resolve_device(device)


def test_a_cuda_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"device is cuda:99 but this PyTorch .* sees \d+ CUDA"):
        resolve_device("cuda:99")


def test_a_device_that_pytorch_was_built_without_is_refused() -> None:
    with pytest.raises(ValueError, match=r"device xla cannot be used: .*; give auto or cpu"):
        resolve_device("xla")


def test_dtypes_have_the_names_of_torch() -> None:
    assert resolve_dtype("float16", CPU) == torch.float16
    assert resolve_dtype(torch.float64, CPU) == torch.float64
    with pytest.raises(ValueError, match="dtype must be auto, float32, bfloat16"):
        resolve_dtype("int8", CPU)


@pytest.mark.parametrize(
    ("speed", "expected"),
    [((3.0, 1.2), torch.bfloat16), ((0.3, 0.8), torch.float32), ((1.2, 1.2), torch.float32)],
)
def test_auto_is_what_measures_faster_on_a_cpu_and_says_so(
    speed: tuple[float, float],
    expected: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(devices, "bfloat16_speed", lambda: speed)
    with caplog.at_level(logging.INFO):
        assert resolve_dtype("auto", CPU, SMALL_BYTES) == expected
    assert f"dtype auto is {expected}".replace("torch.", "") in caplog.text
    assert f"{speed[0]:.2f} times as fast" in caplog.text


def test_auto_measures_nothing_for_small_weights_and_on_cuda(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices, "bfloat16_speed", lambda: pytest.fail("it was measured"))
    assert resolve_dtype("auto", CPU, SMALL_BYTES - 1) == torch.float32
    assert resolve_dtype("auto", torch.device("cuda"), SMALL_BYTES) == torch.bfloat16


def test_the_measurement_gives_ratios_of_this_cpu() -> None:
    prefill, step = bfloat16_speed()
    assert prefill > 0
    assert step > 0
    assert bfloat16_speed() == (prefill, step)  # once per process
