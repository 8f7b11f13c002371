"""What was seen where: objects in a fixed frame, merged over looks, forgotten by rule.

* Merged: what is seen where something of a like name is remembered is that thing; its place is a
  Kalman filter's, unless it was moved; what the picture's edge cuts off tells little of it.
* Moved: a name that is seen elsewhere while its place is in view without it keeps its number.
* Forgotten: after `misses` looks in a row that searched for it and had its place in view without
  it: by the depth nothing nearer is in the way, and what stands there, if anything, is something
  else or too flat to tell; or when it was not seen for `max_age`.

No ROS, one file (`memory_file.py`). Stamps are nanoseconds of ROS time; ages over a restart, or
over a clock that jumped back, are those of the machine's clock.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from uio2_ros.memory.labels import Words, likeness, may_be_one, words_of
from uio2_ros.memory.lifting import visible_depth
from uio2_ros.memory.memory_file import MemoryFile, MemoryFileError, Row
from uio2_ros.memory.settings import MemorySettings
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.located import LocatedObject, RangeSource, RememberedObject
from uio2_ros.robot.poses import Pose3D
from uio2_ros.robot.time import to_s

Metres = npt.NDArray[np.float32]

SEARCHES_ALL = ("detect", "cuboids")
SEARCHES_NAMED = ("localize", "segment")
MOVED_SIGMAS = 3.0
"""A place that differs by more standard deviations is another place, not another measurement."""
BEST_SHARE = 0.5
"""Of the deviation of one sighting: what many of them come to, as their errors are alike."""
MISSED_CONFIDENCE = 0.6
"""What is left of the confidence in an object that was missed once more."""
MOST_CONFIDENCE = 0.999
IN_THE_WAY_M = 0.03
"""How much nearer than an object something must be to hide it."""
LEAST_THICK_M = 0.03
"""Thinner things cannot be told from what they lie on by depth."""
LEAST_REACH_PIXELS = 2.0


@dataclass(frozen=True)
class Searched:
    """What a look would have found had it been there: everything, or what has one of these names.

    A look for something that is always found somewhere ("the red mug") says nothing of others.
    """

    everything: bool = False
    names: tuple[str, ...] = ()

    @classmethod
    def by(cls, instruction: Instruction, found: Sequence[LocatedObject]) -> Searched:
        """What an instruction searches for; nothing by tasks that list what they please."""
        if instruction.task in SEARCHES_ALL:
            return cls(not instruction.options, instruction.options)
        if instruction.task in SEARCHES_NAMED:
            return cls(names=(instruction.instruction,))
        return cls(names=tuple(one.label for one in found) if instruction.task == "refexp" else ())

    def includes(self, words: Words) -> bool:
        """Whether an object of this name would have been found."""
        return self.everything or any(
            wanted and wanted <= words for wanted in map(words_of, self.names)
        )


@dataclass(frozen=True)
class Survey:
    """What one picture showed. camera_pose: of its optical frame in the memory's.

    depth as in `Lifter`; without it nothing is known to be gone. pictures: a JPEG of each object.
    """

    stamp_ns: int
    camera: CameraModel
    camera_pose: Pose3D
    objects: Sequence[LocatedObject]
    searched: Searched = Searched()
    depth: Metres | None = None
    pictures: Sequence[bytes] = ()


@dataclass(eq=False)
class _Object:
    """One object as it is known."""

    row: Row
    clock: int
    """Which of the clocks since the start its stamp is of."""
    words: Words = field(init=False)

    def __post_init__(self) -> None:
        self.words = words_of(self.row.label)

    @property
    def position(self) -> npt.NDArray[np.float64]:
        return np.array((self.row.x, self.row.y, self.row.z))

    @property
    def half_m(self) -> float:
        """Half of what it measures at most."""
        return max(self.row.length, self.row.width, self.row.height) / 2

    def age_s(self, now_ns: int, clock: int, wall_s: float) -> float:
        """Seconds since it was seen."""
        if clock == self.clock:
            return max(0.0, to_s(now_ns - self.row.stamp_ns))
        return max(0.0, wall_s - self.row.wall_s)


class WorldMemory:
    """Any thread."""

    def __init__(
        self, settings: MemorySettings, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        """A file that cannot be used is told in `problem`, and everything works without it."""
        self.settings = settings
        self._wall_clock = wall_clock
        self._lock = threading.Lock()  # guards all below
        self._clock = 0
        self._file: MemoryFile | None = None
        self.problem = ""
        """What is wrong with the file; "" if nothing is."""
        self._objects: dict[int, _Object] = {}
        self._next_id = 1
        self._open()

    def __len__(self) -> int:
        with self._lock:
            return len(self._objects)

    def merge(self, survey: Survey, now_ns: int) -> None:
        """Merges what a picture showed, and forgets what it shows to be gone."""
        with self._lock:
            changed, gone = self._merged(survey)
            gone |= self._outdated(now_ns)
            for number in gone:
                self._objects.pop(number, None)
            kept = [self._objects[number].row for number in changed if number in self._objects]
            self._write(kept, gone)

    def recall(
        self, query: str, now_ns: int, *, max_age_s: float = 0.0, most: int = 0
    ) -> list[RememberedObject]:
        """What answers a question, the best match first; everything for "".

        Of equal matches, what was not missed since comes before what was, then the newest.
        """
        asked = words_of(query)
        with self._lock:
            gone = self._outdated(now_ns)
            for number in gone:
                del self._objects[number]
            self._write([], gone)
            wall_s = self._wall_clock()
            found = []
            for one in self._objects.values():
                fit = likeness(asked, one.words) if query.strip() else 1.0
                age_s = one.age_s(now_ns, self._clock, wall_s)
                if fit and (not max_age_s or age_s <= max_age_s):
                    found.append((-fit, one.row.missed, age_s, one))
        found.sort(key=lambda each: each[:3])
        return [_remembered(one.row, age_s) for _, _, age_s, one in found[: most or None]]

    def forget(self) -> int:
        """Forgets everything; how many objects that were."""
        with self._lock:
            gone = set(self._objects)
            self._objects.clear()
            self._write([], gone)
        return len(gone)

    def clock_jumped(self) -> None:
        """Stamps from now on are of another clock than those before."""
        with self._lock:
            self._clock += 1

    def close(self) -> None:
        """Gives the file back."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None

    # With the lock held.

    def _merged(self, survey: Survey) -> tuple[set[int], set[int]]:
        """Numbers of the objects that changed, and of those that are gone."""
        seen = [
            (_placed(one, survey.camera_pose), survey.pictures[number] if survey.pictures else b"")
            for number, one in enumerate(survey.objects)
            if self._is_worth(one)
        ]
        left = dict(enumerate(seen))
        changed: set[int] = set()
        for number, known in self._pairs([one for one, _ in seen]):
            known.row = self._updated(known, *left.pop(number), survey.stamp_ns)
            known.clock, known.words = self._clock, words_of(known.row.label)
            changed.add(known.row.id)
        missing = [
            one
            for one in self._objects.values()
            if one.row.id not in changed
            and survey.searched.includes(one.words)
            and _is_missing(one, survey, [other for other, _ in seen])
        ]
        for one, picture in left.values():
            known_before = self._moved_from(one, missing)
            if known_before is not None:
                missing.remove(known_before)
            changed.add(self._add(one, picture, survey.stamp_ns, known_before))
        for absent in missing:
            missed, confidence = absent.row.missed + 1, absent.row.confidence * MISSED_CONFIDENCE
            absent.row = replace(absent.row, missed=missed, confidence=confidence)
            changed.add(absent.row.id)
        gone = {one.row.id for one in missing if one.row.missed >= self.settings.misses}
        return changed, gone

    def _is_worth(self, one: LocatedObject) -> bool:
        """Whether something has a place, a name, and is likely what it is called."""
        placed = one.source is not RangeSource.NONE
        return placed and one.score >= self.settings.least_score and bool(words_of(one.label))

    def _pairs(self, seen: Sequence[LocatedObject]) -> Iterable[tuple[int, _Object]]:
        """Which of the objects seen is which that is remembered; the nearest pairs first."""
        near = []
        for number, one in enumerate(seen):
            words, place = words_of(one.label), np.array(one.pose.position)
            for known in self._objects.values():
                away_m = float(np.linalg.norm(known.position - place))
                if may_be_one(words, known.words) and away_m <= self._reach_m(one, known):
                    near.append((words != known.words, away_m, number, known))
        taken: set[object] = set()
        for _, _, number, known in sorted(near, key=lambda each: each[:3]):
            if number not in taken and known not in taken:
                taken |= {number, known}
                yield number, known

    def _reach_m(self, one: LocatedObject, known: _Object) -> float:
        """Within which two places are of one object."""
        deviation_m = math.hypot(one.deviation_m, known.row.deviation)
        return max(self.settings.merge_distance_m, known.half_m, MOVED_SIGMAS * deviation_m)

    def _moved_from(self, one: LocatedObject, missing: Sequence[_Object]) -> _Object | None:
        """The only object of its very name that is missing where it was."""
        words = words_of(one.label)
        alike = [known for known in missing if known.words == words]
        return alike[0] if len(alike) == 1 else None

    def _updated(self, known: _Object, one: LocatedObject, picture: bytes, stamp_ns: int) -> Row:
        row = known.row
        again = known.clock == self._clock and row.stamp_ns == stamp_ns
        if again and row.source == one.source:
            return row  # the same picture asked about again tells nothing new
        position, deviation = _fused(known, one)
        size = (row.length, row.width, row.height) if one.is_cut else one.size
        more = len(words_of(one.label)) > len(known.words)
        confidence = 1 - (1 - row.confidence) * (1 - one.score)
        return replace(
            _row(one, row.id, row.frame_id, picture or row.picture, stamp_ns, self._wall_clock()),
            label=one.label if more else row.label,
            x=position[0],
            y=position[1],
            z=position[2],
            length=size[0],
            width=size[1],
            height=size[2],
            deviation=deviation,
            confidence=min(MOST_CONFIDENCE, confidence),
            sightings=row.sightings + 1,
        )

    def _add(
        self, one: LocatedObject, picture: bytes, stamp_ns: int, before: _Object | None
    ) -> int:
        """An object at a new place; with the number of the one that was moved there, if any."""
        number = self._next_id if before is None else before.row.id
        self._next_id += before is None
        row = _row(one, number, self.settings.frame, picture, stamp_ns, self._wall_clock())
        if before is not None:
            row = replace(
                row, sightings=before.row.sightings + 1, picture=picture or before.row.picture
            )
        self._objects[number] = _Object(row, self._clock)
        return number

    def _outdated(self, now_ns: int) -> set[int]:
        """Numbers of the objects that are too old, or too many."""
        wall_s = self._wall_clock()
        ages = {
            number: one.age_s(now_ns, self._clock, wall_s) for number, one in self._objects.items()
        }
        limit_s = self.settings.max_age_s
        old = {number for number, age_s in ages.items() if limit_s and age_s > limit_s}
        left = sorted(ages.keys() - old, key=lambda number: ages[number])
        return old | set(left[self.settings.most :])

    def _open(self) -> None:
        try:
            self._file = MemoryFile(self.settings.file)
            self.problem = self._file.problem
            rows = self._file.rows(self.settings.frame)
            self._objects = {row.id: _Object(row, clock=-1) for row in rows}
            self._next_id = self._file.next_id()
        except MemoryFileError as error:
            self._do_without(error)

    def _do_without(self, error: MemoryFileError) -> None:
        self.problem = f"{error}. What is seen is remembered until the agent ends"
        if self._file is not None:
            self._file.close()
        self._file = None

    def _write(self, changed: Sequence[Row], gone: Iterable[int]) -> None:
        if self._file is None or not (changed or gone):
            return
        try:
            self._file.write(changed, gone)
        except MemoryFileError as error:
            self._do_without(error)


