"""sim_node: the simulator as a robot. Senses go out, commands come in; see docs/simulator.md.

The physics and their pictures have a thread of their own, the `SimulatorThread`; this file hands
it what comes, and tells what becomes of it. One other thread spins the node, and nothing in it
blocks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Bool, String
from trajectory_msgs.msg import JointTrajectory

from uio2_ros.msg import Plan
from uio2_ros.nodes.deferred import result_of
from uio2_ros.nodes.diagnostics import DiagnosticsTopic, status_message
from uio2_ros.nodes.parameters import declare_parameters, read_parameters
from uio2_ros.nodes.running import run_node
from uio2_ros.nodes.simulator.messages import (
    handed_over,
    state_message,
    steps_of,
    tool_pose,
    track_of,
)
from uio2_ros.nodes.simulator.publishers import Publishers
from uio2_ros.nodes.simulator.settings import SimulatorSettings, split_named
from uio2_ros.robot.plan import Step
from uio2_ros.robot.time import to_s
from uio2_ros.settings import Effect
from uio2_ros.sim.arm import ActionError
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.renderer import RenderError
from uio2_ros.sim.simulator_thread import (
    EpisodeChoice,
    InterruptedStepError,
    RefusedError,
    SimulatorThread,
    StepsResult,
)
from uio2_ros.sim.streaming import BaseVelocity, OngoingMotion, Track, Waypoint
from uio2_ros.srv import GetSimulationState, ResetSimulation, StepSimulation

SLOWEST = 0.9
"""Of the wished rate, below which the diagnostics warn."""
TARGET_S = 0.05
"""In which the tool is to be at a target pose."""
PICTURE_PIXELS = range(32, 2049)
STOP_EVENT = "stop"


class SimNode(Node):  # type: ignore[misc]
    """See the module."""

    def __init__(self) -> None:
        """ValueError for a parameter that names nothing there is."""
        super().__init__("simulator")
        declare_parameters(self, SimulatorSettings, Effect.RESTART)
        settings = read_parameters(self, SimulatorSettings)
        self._settings = settings
        self._shown = Publishers(self, settings)
        self.simulator = SimulatorThread(settings.choice, settings.timing, self._shown)
        self._pick: PoseStamped | None = None
        self._step_done = self.create_publisher(Bool, "step_done", 10)
        self._subscribe()
        waiting = ReentrantCallbackGroup()
        for kind, name, callback in (
            (ResetSimulation, "~/reset", self._on_reset),
            (StepSimulation, "~/step", self._on_step),
            (GetSimulationState, "~/get_state", self._on_get_state),
        ):
            self.create_service(kind, name, callback, callback_group=waiting)
        self._diagnostics = DiagnosticsTopic(self)
        real_time = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(settings.diagnostics_period_s, self._report, clock=real_time)

    def _subscribe(self) -> None:
        newest = QoSProfile(depth=1)
        for kind, topic, callback, qos in (
            (PoseStamped, "pick_pose", self._on_pick, 10),
            (PoseStamped, "place_pose", self._on_place, 10),
            (PoseStamped, "target_pose", self._on_target, newest),
            (TwistStamped, "cmd_vel", self._on_velocity, newest),
            (JointTrajectory, "trajectory", self._on_trajectory, newest),
            (String, "trajectory_execution_event", self._on_event, 10),
            (Plan, self._settings.plan_topic, self._on_plan, 10),
        ):
            self.create_subscription(kind, topic, callback, qos)

    def start(self) -> None:
        """Let the first episode begin."""
        choice, timing = self._settings.choice, self._settings.timing
        speed = "in lock-step" if timing.lock_step else f"at {timing.rate:g} x real time"
        self.get_logger().info(
            f"{choice.task}, seed {choice.seed}, {choice.split.value}, {speed}: "
            f'"{self.simulator.episode.instruction}"'
        )
        self.simulator.start()

    # Commands.

    def _on_pick(self, message: PoseStamped) -> None:
        self._pick = message

    def _on_place(self, message: PoseStamped) -> None:
        pick, self._pick = self._pick, None
        try:
            if pick is None:
                raise ActionError("no pick_pose came before it")
            steps = (handed_over(pick, message),)
        except ActionError as error:
            self._refuse("place_pose", str(error))
            self._tell_step_done(False)
            return
        self._carry_out("place_pose", steps, self._tell_step_done)

    def _tell_step_done(self, succeeded: bool) -> None:
        self._step_done.publish(Bool(data=succeeded))

    def _on_plan(self, plan: Plan) -> None:
        if not self._settings.follow or self._settings.timing.lock_step:
            return
        try:
            steps = steps_of(plan, self.simulator.episode.scene.place)
        except ActionError as error:
            self._refuse("plan", str(error))
            return
        if steps:
            self._carry_out("plan", steps, lambda _: None)
        else:
            self.simulator.stop()

    def _carry_out(self, topic: str, steps: tuple[Step, ...], tell: Callable[[bool], None]) -> None:
        if self._settings.timing.lock_step:
            self._refuse(topic, "in lock-step only ~/step moves the robot")
            tell(False)
            return
        self.simulator.execute(steps).add_done_callback(partial(self._on_carried_out, topic, tell))

    def _on_carried_out(
        self, topic: str, tell: Callable[[bool], None], future: Future[StepsResult]
    ) -> None:
        """On the simulator's thread."""
        try:
            problem = future.result().problem
        except (RefusedError, ActionError, InterruptedStepError) as error:
            problem = str(error)
        if problem:
            self._refuse(topic, problem)
        tell(not problem)

    def _on_target(self, message: PoseStamped) -> None:
        self._move("target_pose", lambda: Track([Waypoint(TARGET_S, tool_pose(message))]))

    def _on_trajectory(self, message: JointTrajectory) -> None:
        self._move("trajectory", lambda: track_of(message))

    def _on_velocity(self, message: TwistStamped) -> None:
        twist = message.twist
        self._move("cmd_vel", lambda: BaseVelocity(twist.linear.x, twist.angular.z))

    def _move(self, topic: str, motion: Callable[[], OngoingMotion]) -> None:
        try:
            future = self.simulator.move(motion())
        except ActionError as error:
            self._refuse(topic, str(error))
            return
        future.add_done_callback(partial(self._on_moved, topic))

    def _on_moved(self, topic: str, future: Future[None]) -> None:
        """On the simulator's thread."""
        error = future.exception()
        if error is not None:
            self._refuse(topic, str(error))

    def _on_event(self, message: String) -> None:
        if message.data == STOP_EVENT:
            self._pick = None
            self.simulator.stop()

    def _refuse(self, topic: str, why: str) -> None:
        if self.simulator.ended:
            return
        self.get_logger().warning(f"{topic}: {why}", throttle_duration_sec=1.0)
        self.simulator.problem = f"{topic}: {why}"

    # Services.

    async def _on_reset(
        self, request: ResetSimulation.Request, response: ResetSimulation.Response
    ) -> ResetSimulation.Response:
        try:
            await result_of(self.simulator.reset(self._choice(request)), self)
            response.state = await result_of(self.simulator.look(state_message), self)
            response.success = True
        except (ValueError, InterruptedStepError) as error:
            response.message = str(error)
        return response

    def _choice(self, request: ResetSimulation.Request) -> EpisodeChoice:
        """ValueError for what is no episode."""
        present = self.simulator.choice
        size = PictureSize(
            request.width or present.size.width, request.height or present.size.height
        )
        if size.width not in PICTURE_PIXELS or size.height not in PICTURE_PIXELS:
            raise RefusedError(
                f"pictures of {size.width} x {size.height} pixels cannot be drawn; give "
                f"{PICTURE_PIXELS[0]} to {PICTURE_PIXELS[-1]}, or 0"
            )
        split = split_named(request.split) if request.split else present.split
        return EpisodeChoice(request.task or present.task, request.seed, split, size)

    async def _on_step(
        self, request: StepSimulation.Request, response: StepSimulation.Response
    ) -> StepSimulation.Response:
        if not self._settings.timing.lock_step:
            response.message = (
                "time passes by itself; ~/step is for the parameter lock_step, set when it starts"
            )
            return response
        try:
            steps = steps_of(request.plan, self.simulator.episode.scene.place)
            done = await result_of(self.simulator.execute(steps, request.seconds), self)
            response.picked, response.seconds = list(done.picked), done.seconds
            response.message = done.problem
            response.state = await result_of(self.simulator.look(state_message), self)
            response.success = not done.problem
        except (ValueError, InterruptedStepError) as error:
            response.message = str(error)
        return response

    async def _on_get_state(
        self, request: GetSimulationState.Request, response: GetSimulationState.Response
    ) -> GetSimulationState.Response:
        del request
        response.state = await result_of(self.simulator.look(state_message), self)
        return response

    # Diagnostics.

    def _report(self) -> None:
        if self.simulator.failure is not None:
            return
        self.simulator.look(self._status).add_done_callback(self._publish_status)

    def _publish_status(self, status: Future[DiagnosticStatus]) -> None:
        if status.exception() is None:
            self._diagnostics.tell(status.result())

    def _status(self, simulator: SimulatorThread) -> DiagnosticStatus:
        """On the simulator's thread."""
        factor, wished = simulator.pace.real_time_factor, simulator.settings.rate
        problem = simulator.problem
        if not simulator.settings.lock_step and wished and 0 < factor < SLOWEST * wished:
            problem = (
                f"runs at {factor:.2f} instead of {wished:g} x real time; lower width, height, "
                "image_rate, samples_per_pixel or rate"
            )
        readings = {
            "task": simulator.episode.task,
            "seed": str(simulator.episode.seed),
            "instruction": simulator.episode.instruction,
            "real time factor": f"{factor:.2f}",
            "skipped (s)": f"{to_s(simulator.pace.skipped_ns):.2f}",
            "pictures": str(self._shown.pictures),
            "steps": str(simulator.steps),
            "moving": str(simulator.moving).lower(),
        }
        return status_message(f"{self._diagnostics.name}: simulation", problem, readings)


def main(args: list[str] | None = None) -> int:
    """Entry point of sim_node: runs until SIGINT or SIGTERM and returns 0; 1 if it cannot."""
    try:
        return run_node(
            SimNode,
            lambda node, _: node.simulator.close(),
            args,
            name="simulator",
            start=SimNode.start,
            failure=lambda node: node.simulator.failure,
        )
    except RenderError as error:
        get_logger("simulator").fatal(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
