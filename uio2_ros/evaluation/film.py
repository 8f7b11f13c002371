"""video.mp4: episodes as they went, played again from their records. Needs PyAV."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from uio2_ros.evaluation.drawing import SCALE, Ground, draw_steps, enlarged
from uio2_ros.evaluation.records import EpisodeRecord
from uio2_ros.evaluation.run_settings import RunSettings
from uio2_ros.sim import Split, World, sample_episode
from uio2_ros.sim.spec import Place
from uio2_ros.viewing.pen import DIM, INK, PALETTE, PAPER, Color, Pen, Pixels, write

FILM = "video.mp4"
SCENE_PERIOD_S = 2 / 15
FRAMES_PER_S = 15
"""Twice as fast as real."""
PLAN_FRAMES, END_FRAMES = 15, 20
CAPTION_HEIGHT = 88
BIT_RATE = 2_000_000
GOOD: Color = PALETTE[0]
BAD: Color = (255, 96, 84)


def chosen(episodes: Sequence[EpisodeRecord], of_each_task: int) -> list[EpisodeRecord]:
    """The first episodes of each task; the model's if there are any, else the oracle's."""
    policies = [one.policy for one in episodes]
    policy = next((each for each in ("model", "oracle", "random") if each in policies), "")
    found: dict[str, list[EpisodeRecord]] = {}
    for record in episodes:
        if record.policy == policy:
            found.setdefault(record.task, []).append(record)
    return [record for group in found.values() for record in group[:of_each_task]]


def write_film(path: Path, records: Sequence[EpisodeRecord], settings: RunSettings) -> Path:
    """Writes the episodes one after the other as H.264. All are of the size of the settings."""
    import av

    part = path.with_suffix(".part.mp4")
    with av.open(str(part), "w") as container:
        stream: Any = container.add_stream("h264", rate=FRAMES_PER_S)
        stream.pix_fmt, stream.bit_rate = "yuv420p", BIT_RATE
        stream.width = settings.width * SCALE
        stream.height = settings.height * SCALE + CAPTION_HEIGHT
        stream.time_base = Fraction(1, FRAMES_PER_S)
        for record in records:
            for pixels in frames_of(record, settings):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    part.replace(path)
    return path


def frames_of(record: EpisodeRecord, settings: RunSettings) -> Iterator[Pixels]:
    """The pictures of one episode, (H, W, 3) RGB: the plan, what happens, and how it ended."""
    episode = sample_episode(record.task, record.seed, Split(settings.split), settings.size)
    at_table = episode.scene.place is Place.TABLE
    camera = episode.scene.cameras[0].name
    with World(episode.scene) as world:
        taken: list[Pixels] = []
        world.watch(lambda: taken.append(world.colour(camera)), SCENE_PERIOD_S)
        episode.begin(world)
        for pixels in _drained(taken):
            yield _captioned(enlarged(pixels), record, "before the instruction", DIM)
        ground = Ground.of(world, camera)
        plan = draw_steps(world.colour(camera), record.steps, ground)
        for _ in range(PLAN_FRAMES):
            yield _captioned(plan, record, _told(record), INK)
        for number, step in enumerate(record.steps, start=1):
            world.execute(step)
            drawn = (step,) if at_table else ()
            for pixels in _drained(taken):
                picture = draw_steps(pixels, drawn, ground, number) if drawn else enlarged(pixels)
                yield _captioned(picture, record, f"{number}: {step.name}", INK)
        end, (outcome, color) = enlarged(world.colour(camera)), _outcome(record)
        for _ in range(END_FRAMES):
            yield _captioned(end, record, outcome, color)


def _drained(taken: list[Pixels]) -> list[Pixels]:
    """What was taken until now, which is forgotten."""
    found = list(taken)
    taken.clear()
    return found


def _told(record: EpisodeRecord) -> str:
    count = len(record.steps)
    return f"the {record.policy} says {count} step{'' if count == 1 else 's'}"


def _outcome(record: EpisodeRecord) -> tuple[str, Color]:
    if record.success:
        return "success", GOOD
    return (f"failure: {record.error}" if record.error else "failure"), BAD


def _captioned(pixels: Pixels, record: EpisodeRecord, said: str, color: Color) -> Pixels:
    """A picture over two lines: the instruction, and what is going on."""
    height, width = pixels.shape[:2]
    pen = Pen.for_size(height, width, SCALE)
    frame = np.full((height + CAPTION_HEIGHT, width, 3), PAPER, np.uint8)
    frame[:height] = pixels
    columns = max(10, width // max(1, pen.text_width("n")))
    lines = textwrap.wrap(f"> {record.instruction}", columns, max_lines=2, placeholder=" ...")
    pitch = pen.letter_height + pen.letter_depth + pen.pad
    for number, line in enumerate(lines, start=1):
        write(frame, line, (2 * pen.pad, height + number * pitch), INK, pen)
    told = textwrap.shorten(f"{record.task}: {said}", columns, placeholder=" ...")
    write(frame, told, (2 * pen.pad, height + 3 * pitch), color, pen)
    return frame
