"""Packed weights give what plain ones give, and are plain again where somebody needs them so."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from uio2_ros.inference import Engine
from uio2_ros.model import UnifiedIO, packing
from uio2_ros.model.packing import PackedLinear, is_worth, pack_linears
from uio2_ros.model.products import LARGE
from uio2_ros.training.lora import add_lora

pytestmark = pytest.mark.skipif(
    not packing._packs_many_rows(), reason="weights are packed on CPUs with AVX512, without AMX"
)


def _linear(dtype: torch.dtype, bias: bool) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(96, 80, bias=bias).to(dtype).requires_grad_(False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(0, 96), (96,), (1, 96), (2, 1, 96), (3, 171, 96)])
def test_a_layer_gives_what_it_gave(dtype: torch.dtype, bias: bool, shape: tuple[int, ...]) -> None:
    linear = _linear(dtype, bias)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    wanted, found = linear(x), PackedLinear(linear)(x)
    assert found.dtype == dtype
    assert found.shape == wanted.shape
    step = 1e-5 if dtype == torch.float32 else 2**-7
    torch.testing.assert_close(found, wanted, rtol=step, atol=step)


def test_a_layer_is_saved_and_unpacked_as_it_was_and_does_not_move() -> None:
    linear = _linear(torch.float32, bias=True)
    layer = PackedLinear(linear)
    assert torch.equal(layer.state_dict()["weight"], linear.weight)
    plain = layer.plain()
    assert torch.equal(plain.weight, linear.weight)
    assert plain.bias is linear.bias
    with pytest.raises(RuntimeError, match="unpack"):
        layer.to(torch.bfloat16)


def test_small_float32_weights_are_left_alone_where_rows_are_few() -> None:
    assert not is_worth(torch.empty(8, 8))
    assert is_worth(torch.empty(8, 8, dtype=torch.bfloat16))
    assert is_worth(torch.empty(LARGE, 1))
    few, many = (nn.Sequential(nn.Sequential(_linear(torch.float32, True))) for _ in range(2))
    pack_linears([few], few_rows=True)
    pack_linears([many], few_rows=False)
    assert isinstance(few[0][0], nn.Linear)
    assert isinstance(many[0][0], PackedLinear)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_what_onednn_does_not_multiply_everywhere_stays_plain(dtype: torch.dtype) -> None:
    plain = nn.Sequential(_linear(dtype, bias=True))
    for few_rows in (True, False):
        pack_linears([plain], few_rows=few_rows)
    assert isinstance(plain[0], nn.Linear)
    assert not is_worth(torch.empty(LARGE, 1, dtype=dtype))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "all-bfloat16"])
def test_the_bundle_loads_and_answers_in_every_dtype(dtype: str) -> None:
    engine = Engine.from_pretrained("uio2-nano", device="cpu", dtype=dtype)
    example = engine.processor("What is this?", image=torch.zeros(48, 64, 3).byte().numpy())
    assert engine.encode(example).hidden.isfinite().all()


@pytest.mark.parametrize("name", ["tiny", "uio1-tiny"])
def test_a_network_answers_as_before(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LARGE", 1)
    plain, packed = (Engine.synthetic(name, device="cpu") for _ in range(2))
    packed.model.pack()
    layers = [one for one in packed.model.modules() if isinstance(one, PackedLinear)]
    assert any(".decoder" in f".{n}" for n, m in packed.model.named_modules() if m in layers)
    assert packed.model._packed_tables
    example = plain.processor("What is this?", image=torch.zeros(48, 64, 3).byte().numpy())
    (one,), (other,) = plain.generate([example]), packed.generate([example])
    assert one.tokens == other.tokens
    encoded, again = plain.encode(example), packed.encode(example)
    torch.testing.assert_close(again.hidden, encoded.hidden, rtol=1e-4, atol=1e-4)


def test_what_was_mapped_leaves_the_process_and_what_is_its_own_stays(tmp_path: Path) -> None:
    size = 2**20
    torch.save({"weight": torch.ones(size // 1024, 1024)}, tmp_path / "weights")
    mapped = torch.load(tmp_path / "weights", mmap=True)["weight"]
    own = torch.ones(size // 1024, 1024)
    before = _file_pages()
    mapped.sum(), own.sum()
    assert _file_pages() >= before + mapped.nbytes // 2
    for one in (mapped, own):
        packing._leave(packing._mapped_files(), one)
    assert _file_pages() < before + mapped.nbytes // 2
    assert bool((mapped == 1).all())  # read again from the file
    assert bool((own == 1).all())


def _file_pages() -> int:
    """Bytes of files that are mapped and in memory."""
    (line,) = [
        one for one in Path("/proc/self/status").read_text().splitlines() if "RssFile" in one
    ]
    return int(line.split()[1]) * 1024


def test_a_packed_network_is_saved_as_it_was(tmp_path: Path) -> None:
    plain, packed = (UnifiedIO.synthetic("tiny") for _ in range(2))
    packed.pack().save_pretrained(tmp_path)
    again = UnifiedIO.from_pretrained(tmp_path)
    for name, tensor in plain.official_state_dict().items():
        assert torch.equal(again.official_state_dict()[name], tensor), name


def test_moved_networks_forget_packed_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LARGE", 1)
    network = UnifiedIO.synthetic("tiny").pack()
    hidden = torch.ones(1, network.config.t5_config.emb_dim)
    before = network.logits(hidden, "text")
    with torch.no_grad():
        network.text_token_embedder.weight.mul_(2)
    assert torch.equal(network.logits(hidden, "text"), before)
    torch.testing.assert_close(network.to("cpu").logits(hidden, "text"), 2 * before)


def test_a_packed_network_is_cast_loaded_copied_and_pickled_as_before() -> None:
    plain = UnifiedIO.synthetic("tiny")
    hidden = torch.ones(1, plain.config.t5_config.emb_dim)
    wanted = plain.logits(hidden, "text")
    for made in (
        UnifiedIO.synthetic("tiny").pack().to_dtype(torch.float32),
        copy.deepcopy(UnifiedIO.synthetic("tiny").pack()),
        pickle.loads(pickle.dumps(UnifiedIO.synthetic("tiny").pack())),
    ):
        torch.testing.assert_close(made.logits(hidden, "text"), wanted)
        assert made.official_state_dict().keys() == plain.official_state_dict().keys()
    low = UnifiedIO.synthetic("tiny").pack().to_dtype(torch.bfloat16)
    assert low.logits(hidden.bfloat16(), "text").isfinite().all()
    again = UnifiedIO.from_config("tiny").pack()
    again.load_official_state_dict(plain.official_state_dict())
    torch.testing.assert_close(again.logits(hidden, "text"), wanted)


def test_packed_layers_are_not_silently_left_out_of_training() -> None:
    with pytest.raises(AssertionError, match="unpack"):
        add_lora(UnifiedIO.synthetic("tiny").pack(), ("encoder",), 2, 1.0)
    assert add_lora(UnifiedIO.synthetic("tiny").pack().unpack(), ("encoder",), 2, 1.0) > 0


def test_a_packed_network_is_quantised_as_a_plain_one_is() -> None:
    plain, packed = (UnifiedIO.synthetic("tiny") for _ in range(2))
    names = [name for name, _ in plain.quantize("int8").named_buffers()]
    assert [name for name, _ in packed.pack().quantize("int8").named_buffers()] == names