def _placed(one: LocatedObject, camera_pose: Pose3D) -> LocatedObject:
    """In the memory's frame."""
    return replace(one, pose=camera_pose.then(one.pose))


def _fused(known: _Object, one: LocatedObject) -> tuple[tuple[float, float, float], float]:
    """Place and deviation by both what is known and what is seen; the latter if it was moved."""
    before, after = known.position, np.array(one.pose.position)
    old, new = known.row.deviation**2, one.deviation_m**2
    if float(np.linalg.norm(after - before)) > MOVED_SIGMAS * math.sqrt(old + new) or not old + new:
        return one.pose.position, one.deviation_m
    gain = old / (old + new)
    x, y, z = (before + gain * (after - before)).tolist()
    best = min(known.row.deviation, BEST_SHARE * one.deviation_m)
    return (x, y, z), max(math.sqrt((1 - gain) * old), best)


def _is_missing(known: _Object, survey: Survey, seen: Sequence[LocatedObject]) -> bool:
    """Whether a picture shows the place of an object without it.

    Not where something nearer hides it, and not where something as thick as it still stands there
    that the look has no other name for: what a detector overlooks is not gone.
    """
    if survey.depth is None:
        return False
    place = Pose3D((known.row.x, known.row.y, known.row.z))
    x, y, z = survey.camera_pose.inverse().then(place).position
    if z <= known.half_m:
        return False
    pixel = survey.camera.project((x, y, z))
    reach = max(LEAST_REACH_PIXELS, known.half_m / 2 * survey.camera.fx / z)
    within = reach <= pixel[0] < survey.camera.width - reach
    if not (within and reach <= pixel[1] < survey.camera.height - reach):
        return False
    depths = visible_depth(survey.depth, survey.camera, pixel, reach)
    if not depths.size:
        return False
    front = float(np.percentile(depths, 25))
    if front < z - (known.half_m + IN_THE_WAY_M + known.row.deviation):
        return False
    thick = min(known.row.length, known.row.width, known.row.height) >= LEAST_THICK_M
    return not (thick and front <= z) or any(
        float(np.linalg.norm(known.position - np.array(one.pose.position))) <= known.half_m
        for one in seen
    )


def _row(
    one: LocatedObject, number: int, frame_id: str, picture: bytes, stamp_ns: int, wall_s: float
) -> Row:
    return Row(
        number,
        one.label,
        frame_id,
        *one.pose.position,
        *one.pose.quaternion_wxyz,
        *one.size,
        one.deviation_m,
        int(one.source),
        min(MOST_CONFIDENCE, one.score),
        stamp_ns,
        wall_s,
        sightings=1,
        missed=0,
        picture=picture,
    )


def _remembered(row: Row, age_s: float) -> RememberedObject:
    return RememberedObject(
        id=row.id,
        label=row.label,
        confidence=row.confidence,
        frame_id=row.frame_id,
        pose=Pose3D((row.x, row.y, row.z), (row.qw, row.qx, row.qy, row.qz)),
        size=(row.length, row.width, row.height),
        deviation_m=row.deviation,
        source=RangeSource(row.source),
        stamp_ns=row.stamp_ns,
        age_s=age_s,
        sightings=row.sightings,
        missed=row.missed,
        picture=row.picture,
    )
