"""From the data of a configuration to streams of examples, and of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSetError
from uio2_ros.data.simulated import SimulatedSettings, SimulatedShards
from uio2_ros.data.simulated_scenes import SceneSettings, SceneShards
from uio2_ros.data.simulated_sounds import SoundShards
from uio2_ros.model.example import Example
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.families.unified_io_2.prompts import NEGATIVE_PROMPTS
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.robot.action_space import ActionSpace, load_action_spaces, read_action_space
from uio2_ros.sim import Split
from uio2_ros.training.augmentation import rescaled
from uio2_ros.training.config import DataSettings, TrainingConfig
from uio2_ros.training.denoising import Denoiser, with_dropped_guidance
from uio2_ros.training.examples import ExampleError, ExampleMaker
from uio2_ros.training.mixture import Drawn, MixtureStream, MixtureTask
from uio2_ros.training.prepared import ENDING, PreparedStream
from uio2_ros.training.sources import (
    AskedPictures,
    CaptionedPictures,
    CocoFolder,
    InstructionTexts,
    OnTheFly,
    ShardFolder,
    Source,
)

ENDLESS = 1_000_000
"""Parts of a source that is rendered on the fly."""
SCENES_PER_PART = 16
SOUNDS_PER_PART = 64
EPISODES_PER_PART = 1
DRAWN = frozenset(("depth", "normals", "generate_image"))
"""Tasks for which scenes are asked for pictures, too."""
GUIDED = "generate_image"
"""The task that is generated with classifier-free guidance."""
LONGEST_FRUITLESS = 1000
"""Samples in a row of which nothing can be taught before it is an error."""


class ExampleStream(Protocol):
    """Examples without end, from where a state says."""

    def draw(self) -> Example:
        """The next example."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class TaughtStream:
    """A mixture's samples as the examples that tasks, or denoisers, make of them.

    Labels that the model cannot give are left out; `skipped` counts them.
    """

    def __init__(self, mixture: MixtureStream, maker: ExampleMaker, denoiser: Denoiser) -> None:
        self._mixture, self._maker, self._denoiser = mixture, maker, denoiser
        self._neutral = maker.processor(NEGATIVE_PROMPTS["image"], target="image").text
        self.skipped = 0
        self._reason: object = "their answers are cut off"

    def draw(self) -> Example:
        for _ in range(LONGEST_FRUITLESS):
            drawn = self._mixture.draw()
            denoised = drawn.task.denoised > 0 and drawn.rng.uniform() < drawn.task.denoised
            example = self._restoring(drawn) if denoised else self._answering(drawn)
            if example is not None:
                return example
        raise DataSetError(f"nothing of {LONGEST_FRUITLESS} samples can be taught: {self._reason}")

    def _answering(self, drawn: Drawn) -> Example | None:
        paraphrased = drawn.rng.uniform() < drawn.task.paraphrases
        variant = int(drawn.rng.integers(1, 1000)) if paraphrased else 0
        sample, number = drawn.sample, drawn.number
        if drawn.task.augmented:
            changed = rescaled(sample.observation, sample.tasks[number], drawn.rng)
            if changed is None:
                return None
            sample, number = Sample(sample.key, changed[0], (changed[1],)), 0
        try:
            examples = self._maker.examples_of(sample, number, variant)
        except ExampleError as problem:
            self.skipped += 1
            self._reason = problem
            return None
        example = examples[int(drawn.rng.integers(len(examples)))].example
        guided = sample.tasks[number].instruction.task == GUIDED
        return with_dropped_guidance(example, self._neutral, drawn.rng) if guided else example

    def _restoring(self, drawn: Drawn) -> Example | None:
        labelled = drawn.sample.tasks[drawn.number]
        text = " ".join(filter(None, (labelled.instruction.instruction, labelled.answer.text)))
        return self._denoiser.example(drawn.sample.observation, text, drawn.rng)

    def state_dict(self) -> dict[str, Any]:
        return self._mixture.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._mixture.load_state_dict(state)


