"""Training examples drawn for people: what the model is shown, and what it is to reply.

All is read from the example, so that a mistake on the way there is seen: pictures are put together
from patches, texts decoded from tokens, and marks are those that the target's tokens decode to.
Pink is what the model does not see of a picture, or is not taught of a target.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.data.sample import Sample
from uio2_ros.processing import Example, Processor
from uio2_ros.processing.inverse import shown_picture, shown_spectrogram
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.answer import Answer, PointSet
from uio2_ros.training.examples import TrainingExample
from uio2_ros.viewing.insets import draw_plan
from uio2_ros.viewing.marks import draw_cuboids, draw_detections, draw_masks, draw_points
from uio2_ros.viewing.panels import PANEL_ROLES, draw_panel
from uio2_ros.viewing.pen import DIM, INK, PALETTE, PAPER, Color, Pen, Pixels, write

NOT_SEEN: Color = (255, 90, 170)
COLUMNS = 3
"""Training examples beside each other on a sheet."""
TILES = 4
"""Pictures of an example beside each other on a sheet; of a longer history the newest are drawn."""
LETTERS = 100
"""Of a line."""
MOST_LINES = 3
"""Of a prompt or a target on a sheet; on a page there is room for all."""
NAMED_FROM = 300
"""Pixels of a tile from which the names of what is found are drawn; they are in the text, too."""
SPECTROGRAM_COLORS = cv2.COLORMAP_MAGMA


def sheet(
    sample: Sample, examples: Sequence[TrainingExample], processor: Processor, tile: int = 176
) -> Pixels:
    """All examples on one picture."""
    rows = [_row(sample, one, processor, None, tile, MOST_LINES) for one in examples]
    return _in_columns([_title(sample, rows[0].shape[1] * COLUMNS), *rows])


def page(
    sample: Sample,
    one: TrainingExample,
    processor: Processor,
    space: ActionSpace | None,
    tile: int = 320,
) -> Pixels:
    """One example, large and with its whole text."""
    drawn = _row(sample, one, processor, space, tile, None)
    return np.concatenate([_title(sample, drawn.shape[1]), drawn])


def _row(
    sample: Sample,
    one: TrainingExample,
    processor: Processor,
    space: ActionSpace | None,
    tile: int,
    most_lines: int | None,
) -> Pixels:
    """The example's pictures beside each other, and below them its texts.

    most_lines: of each text; with None all lines and all pictures are drawn.
    """
    decode = processor.tokenizer.decode
    name = one.labelled.instruction.task or "free form"
    tiles = [*_inputs(one.example, processor, tile), *_targets(one, processor, tile)]
    tiles += _decoded(sample, one, space, tile)
    if most_lines is not None:
        tiles = tiles[-TILES:]
    tiles += [_blank(tile)] * (TILES - len(tiles))
    lines = [(f"{one.number} {name}", PALETTE[2])]
    lines += _lines(f"> {decode(one.example.text)}", INK, most_lines)
    target = one.example.text_target
    if target is not None:
        written = decode(target) or "(nothing)"
        lines += _lines(f"= {written}", PALETTE[0], most_lines)
    return np.concatenate([np.concatenate(tiles, axis=1), _text(lines, tile * len(tiles), tile)])


def _inputs(example: Example, processor: Processor, tile: int) -> Iterable[Pixels]:
    config = processor.config
    for number, frame in enumerate(example.image_history, start=1):
        if frame is not None:
            pixels, seen = shown_picture(frame, config.image_history)
            yield _labelled(_tinted(pixels, seen), f"history {number}", tile)
    for number, segment in enumerate(example.audio_history, start=1):
        values, heard = shown_spectrogram(segment, config.audio)
        yield _labelled(_spectrogram(values, heard), f"heard {number}", tile)
    if example.audio is not None:
        values, heard = shown_spectrogram(example.audio, config.audio)
        yield _labelled(_spectrogram(values, heard), "heard", tile)
    if example.image is not None:
        pixels, seen = shown_picture(example.image, config.image)
        yield _labelled(_tinted(pixels, seen), "seen", tile)


def _targets(one: TrainingExample, processor: Processor, tile: int) -> Iterable[Pixels]:
    """What is to be drawn or to be heard, as it is taught."""
    example = one.example
    if example.image_target is not None and example.image_target_mask is not None:
        pixels = np.rint(example.image_target * 255).astype(np.uint8)
        yield _labelled(_tinted(pixels, example.image_target_mask > 0), "target", tile)
    if example.audio_target is not None and example.audio_target_mask is not None:
        settings = processor.config.audio
        values = example.audio_target * settings.target_std + settings.target_mean
        drawn = _spectrogram(values, example.audio_target_mask > 0)
        yield _labelled(drawn, "target", tile)


def _decoded(
    sample: Sample, one: TrainingExample, space: ActionSpace | None, tile: int
) -> Iterable[Pixels]:
    """What the task reads out of the targets, on the original picture; nothing for mere text."""
    image, answer = sample.observation.image, one.decoded
    placed = answer.detections or answer.cuboids or answer.keypoints or answer.pictures
    if image is None or not (placed or answer.plan):
        return
    height, width = image.pixels.shape[:2]
    scale = tile / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = _resized(image.pixels, size)
    shown = answer if tile >= NAMED_FROM else _nameless(answer)
    _draw(canvas, shown, sample, space, Pen.for_size(size[1], size[0], scale))
    yield _labelled(canvas, "decoded", tile)


def _nameless(answer: Answer) -> Answer:
    """The answer's places without what is there."""
    return replace(
        answer,
        detections=(),
        keypoints=(
            *(PointSet("", one.box, ()) for one in answer.detections),
            *(replace(one, label="") for one in answer.keypoints),
        ),
        cuboids=tuple(replace(one, label="") for one in answer.cuboids),
        pictures=tuple(replace(one, label="") for one in answer.pictures),
    )


