"""State dicts have exactly the tensors of the released checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from uio2_ros.model import UnifiedIO
from uio2_ros.model.families.unified_io_2.official_names import official_name

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("name", ["tiny", "large", "xl", "xxl"])
def test_names_and_shapes_are_those_of_the_manifest(name: str) -> None:
    with torch.device("meta"):
        model = UnifiedIO.from_config(GOLDEN / f"config_{name}.json")
    manifest = json.loads((GOLDEN / f"manifest_{name}.json").read_text())
    assert model.official_shapes() == {key: tuple(shape) for key, shape in manifest.items()}


def test_names_that_read_best_become_official_ones() -> None:
    assert (
        official_name("input_embedders.audio.vit.blocks.3.attn.query.bias")
        == "input_embedders.audio.image_encoder.vision_transformer.transformer.resblocks.3."
        "attn.query_in_proj_bias"
    )
    assert official_name("decoder.layers.2.mlp.wo.weight") == "decoder.layers_2.mlp.wo.weight"


def test_rotary_tables_are_real_on_the_meta_device() -> None:
    with torch.device("meta"):
        model = UnifiedIO.from_config("tiny")
    assert model.device.type == "meta"
    assert {buffer.device.type for buffer in model.buffers()} == {"cpu"}
