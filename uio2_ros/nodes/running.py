"""A node as a process: made, spun until SIGINT or SIGTERM, and ended in its own order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from uio2_ros.processes.parent_watch import exit_when_parent_dies
from uio2_ros.processes.stop_signals import stop_signals

STOP_CHECK_PERIOD_S = 0.1
WRONG = (ParameterException, ValueError)
"""What a node's constructor raises for parameters that cannot be."""

Made = TypeVar("Made", bound=Node)


def run_node(
    make: Callable[[], Made],
    end: Callable[[Made, Executor], None],
    args: list[str] | None,
    *,
    name: str,
    start: Callable[[Made], None] = lambda _: None,
    failure: Callable[[Made], BaseException | None] = lambda _: None,
    wrong: tuple[type[Exception], ...] = WRONG,
    executor: Callable[[], Executor] = SingleThreadedExecutor,
    around: AbstractContextManager[object] | None = None,
) -> int:
    """The exit code: 0 after a signal; 1, with the reason in the log, if `make` raised a `wrong`.

    start: once the node can be spun. failure: what ended the work of its own threads; it is raised
    when the node has ended. end: what to do before the node is destroyed, also where a callback
    raised; it may spin on. around: entered once the node is made, left when it is destroyed.
    name: of the log lines before there is a node.
    """
    exit_when_parent_dies()
    asked_to_stop = stop_signals()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = _made(make, wrong, name)
        if node is None:
            return 1
        spinning = executor()
        spinning.add_node(node)
        with around or nullcontext():
            start(node)
            try:
                while not asked_to_stop.is_set() and failure(node) is None:
                    spinning.spin_once(timeout_sec=STOP_CHECK_PERIOD_S)
            finally:
                end(node, spinning)
                spinning.shutdown(timeout_sec=0)
                node.destroy_node()
        if (fault := failure(node)) is not None:
            raise fault
    finally:
        rclpy.try_shutdown()
    return 0


def _made(make: Callable[[], Made], wrong: tuple[type[Exception], ...], name: str) -> Made | None:
    """None, and the reason in the log, if a parameter is wrong."""
    try:
        return make()
    except wrong as error:
        typed = isinstance(error, ParameterException)
        point = "; a DOUBLE is written with a point, as 2.0" if typed else ""
        get_logger(name).fatal(f"{error}. Correct it where it was set and start again{point}")
        return None
