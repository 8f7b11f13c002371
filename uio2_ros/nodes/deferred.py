"""Callbacks that wait for other threads without holding up the executor.

The agent runs on a SingleThreadedExecutor: with 30 pictures of 640 x 480 a second,
MultiThreadedExecutor took seven times the CPU, lost a quarter of the pictures and delivered the
rest 30 ms late instead of 2 (rclpy 9, two cores); EventsExecutor is experimental, delivered
nothing there, and is absent from Jazzy. So nothing on the executor's thread may block: callbacks
that take long are coroutines that await a `concurrent.futures.Future`, filled by some other thread.
They must be in a ReentrantCallbackGroup, as a waiting coroutine keeps an exclusive group closed.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

from rclpy.node import Node
from rclpy.task import Future as RosFuture

T = TypeVar("T")


async def result_of(future: Future[T], node: Node) -> T:
    """The future's result or exception, awaited on the thread that spins `node`."""
    done: RosFuture[None] = RosFuture()

    def resume(_: Future[T]) -> None:
        done.set_result(None)
        executor = node.executor
        if executor is not None:  # gone during shutdown
            executor.wake()  # rclpy looks at waiting coroutines only when something wakes it

    future.add_done_callback(resume)
    await done
    return future.result()
