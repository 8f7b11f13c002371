"""What becomes of what others recorded: settings of the importers, without what they read with."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.data.action_chunks import expect_continuous
from uio2_ros.data.sample import SHORTEST_S, SampleHistory
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.settings import check, setting

TOLERANCE_S = 1e-4


@dataclass(frozen=True)
class ImportSettings(SampleHistory):
    """What becomes of an episode.

    The actions' numbers are taken in the units of the action space's file, and as many follow a
    picture as the space has in a chunk. camera: name of a picture feature ("" = the only one);
    history_frames earlier pictures, each history_period_s before the next; every `stride`-th frame
    becomes a sample. instruction: where an episode has none. tolerance_s: how far a film's picture
    may be from the time of its row.
    """

    action_space: ActionSpace
    camera: str = ""
    stride: int = setting(1, "every how many-th frame", low=1)
    instruction: str = ""
    tolerance_s: float = setting(
        TOLERANCE_S, "seconds between a picture and its row", low=SHORTEST_S, name="tolerance"
    )

    def __post_init__(self) -> None:
        expect_continuous(self.action_space)
        check(self)


@dataclass(frozen=True)
class RecordingSettings(SampleHistory):
    """What becomes of a recording.

    Topics are chosen by name; "" is the only one of its kind, and for sound, camera and words also
    none. instruction: where no topic tells it. Every period_s a picture becomes a sample, with
    audio_s of sound and as many actions as the action space has in a chunk.
    """

    action_space: ActionSpace
    instruction: str = ""
    picture_topic: str = ""
    action_topic: str = ""
    audio_topic: str = ""
    camera_topic: str = ""
    words_topic: str = ""
    period_s: float = setting(0.5, "seconds between samples", low=SHORTEST_S, name="period")
    audio_s: float = setting(8.16, "seconds of sound", low=SHORTEST_S)

    @property
    def named_topics(self) -> list[str]:
        """Those that were chosen by name."""
        topics = (self.picture_topic, self.action_topic, self.audio_topic, self.camera_topic)
        return [name for name in (*topics, self.words_topic) if name]

    def __post_init__(self) -> None:
        expect_continuous(self.action_space)
        check(self)
