"""Remembers from which inputs something was made, to make it again only when they change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path


def digest_of_files(root: Path, files: Iterable[Path]) -> str:
    """A hash of the names (relative to root) and contents of files."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(root)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def digest_of_names(root: Path, files: Iterable[Path]) -> str:
    """A hash of the names alone, for things that are linked instead of copied."""
    names = "\0".join(sorted(str(file.relative_to(root)) for file in files))
    return hashlib.sha256(names.encode()).hexdigest()


def read_stamp(file: Path) -> dict[str, str]:
    """What was recorded, or nothing when there is no record or a damaged one."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def write_stamp(file: Path, content: Mapping[str, str]) -> None:
    """Record the inputs; written whole or not at all."""
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(dict(content), indent=1, sort_keys=True), encoding="utf-8")
    temporary.replace(file)
