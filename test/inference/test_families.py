"""The seam of families: an engine runs whatever speaks the protocols of `inference.family`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from uio1_inputs import GOLDEN

from uio2_ros.inference import Engine, Sampling, families
from uio2_ros.model import TrainedFor
from uio2_ros.robot.errors import CheckpointError, TokenizerError

WORDS = "pick up the mug"


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "_MODULES", dict(families._MODULES))
    families.register("toy", "inference.toy_family")


@pytest.fixture
def parrot() -> Engine:
    return Engine.synthetic(20.0, family_name="toy", device="cpu")


def test_another_family_generates_with_the_same_engine(parrot: Engine) -> None:
    examples = [parrot.processor(WORDS), parrot.processor("go")]
    for sampling in (None, Sampling(top_p=0.9, seed=1), Sampling(beams=3)):
        assert [g.text for g in parrot.generate(examples, sampling=sampling)] == [WORDS, "go"]


def test_another_family_scores_with_the_same_engine(parrot: Engine) -> None:
    losses = parrot.score(parrot.processor(WORDS), ["the mug", WORDS])
    assert int(np.argmin(losses)) == 1


def test_a_checkpoint_is_loaded_by_the_family_that_knows_its_shape(
    parrot: Engine, tmp_path: Path
) -> None:
    parrot.model.save_pretrained(tmp_path)
    loaded = Engine.from_pretrained(tmp_path, tokenizer=parrot.tokenizer, device="cpu")
    assert loaded.model.family == "toy"
    assert loaded.trained_for is None


def test_a_name_tells_the_family_of_synthetic_weights() -> None:
    engine = Engine.synthetic("uio1-tiny", device="cpu")
    assert (engine.family, engine.name) == ("unified_io_1", "synthetic-uio1-tiny")
    assert Engine.synthetic("tiny", device="cpu").family == "unified_io_2"


def test_who_has_no_tokenizer_is_told_which_one(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "micro.bin", tmp_path / "small.bin")
    shutil.copy(GOLDEN / "config_micro.json", tmp_path / "config.json")
    with pytest.raises(TokenizerError, match=r"T5's SentencePiece file .spiece\.model"):
        Engine.from_pretrained(tmp_path / "small.bin", device="cpu")


def test_a_bundle_says_its_family(parrot: Engine, tmp_path: Path) -> None:
    parrot.save_bundle(tmp_path, TrainedFor(("echo",)), description="repeats", licence="MIT")
    (tmp_path / "config.json").write_text('{"loudness": 3.0, "t5_config": {}}')
    loaded = Engine.from_pretrained(tmp_path, device="cpu")
    assert loaded.model.family == "toy"
    assert loaded.generate([loaded.processor(WORDS)])[0].text == WORDS
    assert loaded.trained_for == TrainedFor(("echo",))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"model_type": "llama"}', "not of a family that is known .*toy.*: it is 'llama'"),
        ('{"hidden_size": 4096}', "its keys are those of none"),
        ("[]", r"config\.json is no usable configuration: it is no object"),
        ("{", r"config\.json is no usable configuration: "),
    ],
)
def test_a_model_of_no_family_is_refused(
    parrot: Engine, config: str, message: str, tmp_path: Path
) -> None:
    parrot.model.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=message):
        Engine.from_pretrained(tmp_path, tokenizer=parrot.tokenizer, device="cpu")


def test_the_name_of_a_family_is_taken_once() -> None:
    families.register("toy", "inference.toy_family")
    with pytest.raises(ValueError, match=r"'toy' is that of inference\.toy_family already"):
        families.register("toy", "elsewhere")
    with pytest.raises(ValueError, match="no family of models is called 'unheard_of'"):
        families.family("unheard_of")
