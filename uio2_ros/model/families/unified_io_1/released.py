"""The released weight files and where their authors offer them. No torch at import."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.error import URLError

from uio2_ros.model.families.unified_io_1.config import NAME_PREFIX
from uio2_ros.robot.errors import CheckpointError

SIZES = ("small", "base", "large", "xl")
BUCKET = "https://ai2-prior-uio.s3.us-west-2.amazonaws.com/public/model-weights-bin"
"""Source: the README of the authors' inference code."""


def released_names() -> tuple[str, ...]:
    """What may be given as a model."""
    return tuple(NAME_PREFIX + size for size in SIZES)


def released_file(name: str, cache_dir: str | Path | None = None, bucket: str = BUCKET) -> Path:
    """The weights of a released size, downloaded with a progress bar unless they are there.

    They are kept in `cache_dir`, or in `uio2_ros` of the user's cache. CheckpointError where they
    cannot be had.
    """
    folder = Path(cache_dir).expanduser() if cache_dir is not None else _default_cache()
    path = folder / f"{name}.bin"
    if path.is_file():
        return path
    from torch.hub import download_url_to_file

    url = f"{bucket}/{name.removeprefix(NAME_PREFIX)}_1000k.bin"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        download_url_to_file(url, str(path))
    except (URLError, OSError) as error:
        raise CheckpointError(
            f"cannot download {name} from {url}: {error}; give the path of a .bin file instead"
        ) from error
    return path


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uio2_ros"
