"""What a family of models is to the engine: the seam that lets other networks come.

A family is a module with a `FAMILY`, as those in `inference/families/`. The engine speaks only
these protocols. Letters of shapes: B rows, S encoder sequence, T tokens, E model width, V
vocabulary.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uio2_ros.decoding.vocabulary import Vocabulary
from uio2_ros.inference.defaults import Defaults
from uio2_ros.inference.graphs import Graphs
from uio2_ros.model.checkpoint import CheckpointFiles
from uio2_ros.model.example import Example, Floats
from uio2_ros.model.quantization import check_quantization
from uio2_ros.processing.audio import Samples
from uio2_ros.processing.config import PictureSettings
from uio2_ros.processing.image import Pixels, Source


class TextTokenizer(Vocabulary, Protocol):
    """Texts to ids and back, and where the file of it lies."""

    @property
    def path(self) -> Path: ...


TokenizerSource = TextTokenizer | str | os.PathLike[str]


class Limits(Protocol):
    """What examples may hold."""

    @property
    def image(self) -> PictureSettings: ...
    @property
    def max_text_tokens(self) -> int: ...
    @property
    def max_target_tokens(self) -> int: ...
    @property
    def audio(self) -> Any:
        """`SpectrogramSettings` of a family that writes sound."""


class ExampleProcessor(Protocol):
    """From texts, pictures and sounds to examples."""

    @property
    def tokenizer(self) -> TextTokenizer: ...
    @property
    def config(self) -> Limits: ...
    @property
    def reads(self) -> tuple[str, ...]:
        """The modalities an example may have: text, image, image_history, audio, audio_history."""

    def __call__(
        self,
        text: str = "",
        image: Pixels | Source | None = None,
        image_history: Sequence[Pixels | Source | None] = (),
        *,
        audio: Samples | Source | None = None,
        region: Sequence[float] | None = None,
        target: str | None = None,
        image_history_keys: Sequence[int | None] | None = None,
        audio_rate: int | None = None,
        audio_until_now: bool = False,
    ) -> Example:
        """One example; the arguments are those of `processing.Processor`.

        InvalidInputError for input that is not what it claims to be or that the family lacks.
        """

    def without_region(self, example: Example, box: Sequence[float]) -> Example:
        """The example without the patches in a box x1 y1 x2 y2 of its picture, in pixels."""

    def to_pixels(
        self, values_yx: npt.ArrayLike, image_info: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float64]:
        """Pixels of the original picture of locations (..., 2 k) in [0, 1], y before x."""

    def to_picture(
        self, dense: Floats | Pixels, image_info: npt.NDArray[np.float32], *, nearest: bool = False
    ) -> Floats:
        """A dense output put back on the original picture."""


class Encoding(Protocol):
    """The encoder's output."""

    @property
    def hidden(self) -> Tensor:
        """(B, S, E)"""

    @property
    def mask(self) -> Tensor:
        """(B, S) bool"""


class GenerationState(Protocol):
    """A generation under way: what the decoder reads again and what it has written."""

    @property
    def batch(self) -> int:
        """Rows."""

    def reorder(self, rows: Tensor) -> None:
        """Continue row `rows[i]` (B,) in row i, in place; copies of one input stay together."""