class BlendedStream:
    """Several streams, one of which is drawn for each example."""

    def __init__(self, streams: Sequence[ExampleStream], rates: Sequence[float], seed: int) -> None:
        self._streams = tuple(streams)
        self._shares = np.array(rates) / sum(rates)
        self._seed, self._drawn = seed, 0

    def draw(self) -> Example:
        rng = np.random.default_rng([self._seed, self._drawn])
        self._drawn += 1
        return self._streams[int(rng.choice(len(self._streams), p=self._shares))].draw()

    def state_dict(self) -> dict[str, Any]:
        return {"drawn": self._drawn, "streams": [one.state_dict() for one in self._streams]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._drawn = state["drawn"]
        for stream, its in zip(self._streams, state["streams"], strict=True):
            stream.load_state_dict(its)


def make_stream(
    config: TrainingConfig, model: ModelConfig, tokenizer: Path, reader: int, readers: int
) -> ExampleStream:
    """The examples of one of the readers of a run."""
    prepared = [one for one in config.data if one.kind == "prepared"]
    sampled = [one for one in config.data if one.kind != "prepared"]
    streams: list[ExampleStream] = [
        PreparedStream(
            sorted(Path(one.path).glob(f"*{ENDING}")),
            one.task_rates,
            kept=config.patches,
            seed=config.seed,
            reader=reader,
        )
        for one in prepared
    ]
    rates = [one.rate for one in prepared]
    if sampled:
        spaces = _spaces(sampled)
        rng = np.random.default_rng([config.seed, reader])
        processor = Processor(model, Tokenizer(tokenizer), rng=rng)
        maker, denoiser = (
            ExampleMaker(processor, spaces),
            Denoiser(processor, model.target_modalities),
        )
        streams.append(TaughtStream(sample_stream(config, reader, readers), maker, denoiser))
        rates.append(sum(one.rate for one in sampled))
    return BlendedStream(streams, rates, config.seed * 1000 + reader)


def sample_stream(config: TrainingConfig, reader: int, readers: int) -> MixtureStream:
    """The samples of one of the readers of a run."""
    sampled = [one for one in config.data if one.kind != "prepared"]
    spaces = _spaces(sampled)
    mixture = [_mixture_task(one, spaces) for one in sampled]
    return MixtureStream(mixture, seed=config.seed, reader=reader, readers=readers)


def source_of(data: DataSettings) -> Source:
    """The samples that an entry of a mixture is about. DataSetError where there are none."""
    return SOURCES[data.kind](data, _spaces([data]))


def _spaces(data: Sequence[DataSettings]) -> Mapping[str, ActionSpace]:
    """The action spaces of the configuration, and those that data bring in files."""
    spaces = load_action_spaces()
    own = [_action_space(one.action_space, spaces) for one in data if one.action_space]
    return {**spaces, **{space.name: space for space in own}}


def _mixture_task(data: DataSettings, spaces: Mapping[str, ActionSpace]) -> MixtureTask:
    name = f"{data.kind} {data.path}".strip()
    source = SOURCES[data.kind](data, spaces)
    return MixtureTask(
        name, source, data.rate, data.tasks, data.paraphrases, data.augmented, data.denoised
    )


def _files(path: str, ending: str) -> tuple[Path, ...]:
    """A file, or the files of a folder with an ending. DataSetError for none."""
    given = Path(path).expanduser()
    found = sorted(given.glob(f"*{ending}")) if given.is_dir() else [given]
    if not found or not all(one.is_file() for one in found):
        raise DataSetError(f"{path} is neither a file nor a folder with files *{ending}")
    return tuple(found)


def _lerobot(data: DataSettings, spaces: Mapping[str, ActionSpace]) -> Source:
    from uio2_ros.data.import_settings import ImportSettings
    from uio2_ros.data.lerobot import LeRobotShards
    from uio2_ros.data.lerobot_files import LeRobotDataSet

    settings = ImportSettings(
        _action_space(data.action_space, spaces), instruction=data.instruction
    )
    folder = Path(data.path).expanduser()
    episodes = len(LeRobotDataSet(folder, "").episodes)
    return OnTheFly(LeRobotShards(folder, settings, 1), episodes)


def _recordings(data: DataSettings, spaces: Mapping[str, ActionSpace]) -> Source:
    from uio2_ros.data.import_settings import RecordingSettings
    from uio2_ros.recording.to_samples import RecordingShards

    files = _files(data.path, ".mcap")
    space = _action_space(data.action_space, spaces)
    settings = RecordingSettings(action_space=space, instruction=data.instruction)
    return OnTheFly(RecordingShards(files, settings), len(files))


def _action_space(name: str, spaces: Mapping[str, ActionSpace]) -> ActionSpace:
    if name.endswith((".yaml", ".yml")):
        return read_action_space(Path(name).expanduser())
    if name not in spaces:
        raise DataSetError(f"no action space is called {name!r}; expected {', '.join(spaces)}")
    return spaces[name]


SOURCES: Mapping[str, Callable[[DataSettings, Mapping[str, ActionSpace]], Source]] = {
    "shards": lambda data, _: ShardFolder(Path(data.path).expanduser()),
    "simulator": lambda *_: OnTheFly(
        SimulatedShards(SimulatedSettings(), EPISODES_PER_PART), ENDLESS
    ),
    "scenes": lambda data, _: OnTheFly(
        SceneShards(SceneSettings(drawn=bool(DRAWN & {*data.tasks})), SCENES_PER_PART), ENDLESS
    ),
    "sounds": lambda *_: OnTheFly(SoundShards(Split.TRAIN, SOUNDS_PER_PART), ENDLESS),
    "lerobot": _lerobot,
    "mcap": _recordings,
    "webdataset": lambda data, _: CaptionedPictures(_files(data.path, ".tar")),
    "coco": lambda data, _: CocoFolder(
        Path(data.path).expanduser(), Path(data.path).expanduser() / "annotations.json"
    ),
    "vqa": lambda data, _: AskedPictures(Path(data.path).expanduser()),
    "texts": lambda data, _: InstructionTexts(data.path),
}
"""How a source is made, by the kind of data."""
