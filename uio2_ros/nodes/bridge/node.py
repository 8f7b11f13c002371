"""bridge_node: plans in, commands for controllers out, and a watchdog between them.

Plans come on `plan_topic`, from an agent, or as goals of `~/execute`, from behaviour trees. One is
carried out at a time. docs/controllers.md says what goes to which controller and what happens
when something fails.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from visualization_msgs.msg import MarkerArray

from uio2_ros.control import (
    Cause,
    ClockWatch,
    FreshFrames,
    JointStates,
    Outcome,
    PlanError,
    PlanFollower,
    SpeedSettings,
)
from uio2_ros.control.commands import GripperCommand, JointPoint, TrajectoryGoal
from uio2_ros.control.follower import tell_nobody
from uio2_ros.control.gate.gate import MotionGate
from uio2_ros.control.hand_over import HandOver
from uio2_ros.messages.plans import stamped_plan_of
from uio2_ros.messages.qos import LATCHED
from uio2_ros.msg import HistoryState, Plan
from uio2_ros.nodes.bridge.command_router import CommandRouter
from uio2_ros.nodes.bridge.gate_inputs import GateInputs
from uio2_ros.nodes.bridge.markers import gate_markers
from uio2_ros.nodes.bridge.parameters import BridgeNodeSettings
from uio2_ros.nodes.bridge.services import BridgeServices
from uio2_ros.nodes.deferred import result_of
from uio2_ros.nodes.diagnostics import DiagnosticsTopic, status_message
from uio2_ros.nodes.name_watch import Standing, watch_name
from uio2_ros.nodes.parameters import declare_parameters, read_parameters
from uio2_ros.nodes.running import run_node
from uio2_ros.nodes.state_topic import StateTopic
from uio2_ros.nodes.transforms import listen_to_transforms
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.robot.activity import Activity
from uio2_ros.robot.plan import TaskPlan
from uio2_ros.robot.time import to_s
from uio2_ros.settings import Effect

LAST_WORDS_S = 0.2
"""How long the node goes on when it ends, at least: cancellations and results are to leave it."""
LONGEST_ENDING_S = 1.0
"""And at most, where controllers take long to end their goals."""
DISABLED = "disabled: call ~/enable with true to move again"
DRY_RUN = "dry_run is on: plans are shown on ~/markers, and nothing moves until it is set to false"
TWINS = {
    Standing.ALONE: "",
    Standing.FIRST: "another bridge of this name came up, which moves nothing; end it",
    Standing.SECOND: "another bridge of this name is in the graph, so this one moves nothing and "
    "offers nothing: end one of them, or start it in a namespace of its own; one that was killed "
    "is forgotten within 20 s",
}
HOLD_S = 0.2
"""In which an arm comes to rest whose controller does not end a trajectory."""
WANTED = (Cause.NONE, Cause.PREEMPTED, Cause.STOPPED, Cause.CANCELED)
"""Ends of plans that are no problem."""


class BridgeNode(Node):
    """See the module. One thread spins it; nothing in it blocks."""

    def __init__(self, **arguments: Any) -> None:
        """ValueError for parameters that do not fit, or an action that is not installed."""
        super().__init__("bridge", **arguments)
        declare_parameters(self, BridgeNodeSettings, Effect.RESTART)
        self.add_post_set_parameters_callback(self._on_parameters)
        self._node_settings = read_parameters(self, BridgeNodeSettings)
        settings = self._node_settings.control
        self._frames = FreshFrames(settings.tf_max_age_s)
        self._joints = JointStates(settings.joint_state_timeout_s)
        spaces = load_action_spaces(self._node_settings.action_spaces or None)
        self._gate = MotionGate(settings, self._frames, self._joints)
        self._follower = PlanFollower(spaces, settings, self._frames, self._joints, self._gate)
        self._router = CommandRouter(
            self,
            settings,
            self._node_settings,
            self._on_controller_progress,
            self._on_controller,
            self._on_gripper,
            self._on_stuck,
        )
        self._gripping = 0
        """Number of the run that told the gripper last."""
        self._halts: list[Future[str]] = []
        """Who waits to hear whether all goals that were cancelled have ended."""
        self._message: Plan | None = None
        """The plan under way, or the last one."""
        self._plans_ignored = 0
        self._clock_watch = ClockWatch(self._node_settings.clock_timeout_s)
        self._clock_problem = ""
        self._agent_heard_s: float | None = None  # time.monotonic()
        self._problem = ""
        self._stopped = ""
        """Why nothing moves since somebody stopped it; "" once a plan has begun."""
        self._state = StateTopic(self)
        self._subscribe()
        described = bool(settings.gate.robot_description)
        self._gate_inputs = GateInputs(self, self._gate, has_description=described)
        self._is_estopped = False
        self._markers = self.create_publisher(MarkerArray, "~/markers", LATCHED)
        self._show(None)
        self._name_watch = watch_name(self)
        self._standing = Standing.ALONE
        self._offered: BridgeServices | None = self._offer_services()
        self._diagnostics = DiagnosticsTopic(self)
        self._watch_clock(self._now_s())  # a plan may come before the first tick
        real_time = Clock(clock_type=ClockType.STEADY_TIME)  # also where simulated time stands
        self.create_timer(settings.period_s, self._tick, clock=real_time)
        self.get_logger().info(
            f"ready: plans on {self.resolve_topic_name(self._node_settings.plan_topic)}, moves by "
            f"{settings.navigation.value}, arms by {settings.arm.value}"
        )
        if settings.dry_run:
            self.get_logger().warning(DRY_RUN)
        report_s = self._node_settings.diagnostics_period_s
        self.create_timer(report_s, self._report, clock=real_time)

    def _on_parameters(self, changed: list[Parameter[Any]]) -> None:
        """Of those that may change, which are the speeds and `dry_run`."""
        del changed
        self._follower.limit(read_parameters(self, SpeedSettings))
        before, self._gate.dry_run = self._gate.dry_run, bool(self.get_parameter("dry_run").value)
        if self._gate.dry_run and not before:
            self.stop(Cause.DRY_RUN, "dry_run was set")

    def _subscribe(self) -> None:
        for kind, topic, callback, qos in (
            (Plan, self._node_settings.plan_topic, self._on_plan, 10),
            (HistoryState, "history_state", self._on_agent, LATCHED),
            (JointState, "joint_states", self._on_joints, qos_profile_sensor_data),
            (Bool, "step_done", self._on_step_done, 10),
        ):
            self.create_subscription(kind, topic, callback, qos)
        listen_to_transforms(self, self._frames.hear)

    # Carrying out.

    def carry_out(
        self,
        plan: Plan,
        timeout_s: float,
        on_end: Callable[[Outcome], None],
        *,
        after_step: bool,
    ) -> None:
        """A goal: starts the plan, or goes on with it where the topic brought it first."""
        now_s = self._now_s()
        run = self._follower.run
        is_under_way = run is not None and not run.on_demand and plan == self._message
        if is_under_way and _is_timeout(timeout_s):
            self._follower.adopt(now_s, timeout_s=timeout_s, on_end=self._telling(on_end))
            return
        self._start(
            plan,
            now_s,
            on_demand=True,
            after_step=after_step,
            timeout_s=timeout_s,
            on_end=on_end,
        )

    def stop(self, cause: Cause, message: str) -> bool:
        """Stops what moves now, and cancels all goals of controllers; False if nothing moved."""
        if cause is Cause.STOPPED:
            self._stopped = message
        moved = self._router.open_goals > 0
        stopped = self._follower.stop(cause, message, self._now_s())
        self._flush()
        return stopped or moved

    def enable(self, enabled: bool) -> None:
        """Whether plans are carried out from now on; nothing moves while they are not."""
        self._follower.enabled = enabled
        self._stopped = ""
        if not enabled:
            self.stop(Cause.STOPPED, "the bridge was disabled")

    def press_estop(self) -> None:
        """Stops until `release_estop`."""
        self._gate.estop.press("~/estop was called")
        self._watch_estop()

    def release_estop(self) -> str:
        """Plans may move the robot again, unless the input says no: why then."""
        problem = self._gate.estop.release()
        self._watch_estop()
        return problem

    async def halted(self) -> str:
        """What goes on though it was cancelled, when all has ended or had its time to.

        Empty: nothing does.
        """
        if not self._router.is_settled:
            halt: Future[str] = Future()
            self._halts.append(halt)
            return await result_of(halt, self)
        return self._router.complaint

    @property
    def is_halted(self) -> bool:
        """Whether nobody waits for a controller to end its goals."""
        return self._router.is_settled and not self._halts

    def _start(
        self,
        message: Plan,
        now_s: float,
        *,
        on_demand: bool,
        after_step: bool = False,
        timeout_s: float = 0.0,
        on_end: Callable[[Outcome], None] = tell_nobody,
    ) -> None:
        """Starts a plan in place of the one under way; PlanError, and a halt, if it cannot be."""
        try:
            plan, stamp_s = self._read(message, timeout_s, now_s)
            self._follower.start(
                plan,
                stamp_s,
                now_s,
                on_demand=on_demand,
                after_step=after_step,
                timeout_s=timeout_s,
                on_end=self._telling(on_end),
            )
            self._message, self._stopped = message, ""
        except PlanError as error:
            self._problem = str(error)
            self._show(error)
            raise
        finally:
            self._flush()

    def _read(self, message: Plan, timeout_s: float, now_s: float) -> tuple[TaskPlan, float]:
        try:
            _expect_timeout(timeout_s)
            self._expect_ready()
            return stamped_plan_of(message)
        except PlanError as error:
            self._follower.refuse(error, now_s)
            raise

    def say_what_goes_on(self) -> None:
        """The last line of a bridge that ends while controllers go on."""
        if self._router.open_goals:
            self.get_logger().error(
                f"the bridge ends with {self._router.open_goals} goals of controllers open, which "
                "were cancelled: they may still move the robot"
            )

    def _expect_ready(self) -> None:
        """Two must not move the robot at once, nor anything without a clock."""
        if self._router.complaint:
            raise PlanError(Cause.CONTROLLER_REFUSED, self._router.complaint)
        if self._clock_problem:
            raise PlanError(Cause.CLOCK_STOPPED, self._clock_problem)
        if self._name_watch.look() is Standing.SECOND:
            raise PlanError(Cause.DUPLICATE_NODE, TWINS[Standing.SECOND])

    def _telling(self, on_end: Callable[[Outcome], None]) -> Callable[[Outcome], None]:
        """Keeps what went wrong for the diagnostics, and logs it, before `on_end` is told."""

        def tell(outcome: Outcome) -> None:
            ending = f"{outcome.message} [{outcome.cause.name}]"
            self._problem = "" if outcome.cause in WANTED else ending
            self._stopped = outcome.message if outcome.cause is Cause.STOPPED else ""
            if outcome.cause not in WANTED:
                self._show(PlanError(outcome.cause, outcome.message, outcome.where))
                self.get_logger().warning(f"stopped: {ending}")
            elif outcome.cause in (Cause.STOPPED, Cause.CANCELED):
                self.get_logger().info(f"stopped: {ending}")
            on_end(outcome)

        return tell

    def _flush(self) -> None:
        now_s = self._now_s()
        for command in self._follower.take():
            if isinstance(command, GripperCommand) and self._follower.run is not None:
                self._gripping = self._follower.run.number
            self._router.send(command, now_s)

    def _now_s(self) -> float:
        return to_s(self.get_clock().now().nanoseconds)

    # Callbacks.

    def _tick(self) -> None:
        self._watch_estop()
        now_s = self._now_s()
        self._watch_agent(now_s)
        self._watch_clock(now_s)
        self._router.watch()
        if self._router.is_settled:
            for halt in self._halts:
                halt.set_result(self._router.complaint)
            self._halts.clear()
        self._follower.tick(now_s)
        self._flush()
        self._state.tell(*self._activity())
        run = self._follower.run
        waits = self._follower.next is not None  # then the newest caller's plan is not under way
        if run is not None and run.on_demand and not waits and self._offered is not None:
            self._offered.goals.feed_back(run, now_s)

    def _on_plan(self, message: Plan) -> None:
        if not message.steps:
            self.stop(Cause.STOPPED, "an empty plan came")
            return
        run = self._follower.run
        is_known = message == self._message  # somebody made a goal of it
        if not self._node_settings.follow or is_known or (run is not None and run.on_demand):
            self._plans_ignored += 1
            return
        try:
            self._start(message, self._now_s(), on_demand=False)
        except PlanError as error:
            self.get_logger().warning(f"plan refused: {error}")

    def _on_agent(self, state: HistoryState) -> None:
        del state
        self._agent_heard_s = time.monotonic()

    def _watch_agent(self, now_s: float) -> None:
        """What an agent wanted is not carried on when it is gone."""
        run, heard_s = self._follower.run, self._agent_heard_s
        limit_s = self._node_settings.agent_timeout_s
        if run is None or run.on_demand or heard_s is None or limit_s <= 0:
            return
        if time.monotonic() - heard_s > limit_s:
            self._agent_heard_s = None
            self._follower.stop(
                Cause.AGENT_LOST,
                f"the agent said nothing on history_state for {limit_s:g} s",
                now_s,
            )

    def _watch_clock(self, now_s: float) -> None:
        """Nothing else notices when simulated time stands: all other limits count by it."""
        stands = self._clock_watch.stands(now_s, time.monotonic())
        self._clock_problem = (
            f"/clock stood still for {self._node_settings.clock_timeout_s:g} s, or never came: run "
            "the simulator, or set use_sim_time to false; then send a new plan"
            if stands
            else ""
        )
        if stands and self._follower.run is not None:
            self._follower.stop(Cause.CLOCK_STOPPED, self._clock_problem, now_s)

    def _watch_estop(self) -> None:
        """What nobody watches any longer is halted, too: goals and poses handed over before."""
        problem = self._gate.estop.problem
        before, self._is_estopped = self._is_estopped, problem is not None
        if problem is not None and not before:
            self.get_logger().error(str(problem))
            self.stop(problem.cause, problem.message)
            self._show(problem)
        elif before and problem is None:
            self.get_logger().warning("the emergency stop was released")
            self._show(None)

    def _show(self, error: PlanError | None) -> None:
        frame_id = self._node_settings.control.frame_id
        self._markers.publish(gate_markers(self._gate.workspace, error, frame_id))

    def _on_joints(self, state: JointState) -> None:
        if len(state.name) == len(state.position):
            self._joints.hear(dict(zip(state.name, state.position, strict=True)), self._now_s())

    def _on_step_done(self, message: Bool) -> None:
        run = self._follower.run
        if run is None or not isinstance(run.motion, HandOver):
            return
        failure = PlanError(Cause.CONTROLLER_FAILED, f"step {run.progress.step}: step_done said no")
        run.motion.reported(None if message.data else failure)

    def _on_controller_progress(self, fraction: float) -> None:
        if self._follower.run is not None:
            self._follower.run.motion.advanced(fraction)

    def _on_controller(self, failure: PlanError | None) -> None:
        if self._follower.run is not None:
            self._follower.run.motion.reported(failure)

    def _on_gripper(self, failure: PlanError | None) -> None:
        """Nobody waits for a gripper: it may have closed on something. Its failure counts."""
        run = self._follower.run
        if failure is not None and run is not None and run.number == self._gripping:
            run.motion.reported(failure)

    def _on_stuck(self, name: str, joints: tuple[str, ...]) -> None:
        """An arm whose controller does not end a trajectory is given one that stays."""
        self.get_logger().error(f"{name} does not end a goal that was cancelled")
        positions = self._joints.positions(joints, self._now_s())
        if joints and positions is not None:
            stay = JointPoint(HOLD_S, positions, (0.0,) * len(joints))
            self._router.hold(TrajectoryGoal(joints, (stay,)))

    # Twins.

    def _offer_services(self) -> BridgeServices:
        return BridgeServices(self, self, self._node_settings.client)

    def _watch_name(self) -> None:
        """Who came second takes back what it offers: its answers would pass for the first's."""
        before, self._standing = self._standing, self._name_watch.look()
        if self._standing is Standing.SECOND:
            if before is not Standing.SECOND:
                self.stop(Cause.DUPLICATE_NODE, TWINS[Standing.SECOND])
                self.get_logger().error(TWINS[Standing.SECOND])
            if self._offered is not None and self._offered.is_idle:
                self._offered.withdraw()
                self._offered = None
            return
        if self._offered is None:
            self._offered = self._offer_services()
            self.get_logger().info("alone under this name again: plans are carried out")
        if self._standing is Standing.FIRST and before is Standing.ALONE:
            self.get_logger().warning(TWINS[Standing.FIRST])

    # Diagnostics.

    def _report(self) -> None:
        self._watch_name()
        self._gate_inputs.follow()
        self._diagnostics.tell(self._status())

    def _activity(self) -> tuple[Activity, str]:
        """What `~/state` tells."""
        if self._follower.run is not None:
            return Activity.MOVING, self._describe_run()
        if self._fault:
            return Activity.FAULT, self._fault
        if self._estopped:
            return Activity.STOPPED, self._estopped
        if not self._follower.enabled:
            return Activity.STOPPED, DISABLED
        return (Activity.STOPPED if self._stopped else Activity.IDLE), self._stopped

    @property
    def _estopped(self) -> str:
        """What the emergency stop says; "" if plans may move the robot."""
        return str(self._gate.estop.problem or "")

    @property
    def _fault(self) -> str:
        """Why nothing can be carried out; "" if it can."""
        faults = (self._router.complaint, TWINS[self._standing], self._clock_problem)
        return "; ".join(filter(None, faults))

    def _status(self) -> DiagnosticStatus:
        follower = self._follower
        fault = "; ".join(filter(None, (self._fault, self._estopped)))
        dry_run = DRY_RUN if self._gate.dry_run else ""
        problem = self._problem or self._router.loss or dry_run if follower.enabled else DISABLED
        readings = {
            "plan": self._describe_run(),
            "joints known": str(self._joints.known(self._now_s())),
            "steps dropped": str(follower.steps_dropped),
            "plans ignored": str(self._plans_ignored),
            **{f"ended {cause.name}": str(follower.ends[cause]) for cause in Cause},
            **{f"sent {kind}": str(count) for kind, count in sorted(self._router.sent.items())},
            **{
                f"server {controller.name}": "there" if controller.is_ready else "missing"
                for controller in self._router.controllers
            },
            "goals open": str(self._router.open_goals),
            "dry run": str(self._gate.dry_run).lower(),
            "emergency stop": self._estopped,
        }
        return status_message(
            f"{self._diagnostics.name}: plans", fault or problem, readings, severe=bool(fault)
        )

    def _describe_run(self) -> str:
        run = self._follower.run
        if run is None:
            return "none"
        progress = run.progress
        return f"{run.plan.action_space}, step {progress.step + 1} of {progress.steps}"


def _is_timeout(timeout_s: float) -> bool:
    return math.isfinite(timeout_s) and timeout_s >= 0


def _expect_timeout(timeout_s: float) -> None:
    """PlanError INVALID_PLAN unless it is one; 0: the bridge's default."""
    if not _is_timeout(timeout_s):
        raise PlanError(
            Cause.INVALID_PLAN,
            f"timeout is {timeout_s} s; give 0 (the bridge's default) or more",
        )


def main(args: list[str] | None = None) -> int:
    """Entry point of bridge_node: spins until SIGINT or SIGTERM and returns 0; 1 if a parameter is
    wrong.
    """
    return run_node(BridgeNode, _end, args, name="bridge")


def _end(node: BridgeNode, executor: Executor) -> None:
    """What moves must not go on: it is told to stop, and waited for."""
    node.stop(Cause.STOPPED, "the bridge ends")
    begin_s = time.monotonic()
    while (elapsed_s := time.monotonic() - begin_s) < LONGEST_ENDING_S:
        if elapsed_s > LAST_WORDS_S and node.is_halted:
            break
        executor.spin_once(timeout_sec=0.05)
    node.say_what_goes_on()


if __name__ == "__main__":
    sys.exit(main())
