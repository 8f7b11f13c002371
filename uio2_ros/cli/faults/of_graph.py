"""Faults of the graph: cameras, clocks, controllers, participants."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from geometry_msgs.msg import TwistStamped

from uio2_ros.cli.faults.of_model import BY_ITSELF
from uio2_ros.cli.faults.report import FaultReport
from uio2_ros.cli.faults.stage import PICTURES, FaultStage, Told, fate, report, wait_until
from uio2_ros.client import BridgeClient
from uio2_ros.control import Cause
from uio2_ros.msg import ActionStep, Plan

JUMP_S = 3600
SOON_S = 1.0
"""How old a picture may be here, so that a fault shows soon."""
CONTROLLER = "uio2_ros.cli.faults.controller"
BRIDGE = "uio2_ros.nodes.bridge.node"
BRIDGE_STATUS = "bridge: plans"


def clock_jumps_back(stage: FaultStage) -> FaultReport:
    """/clock, and the stamps with it, an hour back."""
    return _clock_jump(stage, "simulated clock jumps an hour back", -JUMP_S)


def clock_jumps_ahead(stage: FaultStage) -> FaultReport:
    """The same ahead."""
    return _clock_jump(stage, "simulated clock jumps an hour ahead", JUMP_S)


def _clock_jump(stage: FaultStage, name: str, jump_s: int) -> FaultReport:
    stage.agent(use_sim_time=True)
    camera = stage.camera("clock 0")
    stage.until_answered()
    since_s = time.monotonic()
    camera.say(f"clock {jump_s}")
    camera.say("stream")
    told = stage.ask(max_age_s=SOON_S)
    recovered_s = stage.until_answered(since_s, max_age_s=SOON_S)
    events = stage.readings(PICTURES)
    forgotten = [f"{key} {count}" for key, count in events.items() if key.startswith("event")]
    message = told.message or f"answered about a picture of the new time; {', '.join(forgotten)}"
    told = replace(told, message=message.rstrip("; "))
    return report(name, told, BY_ITSELF, recovered_s, "NONE", "STALE_INPUT", "NO_INPUT")


def clock_stands(stage: FaultStage) -> FaultReport:
    """Who tells /clock is killed, and the pictures end with it."""
    told, recovered_s = _camera_killed(stage, "clock 0", use_sim_time=True)
    name = "simulated clock stands"
    return report(name, told, "clock started again", recovered_s, "STALE_INPUT")


def qos_changes(stage: FaultStage) -> FaultReport:
    """A reliable camera comes back as best effort, which a reliable subscription never hears."""
    stage.agent()
    camera = stage.camera("reliable")
    stage.until_answered()
    wait_until(lambda: "reliable" in stage.readings(PICTURES)["qos"], "the QoS to be adopted")
    before = stage.received
    since_s = time.monotonic()
    camera.say("best_effort")
    camera.say("stream")
    wait_until(lambda: "best effort" in stage.readings(PICTURES)["qos"], "the QoS to be adopted")
    wait_until(lambda: stage.received > before, "pictures")
    told = Told("NONE", "the subscription is made anew with the publisher's QoS", _since(since_s))
    return report(
        "camera changes its QoS from reliable to best effort",
        told,
        BY_ITSELF,
        stage.until_answered(since_s, max_age_s=SOON_S),
        "NONE",
    )


def camera_lost(stage: FaultStage) -> FaultReport:
    """SIGKILL of the camera."""
    told, recovered_s = _camera_killed(stage)
    name = f"camera killed (`max_age` {SOON_S:g} s)"
    return report(name, told, "camera started again", recovered_s, "STALE_INPUT")


def _camera_killed(stage: FaultStage, *commands: str, **agent: Any) -> tuple[Told, float]:
    """What who asks is told then, and seconds from another camera's start to an answer."""
    stage.agent(**agent)
    camera = stage.camera(*commands)
    stage.until_answered()
    since_s = time.monotonic()
    camera.kill()
    told = stage.until_refused(since_s, max_age_s=SOON_S)
    corrected_s = time.monotonic()
    stage.camera(*commands)
    return told, stage.until_answered(corrected_s)


