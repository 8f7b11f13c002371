"""What the inference process loads and says of it."""

from __future__ import annotations

from pathlib import Path

from uio2_ros.inference import Engine
from uio2_ros.model import TrainedFor
from uio2_ros.serving.runner import load_model
from uio2_ros.serving.spec import ModelSpec
from uio2_ros.serving.status import ModelDescription


def test_a_bundle_needs_no_tokenizer_and_says_what_it_was_trained_for(tmp_path: Path) -> None:
    trained_for = TrainedFor(("vqa", "refexp"), ("ee_delta",))
    Engine.synthetic("tiny").save_bundle(tmp_path, trained_for, description="", licence="MIT")
    loaded = load_model(ModelSpec(str(tmp_path), device="cpu"))
    assert loaded.description == ModelDescription(
        str(tmp_path), family="unified_io_2", tasks=("vqa", "refexp"), action_spaces=("ee_delta",)
    )
