"""`./uio2 bench reinstruct`: another instruction while the robot moves, against stop-and-ask.

The simulated arm is told to carry an object aside and back. While it is at the first, it is told
what its episode is about. Either the new plan takes over after the step under way (`after_step`),
the model thinking while the arm moves, or the arm is stopped, and asked when it stands.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from std_msgs.msg import Header

from uio2_ros.bringup import SIM_BRIDGE
from uio2_ros.cli.faults.stage import FaultStage, call, wait_until
from uio2_ros.cli.measurement import bench_parser, save
from uio2_ros.client import AgentError, ExecutionError
from uio2_ros.evaluation.report import percent
from uio2_ros.evaluation.scores import rate
from uio2_ros.messages.plans import plan_message
from uio2_ros.messages.stamps import time_message
from uio2_ros.msg import Plan
from uio2_ros.robot.plan import TaskPlan
from uio2_ros.robot.poses import Pose2D
from uio2_ros.sim import Episode, Split, World, sample_episode
from uio2_ros.sim.motions import carry, free_spot, table_plan
from uio2_ros.sim.sampling import NoRoomError
from uio2_ros.srv import GetSimulationState, ResetSimulation
from uio2_ros.trees import Robot

TASK = "put"
EARLIEST_S, LATEST_S = 0.5, 2.5
"""When the other instruction comes, after the first plan began: a step takes 3 to 5 s."""
FINISHED_M = 0.05
"""From where an object was to go."""
MOST_S = 60.0
WAYS = ("take over", "stop and ask")


@dataclass(frozen=True)
class Interruption:
    """An episode in which the robot has something else to do first."""

    episode: Episode
    aside: str
    """The object that it carries first."""
    spots: tuple[Pose2D, Pose2D]
    """Where that is to go, and where it stood."""
    first: TaskPlan
    after_s: float


@dataclass(frozen=True)
class Trial:
    """How one episode went, one way."""

    seed: int
    way: str
    done: bool
    """What the new instruction wants."""
    finished: bool
    """What was begun: the object is where it was to go, or where it stood."""
    seconds: float
    """From the new instruction to the end of its plan."""
    problem: str = ""


def main(argv: Sequence[str]) -> int:
    """0 if both ways were measured."""
    options = _parse(argv)
    with FaultStage() as stage:
        trials = _measure(stage, options)
    print(_table(trials))
    save({"trials": [asdict(trial) for trial in trials]}, options.json)
    return int(not trials)


def _measure(stage: FaultStage, options: argparse.Namespace) -> list[Trial]:
    stage.agent(model=options.model)
    stage.node("uio2_ros.nodes.simulator.node", task=TASK)
    stage.node("uio2_ros.nodes.bridge.node", env=None, **{**SIM_BRIDGE, "follow": False})
    stage.until_answered(instruction="the red cube", task="refexp")
    with Robot() as robot:
        wait_until(robot.has_bridge, "the bridge")
        return [
            trial
            for interruption in _interruptions(options.first, options.episodes)
            for trial in (_trial(robot, interruption, way) for way in WAYS)
        ]


def _interruptions(first: int, count: int) -> list[Interruption]:
    """Those of the next seeds whose scenes have something to carry aside."""
    found: list[Interruption] = []
    seed = first
    while len(found) < count:
        episode = sample_episode(TASK, seed, Split.HELD_OUT)
        others = [
            thing.name for thing in episode.scene.objects if thing.name not in episode.instruction
        ]
        if others:
            with contextlib.suppress(NoRoomError):
                found.append(_interruption(episode, others[0]))
        seed += 1
    return found


def _interruption(episode: Episode, aside: str) -> Interruption:
    with World(episode.scene) as world:
        x, y, _ = world.pose(aside).position.tolist()
        there, back = Pose2D(*free_spot(world, aside), 0.0), Pose2D(x, y, 0.0)
        steps = (
            carry(world, aside, there.x, there.y),
            carry(world, aside, back.x, back.y, start=there),
        )
    after_s = float(np.random.default_rng(episode.seed).uniform(EARLIEST_S, LATEST_S))
    return Interruption(episode, aside, (there, back), table_plan(*steps), after_s)


def _trial(robot: Robot, interruption: Interruption, way: str) -> Trial:
    episode, problem = interruption.episode, ""
    _reset(robot, episode)
    first = robot.execute(_message(robot, interruption.first), MOST_S)
    time.sleep(interruption.after_s)
    began_s = time.monotonic()
    try:
        if way == "stop and ask":
            first.cancel()
            first.exception(MOST_S)
            _wait_for_picture(robot)
        answer = robot.agent.ask(episode.instruction, task="plan", timeout_s=MOST_S)
        plan = answer.message.plan
        robot.execute(plan, MOST_S, after_step=way == "take over").result(MOST_S)
    except (AgentError, ExecutionError) as error:
        problem = str(error)
    seconds = time.monotonic() - began_s
    first.exception(MOST_S)
    asked = GetSimulationState.Request()
    state = call(robot.agent.node, GetSimulationState, "/simulator/get_state", asked).state
    return Trial(
        episode.seed,
        way,
        bool(state.succeeded),
        _is_finished(state, interruption),
        seconds,
        problem,
    )


def _reset(robot: Robot, episode: Episode) -> None:
    request = ResetSimulation.Request(
        task=episode.task, seed=episode.seed, split=episode.split.value
    )
    response = call(robot.agent.node, ResetSimulation, "/simulator/reset", request)
    if not response.success:
        raise RuntimeError(response.message)
    _wait_for_picture(robot)


def _wait_for_picture(robot: Robot) -> None:
    """One taken from now on."""
    now_ns = robot.now_ns()
    wait_until(lambda: robot.newest_picture_ns > now_ns, "a picture")


def _message(robot: Robot, plan: TaskPlan) -> Plan:
    header = Header(stamp=time_message(robot.now_ns()), frame_id=plan.frame_id)
    return plan_message(plan, "carry it aside and back", header)


def _is_finished(state: Any, interruption: Interruption) -> bool:
    (position,) = (
        thing.pose.position for thing in state.objects if thing.name == interruption.aside
    )
    return any(
        np.hypot(position.x - spot.x, position.y - spot.y) <= FINISHED_M
        for spot in interruption.spots
    )


def _table(trials: Sequence[Trial]) -> str:
    lines = [f"{'':<14}{'episodes':>9}{'done':>22}{'begun is finished':>22}{'seconds, median':>17}"]
    for way in WAYS:
        of_way = [trial for trial in trials if trial.way == way]
        if not of_way:
            continue
        done = rate(sum(trial.done for trial in of_way), len(of_way))
        finished = rate(sum(trial.finished for trial in of_way), len(of_way))
        seconds = statistics.median(trial.seconds for trial in of_way)
        rates = f"{percent(done):>22}{percent(finished):>22}"
        lines.append(f"{way:<14}{len(of_way):>9}{rates}{seconds:>17.1f}")
    return "\n".join(lines)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("reinstruct", __doc__)
    parser.add_argument("--episodes", type=int, default=20, help="each of them both ways")
    parser.add_argument("--first", type=int, default=500, help="seed from which they are taken")
    parser.add_argument("--model", default="uio2-nano", help="as of ./uio2 up")
    return parser.parse_args(argv)
