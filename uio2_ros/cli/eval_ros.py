"""Episodes over real ROS topics: agent_node, sim_node in lock-step, and who asks.

Both nodes have a DDS domain of their own. Time stands while the agent thinks, and nobody asks
before its histories have the picture and the sound of the moment, so that a run gives what it gives
without ROS: the same pictures in the histories, the same answers, the same outcome.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from uio2_ros import bringup
from uio2_ros.cli.dds_domain import keep_to_one_domain
from uio2_ros.client import AgentClient
from uio2_ros.client.service_call import ask_service
from uio2_ros.evaluation.drawing import Ground, draw_steps
from uio2_ros.evaluation.episodes import Attempt, PlayedEpisode, question_task
from uio2_ros.evaluation.jobs import MODEL, Done, EpisodeJob, Job, Worker, load_answerer
from uio2_ros.evaluation.run_settings import RunSettings
from uio2_ros.messages.images import image_to_rgb
from uio2_ros.messages.qos import LATCHED
from uio2_ros.messages.stamps import nanoseconds_of
from uio2_ros.msg import HistoryState
from uio2_ros.nodes.simulator.messages import steps_of
from uio2_ros.processes.supervision import ChildProcess, ProcessCommand, Supervisor, Terminal
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.time import to_s
from uio2_ros.sim import Episode, Split, World, sample_episode
from uio2_ros.sim.base import STOP
from uio2_ros.sim.spec import Place
from uio2_ros.srv import GetSimulationState, ResetSimulation, StepSimulation

READY_S = 900.0
"""A large model may take this long to load."""
ANSWER_S = 900.0
SERVICE_S = 120.0
ARRIVAL_S = 30.0
"""How long a picture may be under way."""
POLL_S = 0.02
AUDIO_SLACK_NS = 1_000_000
"""Sound ends at whole samples."""


class RosRunError(RuntimeError):
    """The nodes of an evaluation do not do what they must; says which and where its log is."""


def do_over_ros(jobs: Sequence[Job], settings: RunSettings, folder: Path) -> Iterator[Done]:
    """Does the jobs, the model's episodes over ROS; logs go to `folder`."""
    worker = Worker(settings, load_answerer)
    try:
        for job in jobs:
            if not _is_over_ros(job):
                yield from worker.do(job)
        asked = [job for job in jobs if _is_over_ros(job)]
        if asked:
            with RosGraph(settings, folder) as graph:
                for job in asked:
                    assert isinstance(job, EpisodeJob)
                    for task, seed in job.episodes:
                        split = Split(settings.split)
                        episode = sample_episode(task, seed, split, settings.size)
                        yield play_over_ros(episode, settings, graph)
    finally:
        worker.close()


def _is_over_ros(job: Job) -> bool:
    return isinstance(job, EpisodeJob) and job.policy == MODEL


def play_over_ros(episode: Episode, settings: RunSettings, graph: RosGraph) -> PlayedEpisode:
    """One episode; the counterpart of `evaluation.episodes.play`."""
    attempt, place = Attempt(episode, MODEL), episode.scene.place
    task = question_task(episode, settings)
    state = graph.reset(episode)
    start, began_ns = graph.picture(state), nanoseconds_of(state.header.stamp)
    while not attempt.over:
        attempt.looked(graph.shown_ns())
        asked_s = time.perf_counter()
        answer = graph.ask(episode.instruction, task)
        attempt.answer_s += time.perf_counter() - asked_s
        count = len(attempt.take(answer))
        if not count:
            continue
        plan = answer.message.plan  # as it came: what a bridge would pass on
        plan.steps = plan.steps[:count]
        response = graph.step(plan)
        for step in steps_of(plan, place)[: len(response.picked)]:
            stopped = place is Place.ROOM and step.name == STOP
            attempt.carried_out(step, stopped=stopped)
        if not response.success:
            attempt.fail(ErrorCode.UNKNOWN, response.message)
        state = response.state
        attempt.success = state.succeeded
    end = graph.picture(state)
    scene_s = to_s(nanoseconds_of(state.header.stamp) - began_ns)
    record = attempt.record(start, end, scene_s)
    return PlayedEpisode(record, draw_steps(start, record.steps, _ground(episode)), end)


def _ground(episode: Episode) -> Ground:
    """At the instruction."""
    with World(episode.scene) as world:
        episode.begin(world)
        return Ground.of(world, episode.scene.cameras[0].name)


