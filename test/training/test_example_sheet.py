"""Training examples as pictures: what is drawn is what the model is given."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import uio2_ros
from uio2_ros.cli.data import main
from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSet, write_shard
from uio2_ros.data.simulated import SimulatedSettings, samples_of
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.processing.inverse import shown_picture, shown_spectrogram
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.sim import PictureSize, Split, sample_episode
from uio2_ros.training.example_sheet import NOT_SEEN, page, sheet
from uio2_ros.training.examples import ExampleMaker, TrainingExample


@pytest.fixture(scope="module")
def processor() -> Processor:
    path = Path(uio2_ros.__file__).parent / "assets" / "synthetic_tokenizer.model"
    return Processor(ModelConfig.load("tiny"), Tokenizer(path))


@pytest.fixture(scope="module")
def sample() -> Sample:
    settings = SimulatedSettings(size=PictureSize(96, 64), period_s=5.0)
    episode = sample_episode("rang", 1, Split.TRAIN, settings.size)
    return next(one for one in samples_of(episode, settings) if "step0_front" in one.key)


@pytest.fixture(scope="module")
def examples(processor: Processor, sample: Sample) -> dict[str, TrainingExample]:
    made = ExampleMaker(processor, load_action_spaces()).examples(sample)
    return {one.labelled.instruction.task: one for one in made}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sample: Sample) -> Path:
    data = DataSet.create(tmp_path_factory.mktemp("data") / "set", {})
    write_shard(data.shard(0), [sample])
    return data.folder


def test_a_picture_comes_back_from_its_patches(processor: Processor) -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (384, 192, 3), dtype=np.uint8)
    example = processor("", image=pixels)
    drawn, seen = shown_picture(example.image, processor.config.image)
    np.testing.assert_array_equal(drawn[:, 96:288], pixels)
    assert seen[:, 96:288].all()
    assert not seen[:, :96].any()


def test_a_sound_comes_back_from_its_patches(processor: Processor) -> None:
    mel = np.zeros((1, 128, 256), np.float32)
    mel[0, 40, 64:] = 0.5
    example = processor("", audio=mel)
    values, heard = shown_spectrogram(example.audio, processor.config.audio)
    assert values[100, 40] == pytest.approx(np.log(0.5), abs=1e-5)
    assert heard.shape == (256, 128)
    assert not heard[:64].any()


def test_padding_and_what_is_hidden_are_pink(
    processor: Processor, sample: Sample, examples: dict[str, TrainingExample]
) -> None:
    hidden = pinks(page(sample, examples["inpaint"], processor, None))
    shown = pinks(page(sample, examples["caption"], processor, None))
    assert shown > 1000  # the picture is wider than high
    assert hidden > 1.1 * shown


def pinks(drawn: np.ndarray) -> int:
    red, green, blue = (drawn[..., channel].astype(int) for channel in range(3))
    return int(((red > 150) & (green < 110) & (blue > 90) & (red - green > 90)).sum())


def test_the_text_of_a_page_is_longer_than_that_of_a_row(
    processor: Processor, sample: Sample, examples: dict[str, TrainingExample]
) -> None:
    cuboids = examples["cuboids"]
    whole = page(sample, cuboids, processor, None, tile=176)
    assert whole.shape[0] > sheet(sample, [cuboids], processor).shape[0]


def test_the_command_draws_a_sheet_or_pages(
    folder: Path, sample: Sample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    view = ["view", str(folder), "-o", str(tmp_path), "--model", "tiny"]
    assert main(view) == 0
    path = tmp_path / f"{sample.key}.png"
    assert capsys.readouterr().out.split() == [str(path)]
    assert cv2.imread(str(path)).shape[0] > 1000
    assert main([*view, "--sample", sample.key, "--full", "--tasks", "depth", "caption"]) == 0
    pages = capsys.readouterr().out.split()
    assert [Path(one).name.rpartition("_")[2] for one in pages] == ["caption.png", "depth.png"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sample", "nobody"], "no sample 'nobody'"),
        (["--number", "7"], "no sample number 7"),
        (["--tasks", "navigate"], "none of these tasks; it has caption"),
    ],
)
def test_what_is_not_there_cannot_be_drawn(
    folder: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", str(folder), "--model", "tiny", *arguments]) == 1
    assert told in capsys.readouterr().err


def test_the_colour_of_what_is_not_seen_is_no_colour_of_objects() -> None:
    red, green, blue = NOT_SEEN
    assert min(red - green, blue - green) > 60
