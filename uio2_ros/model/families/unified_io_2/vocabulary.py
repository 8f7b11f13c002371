"""The text vocabulary: which pieces follow those of the SentencePiece file (model.md section 1).

Imports nothing of the package.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

START_ID, END_ID, UNKNOWN_ID = 0, 1, 2  # padding is the start, too
PREFIX_PIECES = tuple(
    f"[{modality}] [{paradigm}]"
    for modality, paradigms in (("Text", "SRX"), ("Image", "SR"), ("Audio", "SR"))
    for paradigm in paradigms
)
INPUT_MARKERS = ("<image_input>", "<audio_input>")
LLAMA_PIECES = {"▁the": 278, "▁Hello": 15043, "▁world": 3186}
"""Where LLaMA's file has some pieces: what tells it from others of its size."""


@dataclass(frozen=True)
class VocabularyConfig:
    """What the text vocabulary consists of, in the order of its ids.

    Rows of the embedding table beyond it are padding. The default is that of the released models.
    """

    text_pieces: int = 32000
    """Those of the SentencePiece file, start, end and unknown included."""
    extra_ids: int = 1200
    """Pieces `<extra_id_0>` and up, of which the last `location_bins` are locations."""
    location_bins: int = 1000
    history_markers: int = 8
    """Pairs of pieces that mark a frame and a segment of the history."""

    def __post_init__(self) -> None:
        if not 2 <= self.location_bins <= self.extra_ids:
            raise ValueError(
                f"vocabulary: location_bins {self.location_bins} must be 2 to extra_ids "
                f"{self.extra_ids}"
            )

    @property
    def size(self) -> int:
        """Ids that have a piece (33,225 of the released models)."""
        markers = 2 * self.history_markers + len(INPUT_MARKERS)
        return self.text_pieces + self.extra_ids + markers + len(PREFIX_PIECES)

    def appended(self) -> Iterator[str]:
        """The texts of the pieces after those of the SentencePiece file."""
        for number in reversed(range(self.extra_ids)):
            yield f"<extra_id_{number}>"
        for frame in range(1, self.history_markers + 1):
            yield f"<image_history_{frame}>"
            yield f"<audio_history_{frame}>"
        yield from INPUT_MARKERS
        yield from PREFIX_PIECES


RELEASED_VOCABULARY = VocabularyConfig()
