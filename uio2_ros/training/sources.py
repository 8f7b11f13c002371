"""Where training samples come from. A source has parts; a part holds the same samples every time.

Data sets written by `./uio2 data`, the simulator itself, LeRobot data sets and recordings are
sources by their shards. Pictures with captions and boxes of others come as WebDataset or COCO,
texts from Hugging Face `datasets` (an optional package).
"""

from __future__ import annotations

import json
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from uio2_ros.data.media_files import picture_of
from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.data.shards import DataSet, DataSetError, read_shard
from uio2_ros.data.writing import ShardSource
from uio2_ros.decoding.keypoints import COCO_17
from uio2_ros.robot.answer import Answer, Detection, Picture, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.tasks.builtin import coco_detect

PICTURE_ENDINGS = ("jpg", "jpeg", "png", "webp")
TEXTS_PER_PART = 1000
PICTURES_PER_PART = 256
ID_DIGITS = 12
"""Of a COCO picture, at the end of its file's name."""
COCO_CLASSES = frozenset(coco_detect.CLASSES)


class Source(Protocol):
    """Samples in parts. Can be pickled, so that worker processes may read it."""

    @property
    def parts(self) -> int:
        """How many parts there are."""

    def samples(self, part: int) -> Iterator[Sample]:
        """The samples of part 0, 1, ..., the same every time."""


@dataclass(frozen=True)
class ShardFolder:
    """A data set of `./uio2 data write` or `import`."""

    folder: Path

    @cached_property
    def _shards(self) -> tuple[Path, ...]:
        return DataSet.open(self.folder).shards

    @property
    def parts(self) -> int:
        return len(self._shards)

    def samples(self, part: int) -> Iterator[Sample]:
        return read_shard(self._shards[part])


@dataclass(frozen=True)
class OnTheFly:
    """What a shard source would write, made when it is asked for: the simulator, a recording."""

    source: ShardSource
    parts: int

    def samples(self, part: int) -> Iterator[Sample]:
        return self.source.samples(part)


@dataclass(frozen=True)
class CaptionedPictures:
    """Tar files in WebDataset's layout: a picture and a text of the same key are a caption.

    text: the ending of the text's files, "txt", or a field of a JSON file as "json:caption".
    """

    archives: tuple[Path, ...]
    text: str = "txt"

    @property
    def parts(self) -> int:
        return len(self.archives)

    def samples(self, part: int) -> Iterator[Sample]:
        ending, _, key = self.text.partition(":")
        for name, files in _groups(self.archives[part]):
            picture = next((files[one] for one in PICTURE_ENDINGS if one in files), None)
            if picture is None or ending not in files:
                continue
            words = files[ending].decode("utf-8")
            said = str(json.loads(words)[key]) if key else words
            task = LabelledTask(Instruction("", "caption"), Answer(text=said.strip().lower()))
            yield _about_picture(f"{part}_{name}", picture, (task,))