class RosGraph:
    """agent_node and sim_node, and a client of both; use it as a context manager."""

    def __init__(self, settings: RunSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._log = folder / "ros.log"
        self._arrived = threading.Condition()
        self._images: dict[int, Any] = {}
        """The newest picture by its stamp."""
        self._history: Any = None
        self._children: list[ChildProcess] = []

    def __enter__(self) -> RosGraph:
        keep_to_one_domain()
        os.environ.update(bringup.environment(os.environ))
        self._stream = self._log.open("a", encoding="utf-8")
        terminal = Terminal(self._stream, ["simulator", "agent"])
        self._supervisor = Supervisor(dict(os.environ), terminal)
        try:
            self._start()
            self._connect()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._agent.close()
        self._end()

    def reset(self, episode: Episode) -> Any:
        """Begins an episode with empty histories; its state at the instruction."""
        request = ResetSimulation.Request(
            task=episode.task,
            seed=episode.seed,
            split=episode.split.value,
            width=self._settings.width,
            height=self._settings.height,
        )
        self._agent.clear_history()
        response = self._call(self._resets, request)
        if not response.success:
            raise RosRunError(f"sim_node does not begin {episode.task}: {response.message}")
        self._await_agent(response.state)
        return response.state

    def step(self, plan: Any) -> Any:
        """Carries a plan out; the response, whose state the agent has seen."""
        response = self._call(self._steps, StepSimulation.Request(plan=plan))
        if not nanoseconds_of(response.state.header.stamp):  # the scene began again, or was refused
            response.state = self._call(self._states, GetSimulationState.Request()).state
        self._await_agent(response.state)
        return response

    def ask(self, instruction: str, task: str) -> Any:
        """The agent's answer; one that failed has its error code."""
        try:
            return self._agent.ask(instruction, task=task, timeout_s=ANSWER_S)
        except InstructionError as error:
            self._expect_alive()
            return Answer.failed(error.code, error.message, task)

    def shown_ns(self) -> tuple[int, ...]:
        """The stamps of the pictures that the agent has, the newest last."""
        return tuple(map(nanoseconds_of, self._history.frame_stamps))

    def picture(self, state: Any) -> Any:
        """The pixels that belong to a state, (H, W, 3) RGB."""
        stamp_ns = nanoseconds_of(state.header.stamp)
        self._wait_for(lambda: stamp_ns in self._images, "image does not have the picture")
        return image_to_rgb(self._images[stamp_ns]).copy()

    def _start(self) -> None:
        settings = self._settings
        simulator = {
            "lock_step": True,
            "rate": 0.0,
            "split": settings.split,
            "width": settings.width,
            "height": settings.height,
            "image_rate": settings.histories.picture_rate_hz,
        }
        for name, module, parameters in (
            ("simulator", "uio2_ros.nodes.simulator.node", simulator),
            ("agent", "uio2_ros.nodes.agent.node", agent_parameters(settings)),
        ):
            file = self._folder / f"{name}.yaml"
            file.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}))
            words = (sys.executable, "-m", module, "--ros-args", "--params-file", str(file))
            self._children.append(self._supervisor.start(ProcessCommand(name, words)))
        waiting = (sys.executable, "-m", "uio2_ros.nodes.agent.await_active", "/agent")
        waiter = self._supervisor.start(ProcessCommand("waiter", waiting, needed=False))
        self._wait_for(lambda: not waiter.is_running, "the agent is not active", READY_S)

    def _connect(self) -> None:
        self._agent = AgentClient()
        node = self._agent.node
        self._resets = node.create_client(ResetSimulation, "/simulator/reset")
        self._steps = node.create_client(StepSimulation, "/simulator/step")
        self._states = node.create_client(GetSimulationState, "/simulator/get_state")
        node.create_subscription(HistoryState, "/history_state", self._on_history, LATCHED)
        node.create_subscription(Image, "/image", self._on_image, QoSProfile(depth=10))
        self._agent.wait_for_agent(SERVICE_S)
        publishers = node.count_publishers
        self._wait_for(lambda: bool(publishers("/image")), "sim_node does not publish image")

    def _on_image(self, message: Any) -> None:
        with self._arrived:
            self._images = {nanoseconds_of(message.header.stamp): message}
            self._arrived.notify_all()

    def _on_history(self, message: Any) -> None:
        with self._arrived:
            self._history = message
            self._arrived.notify_all()

    def _await_agent(self, state: Any) -> None:
        """Until the agent has seen and heard everything up to a state."""
        stamp_ns = nanoseconds_of(state.header.stamp)

        def is_there() -> bool:
            history = self._history
            if history is None or not history.frame_stamps:
                return False
            seen_ns, heard_ns = map(nanoseconds_of, (history.frame_stamps[-1], history.audio_end))
            is_first = len(history.frame_stamps) == 1  # no time has passed to hear anything in
            has_heard = is_first or heard_ns >= stamp_ns - AUDIO_SLACK_NS
            return seen_ns == nanoseconds_of(history.header.stamp) == stamp_ns and has_heard

        self._wait_for(is_there, "the agent does not see or hear the simulator")

    def _wait_for(
        self, is_so: Callable[[], bool], problem: str, longest_s: float = ARRIVAL_S
    ) -> None:
        end_s = time.monotonic() + longest_s
        with self._arrived:
            while not is_so():
                if time.monotonic() > end_s:
                    raise RosRunError(f"{problem}, for {longest_s:g} s; see {self._log}")
                self._expect_alive()
                self._arrived.wait(POLL_S)

    def _call(self, client: Any, request: Any) -> Any:
        name = client.srv_name
        self._wait_for(client.service_is_ready, f"{name} is not there", SERVICE_S)
        late = RosRunError(f"{name} has not answered for {SERVICE_S:g} s; see {self._log}")
        response = ask_service(client, request, late, SERVICE_S)
        while not response.done():
            self._expect_alive()
            wait([response], POLL_S)
        return response.result()

    def _expect_alive(self) -> None:
        for child in self._children:
            if not child.is_running:
                raise RosRunError(f"{child.ending()}\nAll it said is in {self._log}")

    def _end(self) -> None:
        self._supervisor.stop()
        self._stream.close()


def agent_parameters(settings: RunSettings) -> dict[str, Any]:
    """An agent with the histories and bounds of the run."""
    histories = settings.histories
    return {
        "use_sim_time": True,
        "model": settings.model,
        "tokenizer": settings.tokenizer,
        "device": settings.device,
        "dtype": settings.dtype,
        "image_depth": 100,
        "history": {
            "count": histories.frames.count,
            "period": histories.frames.period_s,
            "seconds": histories.frames.max_span_s,
        },
        "audio": {"seconds": histories.audio.seconds},
        "navigation": {"odometry": True, "moves": histories.moves},
        "tasks": asdict(settings.task_bounds),
        "debug_image": False,
        "diagnostics_period": 0.05,
    }
