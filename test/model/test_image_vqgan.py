"""The image VQGAN: official names, the codes and pictures of the released code, bad input."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_inputs import image

from uio2_ros.model.families.unified_io_2 import image_vqgan
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.families.unified_io_2.image_vqgan import Codebook, ImageVQGAN
from uio2_ros.model.synthetic import synthetic_tensor
from uio2_ros.processing import Processor, Tokenizer

GOLDEN = Path(__file__).parents[1] / "golden"
TOKENIZER = Path(image_vqgan.__file__).parents[3] / "assets" / "synthetic_tokenizer.model"
PREFIX = "target_embedders.image.vqgan."
FIRST_CODE = 2  # token of code 0
CONFIG = ModelConfig.load(GOLDEN / "config_tiny.json")
SMALL = dataclasses.replace(
    CONFIG.image_vqgan, n_embed=50, default_input_size=(16, 32), resolution=32, attn_resolutions=()
)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / "image_target.npz"))


@pytest.fixture(scope="module")
def vqgan() -> ImageVQGAN:
    net = ImageVQGAN(CONFIG.image_vqgan).eval()
    shapes = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    net.load_state_dict({n: synthetic_tensor(PREFIX + n, shape) for n, shape in shapes.items()})
    return net


@pytest.mark.parametrize("size", ["tiny", "large", "xl", "xxl"])
def test_tensors_have_the_official_names_and_shapes(size: str) -> None:
    manifest = json.loads((GOLDEN / f"manifest_{size}.json").read_text())
    official = {
        name.removeprefix(PREFIX): shape
        for name, shape in manifest.items()
        if name.startswith(PREFIX)
    }
    with torch.device("meta"):
        net = ImageVQGAN(ModelConfig.load(GOLDEN / f"config_{size}.json").image_vqgan)
    assert {name: list(tensor.shape) for name, tensor in net.state_dict().items()} == official


def test_picture_gets_the_codes_of_the_released_code(
    vqgan: ImageVQGAN, golden: dict[str, np.ndarray]
) -> None:
    processor = Processor(CONFIG, Tokenizer(TOKENIZER))
    target = processor(text="a red mug", image_target=image(256, 256, 3)).image_target
    assert target is not None
    pixels = torch.from_numpy(target).permute(2, 0, 1)[None]  # (1, 3, 256, 256)
    codes = vqgan.encode(2 * pixels - 1)
    assert codes.shape == (1, 1024)
    assert (codes[0].numpy() != golden["codes"]).mean() <= 0.005


@torch.inference_mode()
def test_codes_decode_to_the_reconstruction_of_the_released_code(
    vqgan: ImageVQGAN, golden: dict[str, np.ndarray]
) -> None:
    pixels = vqgan.decode(torch.from_numpy(golden["codes"])[None].long())
    np.testing.assert_allclose(pixels[0, :, ::8, ::8].numpy(), golden["recon"], atol=2e-3)


@torch.inference_mode()
def test_generated_tokens_decode_to_the_picture_of_the_released_code(
    vqgan: ImageVQGAN, golden: dict[str, np.ndarray]
) -> None:
    codes = torch.from_numpy(golden["noisy"][None, 1:]) - FIRST_CODE
    pixels = vqgan.decode(codes.clip(0, CONFIG.image_vqgan.n_embed - 1))[0]
    picture = ((pixels + 1) / 2).clip(0, 1).permute(1, 2, 0)
    np.testing.assert_allclose(picture[::8, ::8].numpy(), golden["noisy_image"], atol=2e-3)


def test_codes_follow_the_configured_size_row_by_row() -> None:
    torch.manual_seed(0)
    net = ImageVQGAN(SMALL).eval()
    latents = net.quantize(torch.arange(8)).T.reshape(1, -1, 2, 4)  # (1, D, h, w)
    net.encoder = torch.nn.Sequential()
    net.quant_conv = net.post_quant_conv = torch.nn.Identity()  # type: ignore[assignment]
    net.encoder.forward = lambda _: latents  # type: ignore[method-assign]
    assert net.encode(torch.zeros(1, 3, 16, 32)).tolist() == [list(range(8))]
    net.decoder = torch.nn.Sequential()
    assert torch.equal(net.decode(torch.arange(8)[None]), latents)


def test_pictures_of_a_batch_are_independent() -> None:
    torch.manual_seed(0)
    net = ImageVQGAN(SMALL).eval()
    pictures = torch.rand(3, 3, 16, 32) * 2 - 1
    codes = net.encode(pictures)
    assert torch.equal(codes, torch.cat([net.encode(picture[None]) for picture in pictures]))
    assert net.decode(codes).shape == pictures.shape


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 60), st.integers(1, 8), st.booleans(), st.integers(1, 500)
)
def test_nearest_code_is_that_of_all_distances_however_the_lookup_is_cut(
    vectors: int, size: int, dim: int, unit_norm: bool, elements: int
) -> None:
    torch.manual_seed(vectors * size + dim)
    codebook = Codebook(size, dim, unit_norm=unit_norm)
    queries = torch.randn(2, vectors, dim)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_vqgan, "LOOKUP_ELEMENTS", elements)
        codes = codebook.nearest(queries)
    asked, table = queries, codebook.embedding.weight.detach()
    if unit_norm:
        asked, table = (x / x.norm(dim=-1, keepdim=True) for x in (asked, table))
    distances = torch.cdist(asked, table.expand(2, -1, -1))  # (2, vectors, size)
    chosen = distances.gather(2, codes[..., None])[..., 0]
    torch.testing.assert_close(chosen, distances.min(2).values, atol=1e-3, rtol=0)


def test_lookup_never_holds_more_distances_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    addmm = torch.addmm

    def counting(*args: torch.Tensor, **options: float) -> torch.Tensor:
        distances = addmm(*args, **options)
        held.append(distances.numel())
        return distances

    monkeypatch.setattr(torch, "addmm", counting)
    monkeypatch.setattr(image_vqgan, "LOOKUP_ELEMENTS", 1000)
    Codebook(100, 4).nearest(torch.randn(1, 64, 4))
    assert sum(held) == 6400
    assert max(held) <= 1000


def test_a_codebook_vector_is_its_own_nearest() -> None:
    torch.manual_seed(0)
    for unit_norm in (False, True):
        codebook = Codebook(200, 6, unit_norm=unit_norm)
        codes = torch.randperm(200).view(2, 100)
        assert torch.equal(codebook.nearest(codebook(codes)), codes)


def test_encoding_keeps_no_gradients() -> None:
    net = ImageVQGAN(SMALL)
    tracked: list[bool] = []
    net.encoder.register_forward_hook(lambda *call: tracked.append(call[2].requires_grad))
    net.encode(torch.zeros(1, 3, 16, 32))
    assert tracked == [False]


@pytest.mark.parametrize("shape", [(1, 3, 32, 16), (3, 16, 32), (1, 1, 16, 32)])
def test_picture_of_another_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(batch, 3, 16, 32\)"):
        ImageVQGAN(SMALL).encode(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(8,), (1, 7), (1, 2, 4)])
def test_wrong_number_of_codes_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(batch, 8\).*2x4 grid"):
        ImageVQGAN(SMALL).decode(torch.zeros(shape, dtype=torch.long))


@pytest.mark.parametrize("code", [-1, 50])
def test_code_outside_the_codebook_is_refused(code: int) -> None:
    codes = torch.zeros(1, 8, dtype=torch.long)
    codes[0, 3] = code
    with pytest.raises(ValueError, match=r"expected 0\.\.49.*clipped"):
        ImageVQGAN(SMALL).decode(codes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_size": (16, 16)}, "patch_size .16, 16. does not fit the 8x8 pixels"),
        ({"default_input_size": (20, 32)}, "20x32 must be multiples of 8"),
    ],
)
def test_contradicting_sizes_are_refused(change: dict[str, tuple[int, int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageVQGAN(dataclasses.replace(SMALL, **change))  # type: ignore[arg-type]


def test_narrow_networks_have_fewer_groups_to_normalise() -> None:
    narrow = dataclasses.replace(SMALL, ch=32, norm_groups=8)
    norms = [one for one in ImageVQGAN(narrow).modules() if isinstance(one, torch.nn.GroupNorm)]
    assert {norm.num_groups for norm in norms} == {8}
    with pytest.raises(ValueError, match="ch 32 must be a multiple of norm_groups 5"):
        dataclasses.replace(narrow, norm_groups=5)
