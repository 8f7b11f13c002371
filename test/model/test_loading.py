"""Loading takes the file's own pages for weights: nothing is copied, initialised or held twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from uio2_ros.model import UnifiedIO
from uio2_ros.model.skeleton import without_weights
from uio2_ros.robot.errors import CheckpointError

FORMATS = ["pytorch_model.bin", "model.safetensors"]


@pytest.fixture(scope="module", params=FORMATS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bfloat16 checkpoint in the hub's layout, its weights in one file."""
    folder = tmp_path_factory.mktemp("checkpoint")
    model = UnifiedIO.synthetic("tiny").to_dtype(torch.bfloat16)
    model.config.save(folder / "config.json")
    if request.param.endswith(".bin"):
        torch.save(model.official_state_dict(), folder / request.param)
    else:
        model.save_pretrained(folder)
    return folder


def mapped(folder: Path) -> list[range]:
    """The addresses at which this process has the weight files of a folder."""
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    files = [line[0].split("-") for line in lines if Path(line[-1]).parent == folder]
    return [range(int(start, 16), int(end, 16)) for start, end in files]


def in_file(model: UnifiedIO, folder: Path) -> set[str]:
    """Names of the parameters that lie in a mapped file."""
    places = mapped(folder)
    return {
        name
        for name, parameter in model.named_parameters()
        if any(parameter.data_ptr() in place for place in places)
    }


def test_weights_are_the_pages_of_their_file(checkpoint: Path) -> None:
    model = UnifiedIO.from_pretrained(checkpoint, dtype=torch.bfloat16)
    assert in_file(model, checkpoint) == {name for name, _ in model.named_parameters()}


def test_only_what_is_cast_is_copied(checkpoint: Path) -> None:
    model = UnifiedIO.from_pretrained(checkpoint, dtype=torch.float32)
    kept = {name for name, _ in model.named_parameters() if ".vit." in name or ".vqgan." in name}
    assert in_file(model, checkpoint) == kept


def test_the_file_is_let_go_with_the_model(checkpoint: Path) -> None:
    model = UnifiedIO.from_pretrained(checkpoint)
    assert mapped(checkpoint)
    del model
    assert not mapped(checkpoint)


def test_training_does_not_write_into_the_file(checkpoint: Path) -> None:
    model = UnifiedIO.from_pretrained(checkpoint)
    with torch.no_grad():
        model.text_token_embedder.weight.zero_()
    again = UnifiedIO.from_pretrained(checkpoint)
    assert again.text_token_embedder.weight.abs().sum() > 0


def test_nothing_is_initialised(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(*_: object, **__: object) -> None:
        raise AssertionError("a value was drawn that nobody keeps")

    for name in ("normal_", "uniform_"):
        monkeypatch.setattr(torch.Tensor, name, drawn)
    with without_weights():
        model = UnifiedIO.from_config("tiny")
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert {buffer.device.type for buffer in model.buffers()} == {"cpu"}


def test_loading_does_not_import_the_compiler_of_torch(checkpoint: Path) -> None:
    code = (
        "import sys\nfrom uio2_ros.model import UnifiedIO\n"
        f"UnifiedIO.from_pretrained({str(checkpoint)!r})\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must be an object, not list"),
        ("{}", "lacks the keys"),
        ('{"num_hats": 3}', "num_hats is unknown"),
    ],
)
def test_an_unusable_configuration_is_named(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    (tmp_path / "pytorch_model.bin").write_bytes(b"not looked at")
    with pytest.raises(CheckpointError, match=rf"config\.json is no usable .*{message}"):
        UnifiedIO.from_pretrained(tmp_path)
