"""An action client that tests may use on one thread while another spins it, in all versions."""

from __future__ import annotations

import threading
from typing import Any

from rclpy.action import ActionClient


class LockedActionClient(ActionClient):
    """rclpy 7 (Jazzy) asks, then notes what it awaits, without a lock: replies got lost."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._asking = threading.RLock()
        super().__init__(*arguments, **options)

    def send_goal_async(self, *arguments: Any, **options: Any) -> Any:
        with self._asking:
            return super().send_goal_async(*arguments, **options)

    def _cancel_goal_async(self, *arguments: Any) -> Any:
        with self._asking:
            return super()._cancel_goal_async(*arguments)

    def _get_result_async(self, *arguments: Any) -> Any:
        with self._asking:
            return super()._get_result_async(*arguments)

    def take_data(self) -> Any:
        with self._asking:
            return super().take_data()
