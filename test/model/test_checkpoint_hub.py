"""Downloads from the hub, against a local server that answers like it, with the real client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from model.hub_server import COMMIT, HubServer

ROOT = Path(__file__).parents[2]
REPOSITORY = "someone/uio2-test"
CHUNK = 10 << 20  # the client keeps what it got of a broken download in such steps
WEIGHTS = bytes(range(256)) * (3 * CHUNK // 256)
FILES = {"config.json": b"{}", "pytorch_model.bin": b"weights"}

LOCATE = """
import json, sys
from uio2_ros.robot.errors import CheckpointError
from uio2_ros.model.checkpoint import locate
for line in sys.stdin:
    source, options = json.loads(line)
    try:
        files = locate(source, **options)
        answer = {"config": str(files.config), "weights": [str(p) for p in files.weights]}
        answer |= {"tokenizer": files.tokenizer and str(files.tokenizer)}
    except CheckpointError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
"""
Locate = Callable[..., dict[str, Any]]


def client(url: str, home: Path, **variables: str) -> subprocess.Popen[str]:
    """A process that answers [source, options] lines with `checkpoint.locate`; its hub is `url`."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "HF_TOKEN"},
        "HF_ENDPOINT": url,
        "HF_HOME": str(home),
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(ROOT),
        "TQDM_POSITION": "-1",  # progress bars although there is no terminal
        **variables,
    }
    return subprocess.Popen(
        [sys.executable, "-c", LOCATE],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(home / "stderr").open("w"),
    )


def ask(process: subprocess.Popen[str], source: str, options: dict[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([source, options]) + "\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


@pytest.fixture(scope="module")
def running_hub() -> Iterator[HubServer]:
    with HubServer(REPOSITORY) as hub:
        yield hub


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub_client")


@pytest.fixture(scope="module")
def process(running_hub: HubServer, home: Path) -> Iterator[subprocess.Popen[str]]:
    with client(running_hub.url, home) as process:
        yield process
        process.kill()


@pytest.fixture
def hub(running_hub: HubServer) -> HubServer:
    running_hub.reset(FILES)
    return running_hub


@pytest.fixture
def locate(process: subprocess.Popen[str], tmp_path: Path) -> Locate:
    """`checkpoint.locate` with a cache of its own for each test."""

    def run(source: str = REPOSITORY, **options: Any) -> dict[str, Any]:
        return ask(process, source, {"cache_dir": str(tmp_path), **options})

    return run


def test_files_are_downloaded_once(hub: HubServer, locate: Locate) -> None:
    answer = locate()
    assert Path(answer["weights"][0]).read_bytes() == b"weights"
    assert COMMIT in answer["config"]
    hub.requests.clear()
    assert locate() == answer
    assert "GET" not in {method for method, _, _ in hub.requests}


def test_a_broken_download_resumes_with_progress(
    hub: HubServer, locate: Locate, home: Path
) -> None:
    hub.files = {**FILES, "pytorch_model.bin": WEIGHTS}
    hub.cut_first = "pytorch_model.bin"
    assert Path(locate()["weights"][0]).read_bytes() == WEIGHTS
    ranges = [r for method, name, r in hub.requests if (method, name[-3:]) == ("GET", "bin")]
    assert ranges == [None, f"bytes={CHUNK}-"]
    assert "pytorch_model.bin" in (home / "stderr").read_text()


def test_shards_of_an_index_are_downloaded(hub: HubServer, locate: Locate) -> None:
    index = {"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}
    hub.files = {
        **FILES,
        "model.safetensors.index.json": json.dumps(index).encode(),
        "m-1.safetensors": b"1",
        "m-2.safetensors": b"2",
    }
    names = [Path(path).name for path in locate()["weights"]]
    assert names == ["m-1.safetensors", "m-2.safetensors"]
    assert "pytorch_model.bin" not in {name for _, name, _ in hub.requests}


def test_a_bundle_brings_its_tokenizer_and_card(hub: HubServer, locate: Locate) -> None:
    assert locate()["tokenizer"] is None
    described = {
        "family": "unified_io_2",
        "description": "",
        "licence": "",
        "trained_for": {"tasks": ["vqa"]},
        "tokenizer": "pieces.model",
    }
    hub.files = {
        **FILES,
        "bundle.json": json.dumps(described).encode(),
        "pieces.model": b"pieces",
        "card.md": b"# A model",
    }
    hub.revisions = ("main", COMMIT[::-1], COMMIT)
    folder = Path(locate(revision=COMMIT[::-1])["tokenizer"]).parent
    assert (folder / "pieces.model").read_bytes() == b"pieces"
    assert (folder / "card.md").read_bytes() == b"# A model"


def test_token_and_revision_are_used(hub: HubServer, locate: Locate) -> None:
    hub.token, hub.revisions = "s3cret", ("v2", COMMIT)
    assert f"cannot download {REPOSITORY}" in locate(revision="v2")["error"]
    assert "weights" in locate(revision="v2", token="s3cret")


@pytest.mark.parametrize(
    ("source", "options", "files", "message"),
    [
        (
            "someone/else",
            {},
            FILES,
            "cannot download someone/else, which is no directory here either",
        ),
        (REPOSITORY, {"revision": "v9"}, FILES, "cannot download"),
        (REPOSITORY, {}, {"config.json": b"{}"}, "has no weights to be had"),
        (REPOSITORY, {}, {"pytorch_model.bin": b""}, "config.json"),
    ],
    ids=["unknown repository", "unknown revision", "no weights", "no config"],
)
def test_what_the_hub_lacks_is_explained(
    hub: HubServer, locate: Locate, source: str, options: Any, files: Any, message: str
) -> None:
    hub.files = files
    assert message in locate(source, **options)["error"]


def test_without_a_hub_the_cache_serves(hub: HubServer, locate: Locate, tmp_path: Path) -> None:
    online = locate()
    assert hub.requests
    with HubServer(REPOSITORY) as gone:
        url = gone.url
    with client(url, tmp_path) as process:
        assert ask(process, REPOSITORY, {"cache_dir": str(tmp_path)}) == online
        process.kill()


def test_without_hub_and_cache_the_reason_is_given(tmp_path: Path) -> None:
    with client("http://127.0.0.1:9", tmp_path, HF_HUB_OFFLINE="1") as process:
        answer = ask(process, REPOSITORY, {"cache_dir": str(tmp_path)})
        process.kill()
    assert f"cannot download {REPOSITORY}" in answer["error"]
