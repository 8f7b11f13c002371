"""Finding the files of a model: in a directory, in this package or on the hub. No torch.

A checkpoint is a directory, or a repository of the Hugging Face hub, with `config.json` and the
tensors in safetensors or PyTorch files, whole or in shards with an index (model.md section 7). With
a tokenizer and `bundle.json` it is a bundle.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from uio2_ros.model.bundle import (
    BUNDLE_FILE,
    CARD_FILE,
    SHIPPED_BUNDLES,
    TOKENIZER_FILE,
    VQGAN_FILES,
    Bundle,
    shipped_bundles,
)
from uio2_ros.model.config_file import CONFIG_FILE
from uio2_ros.model.families.unified_io_1.released import released_file, released_names
from uio2_ros.robot.errors import CheckpointError

INDEX_SUFFIX = ".index.json"
SAFETENSORS_INDEX = "model.safetensors.index.json"
WEIGHT_FILES = (
    SAFETENSORS_INDEX,
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)  # in order of preference
FLAX_SUFFIX = ".bin"
T5_TOKENIZER_FILE = "spiece.model"
LFS_POINTER = b"version https://git-lfs.github.com/spec/"

Source = str | os.PathLike[str]


@dataclass(frozen=True)
class CheckpointFiles:
    """A model's files; tokenizer and description where they lie beside the weights.

    `weights` of a checkpoint as JAX wrote it (`is_jax`) are the one path that `model.t5x` opens;
    its configuration may be missing, since the arrays tell the released sizes apart.
    """

    config: Path | None
    weights: tuple[Path, ...]
    tokenizer: Path | None = None
    bundle: Bundle | None = None
    is_jax: bool = False
    family: str | None = None
    """Where the kind of file tells it."""
    vqgans: Mapping[str, Path] = field(default_factory=dict)
    """Those that lie beside the weights, by target modality; read by who asks for them only."""

    @property
    def weight_bytes(self) -> int:
        """What the weights take on disk."""
        inside = (part for path in self.weights for part in (path, *path.rglob("*")))
        return sum(part.stat().st_size for part in inside if part.is_file())


def locate(
    id_or_dir: Source,
    *,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | Path | None = None,
) -> CheckpointFiles:
    """The files of a directory, a shipped bundle or a hub id, the first that there is.

    Those of a hub id are downloaded, with progress bars, and resume. `~` is the home directory.
    Raises CheckpointError that says what is missing and what to do.
    """
    folder = Path(id_or_dir).expanduser()
    if str(id_or_dir) and folder.exists() and _is_jax(folder):
        return _jax_files(folder)
    if folder.is_dir() and str(id_or_dir):
        return _choose_files(folder)
    if folder.suffix == FLAX_SUFFIX and folder.is_file():
        return _flax_files(folder)
    if str(id_or_dir) in released_names():
        return _flax_files(released_file(str(id_or_dir), cache_dir))
    if isinstance(id_or_dir, str) and id_or_dir in shipped_bundles():
        return _choose_files(SHIPPED_BUNDLES / id_or_dir)
    if _is_hub_id(id_or_dir):
        return _choose_files(_download(str(id_or_dir), revision, token, cache_dir))
    known = "".join(f" {name}," for name in (*shipped_bundles(), *released_names()))
    raise CheckpointError(
        f"no checkpoint {str(id_or_dir)!r}: expected a directory with {CONFIG_FILE} and weights,"
        f"{known} a .bin of Unified-IO 1, a T5X folder, an .npz, or a hub id such as "
        "allenai/uio2-large"
    )


def _is_jax(path: Path) -> bool:
    if path.is_dir() and any((path / name).is_file() for name in WEIGHT_FILES):
        return False
    from uio2_ros.model.t5x import is_jax_checkpoint  # torch, which the callers that load have

    return is_jax_checkpoint(path)


def _flax_files(path: Path) -> CheckpointFiles:
    """A released file of Unified-IO 1; its tokenizer is T5's."""
    refuse_pointer(path)
    config, tokenizer = path.parent / CONFIG_FILE, path.parent / T5_TOKENIZER_FILE
    return CheckpointFiles(
        config if config.is_file() else None,
        (path,),
        tokenizer if tokenizer.is_file() else None,
        is_jax=True,
        family="unified_io_1",
    )


def _jax_files(path: Path) -> CheckpointFiles:
    folder = path if path.is_dir() else path.parent
    config, tokenizer = folder / CONFIG_FILE, folder / TOKENIZER_FILE
    return CheckpointFiles(
        config if config.is_file() else None,
        (path,),
        tokenizer if tokenizer.is_file() else None,
        is_jax=True,
    )


def _is_hub_id(source: Source) -> bool:
    parts = str(source).split("/")
    return isinstance(source, str) and len(parts) == 2 and all(p.strip(".~") for p in parts)


