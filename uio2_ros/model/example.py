"""One example on its way into the model, and a batch of them: the seam of processing and model."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from uio2_ros.model.transfer import to_device

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Moved = TypeVar("Moved", "PatchBatch", "Batch")


@dataclass(frozen=True)
class PatchInput:
    """Patches of one picture or spectrogram segment, ready for its ViT, or what it made of them.

    Training on cached features of a frozen ViT gives those of `UnifiedIO.encode_patches` and sets
    `encoded`: D is patch_dim or the width of the features.
    """

    patches: Floats  # (P, D)
    mask: Bools  # (P,) real patches
    positions: Ints  # (P,) index of each patch in the full grid, row-major
    encoded: bool = False

    def __post_init__(self) -> None:
        assert self.patches.ndim == 2
        assert self.mask.shape == self.positions.shape == self.patches.shape[:1]


@dataclass(frozen=True)
class Example:
    """Preprocessed inputs and targets of one example; None where a modality is absent.

    text ends with the end token. Histories are oldest first and hold real frames or segments only;
    `history_keys` names image-history frames for the engine's cache (None = do not cache); a frame
    that is None is one the engine holds under its key.
    image_info is the (11,) record of model.md section 2 that maps boxes back to the picture.
    Targets: text ids with the end token; image target (S, S, 3) in [0, 1] with its (S, S) mask;
    audio target a normalised spectrogram (256, 128) with its mask. Where a target is also an
    input with parts of it masked, the `..._hidden` masks say which of its pixels the input lacks.
    """

    text: Ints  # (T,)
    image: PatchInput | None = None
    image_history: tuple[PatchInput | None, ...] = ()
    history_keys: tuple[int | None, ...] = ()
    audio: PatchInput | None = None
    audio_history: tuple[PatchInput, ...] = ()
    image_info: Floats | None = None
    text_target: Ints | None = None
    image_target: Floats | None = None
    image_target_mask: Floats | None = None
    audio_target: Floats | None = None
    audio_target_mask: Floats | None = None
    target: str = "text"  # modality to generate
    image_target_hidden: Bools | None = None
    audio_target_hidden: Bools | None = None


@dataclass
class PatchBatch:
    """Stacked patches: inputs (B, P, D), histories (B, F, P, D); absent frames are masked."""

    patches: torch.Tensor  # float32
    mask: torch.Tensor  # bool, patches' shape without D
    positions: torch.Tensor  # int64, likewise
    _: KW_ONLY
    encoded: bool = False  # patches are features, see `PatchInput`
    present: torch.Tensor | None = None
    """(N,) int64: the frames, counted over B x F, with a patch that is there. None has it found
    out where histories are encoded, for which the host waits for the device."""

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> PatchBatch:
        """The same patches on another device; non_blocking: the host does not wait for CUDA."""
        return _moved(self, device, non_blocking)


@dataclass
class Batch:
    """A batch for `UnifiedIO`: right-padded text, stacked modalities, None where none has one.

    `..._target_rows` (N,) int64 are the examples that have such a target; None has them found out.

    With `rows`, examples are packed: those with the same number share one row of the transformer,
    where they never attend to each other. What goes in and comes out stays one row per example.
    """

    text: torch.Tensor  # (B, T) int64
    text_mask: torch.Tensor  # (B, T) bool
    image: PatchBatch | None = None
    image_history: PatchBatch | None = None
    audio: PatchBatch | None = None
    audio_history: PatchBatch | None = None
    text_target: torch.Tensor | None = None  # (B, L) int64, 0 = padding
    text_target_read: torch.Tensor | None = None  # (B, L) what the decoder reads in its place
    image_target: torch.Tensor | None = None  # (B, S, S, 3)
    image_target_mask: torch.Tensor | None = None
    audio_target: torch.Tensor | None = None  # (B, 256, 128)
    audio_target_mask: torch.Tensor | None = None
    image_target_hidden: torch.Tensor | None = None  # (B, S, S) bool, true where masked as input
    audio_target_hidden: torch.Tensor | None = None  # (B, 256, 128) bool, likewise
    image_target_rows: torch.Tensor | None = None
    audio_target_rows: torch.Tensor | None = None
    rows: torch.Tensor | None = None  # (B,) int64, 0 to the number of packed rows - 1
    examples: tuple[Example, ...] = field(default=())

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """The same batch on another device; non_blocking: the host does not wait for CUDA."""
        return _moved(self, device, non_blocking)


def _moved(batch: Moved, device: torch.device | str, non_blocking: bool) -> Moved:
    moved: dict[str, Any] = {
        name: _sent(value, torch.device(device), non_blocking)
        for name, value in vars(batch).items()
        if isinstance(value, (torch.Tensor, PatchBatch))
    }
    return replace(batch, **moved)


def _sent(
    value: torch.Tensor | PatchBatch, device: torch.device, non_blocking: bool
) -> torch.Tensor | PatchBatch:
    if isinstance(value, torch.Tensor) and non_blocking:
        return to_device(value, device)
    return value.to(device, non_blocking=non_blocking)
