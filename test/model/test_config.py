"""Configurations: nothing of an official config.json is lost, nothing unknown passes."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from uio2_ros.model import ModelConfig
from uio2_ros.model.families.unified_io_2.config import VocabularyConfig, shipped_configs

GOLDEN = Path(__file__).parents[1] / "golden"
OFFICIAL = ["tiny", "tiny_cosine", "large", "xl", "xxl"]


def official(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((GOLDEN / f"config_{name}.json").read_text())
    return data


@pytest.mark.parametrize("name", OFFICIAL)
def test_official_config_survives_reading_and_writing(name: str, tmp_path: Path) -> None:
    config = ModelConfig.load(official(name))
    config.save(tmp_path / "config.json")
    assert json.loads((tmp_path / "config.json").read_text()) == official(name)
    assert ModelConfig.load(tmp_path) == config


@pytest.mark.parametrize("name", ["tiny", "large", "xl", "xxl"])
def test_shipped_configs_are_the_official_ones(name: str) -> None:
    assert ModelConfig.load(name).to_dict() == official(name)
    assert name in shipped_configs()


@pytest.mark.parametrize(
    ("hub_id", "name"),
    [
        ("allenai/uio2-large", "large"),
        ("allenai/uio2-xl-bfloat16", "xl"),
        ("allenai/uio2-xxl-bfloat16", "xxl"),
        ("chrisc36/uio2-dbg-xxl", "xxl"),
    ],
)
def test_hub_ids_name_the_configurations_of_their_checkpoints(hub_id: str, name: str) -> None:
    assert ModelConfig.load(hub_id) == ModelConfig.load(name)


def test_a_config_loads_as_itself() -> None:
    config = ModelConfig.load("tiny")
    assert ModelConfig.load(config) is config


def test_gelu_of_the_resampler_is_exact_unless_written() -> None:
    data = official("tiny")
    assert ModelConfig.load(data).image_history_cfg.gelu == "exact"
    data["image_history_cfg"]["gelu"] = "tanh"
    config = ModelConfig.load(data)
    assert config.image_history_cfg.gelu == "tanh"
    assert config.to_dict() == data


def test_unknown_keys_are_named() -> None:
    data = official("tiny")
    data["t5_config"]["num_hats"] = 3
    with pytest.raises(ValueError, match=r"config\.t5_config\.num_hats is unknown"):
        ModelConfig.load(data)


def test_missing_keys_are_named() -> None:
    data = official("tiny")
    del data["audio_vit_cfg"]["emb_dim"]
    with pytest.raises(ValueError, match=r"config\.audio_vit_cfg lacks the keys emb_dim"):
        ModelConfig.load(data)


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("t5_config", "emb_dim", "128", "config.t5_config.emb_dim is '128', expected int"),
        ("t5_config", "qk_norm", 1, "config.t5_config.qk_norm is 1, expected bool"),
        ("t5_config", "num_heads", True, "config.t5_config.num_heads is True, expected int"),
        ("t5_config", "default_image_size", [256], "expected list of 2"),
        ("t5_config", "num_heads", 3, "must be num_heads x head_dim"),
        ("t5_config", "text_pos_emb", "sincos", "only 'llama_rope' is supported"),
        ("t5_config", "mlp_activations", ["gelu"], "mlp_activations"),
        ("t5_config", "dropout_rate", 0.1, "dropout rate of 0.1 is not supported"),
        ("image_history_cfg", "resampler_type", "linear", "only 'perceiver' is supported"),
        ("image_history_cfg", "clip_attn_logit", 50.0, "clip_attn_logit is not supported"),
        ("image_history_cfg", "gelu", "quick", "expected one of exact, tanh"),
        ("image_vit_cfg", "num_pos", 196, "must be a square grid"),
        ("sequence_length", "num_frames", 9, "num_frames 9 exceeds max_frames 8"),
    ],
)
def test_unusable_values_are_explained(section: str, key: str, value: Any, message: str) -> None:
    data = copy.deepcopy(official("tiny"))
    data[section][key] = value
    with pytest.raises(ValueError, match=re.escape(message)):
        ModelConfig.load(data)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("input_modalities", ["image"], "a prompt needs 'text'"),
        ("input_modalities", ["image", "text"], "must be some of ['text', 'image',"),
        ("input_modalities", ["text", "smell"], "must be some of"),
        ("input_modalities", ["text", "image_history"], "'image_history' needs 'image'"),
        ("input_modalities", ["text", "image", "audio_history"], "'audio_history' needs 'audio'"),
        ("target_modalities", [], "must be some of ['text', 'image', 'audio'], in this order"),
        ("target_modalities", ["text", "text"], "must be some of"),
    ],
)
def test_modalities_that_cannot_be_are_explained(key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ModelConfig.load({**official("tiny"), key: value})


def test_a_section_must_be_an_object() -> None:
    with pytest.raises(ValueError, match=r"config\.t5_config must be an object, not int"):
        ModelConfig.load({**official("tiny"), "t5_config": 7})


def test_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(FileNotFoundError, match="large, nano, tiny, xl, xxl"):
        ModelConfig.load("huge")


def test_a_file_that_is_not_json_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        ModelConfig.load(tmp_path)


def test_cross_attention_follows_the_interval_and_includes_the_last_layer() -> None:
    t5 = ModelConfig.load("tiny").t5_config
    assert all(t5.cross_attends(layer) for layer in range(6))
    sparse = dataclasses.replace(t5, decoder_xattention_internval=4)
    assert [layer for layer in range(6) if sparse.cross_attends(layer)] == [0, 4, 5]


def test_keys_that_libraries_add_are_passed_over() -> None:
    data = {"model_type": "unified_io_2", "transformers_version": "5.0", **official("tiny")}
    assert ModelConfig.load(data) == ModelConfig.load("tiny")


def test_the_released_vocabulary_is_meant_unless_another_is_written() -> None:
    data = official("tiny")
    assert ModelConfig.load(data).vocabulary.text_pieces == 32000
    config = ModelConfig.load({**data, "vocabulary": {"text_pieces": 800}})
    assert config.vocabulary == VocabularyConfig(text_pieces=800)
    assert ModelConfig.load(config.to_dict()) == config