def controller_gone(stage: FaultStage) -> FaultReport:
    """SIGKILL of nav2's stand-in while it drives."""
    stage.node(BRIDGE, dry_run=False, navigation="navigate_to_pose", controller_wait=2.0)
    controller = stage.start(CONTROLLER)
    bridge = BridgeClient(stage.client)
    if not bridge.wait_for_bridge(60.0):
        raise TimeoutError("no bridge")
    wait_until(lambda: "ready" in controller.log.read_text(), "the controller")
    driving = bridge.execute(_plan(stage, "forward"))
    wait_until(lambda: "goal" in controller.log.read_text(), "the goal", driving.__repr__)
    since_s = time.monotonic()
    controller.kill()
    told = fate(driving, since_s)
    corrected_s = time.monotonic()
    stage.start(CONTROLLER, "--seconds", "0.2")
    wait_until(lambda: _carried_out(bridge, stage), "a plan to be carried out")
    return report(
        "controller (nav2's action) killed while it drives",
        told,
        "controller started again",
        _since(corrected_s),
        "CONTROLLER_FAILED",
        "NO_CONTROLLER",
    )


def participant_lost(stage: FaultStage) -> FaultReport:
    """SIGKILL of the whole agent while somebody waits for it."""
    agent = stage.answering_agent()
    pending = stage.under_way(timeout_s=3.0)
    since_s = time.monotonic()
    agent.kill()
    told = fate(pending, since_s)
    corrected_s = time.monotonic()
    stage.agent()
    recovered_s = stage.until_answered(corrected_s)
    name = "DDS participant lost: agent killed while a client waits (timeout 3 s)"
    return report(name, told, "agent started again", recovered_s, "TIMEOUT", "UNKNOWN")


def agent_lost_while_driving(stage: FaultStage) -> FaultReport:
    """SIGKILL of the agent whose plan the bridge carries out."""
    agent = stage.agent()
    stage.node(BRIDGE, dry_run=False, follow=True, diagnostics_period=0.1)
    stage.camera()
    stage.until_answered()
    speeds: list[float] = []
    node = stage.client.node
    node.create_subscription(
        TwistStamped, "cmd_vel", lambda twist: speeds.append(twist.twist.linear.x), 10
    )
    plans = node.create_publisher(Plan, "agent/plan", 10)
    _drive(stage, plans, speeds)
    since_s = time.monotonic()
    agent.kill()
    wait_until(lambda: speeds[-1] == 0.0, "the base to stop")
    stopped_s = _since(since_s)
    ended = f"ended {Cause.AGENT_LOST.name}"
    wait_until(lambda: stage.readings(BRIDGE_STATUS)[ended] == "1", "the bridge's reason")
    message = next(text for name, (text, _) in stage.diagnostics.items() if BRIDGE_STATUS in name)
    corrected_s = time.monotonic()
    stage.agent()
    _drive(stage, plans, speeds)
    return report(
        "agent killed while its plan drives the base",
        Told(Cause.AGENT_LOST.name, f"velocity 0; {message}", stopped_s),
        "agent started again",
        _since(corrected_s),
        "AGENT_LOST",
    )


def _drive(stage: FaultStage, plans: object, speeds: list[float]) -> None:
    """Sends plans until the base moves."""
    del speeds[:]
    speeds.append(0.0)

    def moves() -> bool:
        plans.publish(_velocities(stage))  # type: ignore[attr-defined]
        time.sleep(SOON_S)
        return speeds[-1] > 0.0

    wait_until(moves, "the base to move")


def _velocities(stage: FaultStage) -> Plan:
    """Ten a second for a minute."""
    step = ActionStep(
        kind=ActionStep.CONTINUOUS, dimension_names=["forward", "turn"], values=[0.3, 0.0]
    )
    return _stamped(stage, Plan(action_space="diff_drive", steps=[step] * 600))


def _plan(stage: FaultStage, *moves: str) -> Plan:
    steps = [ActionStep(kind=ActionStep.DISCRETE, name=name) for name in moves]
    return _stamped(stage, Plan(action_space="pointnav", steps=steps))


def _stamped(stage: FaultStage, plan: Plan) -> Plan:
    plan.header.frame_id = "base_link"
    plan.header.stamp = stage.client.node.get_clock().now().to_msg()
    return plan


def _carried_out(bridge: BridgeClient, stage: FaultStage) -> bool:
    return bridge.execute(_plan(stage, "forward")).exception(60.0) is None


def _since(then_s: float) -> float:
    return time.monotonic() - then_s