class TextRows(Protocol):
    """Texts decoded together that begin and end at different times."""

    @property
    def at_once(self) -> int | None:
        """Tokens of a row that a pass takes at most; None is any number."""

    def __len__(self) -> int:
        """Rows under way."""

    def admit(self, encoded: Any, max_tokens: int) -> None:
        """Add a row for each of the encoded inputs, after those under way."""

    def append(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Feed each row its next tokens, at least one; logits (N, V) float32 of what follows each
        of them, row after row. The first token of a row is the start."""

    def drop(self, row: int) -> None:
        """End a row; the last one takes its number."""


@runtime_checkable
class RowNetwork(Protocol):
    """A network whose rows may have different lengths, and several new tokens in a pass."""

    def text_rows(self) -> TextRows:
        """None under way yet."""


class StaticTargetRows(Protocol):
    """`TextRows`, and rows of other targets, in tensors that stay where they are, so that a step
    can be a CUDA graph."""

    @property
    def at_once(self) -> int:
        """T of a step, unless it is 1."""

    @property
    def device(self) -> torch.device: ...
    @property
    def vocabulary(self) -> int:
        """V of texts."""

    @property
    def room(self) -> int:
        """Rows that may be under way until `admit` moves them all."""

    @property
    def widths(self) -> tuple[int, ...]:
        """What `width` may be."""

    @property
    def width(self) -> int:
        """Of the encoder sequence that a step for the rows under way reads."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each row so far."""

    def __len__(self) -> int:
        """Rows under way."""

    def admit(self, encoded: Any, copies: int = 1) -> bool:
        """Add `copies` rows, side by side, for each of the encoded inputs; whether that moved all
        tensors."""

    def drop(self, row: int) -> None:
        """End a row; the last one takes its number."""

    def clear(self) -> None:
        """End all rows."""

    def reorder(self, rows: Tensor) -> None:
        """Continue row `rows[i]` (B,) in row i, in place; copies of one input stay together."""

    def advance(self, counts: Sequence[int], modality: str) -> None:
        """Say how many tokens of each row the next step is fed; ValueError for too many."""

    def step(self, width: int, tokens: Tensor, starts: Tensor, modality: str) -> Tensor:
        """Logits (R, T, V) float32 after each of the tokens (R, T); starts (R,): those before.

        R is as many as are under way or more; nothing waits for the device.
        """


@runtime_checkable
class StaticNetwork(Protocol):
    """A network whose decoder has a step of static shapes."""

    def static_rows(self, rows: int) -> StaticTargetRows:
        """None under way yet, room for so many."""


@runtime_checkable
class PackingNetwork(Protocol):
    """A network that lays its weights out for the CPU it runs on."""

    def pack(self) -> Any:
        """In place, where that is faster; for inference."""


class Network(Protocol):
    """A network that reads examples and writes tokens of the modalities in `writes`."""

    @property
    def family(self) -> str: ...
    @property
    def writes(self) -> tuple[str, ...]: ...
    @property
    def device(self) -> torch.device: ...
    def eval(self) -> Any: ...
    def target_length(self, modality: str) -> int:
        """Tokens of every picture or sound, and the most of a text, its end included.

        ValueError for a modality that the network does not write.
        """

    def start_id(self, modality: str) -> int:
        """The token that the first step is fed."""

    def prefill(
        self, encoded: Any, max_tokens: int, copies: int = 1, modality: str = "text"
    ) -> GenerationState:
        """What a generation of at most `max_tokens` steps needs, allocated and computed once.

        Each row of the input is decoded in `copies` rows next to each other.
        """

    def decode_step(self, state: Any, tokens: Tensor, modality: str = "text") -> Tensor:
        """Feed the newest tokens (B,), first the start; logits of the next (B, V) float32."""

    def remember(self, encoded: Any) -> Any:
        """What `decode_targets` reads of the encoded input, computed once."""

    def decode_targets(self, memory: Any, targets: Tensor, modality: str = "text") -> Tensor:
        """Logits (B, T, V) float32 of every target (B, T), right-padded, under teacher forcing."""

    def render(self, tokens: Tensor, modality: str) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1] or normalised spectrograms (B, mels, frames)."""

    def save_pretrained(self, directory: str | os.PathLike[str]) -> None:
        """Write `config.json` and the weights."""


class ExampleEncoder(Protocol):
    """Runs the encoder over examples. Keeps frames of the image history by their keys, and segments
    of the audio history by what they hold."""

    def encode(self, examples: Sequence[Example]) -> Encoding:
        """Padding takes no time, and no place where no example needs it."""

    def holds_frame(self, key: int | None) -> bool:
        """Whether an example may name this image-history frame without bringing it."""

    def precompute_frame(self, key: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Encode one frame, RGB (H, W, 3), for examples whose `history_keys` name it."""

    def precompute_segment(self, samples: Samples, rate: int) -> None:
        """Encode one segment of mono sound, for examples whose audio history has it."""

    def capture(self) -> None:
        """Make the graphs, if it has any, that examples will need."""

    def forget(self) -> None:
        """Keep nothing that was encoded."""


ASSETS = Path(__file__).parents[1] / "assets"


@dataclass(frozen=True)
class LoadOptions:
    """How a network is loaded: None keeps what is stored. ValueError for what does not exist."""

    device: torch.device
    dtype: torch.dtype | None = None
    quantize: str | None = None
    input_modalities: Sequence[str] | None = None
    target_modalities: Sequence[str] | None = None

    def __post_init__(self) -> None:
        check_quantization(self.quantize)


class Family(Protocol):
    """Makes the parts of an engine."""

    defaults: Defaults
    trained_tokenizer: str
    """The tokenizer file of its released models, which its owner must be asked for."""
    synthetic_tokenizer: Path
    """The one of this package, for weights that mean nothing."""

    def recognises(self, config: Mapping[str, Any]) -> bool:
        """Whether a `config.json` without the name of a family is one of this."""

    def load(self, files: CheckpointFiles, options: LoadOptions) -> Network:
        """The network of a checkpoint. Raises CheckpointError, and ValueError for the options."""

    def cast_encoders(self, network: Any, dtype: torch.dtype) -> None:
        """Compute the vision transformers and the encoder in another dtype than the rest."""

    def synthetic(self, config: Any, device: torch.device) -> Network:
        """A network with weights that mean nothing; `config` names or is a configuration."""

    def processor(
        self, network: Any, tokenizer: TokenizerSource, *, own: bool = True
    ) -> ExampleProcessor:
        """The processor of a network. TokenizerError for a tokenizer that it was not made for.

        own: the tokenizer is known to be the model's, as in a bundle; size alone is looked at.
        """

    def example_encoder(
        self, network: Any, processor: Any, *, cached_frames: int, graphs: Graphs | None = None
    ) -> ExampleEncoder:
        """What runs the encoder; the `cached_frames` most recently used frames are kept.

        graphs: runs what has a form of static shape.
        """
