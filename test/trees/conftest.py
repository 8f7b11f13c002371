"""One agent that sees, and a stand-in for the bridge, in a DDS domain of their own."""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

if importlib.util.find_spec("rclpy") is None or importlib.util.find_spec("py_trees") is None:
    collect_ignore_glob = ["test_*_tree.py", "test_behaviours.py"]
else:
    import rclpy
    from nodes.agent_process import AgentProcess, private_domain
    from nodes.robot import Robot as Camera
    from rclpy.action import ActionServer, CancelResponse
    from rclpy.executors import MultiThreadedExecutor
    from uio2_ros.action import ExecutePlan

    from uio2_ros.trees import Robot

    PERIOD_S = 0.2
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
            self._server = ActionServer(
                self.node,
                ExecutePlan,
                "~/execute",
                self._execute,
                cancel_callback=lambda _: CancelResponse.ACCEPT,
            )
            self._over = False
            self._thread = threading.Thread(target=self._spin, daemon=True)
            self._thread.start()

        def close(self) -> None:
            self._over = True
            self._thread.join()
            self._executor.shutdown()
            self._server.destroy()
            self.node.destroy_node()
            self._context.try_shutdown()

        def _spin(self) -> None:
            while not self._over:
                self._executor.spin_once(timeout_sec=0.05)

        def _execute(self, goal: Any) -> Any:
            plan = goal.request.plan
            self.plans.append(plan)
            for step in range(1000 if self.behaviour == "endless" else len(plan.steps)):
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

    @pytest.fixture(scope="module", autouse=True)
    def domain() -> Iterator[None]:
        """A DDS domain of this module and its processes, on this machine only."""
        with pytest.MonkeyPatch.context() as patch:
            private_domain(patch)
            yield

    @pytest.fixture(scope="module")
    def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
        """An active agent that sees a picture five times a second."""
        over = threading.Event()
        with AgentProcess(tmp_path_factory.mktemp("agent")) as process, Camera() as camera:
            process.wait_until_logged("active: ask")

            def film() -> None:
                while not over.wait(PERIOD_S):
                    camera.show()

            filming = threading.Thread(target=film)
            filming.start()
            yield process
            over.set()
            filming.join()

    @pytest.fixture
    def bridge() -> Iterator[StandInBridge]:
        """A bridge without controllers."""
        stand_in = StandInBridge()
        yield stand_in
        stand_in.close()

    @pytest.fixture
    def robot(agent: AgentProcess) -> Iterator[Robot]:
        """What the behaviours act through."""
        del agent
        with Robot() as robot:
            assert robot.agent.wait_for_agent(20)
            yield robot