def _draw(
    canvas: Pixels, answer: Answer, sample: Sample, space: ActionSpace | None, pen: Pen
) -> None:
    for picture in answer.pictures:
        if picture.role in PANEL_ROLES:
            draw_panel(canvas, replace(picture, label=""), pen)
    draw_masks(canvas, [picture for picture in answer.pictures if picture.role == "mask"], pen)
    if answer.cuboids and sample.observation.camera is not None:
        draw_cuboids(canvas, answer.cuboids, sample.observation.camera, pen)
    else:
        draw_detections(canvas, answer.detections, pen)
        draw_points(canvas, answer.keypoints, pen)
    if answer.plan is not None:
        draw_plan(canvas, answer.plan, space, pen)


def _tinted(pixels: Pixels, seen: npt.NDArray[np.bool_]) -> Pixels:
    """The picture, pink where it is not seen."""
    tinted: Pixels = pixels.copy()
    tinted[~seen] = (tinted[~seen] * 0.35 + np.array(NOT_SEEN) * 0.65).astype(np.uint8)
    return tinted


def _spectrogram(values: npt.NDArray[np.float32], heard: npt.NDArray[np.bool_]) -> Pixels:
    """Log-mel (frames, mels) with time to the right and high tones on top."""
    low, high = np.log(1e-5), np.log(1e5)
    gray = np.rint(np.clip((values - low) / (0.6 * (high - low)), 0, 1) * 255).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(gray, SPECTROGRAM_COLORS), cv2.COLOR_BGR2RGB)
    upright: Pixels = _tinted(np.asarray(colors, np.uint8), heard).swapaxes(0, 1)[::-1]
    return upright


def _labelled(pixels: Pixels, label: str, tile: int) -> Pixels:
    """A picture in a square tile, with a word in its corner."""
    height, width = pixels.shape[:2]
    factor = tile / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    square = _blank(tile)
    top, left = (tile - size[1]) // 2, (tile - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = _resized(pixels, size)
    pen = _pen(tile)
    plate = square[tile - pen.letter_height - 2 * pen.pad :, : pen.text_width(label) + 2 * pen.pad]
    plate[:] = PAPER
    write(plate, label, (pen.pad, plate.shape[0] - pen.pad), DIM, pen)
    return square


def _resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """A picture of another width and height."""
    fitted: Pixels = np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    return fitted


def _pen(tile: int) -> Pen:
    return Pen.for_size(2 * tile, 2 * tile, 1.0)


def _blank(tile: int) -> Pixels:
    return np.full((tile, tile, 3), PAPER, np.uint8)


def _lines(text: str, color: Color, most: int | None) -> list[tuple[str, Color]]:
    wrapped = textwrap.wrap(text, LETTERS) or [""]
    if most is not None and len(wrapped) > most:
        wrapped = [*wrapped[: most - 1], f"{wrapped[most - 1]} .."]
    return [(line, color) for line in wrapped]


def _text(lines: Sequence[tuple[str, Color]], width: int, tile: int) -> Pixels:
    pen = _pen(tile)
    pitch = pen.letter_height + pen.letter_depth + 2
    strip = np.full((pitch * len(lines) + 2 * pen.pad, width, 3), PAPER, np.uint8)
    for number, (line, color) in enumerate(lines, start=1):
        shrink = min(1.0, (width - 2 * pen.pad) / max(1, pen.text_width(line)))
        write(strip, line, (pen.pad, number * pitch), color, pen, shrink)
    return strip


def _title(sample: Sample, width: int) -> Pixels:
    told = ", ".join(f"{name} {value}" for name, value in sample.meta.items())
    lines: list[tuple[str, Color]] = [(sample.key, INK), (told, DIM)]
    return _text(lines, width, 128)


def _in_columns(parts: Sequence[Pixels]) -> Pixels:
    """A title, and below it the rest in columns of about the same height."""
    title, *rows = parts
    columns: list[list[Pixels]] = [[] for _ in range(COLUMNS)]
    for part in rows:
        shortest = min(columns, key=lambda column: sum(one.shape[0] for one in column))
        shortest.append(part)
    heights = [sum(one.shape[0] for one in column) for column in columns]
    filled = [
        np.concatenate([*column, np.full((max(heights) - height, width, 3), PAPER, np.uint8)])
        for column, height in zip(columns, heights, strict=True)
        for width in [rows[0].shape[1]]
    ]
    return np.concatenate([title, np.concatenate(filled, axis=1)])
