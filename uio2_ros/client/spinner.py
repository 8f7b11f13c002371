"""A node with a thread of its own: why blocking on a client cannot deadlock. rclpy."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from uio2_ros.client.tolerant_executor import TolerantExecutor

LONGEST_WAIT_S = 1.0
"""The thread is woken when it is to end; this is for a wake-up that was lost."""
FAILED_PAUSE_S = 0.05
"""After a callback that failed: what fails every time must not fill the log, nor a processor."""


class Spinner:
    """A node with a context, an executor and a thread of its own.

    What completes an answer runs on this thread alone. A caller that waits, even in a callback of
    another, single-threaded executor, therefore holds up nobody but itself. The context is its own
    too, so that Ctrl-C, which shuts the default one down, leaves time for cancelling.
    """

    def __init__(self, name: str) -> None:
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node(
            name,
            context=self._context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = TolerantExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._calls: deque[Callable[[], None]] = deque()
        self._is_over = False
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)

    def start(self) -> None:
        """Begins to spin."""
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Whether the caller is this thread, and waiting would wait for itself."""
        return threading.current_thread() is self._thread

    def call_soon(self, function: Callable[[], None]) -> None:
        """Has the thread call it, after what it was given before. Any thread."""
        self._calls.append(function)
        self._executor.create_task(self._call_all)  # whose own order rclpy does not promise

    def _call_all(self) -> None:
        while self._calls:
            self._calls.popleft()()

    def stop(self) -> None:
        """Ends the thread; not on that thread.

        The executor is shut down after the thread's end: earlier, it would destroy the guard
        conditions that the thread may be about to wait for.
        """
        self._is_over = True
        self._executor.wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._executor.shutdown()

    def destroy(self) -> None:
        """Gives the node back; after `stop`."""
        self.node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        spin(self._executor, self.node, lambda: self._is_over, LONGEST_WAIT_S)


def spin(
    executor: SingleThreadedExecutor, node: Node, is_over: Callable[[], bool], wait_s: float
) -> None:
    """Spins until `is_over`, which is asked every `wait_s`, or the context is shut down.

    What a callback raises goes to the log: whoever waits for something else still gets it.
    """
    while not is_over() and executor.context.ok():
        _spin_once(executor, node, wait_s)


def _spin_once(executor: SingleThreadedExecutor, node: Node, wait_s: float) -> None:
    try:
        executor.spin_once(timeout_sec=wait_s)
    except ExternalShutdownException:
        return
    except Exception:
        node.get_logger().error(f"a callback failed:\n{traceback.format_exc()}")
        time.sleep(FAILED_PAUSE_S)
