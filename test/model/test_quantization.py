"""Int8 weights: a quarter of the memory, nearly the same answers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from uio2_ros.model import UnifiedIO, quantization
from uio2_ros.model.quantization import BLOCK, QuantizedLinear, quantize_weight
from uio2_ros.processing import Example, Processor


@pytest.fixture(scope="module")
def quantized() -> UnifiedIO:
    return UnifiedIO.synthetic("tiny").quantize("int8")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(1e-6, 1e6))
def test_no_weight_moves_by_more_than_half_a_step(seed: int, size: float) -> None:
    weight = torch.randn(7, 33, generator=torch.Generator().manual_seed(seed)) * size
    integers, scale = quantize_weight(weight)
    error = (integers * scale[:, None] - weight).abs()
    assert bool((error <= scale[:, None] * 0.5001).all())
    assert int(integers.abs().max()) == 127


def test_large_weights_are_quantised_as_their_rows_are() -> None:
    weight = torch.randn(BLOCK // 64 + 3, 128, dtype=torch.bfloat16)  # more than two blocks
    integers, scale = quantize_weight(weight)
    for row in (0, BLOCK // 128 - 1, BLOCK // 128, len(weight) - 1):
        alone, its_scale = quantize_weight(weight[row : row + 1])
        assert torch.equal(integers[row], alone[0])
        assert scale[row] == its_scale


def test_an_output_without_weights_stays_zero() -> None:
    integers, scale = quantize_weight(torch.zeros(2, 5))
    assert not QuantizedLinear(integers, scale)(torch.randn(3, 5)).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_layer_computes_in_the_dtype_of_its_input(dtype: torch.dtype) -> None:
    linear = nn.Linear(64, 48, bias=False)
    x = torch.randn(2, 5, 64)
    y = QuantizedLinear(*quantize_weight(linear.weight))(x.to(dtype))
    assert y.dtype == dtype
    similarity = torch.cosine_similarity(y.float().flatten(), linear(x).flatten(), dim=0)
    assert similarity > 0.999


@pytest.mark.parametrize("integers", [True, False], ids=["integer products", "widened weights"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_ways_to_multiply_give_what_the_weights_say(
    monkeypatch: pytest.MonkeyPatch, integers: bool, dtype: torch.dtype
) -> None:
    if integers and not quantization.multiplies_integers():
        pytest.skip("this CPU has no products of int8")
    monkeypatch.setattr(quantization, "multiplies_integers", lambda: integers)
    weight = torch.randn(96, 64, generator=torch.Generator().manual_seed(0))
    x = torch.randn(2, 5, 64, generator=torch.Generator().manual_seed(1))
    x[0, 0] *= 1000  # rows have scales of their own
    x[1, 1] = 0
    layer = QuantizedLinear(*quantize_weight(weight))
    y, exact = layer(x.to(dtype)).float(), x @ weight.T
    error = (y - exact).norm(dim=-1) / exact.norm(dim=-1).clamp(min=1e-9)
    assert error.max() < 0.02
    assert not y[1, 1].any()


def test_integer_products_have_a_kernel_on_every_cpu_that_is_said_to_have_them() -> None:
    if not quantization.multiplies_integers():
        pytest.skip("this CPU has no products of int8")
    linear = nn.Linear(512, 512, bias=False)
    layer = QuantizedLinear(*quantize_weight(linear.weight))
    x = torch.randn(64, 512)
    with torch.inference_mode():
        exact, rough = (min(_seconds(one, x) for _ in range(7)) for one in (linear, layer))
    assert rough < 10 * exact, "oneDNN's reference takes a hundred times as long"


def _seconds(layer: nn.Module, x: torch.Tensor) -> float:
    began = time.perf_counter()
    layer(x)
    return time.perf_counter() - began


def test_a_layer_that_was_used_still_moves_as_plain_integers() -> None:
    integers, scale = quantize_weight(torch.randn(48, 64))
    layer = QuantizedLinear(integers, scale)
    layer(torch.randn(1, 64))
    assert torch.equal(layer.to("cpu").weight, integers)


def test_answers_stay_near_those_of_float32(
    model: UnifiedIO, quantized: UnifiedIO, processor: Processor, five_modalities: Example
) -> None:
    with torch.inference_mode():
        batch = processor.collate([five_modalities])
        targets = torch.randint(2, 200, (1, 64), generator=torch.Generator().manual_seed(0))
        exact, rough = (
            one.decode_targets(one.remember(one.encode(one.embed_inputs(batch))), targets)
            for one in (model, quantized)
        )
    similarity = torch.cosine_similarity(exact, rough, dim=-1)
    agreement = (exact.argmax(-1) == rough.argmax(-1)).float().mean()
    assert similarity.min() > 0.999
    assert agreement > 0.9  # the synthetic weights' logits are nearly flat


def test_the_transformer_takes_a_quarter_of_its_memory(model: UnifiedIO) -> None:
    quantized = UnifiedIO.synthetic("tiny").quantize("int8")

    def linear_bytes(one: UnifiedIO) -> int:
        parts = (*one.encoder.modules(), *one.decoder.modules())
        kinds = (nn.Linear, QuantizedLinear)
        return sum(t.nbytes for m in parts if isinstance(m, kinds) for t in m.state_dict().values())

    assert linear_bytes(quantized) < 0.27 * linear_bytes(model)
    assert not [m for m in quantized.decoder.modules() if isinstance(m, nn.Linear)]
    assert quantized.dtype == torch.float32


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_a_checkpoint_is_quantised_while_it_is_loaded(
    model: UnifiedIO, tmp_path: Path, dtype: torch.dtype | None
) -> None:
    model.save_pretrained(tmp_path)
    loaded = UnifiedIO.from_pretrained(tmp_path, quantize="int8", dtype=dtype)
    fresh = UnifiedIO.synthetic("tiny").quantize("int8")  # not packed by use yet
    for name, expected in fresh.decoder.state_dict().items():
        if expected.dtype == torch.int8:
            assert torch.equal(loaded.decoder.state_dict()[name], expected)
    assert loaded.dtype == (dtype or torch.float32)
    assert loaded.get_parameter("input_embedders.image.vit.pre_ln.bias").dtype == torch.float32
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_modalities_can_be_dropped_from_a_quantised_model() -> None:
    small = UnifiedIO.synthetic("tiny").quantize("int8").set_modalities(["text"], ["text"])
    assert list(small.input_embedders) == list(small.target_embedders) == ["text"]


def test_what_cannot_be_done_with_a_quantised_model_is_said(
    quantized: UnifiedIO, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="is quantised to int8: save or load weights before"):
        quantized.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="is quantised to int8 already"):
        quantized.quantize("int8")
    with pytest.raises(ValueError, match="quantize='int4' is not supported: give 'int8'"):
        UnifiedIO.synthetic("tiny").quantize("int4")
