"""A process of `./uio2 bench load`; prints what it did as one line of JSON.

Usage: python -m uio2_ros.cli.bench_load_process make FOLDER CONFIG
       python -m uio2_ros.cli.bench_load_process load FOLDER
       python -m uio2_ros.cli.bench_load_process run FOLDER

`make` writes a bfloat16 checkpoint with synthetic weights into the folders `bin` and `safetensors`
of FOLDER. `load` times reading the weight file and loading it, `run` loads and generates a text;
both take the folder of one checkpoint.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

STARTED = time.perf_counter()

import torch  # noqa: E402

from uio2_ros.inference import Engine, Sampling  # noqa: E402
from uio2_ros.inference.families.unified_io_2 import SYNTHETIC_TOKENIZER  # noqa: E402
from uio2_ros.model import ModelConfig, UnifiedIO, synthetic_tensor  # noqa: E402
from uio2_ros.model.checkpoint import locate  # noqa: E402
from uio2_ros.model.config_file import CONFIG_FILE  # noqa: E402
from uio2_ros.model.skeleton import without_weights  # noqa: E402
from uio2_ros.model.weights import write_safetensors  # noqa: E402
from uio2_ros.processing import Processor, Tokenizer  # noqa: E402

IMPORTED = time.perf_counter()

READING_BUFFER_BYTES = 8 << 20
PAGE_BYTES = 4096
NEW_TOKENS = 8
PICTURE = Path(__file__).parents[1] / "assets" / "demo.jpg"
FLOAT32_PARTS = (".vision_transformer.", ".vqgan.")  # in official names, as in released files


def make(folder: Path, config: str) -> dict[str, float]:
    """Write the checkpoint in both formats; the configuration last, so that it says: complete."""
    with without_weights():
        model = UnifiedIO(ModelConfig.load(config))
    state = {
        name: synthetic_tensor(name, shape).to(_stored_dtype(name))
        for name, shape in model.official_shapes().items()
    }
    for kind in ("bin", "safetensors"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "bin" / "pytorch_model.bin")
    write_safetensors(state, folder / "safetensors", sum(t.nbytes for t in state.values()))
    for kind in ("bin", "safetensors"):
        model.config.save(folder / kind / CONFIG_FILE)
    return {"bytes": sum(tensor.nbytes for tensor in state.values())}


def _stored_dtype(name: str) -> torch.dtype:
    is_float32 = any(part in name for part in FLOAT32_PARTS)
    return torch.float32 if is_float32 else torch.bfloat16


def load(folder: Path) -> dict[str, float]:
    """Seconds to read the weight file, and to load the model and touch every page of its weights.

    First from the disk, then from the page cache of the system.
    """
    (weights,) = locate(folder).weights
    _forget(weights)
    read_s = _read(weights)
    _forget(weights)
    load_s, touch_s = _load(folder)
    cached_read_s = _read(weights)
    cached_load_s, cached_touch_s = _load(folder)
    return {
        "import_s": IMPORTED - STARTED,
        "read_s": read_s,
        "load_s": load_s,
        "touch_s": touch_s,
        "cached_read_s": cached_read_s,
        "cached_load_s": cached_load_s + cached_touch_s,
    }


def _load(folder: Path) -> tuple[float, float]:
    """Seconds until the model is there, and from then until all of its weights are."""
    started = time.perf_counter()
    model = UnifiedIO.from_pretrained(folder, dtype=torch.bfloat16).pack()
    loaded = time.perf_counter()
    _touch(model)
    return loaded - started, time.perf_counter() - loaded


def run(folder: Path) -> dict[str, float]:
    """Bytes of memory at the peak of loading, touching all weights and writing a short text."""
    model = UnifiedIO.from_pretrained(folder, dtype=torch.bfloat16).pack()
    _touch(model)
    engine = Engine(model, Processor(model.config, Tokenizer(SYNTHETIC_TOKENIZER)))
    example = engine.processor("What is on the table?", image=PICTURE)
    sampling = Sampling(max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS)
    started = time.perf_counter()
    engine.generate([example], sampling=sampling)
    memory = _memory()
    return {
        "weights_bytes": sum(path.stat().st_size for path in locate(folder).weights),
        "peak_bytes": memory["VmHWM"],
        "own_bytes": memory["RssAnon"],
        "generate_s": time.perf_counter() - started,
    }


def _forget(path: Path) -> None:
    """Have the system drop a file from its page cache, where the file system lets it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read(path: Path) -> float:
    """Seconds to read a file once, into memory that is used again and again."""
    buffer = bytearray(READING_BUFFER_BYTES)
    started = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - started


def _touch(model: UnifiedIO) -> None:
    """Bring every page of every weight into memory."""
    for parameter in model.parameters():
        parameter.data.view(-1).view(torch.uint8)[::PAGE_BYTES].sum().item()


def _memory() -> dict[str, int]:
    """What Linux says of this process's memory, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    fields = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(kibibytes) * 1024 for name, kibibytes, _ in fields}


def main(argv: list[str]) -> int:
    command, folder, *rest = argv
    commands: dict[str, Callable[..., dict[str, float]]] = {"make": make, "load": load, "run": run}
    print(json.dumps(commands[command](Path(folder), *rest)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
