"""The network of Unified-IO 1 against the numbers of its original code."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_inputs import image, step_noise
from torch import Tensor
from uio1_inputs import GOLDEN, golden, golden_model, manifest, weight

from uio2_ros.model.checkpoint import CheckpointFiles
from uio2_ros.model.families.unified_io_1.config import CONFIG_DIR, UnifiedIO1Config
from uio2_ros.model.families.unified_io_1.network import Encoded, UnifiedIO1
from uio2_ros.model.families.unified_io_1.official_names import UNUSED, layout, official_name
from uio2_ros.model.families.unified_io_1.position_bias import grid_buckets, text_buckets
from uio2_ros.model.skeleton import without_weights
from uio2_ros.model.t5x import StoredArray, read_tensor
from uio2_ros.model.t5x.flax_file import flax_arrays
from uio2_ros.processing.unified_io_1.pictures import fit, normalized, to_patches
from uio2_ros.robot.errors import CheckpointError

VOCABULARY = 33152
CODES = 16384


@pytest.fixture(scope="module", autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def model() -> UnifiedIO1:
    return golden_model()


@pytest.fixture(scope="module")
def encoded(model: UnifiedIO1) -> Encoded:
    """The prompt and the picture of all golden numbers."""
    canvas, mask = fit(image(480, 640, 1), 384)
    patches, patch_mask = to_patches(normalized(canvas), mask, 16)
    text = torch.tensor(golden("encoder")["text_ids"]).long()[None]
    return model.encode(text, torch.from_numpy(patches)[None], torch.from_numpy(patch_mask)[None])


def distance(ours: Tensor, theirs: np.ndarray) -> float:
    return float(np.abs(ours.numpy() - theirs).max())


def loaded(path: Path, config: Path | None = None) -> UnifiedIO1:
    return UnifiedIO1.from_files(CheckpointFiles(config, (path,), is_jax=True))


@pytest.mark.parametrize("size", ["micro", "tiny", "small", "xl"])
def test_names_and_shapes_are_those_of_the_released_files(size: str) -> None:
    config = GOLDEN / "config_micro.json" if size == "micro" else size
    with without_weights():
        shapes = UnifiedIO1.from_config(config).official_shapes()
    expected = manifest(size)
    assert set(shapes) == set(expected)
    for path, shape in expected.items():
        assert shapes[path] == layout(path, len(shape)).tensor_shape(shape), path


def test_buckets_are_those_of_the_original() -> None:
    pinned = golden("buckets")
    here, others = torch.tensor([0]), torch.tensor(pinned["relative"]).long()
    for name, both in (("text_encoder", True), ("text_decoder", False)):
        ours = text_buckets(here, others, buckets=32, max_distance=128, bidirectional=both)
        assert np.array_equal(ours[0], pinned[name])
    cells = torch.arange(24 * 24)
    ours = grid_buckets(cells, cells, 24).numpy()
    rows, columns = np.divmod(np.arange(24 * 24), 24)
    below, right = rows[None] - rows[:, None], columns[None] - columns[:, None]
    assert np.array_equal(ours, pinned["image"][below + 23, right + 23])


def test_the_encoder_is_the_originals(model: UnifiedIO1, encoded: Encoded) -> None:
    pinned = golden("encoder")
    mask = pinned["mask"].astype(bool)
    assert np.array_equal(encoded.mask[0].numpy(), mask)
    assert distance(encoded.hidden[0, ::9][mask[::9]], pinned["out"][mask[::9]]) < 2e-3
    alone = model.encode(torch.tensor(pinned["text_ids"]).long()[None])
    assert distance(alone.hidden[0], pinned["no_image_out_text"]) < 2e-3


def test_shorter_prompts_of_a_batch_are_padded_out_of_sight(model: UnifiedIO1) -> None:
    pinned = golden("encoder")
    texts = torch.tensor(pinned["two_ids"]).long()
    together = model.encode(texts).hidden
    for row, text in enumerate(texts):
        alone = model.encode(text[text > 0][None]).hidden[0]
        assert torch.allclose(together[row, : len(alone)], alone, atol=1e-5)


def test_teacher_forcing_gives_the_originals_logits(model: UnifiedIO1, encoded: Encoded) -> None:
    pinned, memory = golden("forward"), model.remember(encoded)
    text = torch.tensor(pinned["text_targets"]).long()[None]
    assert distance(model.decode_targets(memory, text)[0, :, ::101], pinned["text_logits"]) < 2e-3
    codes = torch.tensor(pinned["image_targets"]).long()[None] - VOCABULARY
    logits = model.decode_targets(memory, codes, "image")[0, ::32, ::97]
    assert distance(logits, pinned["image_logits_unmasked"]) < 2e-3
    mask = torch.tensor(pinned["image_mask"]).bool()[None]
    logits = model.decode_targets(memory, codes, "image", mask)[0, ::32, ::97]
    seen = mask[0, ::32].numpy()
    assert distance(logits[seen], pinned["image_logits"][seen]) < 2e-3


@pytest.mark.parametrize("modality", ["text", "image"])
def test_a_step_at_a_time_is_teacher_forcing(
    model: UnifiedIO1, encoded: Encoded, modality: str
) -> None:
    targets = torch.randint(3, CODES, (1, 8), generator=torch.Generator().manual_seed(0))
    expected = model.decode_targets(model.remember(encoded), targets, modality)
    state = model.prefill(encoded, 8, copies=2, modality=modality)
    inputs = [model.start_id(modality), *targets[0, :-1].tolist()]
    for place, token in enumerate(inputs):
        logits = model.decode_step(state, torch.tensor([token, token]), modality)
        assert torch.allclose(logits, expected[:, place].expand(2, -1), atol=1e-4)


@pytest.mark.parametrize(("form", "most"), [("bfloat16", 0.03), ("float16", 0.01), ("int8", 0.05)])
def test_other_forms_of_the_weights_give_nearly_the_same(
    model: UnifiedIO1, form: str, most: float
) -> None:
    """Also beside an input that is shorter, whose padding must not spread."""
    texts = torch.tensor(golden("encoder")["two_ids"]).long()
    targets = torch.tensor([[5, 9, 1], [7, 8, 1]])
    expected = model.decode_targets(model.remember(model.encode(texts)), targets)
    other = deepcopy(model)
    other = other.quantize("int8") if form == "int8" else other.to_dtype(getattr(torch, form))
    assert next(other.discrete_vae.parameters()).dtype == torch.float32
    found = other.decode_targets(other.remember(other.encode(texts)), targets)
    assert float((found - expected).square().mean().sqrt() / expected.std()) < most


def test_rows_that_change_places_go_on_as_they_were(model: UnifiedIO1, encoded: Encoded) -> None:
    state = model.prefill(encoded, 4, copies=2)
    model.decode_step(state, torch.tensor([0, 0]))
    model.decode_step(state, torch.tensor([5, 9]))
    other = model.prefill(encoded, 4, copies=2)
    model.decode_step(other, torch.tensor([0, 0]))
    model.decode_step(other, torch.tensor([9, 5]))
    state.reorder(torch.tensor([1, 0]))
    tokens = torch.tensor([7, 8])
    assert torch.allclose(model.decode_step(state, tokens), model.decode_step(other, tokens))


def test_text_written_greedily_is_the_originals(model: UnifiedIO1, encoded: Encoded) -> None:
    pinned = golden("text")
    plain, noisy = model.prefill(encoded, 16), model.prefill(encoded, 40)
    token, written = torch.tensor([0]), []
    for _ in range(16):
        token = model.decode_step(plain, token).argmax(-1)
        written.append(int(token))
    assert written == pinned["greedy"][:16].tolist()
    token, written = torch.tensor([0]), []
    for step in range(40):
        noise = torch.from_numpy(step_noise(step, VOCABULARY))
        token = (model.decode_step(noisy, token) + noise).argmax(-1)
        written.append(int(token))
    assert written == pinned["noisy"][:40].tolist()


def test_a_picture_is_the_originals(model: UnifiedIO1) -> None:
    pinned = golden("image_target")
    encoded = model.encode(torch.tensor(pinned["text_ids"]).long()[None])
    state = model.prefill(encoded, model.target_length("image"), modality="image")
    token, codes = torch.tensor([model.start_id("image")]), []
    for step in range(model.target_length("image")):
        noise = torch.from_numpy(step_noise(1000 + step, VOCABULARY + CODES)[VOCABULARY:])
        token = (model.decode_step(state, token, "image") + noise).argmax(-1)
        codes.append(int(token))
    assert np.mean(np.array(codes) == pinned["noisy"]) >= 0.995
    picture = model.render(torch.from_numpy(pinned["noisy"]).long()[None], "image")
    assert distance(picture[0].permute(1, 2, 0)[::8, ::8], pinned["noisy_image"]) < 2e-3


def test_a_picture_that_follows_a_text_is_the_originals(model: UnifiedIO1) -> None:
    """It sees the words before the end, and nothing of what stands behind it."""
    pinned = golden("image_target")
    encoded = model.encode(torch.tensor(pinned["text_ids"]).long()[None])
    theirs = torch.from_numpy(pinned["after_text_image"]).long()[None]
    words = torch.tensor([[*pinned["after_text"][:4], 0, 0]])
    logits = model.decode_targets(model.remember(encoded), theirs, "image", words=words)
    noise = np.stack([step_noise(1000 + n, VOCABULARY + CODES) for n in range(theirs.shape[1])])
    chosen = (logits[0] + torch.from_numpy(noise[:, VOCABULARY:])).argmax(-1)
    assert np.mean(chosen.numpy() == pinned["after_text_image"]) >= 0.995


def test_pictures_become_the_originals_codes(model: UnifiedIO1) -> None:
    pixels = torch.from_numpy(image(256, 256, 3)).permute(2, 0, 1)[None].float() / 127.5 - 1
    codes = model.discrete_vae.encode(pixels)[0]
    assert np.mean(codes.numpy() == golden("image_target")["codes"]) >= 0.995


def test_a_released_file_is_read_exactly() -> None:
    model = loaded(GOLDEN / "micro.bin", GOLDEN / "config_micro.json")
    for path, tensor in model.official_state_dict().items():
        stored = weight(path, manifest("micro")[path])
        array = StoredArray(stored.shape, "float32", lambda out, s=stored: np.copyto(out, s))
        assert torch.equal(tensor, read_tensor(array, layout(path, stored.ndim))), path


def test_leaves_in_chunks_and_bfloat16_are_read() -> None:
    arrays = dict(flax_arrays(GOLDEN / "chunked.bin"))
    shapes = {path: (array.shape, array.dtype) for path, array in arrays.items()}
    assert shapes == {
        "token_embedder/embedding": ((33, 20), "float32"),
        "a/kernel": ((3, 5, 7), "float32"),
        "a/half": ((6, 5), "bfloat16"),
    }
    table = np.empty((33, 20), np.float32)
    arrays["token_embedder/embedding"].read_into(table)
    assert np.array_equal(table, weight("token_embedder/embedding", (33, 20)))


@pytest.mark.parametrize("kept", [0, 100, 500_000])
def test_a_cut_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.bin"
    path.write_bytes((GOLDEN / "micro.bin").read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="no complete flax file"):
        loaded(path, GOLDEN / "config_micro.json")


def test_a_file_of_another_size_is_refused() -> None:
    with pytest.raises(CheckpointError, match="missing"):
        loaded(GOLDEN / "micro.bin", CONFIG_DIR / "tiny.json")
    with pytest.raises(CheckpointError, match=r"\(128, 16\).*no released size"):
        loaded(GOLDEN / "micro.bin")


def test_what_files_hold_and_nobody_reads_has_no_tensor() -> None:
    assert UNUSED.fullmatch("decoder/cross_position_q_linear/kernel")
    config = UnifiedIO1Config.load(GOLDEN / "config_micro.json")
    with without_weights():
        names = UnifiedIO1(config).state_dict()
    assert not any("cross_position" in official_name(name) for name in names)
