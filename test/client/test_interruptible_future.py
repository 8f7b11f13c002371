"""Waiting for an outcome, and being interrupted."""

from __future__ import annotations

import signal
import threading
from concurrent import futures

import pytest
from patience import patient

from uio2_ros.client.interruptible_future import InterruptibleFuture


def test_an_interruption_that_another_thread_takes_ends_the_wait() -> None:
    def take() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # may be ignored here
    thread = threading.Timer(0.1, take)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            InterruptibleFuture[int]().result(patient(20))
    finally:
        signal.signal(signal.SIGINT, handler)
        thread.join()


def test_an_outcome_is_waited_for_as_by_every_future() -> None:
    future = InterruptibleFuture[int]()
    assert not future.wait(0)
    with pytest.raises(futures.TimeoutError):
        future.result(0.01)
    with pytest.raises(futures.TimeoutError):
        future.exception(0.01)
    future.set_result(3)
    assert (future.wait(0), future.result(), future.exception()) == (True, 3, None)