def _choose_files(folder: Path) -> CheckpointFiles:
    config = folder / CONFIG_FILE
    if not config.is_file():
        raise CheckpointError(f"{folder} has no {CONFIG_FILE}: it is not a checkpoint directory")
    refuse_pointer(config)
    weights = _weights(folder)
    bundle = Bundle.read(folder / BUNDLE_FILE) if (folder / BUNDLE_FILE).is_file() else None
    tokenizer = folder / (TOKENIZER_FILE if bundle is None else bundle.tokenizer)
    if bundle is not None and not tokenizer.is_file():
        raise CheckpointError(f"{folder / BUNDLE_FILE} names {tokenizer.name}, which is missing")
    found = tokenizer if tokenizer.is_file() else None
    return CheckpointFiles(config, weights, found, bundle, vqgans=_vqgans(folder))


def _vqgans(folder: Path) -> dict[str, Path]:
    beside = {modality: folder / name for modality, name in VQGAN_FILES.items()}
    return {modality: path for modality, path in beside.items() if path.is_file()}


def _weights(folder: Path) -> tuple[Path, ...]:
    present = [name for name in WEIGHT_FILES if (folder / name).is_file()]
    if not present:
        raise CheckpointError(f"{folder} has no weights: expected one of {', '.join(WEIGHT_FILES)}")
    path = folder / present[0]
    refuse_pointer(path)
    shards = _shards(path) if path.name.endswith(INDEX_SUFFIX) else (path.name,)
    missing = [shard for shard in shards if not (folder / shard).is_file()]
    if missing:
        raise CheckpointError(f"{path} names files that are missing: {', '.join(missing)}")
    for shard in shards:
        refuse_pointer(folder / shard)
    return tuple(folder / shard for shard in shards)


def _shards(index: Path) -> tuple[str, ...]:
    """The files of an index, all in its own directory."""
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        names = tuple(sorted(set(content["weight_map"].values())))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{index} is not an index of shards: {error!r}") from error
    if not names or any(not isinstance(name, str) or Path(name).name != name for name in names):
        raise CheckpointError(f"{index} is not an index of shards: it names {list(names)}")
    return names


def is_pointer(path: Path) -> bool:
    """Whether git-lfs left a pointer where the file should be."""
    with path.open("rb") as file:
        return file.read(len(LFS_POINTER)) == LFS_POINTER


def refuse_pointer(path: Path) -> None:
    """CheckpointError for a file that git-lfs has not brought yet."""
    if is_pointer(path):
        raise CheckpointError(
            f"{path} is a git-lfs pointer, not the file itself: run `git lfs pull` in {path.parent}"
        )


# ---- the hub ----


def _download(
    repository: str, revision: str | None, token: str | None, cache_dir: str | Path | None
) -> Path:
    """Bring a hub repository's files into the cache; its folder there.

    What is in the cache already is used without the network where the hub cannot be reached.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    def fetch(name: str, commit: str | None) -> Path:
        path = huggingface_hub.hf_hub_download(
            repository, name, revision=commit, token=token, cache_dir=cache_dir
        )
        return Path(path)

    try:
        config = fetch(CONFIG_FILE, revision)
        commit = config.parent.name  # all files of one revision, whatever is pushed meanwhile
        fetch_same = partial(fetch, commit=commit)
        cached = [name for name in WEIGHT_FILES if (config.parent / name).is_file()]
        weights = _fetch_first(cached or WEIGHT_FILES, repository, fetch_same)
        for shard in _shards(weights) if weights.name.endswith(INDEX_SUFFIX) else ():
            fetch_same(shard)
        _fetch_companions(fetch_same)
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise CheckpointError(
            f"cannot download {repository}, which is no directory here either: {error}"
        ) from error
    return config.parent


def _fetch_companions(fetch: Callable[[str], Path]) -> None:
    """Bring what makes a bundle of a checkpoint, where the repository has it."""
    from huggingface_hub.errors import EntryNotFoundError

    def brought(name: str) -> Path | None:
        try:
            return fetch(name)
        except EntryNotFoundError:
            return None

    described = brought(BUNDLE_FILE)
    if described is not None:
        fetch(Bundle.read(described).tokenizer)
        for name in (CARD_FILE, *VQGAN_FILES.values()):
            brought(name)


def _fetch_first(names: Sequence[str], repository: str, fetch: Callable[[str], Path]) -> Path:
    """The first of the names that the repository has."""
    from huggingface_hub.errors import EntryNotFoundError

    reasons: list[str] = []

    def attempt(name: str) -> Path | None:
        try:
            return fetch(name)
        except EntryNotFoundError as error:
            reasons.append(f"{name}: {str(error).splitlines()[0]}")
            return None

    found = next(filter(None, map(attempt, names)), None)
    if found is None:
        raise CheckpointError(f"{repository} has no weights to be had; {'; '.join(reasons)}")
    return found
