"""The inference process: loads a runner and answers what comes through the socket, one by one.

Started by `ChildLink` as `python -m uio2_ros.serving.child`. The main thread runs the model; the
reader thread takes messages in, so that a cancellation is seen at the next token and the end of
the parent at once.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

from uio2_ros.processes.lifeline import die_with_parent
from uio2_ros.robot.action_space import ActionSpaceError
from uio2_ros.robot.answer import Answer, Stage
from uio2_ros.robot.errors import CheckpointError, ErrorCode, TokenizerError
from uio2_ros.serving.arena import ArenaView
from uio2_ros.serving.faults import InstructionCanceled, fault_of, is_out_of_memory
from uio2_ros.serving.protocol import (
    PROTOCOL_VERSION,
    Cancel,
    Done,
    Encode,
    Encoded,
    FromChild,
    Hello,
    Load,
    Loaded,
    LoadFailed,
    Progress,
    Quit,
    Run,
    unpack,
)
from uio2_ros.serving.runner import LoadedRunner, Runner, warm_up
from uio2_ros.serving.spec import ModelSpec

logger = logging.getLogger(__name__)

EXPLAINED = (CheckpointError, TokenizerError, ActionSpaceError)
"""Wrong files: the message says what is wrong with them, a traceback would only hide it."""


class Inbox:
    """Work for the main thread, and the number of the last instruction that was cancelled."""

    def __init__(self, connection: Connection, arena: ArenaView) -> None:
        self.work: queue.SimpleQueue[Load | Run | Encode] = queue.SimpleQueue()
        self.canceled = 0
        self._connection = connection
        self._arena = arena

    def read_for_ever(self) -> None:
        """Runs in the reader thread; ends the process when the client is gone or says so."""
        while True:
            try:
                message = unpack(self._connection.recv_bytes(), self._arena)
            except (EOFError, ConnectionError):
                os._exit(0)
            if isinstance(message, Quit):
                os._exit(0)
            elif isinstance(message, Cancel):
                self.canceled = message.number
            else:
                self.work.put(message)


class Child:
    """The main thread's side: answers the inbox's work."""

    def __init__(self, connection: Connection, inbox: Inbox) -> None:
        self._connection = connection
        self._inbox = inbox

    def serve(self) -> int:
        """Loads and serves; the exit code if it cannot go on."""
        self._send(Hello(PROTOCOL_VERSION))
        load = self._inbox.work.get()
        assert isinstance(load, Load), "the client loads before it runs"
        loaded = self._load(load)
        if loaded is None:
            return 1
        self._send(Loaded(loaded.model))
        while True:
            work = self._inbox.work.get()
            if isinstance(work, Run):
                done = self._run(loaded.runner, work)
                self._send(done)
                if done.broken:
                    return 1
            elif isinstance(work, Encode):
                self._send(_encode(loaded.runner, work))

    def _load(self, load: Load) -> LoadedRunner | None:
        try:
            loaded = _factory(load.runner_factory)(load.spec)
            if load.spec.warm_up:
                warm_up(loaded.runner)
        except Exception as error:  # of any library: it is reported and the process ends
            if not isinstance(error, EXPLAINED):
                logger.exception("the model cannot be loaded")
            cause = f"{type(error).__name__}: {error}"
            message = f"model {load.spec.model!r} cannot be loaded with {sys.executable}: {cause}"
            self._send(LoadFailed(message, again=is_out_of_memory(error)))
            return None
        return loaded

    def _run(self, runner: Runner, run: Run) -> Done:
        def on_progress(stage: Stage, text: str, tokens: int) -> None:
            if self._inbox.canceled == run.number:
                raise InstructionCanceled
            if run.reports:
                self._send(Progress(run.number, stage, text, tokens))

        try:
            return Done(run.number, runner.run(run.instruction, run.observation, on_progress))
        except Exception as error:  # of any library: it becomes the answer
            fault = fault_of(error)
            if fault.code in (ErrorCode.INFERENCE_FAILED, ErrorCode.OUT_OF_MEMORY):
                logger.exception("instruction %d failed", run.number)
            answer = Answer.failed(fault.code, fault.message, run.instruction.task)
            return Done(run.number, answer, fault.broken)

    def _send(self, message: FromChild) -> None:
        self._connection.send(message)


def _encode(runner: Runner, work: Encode) -> Encoded:
    try:
        runner.precompute(work.frame)
    except Exception as error:  # of any library: it is reported, the frame is encoded when needed
        logger.exception("a history frame cannot be encoded")
        return Encoded(f"{type(error).__name__}: {error}")
    return Encoded()


def _factory(path: str) -> Callable[[ModelSpec], LoadedRunner]:
    module, _, function = path.partition(":")
    factory: Callable[[ModelSpec], LoadedRunner] = getattr(
        importlib.import_module(module), function
    )
    return factory


def main(arguments: list[str] | None = None) -> int:
    """The process; its arguments are descriptors that it inherited."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("parent", "channel", "arena", "arena-bytes"):
        parser.add_argument(f"--{name}", type=int, required=True)
    given = parser.parse_args(arguments)
    die_with_parent(given.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the client ends this process
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="[%(levelname)s] [%(name)s]: %(message)s")
    for descriptor in (given.channel, given.arena):
        os.set_inheritable(descriptor, False)
    connection = Connection(given.channel)
    inbox = Inbox(connection, ArenaView(given.arena, given.arena_bytes))
    threading.Thread(target=inbox.read_for_ever, name="inbox", daemon=True).start()
    try:
        return Child(connection, inbox).serve()
    except ConnectionError:
        return 0  # the client is gone


if __name__ == "__main__":
    sys.exit(main())