def _groups(archive: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Files of equal names up to the first dot that follow each other, by the rest of the name."""
    key, files = "", dict[str, bytes]()
    try:
        with tarfile.open(archive, mode="r|*") as tar:
            for entry in tar:
                content = tar.extractfile(entry)
                if content is None:
                    continue
                name, _, ending = Path(entry.name).name.partition(".")
                if name != key and files:
                    yield key, files
                    files = {}
                key = name
                files[ending.lower()] = content.read()
    except (tarfile.TarError, OSError) as problem:
        raise DataSetError(f"{archive} cannot be read: {problem}") from problem
    if files:
        yield key, files


@dataclass(frozen=True)
class CocoFolder:
    """Pictures with COCO's annotation file; with `refs`, RefCOCO's expressions of its boxes.

    annotations: JSON with images, categories and annotations (bbox x y width height). An annotation
    with a `caption` is a caption, one with `sentences` a referring expression, one with `keypoints`
    a person's joints, one with polygons as `segmentation` a mask. Where all categories are COCO's,
    all boxes are what `coco_detect` is asked for.
    """

    pictures: Path
    annotations: Path

    @cached_property
    def _records(self) -> tuple[Mapping[str, Any], dict[int, str], dict[int, list[Any]]]:
        try:
            record = json.loads(self.annotations.read_text(encoding="utf-8"))
            classes = {one["id"]: str(one["name"]) for one in record.get("categories", ())}
            of_picture: dict[int, list[Any]] = defaultdict(list)
            for one in record["annotations"]:
                of_picture[one["image_id"]].append(one)
            return record, classes, of_picture
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise DataSetError(f"{self.annotations} is no COCO annotation file: {problem!r}") from (
                problem
            )

    @property
    def parts(self) -> int:
        return -(-len(self._records[0]["images"]) // PICTURES_PER_PART)

    def samples(self, part: int) -> Iterator[Sample]:
        record, classes, of_picture = self._records
        first = part * PICTURES_PER_PART
        for image in record["images"][first : first + PICTURES_PER_PART]:
            tasks = tuple(_coco_tasks(of_picture[image["id"]], classes, image))
            if tasks:
                data = (self.pictures / image["file_name"]).read_bytes()
                yield _about_picture(f"coco_{image['id']}", data, tasks)


def _coco_tasks(
    annotations: Sequence[Any], classes: Mapping[int, str], image: Mapping[str, Any]
) -> Iterator[LabelledTask]:
    captions = tuple(str(one["caption"]).strip().lower() for one in annotations if "caption" in one)
    for said in captions:
        yield LabelledTask(Instruction("", "caption"), Answer(text=said), captions)
    boxes: dict[str, list[Detection]] = defaultdict(list)
    for one in annotations:
        box = _coco_box(one)
        if box is None:
            continue
        for sentence in one.get("sentences", ()):
            said = str(sentence["raw"] if isinstance(sentence, Mapping) else sentence).lower()
            found = Answer(detections=(Detection(box, said),))
            yield LabelledTask(Instruction(said, "refexp"), found)
        if any(one.get("keypoints", ())[2::3]):
            yield _joints(one["keypoints"], box)
        if one.get("category_id") not in classes:
            continue
        name = classes[one["category_id"]]
        boxes[name].append(Detection(box, name))
        if isinstance(one.get("segmentation"), list) and "height" in image:
            yield _mask(one["segmentation"], Detection(box, name), image)
    for name, found_boxes in boxes.items():
        yield LabelledTask(Instruction(name, "localize"), Answer(detections=tuple(found_boxes)))
    if boxes and COCO_CLASSES.issuperset(classes.values()):
        everything = tuple(one for some in boxes.values() for one in some)
        yield LabelledTask(Instruction("", "coco_detect"), Answer(detections=everything))


def _coco_box(annotation: Mapping[str, Any]) -> Box | None:
    """The box of one object; None where there is none, or it is a crowd's."""
    if "bbox" not in annotation or annotation.get("iscrowd"):
        return None
    x, y, width, height = map(float, annotation["bbox"])
    return Box(x, y, x + width, y + height) if min(width, height) > 0 else None


def _joints(numbers: Sequence[float], box: Box) -> LabelledTask:
    """COCO's 17 joints of the person in a box: x, y, and 0 where nobody labelled it."""
    points = tuple(
        Point(name, float(x), float(y), visible=seen > 0)
        for name, x, y, seen in zip(
            COCO_17, numbers[::3], numbers[1::3], numbers[2::3], strict=True
        )
    )
    return LabelledTask(
        Instruction("", "keypoints", region=box),
        Answer(keypoints=(PointSet("person", box, points),)),
    )


def _mask(
    polygons: Sequence[Sequence[float]], found: Detection, image: Mapping[str, Any]
) -> LabelledTask:
    """What polygons x y x y ... cover of the picture, asked for by its box."""
    mask = np.zeros((int(image["height"]), int(image["width"])), np.uint8)
    corners = [np.reshape(one, (-1, 2)).round().astype(np.int32) for one in polygons]
    cv2.fillPoly(mask, corners, 255)
    return LabelledTask(
        Instruction(found.label, "segment", region=found.box),
        Answer(detections=(found,), pictures=(Picture("mask", mask, found.label),)),
    )


@dataclass(frozen=True)
class AskedPictures:
    """A folder in VQA v2's layout: `questions.json`, `annotations.json` and pictures.

    A picture is the file whose name ends with its id in twelve digits. The answer taught is the one
    most people gave.
    """

    folder: Path

    @cached_property
    def _records(self) -> tuple[list[tuple[int, list[Any]]], dict[int, Any], dict[int, Path]]:
        """Questions by picture, annotations by question, pictures by id."""
        try:
            asked = json.loads((self.folder / "questions.json").read_text("utf-8"))["questions"]
            told = json.loads((self.folder / "annotations.json").read_text("utf-8"))["annotations"]
            of_picture: dict[int, list[Any]] = defaultdict(list)
            for one in asked:
                of_picture[int(one["image_id"])].append(one)
            answers = {int(one["question_id"]): one for one in told}
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise DataSetError(f"{self.folder} has no VQA questions: {problem!r}") from problem
        pictures = {
            int(path.stem[-ID_DIGITS:]): path
            for path in self.folder.rglob("*")
            if path.suffix[1:].lower() in PICTURE_ENDINGS and path.stem[-ID_DIGITS:].isdecimal()
        }
        return list(of_picture.items()), answers, pictures

    @property
    def parts(self) -> int:
        return -(-len(self._records[0]) // PICTURES_PER_PART)

    def samples(self, part: int) -> Iterator[Sample]:
        of_picture, answers, pictures = self._records
        first = part * PICTURES_PER_PART
        for image, asked in of_picture[first : first + PICTURES_PER_PART]:
            if image not in pictures:
                raise DataSetError(f"{self.folder} has no picture {image:0{ID_DIGITS}}")
            tasks = tuple(
                _answered(str(one["question"]), answers[int(one["question_id"])])
                for one in asked
                if int(one["question_id"]) in answers
            )
            if tasks:
                yield _about_picture(f"vqa_{image}", pictures[image].read_bytes(), tasks)


def _answered(question: str, annotation: Mapping[str, Any]) -> LabelledTask:
    accepted = tuple(str(one["answer"]) for one in annotation.get("answers", ()))
    most = annotation.get("multiple_choice_answer") or Counter(accepted).most_common(1)[0][0]
    return LabelledTask(Instruction(question, "vqa"), Answer(text=str(most)), accepted)


@dataclass(frozen=True)
class InstructionTexts:
    """Instructions with answers in words alone, as Alpaca, Dolly and FLAN have them.

    name: of a data set of the Hugging Face hub, or a folder of one that was saved. first: how many
    rows are held out at the start (the original holds out 2,000 of FLAN and Alpaca, 1,000 of
    Dolly). Needs the package `datasets`.
    """

    name: str
    split: str = "train"
    question: str = "instruction"
    context: str = "input"
    answer: str = "output"
    first: int = 0

    @cached_property
    def _rows(self) -> Any:
        import datasets

        if Path(self.name).is_dir():
            loaded = datasets.load_from_disk(self.name)
            return loaded[self.split] if isinstance(loaded, datasets.DatasetDict) else loaded
        return datasets.load_dataset(self.name, split=self.split)

    @property
    def parts(self) -> int:
        return -(-(len(self._rows) - self.first) // TEXTS_PER_PART)

    def samples(self, part: int) -> Iterator[Sample]:
        start = self.first + part * TEXTS_PER_PART
        for number in range(start, min(start + TEXTS_PER_PART, len(self._rows))):
            row = self._rows[number]
            asked = "\n".join(filter(None, (row[self.question], row.get(self.context))))
            task = LabelledTask(Instruction(asked), Answer(text=row[self.answer]))
            yield Sample(f"text_{number}", Observation(), (task,))


def _about_picture(key: str, data: bytes, tasks: tuple[LabelledTask, ...]) -> Sample:
    frame = Frame(picture_of(data), 0)
    clean = "".join(letter if letter.isalnum() else "_" for letter in key)
    return Sample(clean, Observation(image=frame), tasks)
