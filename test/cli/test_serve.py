"""./uio2 serve as people start it: a process that answers, and ends when it is told to."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import psutil
import pytest
from patience import patient

from uio2_ros.cli import serve
from uio2_ros.cli.server_process import ServerProcess
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation

WAIT_S = patient(60.0)


@pytest.mark.parametrize(("number", "processes"), [(signal.SIGTERM, 1), (signal.SIGINT, 2)])
def test_it_answers_until_a_signal_and_leaves_nothing(number: int, processes: int) -> None:
    grey = Observation(image=Frame(np.full((48, 64, 3), 127, np.uint8), stamp_ns=1))
    with ServerProcess("synthetic:tiny", "--processes", str(processes)) as server:
        with server.client("arm") as client:
            asked = Instruction("the cup", task="refexp")
            answer = client.submit(asked, grey, timeout_s=WAIT_S).result(WAIT_S)
            assert answer.error_code is ErrorCode.NONE, answer.error_msg
            assert client.status().model.synthetic_weights
            family = psutil.Process(server.pid).children(recursive=True)
            assert len(family) >= processes
        os.kill(server.pid, number)
        assert server.wait(WAIT_S) == 0
    _, alive = psutil.wait_procs(family, WAIT_S)
    assert not alive


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--listen", "0.0.0.0:0"], "a token"),
        (["--listen", "nowhere/at/all"], "is no address"),
        (["--task", "vqa"], "gives no actions"),
        (["--processes", "0"], "give 1 or more"),
        (["--tls-key", "key.pem"], "TLS takes both"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_loaded(
    options: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("UIO2_TOKEN", raising=False)
    with pytest.raises(SystemExit) as ended:
        serve.main(options)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_model_that_cannot_be_loaded_ends_it(tmp_path: Path) -> None:
    assert serve.main(["--model", str(tmp_path / "nothing"), "--listen", "127.0.0.1:0"]) == 1
