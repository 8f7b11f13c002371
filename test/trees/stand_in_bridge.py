"""A bridge without controllers. Real DDS."""

from __future__ import annotations

import threading
import time
from typing import Any

import rclpy
from rclpy.action import ActionServer, CancelResponse
from rclpy.executors import MultiThreadedExecutor
from uio2_ros.action import ExecutePlan

STEP_S = 0.1


class StandInBridge:
    """Takes plans and does nothing with each step for a while; `behaviour` says how it ends."""

    def __init__(self, name: str = "bridge") -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self.node = rclpy.create_node(name, context=self._context)
        self._executor = MultiThreadedExecutor(3, context=self._context)
        self._executor.add_node(self.node)
        self.behaviour = "succeed"
        self.plans: list[Any] = []
        self.outcomes: list[str] = []
        self._server: ActionServer | None = ActionServer(
            self.node,
            ExecutePlan,
            "~/execute",
            self._execute,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        self._over = False
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Forgets what was, and succeeds again."""
        self.behaviour = "succeed"
        self.plans.clear()
        self.outcomes.clear()

    def go_away(self) -> None:
        """Ends the action's server and says no word."""
        server, self._server = self._server, None
        if server is not None:
            server.destroy()

    def close(self) -> None:
        self._over = True
        self._thread.join()
        self._executor.shutdown()
        self.go_away()
        self.node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        while not self._over:
            self._executor.spin_once(timeout_sec=0.05)

    def _execute(self, goal: Any) -> Any:
        plan = goal.request.plan
        self.plans.append(plan)
        for step in range(1000 if self.behaviour == "endless" else len(plan.steps)):
            if self._server is None:
                return ExecutePlan.Result()
            goal.publish_feedback(ExecutePlan.Feedback(step=step, steps=len(plan.steps)))
            time.sleep(STEP_S)
            if goal.is_cancel_requested:
                goal.canceled()
                self.outcomes.append("stopped")
                code = ExecutePlan.Result.CANCELED
                return ExecutePlan.Result(error_code=code, error_msg="cancelled")
        if self.behaviour == "fail":
            goal.abort()
            code = ExecutePlan.Result.CONTROLLER_FAILED
            return ExecutePlan.Result(error_code=code, error_msg="the gripper is stuck")
        goal.succeed()
        self.outcomes.append("done")
        return ExecutePlan.Result(steps_done=len(plan.steps))
