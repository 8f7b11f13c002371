"""`./uio2 data info DIR`: what is in a data set."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from uio2_ros.data.shards import DataSet, shard_records

MIB = 2**20


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./uio2 data info", description="What a data set holds.")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--keys", action="store_true", help="the keys of its samples")
    asked = parser.parse_args(list(argv))
    data = DataSet.open(asked.folder)
    for line in keys(data) if asked.keys else description(data):
        print(line)
    return 0


def keys(data: DataSet) -> Iterator[str]:
    """The keys of all samples, in order."""
    for path in data.shards:
        for key, _ in shard_records(path):
            yield key


def description(data: DataSet) -> Iterator[str]:
    """Lines: how it was made, how much there is, and of which tasks."""
    tasks: Counter[str] = Counter()
    splits: Counter[str] = Counter()
    samples = 0
    for path in data.shards:
        for _, record in shard_records(path):
            samples += 1
            tasks.update(task["instruction"].get("task", "") for task in record["tasks"])
            splits[record["meta"].get("split", "none told")] += 1
    size = sum(path.stat().st_size for path in data.shards)
    yield f"{data.folder}: {samples} samples in {len(data.shards)} shards, {size / MIB:.1f} MiB"
    yield "settings: " + json.dumps(dict(data.settings))
    yield "splits: " + ", ".join(f"{name} {count}" for name, count in sorted(splits.items()))
    yield f"{tasks.total()} labelled tasks:"
    for name, count in tasks.most_common():
        yield f"  {count:8}  {name or 'free form'}"
