"""The inference process: loads a runner and answers what comes through the socket.

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
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection

from uio2_ros.processes.lifeline import die_with_parent
from uio2_ros.processes.process_memory import bound_arenas, give_back, settled
from uio2_ros.robot.action_space import ActionSpaceError
from uio2_ros.robot.answer import Answer, Progress, Stage
from uio2_ros.robot.errors import CheckpointError, ErrorCode, TokenizerError
from uio2_ros.serving.arena import ArenaView
from uio2_ros.serving.codec import Codec, ProtocolError
from uio2_ros.serving.faults import InstructionCanceled, is_out_of_memory
from uio2_ros.serving.protocol import (
    FROM_CHILD,
    PROTOCOL_VERSION,
    TO_CHILD,
    Answered,
    Cancel,
    FrameTaken,
    FromChild,
    Hello,
    Load,
    Loaded,
    LoadFailed,
    OfferFrame,
    OfferSegment,
    Quit,
    Reported,
    Submit,
    receive,
)
from uio2_ros.serving.runner import LoadedModel, Runner, encode_in_advance, explained, warm_up
from uio2_ros.serving.runner_batch import Outcome, open_batch
from uio2_ros.serving.spec import ModelSpec

logger = logging.getLogger(__name__)

EXPLAINED = (CheckpointError, TokenizerError, ActionSpaceError)
"""Wrong files: the message says what is wrong with them, a traceback would only hide it."""

GIVE_BACK_S = 30.0
"""Between two times that free memory is returned, when nothing is asked: it costs milliseconds."""


class Inbox:
    """Work for the main thread, and the instructions that were cancelled, by number."""

    def __init__(self, connection: Connection, arena: ArenaView) -> None:
        self.work: queue.SimpleQueue[Load | Submit | OfferFrame | OfferSegment] = (
            queue.SimpleQueue()
        )
        self._accepted: set[int] = set()
        self._canceled: set[int] = set()
        self._connection = connection
        self._codec = Codec(PROTOCOL_VERSION, TO_CHILD, arena.array)

    def read_for_ever(self) -> None:
        """Runs in the reader thread; ends the process when the client is gone, says so, or says
        what is not understood."""
        while True:
            try:
                message = receive(self._connection, self._codec)
            except ProtocolError:
                logger.exception("the client cannot be understood")
                os._exit(1)
            if message is None or isinstance(message, Quit):
                os._exit(0)
            elif isinstance(message, Cancel):
                if message.number in self._accepted:
                    self._canceled.add(message.number)
            else:
                if isinstance(message, Submit):
                    self._accepted.add(message.number)
                self.work.put(message)

    def is_canceled(self, number: int) -> bool:
        """Whether nobody waits for an instruction any more."""
        return number in self._canceled

    def forget(self, number: int) -> None:
        """An instruction was answered."""
        self._accepted.discard(number)
        self._canceled.discard(number)

    def take(self, *, wait: bool) -> Load | Submit | OfferFrame | OfferSegment | None:
        """The next work; None if there is none and nobody wants to wait for it."""
        try:
            return self.work.get(block=wait)
        except queue.Empty:
            return None


class Child:
    """The main thread's side: answers the inbox's work."""

    def __init__(self, connection: Connection, inbox: Inbox) -> None:
        self._connection = connection
        self._inbox = inbox
        self._codec = Codec(PROTOCOL_VERSION, FROM_CHILD)
        self._open: dict[int, Submit] = {}

    def serve(self) -> int:
        """Loads and serves; the exit code if it cannot go on."""
        self._send(Hello())
        load = self._inbox.work.get()
        assert isinstance(load, Load), "the client loads before it asks"
        loaded = self._load(load)
        if loaded is None:
            return 1
        self._send(Loaded(loaded.description))
        with settled():
            return self._answer_all(loaded.runner)

    def _answer_all(self, runner: Runner) -> int:
        """Ends by ConnectionError, or where the process cannot go on."""
        batch, given_back_s = open_batch(runner), time.monotonic()
        while True:
            work = self._inbox.take(wait=not self._open)
            if isinstance(work, Submit):
                self._open[work.number] = work
                batch.begin(
                    work.number, work.instruction, work.observation, partial(self._report, work)
                )
            elif isinstance(work, OfferFrame):
                self._send(FrameTaken(encode_in_advance(runner, work.frame)))
            elif isinstance(work, OfferSegment):
                self._send(FrameTaken(encode_in_advance(runner, work.segment)))
            else:
                try:
                    ended = batch.step()
                except Exception as error:  # of any library: it is the answer to all of them
                    ended = [(number, error) for number in self._open]
                    batch = open_batch(runner)
                if any([self._answer(number, outcome) for number, outcome in ended]):
                    return 1
                if not self._open and time.monotonic() - given_back_s > GIVE_BACK_S:
                    give_back()
                    given_back_s = time.monotonic()

    def _load(self, load: Load) -> LoadedModel | None:
        try:
            loaded = _factory(load.factory)(load.spec)
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

    def _report(self, work: Submit, stage: Stage, text: str, tokens: int) -> None:
        if self._inbox.is_canceled(work.number):
            raise InstructionCanceled
        if work.reports:
            self._send(Reported(work.number, Progress(stage, text, tokens)))

    def _answer(self, number: int, outcome: Outcome) -> bool:
        """Sends what an instruction came to; whether the process cannot go on."""
        task = self._open.pop(number).instruction.task
        self._inbox.forget(number)
        if isinstance(outcome, Answer):
            self._send_answer(Answered(number, outcome))
            return False
        fault = explained(outcome)
        self._send_answer(Answered(number, fault.answer(task), fault.broken))
        return fault.broken

    def _send_answer(self, answered: Answered) -> None:
        try:
            self._send(answered)
        except ProtocolError as error:  # of a task that gives what an answer cannot hold
            failed = Answer.failed(ErrorCode.INFERENCE_FAILED, str(error), answered.answer.task)
            self._send(replace(answered, answer=failed))

    def _send(self, message: FromChild) -> None:
        self._connection.send_bytes(self._codec.pack(message))


def _factory(path: str) -> Callable[[ModelSpec], LoadedModel]:
    module, _, function = path.partition(":")
    factory: Callable[[ModelSpec], LoadedModel] = getattr(importlib.import_module(module), function)
    return factory


def main(arguments: list[str] | None = None) -> int:
    """The process; its arguments are descriptors that it inherited."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("parent", "channel", "arena", "arena-bytes"):
        parser.add_argument(f"--{name}", type=int, required=True)
    given = parser.parse_args(arguments)
    bound_arenas()
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
