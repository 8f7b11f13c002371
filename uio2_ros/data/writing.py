"""Data sets written shard by shard, by one process or several, going on where one was ended.

What a shard holds depends on its number alone, so that it does not matter who writes it or when:
a data set that was interrupted is in the end, byte for byte, the one that was not.
"""

from __future__ import annotations

import fcntl
import os
import resource
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import cv2

from uio2_ros.data.sample import Sample
from uio2_ros.data.sample_files import RECORD, Storage
from uio2_ros.data.shards import DESCRIPTION, DataSet, DataSetError, WritingError, write_shard
from uio2_ros.processes.lifeline import die_with_parent

POLL_S = 0.2

OnSamples = Callable[[int], None]


class ShardSource(Protocol):
    """Where samples come from: what shard 0, 1, ... holds. Can be pickled."""

    def samples(self, shard: int) -> Iterator[Sample]:
        """The samples of a shard, the same every time."""


@dataclass(frozen=True)
class Amount:
    """How much to write: shards, or so many that there are `samples`. One of them is None."""

    shards: int | None = None
    samples: int | None = None

    def __post_init__(self) -> None:
        if (self.shards is None) == (self.samples is None):
            raise ValueError("give either a number of shards or a number of samples")
        if 0 in (self.shards, self.samples) or (self.shards or self.samples or 0) < 0:
            raise ValueError(f"the amount is {self.shards or self.samples or 0}; give 1 or more")


@dataclass(frozen=True)
class Written:
    """What was there before, what was added, and what that took."""

    samples_before: int
    samples: int
    shards: int
    processor_s: float
    wall_s: float


def write_data_set(
    data: DataSet,
    source: ShardSource,
    amount: Amount,
    *,
    workers: int = 1,
    storage: Storage | None = None,
    on_samples: OnSamples = lambda _: None,
) -> Written:
    """Write the shards that are not there yet; what was written whole stays as it is.

    on_samples is told how many samples there are more, of those that were there first of all.
    Samples are counted by shards: an amount of samples is rounded up to whole ones. Raises
    DataSetError for a data set that somebody else is writing, a disk that is full, and a worker
    that died.
    """
    if workers < 1:
        raise ValueError(f"{workers} workers were asked for; give 1 or more")
    with _alone(data):
        began, began_cpu_s = time.monotonic(), _processor_s()
        counts = {number: count_samples(path) for number, path in _complete(data).items()}
        before = sum(counts.values())
        on_samples(before)
        crew = _Crew(data, source, storage or Storage(), on_samples)
        written = crew.write(counts, amount, workers)
        for number in sorted(written)[::-1]:
            if not _wanted(number, counts, amount):  # written before those before it were counted
                data.shard(number).unlink()
                del counts[number]
        return Written(
            before,
            sum(counts.values()) - before,
            len(counts),
            _processor_s() - began_cpu_s,
            time.monotonic() - began,
        )


def count_samples(path: Path) -> int:
    """The samples of a shard, without reading them. Raises DataSetError."""
    try:
        with tarfile.open(path) as archive:
            return sum(name.partition(".")[2] == RECORD for name in archive.getnames())
    except (tarfile.TarError, OSError) as problem:
        raise DataSetError(f"{path} cannot be read: {problem}; remove it and write it anew") from (
            problem
        )


def _complete(data: DataSet) -> dict[int, Path]:
    return {int(path.stem.rpartition("-")[2]): path for path in data.shards}


def _wanted(number: int, counts: dict[int, int], amount: Amount) -> bool:
    """Whether a shard belongs to the data set, as far as is known from those before it."""
    if amount.shards is not None:
        return number < amount.shards
    assert amount.samples is not None
    return sum(counts.get(earlier, 0) for earlier in range(number)) < amount.samples


class _Crew:
    """Who writes shards: this process, or workers that it starts."""

    def __init__(
        self, data: DataSet, source: ShardSource, storage: Storage, on_samples: OnSamples
    ) -> None:
        self._job = _ShardJob(data, source, storage)
        self._on_samples = on_samples

    def write(self, counts: dict[int, int], amount: Amount, workers: int) -> set[int]:
        """Writes what is wanted and adds it to the counts; the numbers of what was written."""
        if workers == 1:
            return self._write_alone(counts, amount)
        context = get_context("spawn")
        news = context.SimpleQueue()
        with ProcessPoolExecutor(workers, context, _begin_work, (news,)) as pool:
            try:
                return self._write_together(pool, news, counts, amount, workers)
            except BrokenProcessPool as problem:
                raise WritingError(
                    f"a process that wrote {self._job.data.folder} was ended (killed, or out of "
                    "memory); write with fewer workers, and what is there is gone on with"
                ) from problem
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _write_alone(self, counts: dict[int, int], amount: Amount) -> set[int]:
        written: set[int] = set()
        number = 0
        while _wanted(number, counts, amount):
            if number not in counts:
                counts[number] = self._job.write(number, self._on_samples)
                written.add(number)
                if not counts[number]:
                    break
            number += 1
        return written

    def _write_together(
        self,
        pool: ProcessPoolExecutor,
        news: Any,
        counts: dict[int, int],
        amount: Amount,
        workers: int,
    ) -> set[int]:
        written: set[int] = set()
        under_way: dict[Future[int], int] = {}
        number = 0
        while True:
            while len(under_way) < workers and _wanted(number, counts, amount):
                if number not in counts:
                    under_way[pool.submit(_write_in_worker, self._job, number)] = number
                number += 1
            if not under_way:
                return written
            finished, _ = wait(under_way, POLL_S, FIRST_COMPLETED)
            while not news.empty():
                self._on_samples(news.get())
            for future in finished:
                done = under_way.pop(future)
                counts[done] = future.result()
                written.add(done)


@dataclass(frozen=True)
class _ShardJob:
    data: DataSet
    source: ShardSource
    storage: Storage

    def write(self, number: int, on_samples: OnSamples) -> int:
        """Writes one shard; its samples."""
        samples = _counted(self.source.samples(number), on_samples)
        return write_shard(self.data.shard(number), samples, self.storage)


def _counted(samples: Iterator[Sample], on_samples: OnSamples) -> Iterator[Sample]:
    for sample in samples:
        yield sample
        on_samples(1)


_news: Any = None  # of a worker: where it tells what it has written


def _begin_work(news: Any) -> None:
    """Ends with the parent and leaves the other cores to the other workers."""
    global _news
    die_with_parent(os.getppid())
    cv2.setNumThreads(1)
    _news = news


def _write_in_worker(job: _ShardJob, number: int) -> int:
    return job.write(number, _news.put)


@contextmanager
def _alone(data: DataSet) -> Iterator[None]:
    """Keeps others from writing the data set at the same time."""
    with (data.folder / DESCRIPTION).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WritingError(
                f"another process is writing {data.folder}; wait for it, or name another folder"
            ) from None
        yield


def _processor_s() -> float:
    """Seconds of processor time of this process and of those it started and saw end."""
    own, others = (resource.getrusage(who) for who in (_SELF, _CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


_SELF, _CHILDREN = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
