"""agent_node: pictures and sound in, instructions answered with ROS messages.

A lifecycle node. Unconfigured it holds nothing; configuring loads and warms the model in its own
process; active it listens and answers; deactivating cancels; cleaning up frees the memory. With
`autostart` it configures and activates itself. `~/instruct` exists in every state and says, with
MODEL_NOT_READY, why there is no answer.
"""

from __future__ import annotations

import functools
import gc
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import Executor
from rclpy.lifecycle import LifecycleNodeMixin, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from std_srvs.srv import SetBool, Trigger

from uio2_ros.client.tolerant_executor import TolerantExecutor
from uio2_ros.messages.cv_bridge import installed_cv_bridge
from uio2_ros.messages.qos import LATCHED
from uio2_ros.msg import HistoryState
from uio2_ros.nodes.agent.activity import ActivityReport
from uio2_ros.nodes.agent.answerer import start_answerer
from uio2_ros.nodes.agent.instructions import Instructions, Ready
from uio2_ros.nodes.agent.lifecycle import ChangeState, answer_change_state, state_label
from uio2_ros.nodes.agent.observations import Observations
from uio2_ros.nodes.agent.parameters import AgentSettings
from uio2_ros.nodes.agent.publishers import AnswerPublishers
from uio2_ros.nodes.agent.recall import RecallServices
from uio2_ros.nodes.agent.state_messages import (
    clock_status,
    history_state_message,
    model_status,
    odometry_status,
    picture_status,
    sound_status,
    surroundings_statuses,
    task_message,
)
from uio2_ros.nodes.agent.surroundings import Surroundings
from uio2_ros.nodes.agent.watches import Watches
from uio2_ros.nodes.deferred import result_of
from uio2_ros.nodes.diagnostics import DiagnosticsTopic, status_message
from uio2_ros.nodes.name_watch import Standing, watch_name
from uio2_ros.nodes.parameters import declare_parameters, read_parameters
from uio2_ros.nodes.running import STOP_CHECK_PERIOD_S, run_node
from uio2_ros.processes.process_memory import bound_arenas, settled
from uio2_ros.robot.action_space import ActionSpaceError, load_action_spaces
from uio2_ros.robot.activity import Activity
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.observation import SoundSegment
from uio2_ros.robot.time import to_ns
from uio2_ros.serving import Answerer, ModelState, ModelStatus
from uio2_ros.settings import Effect, settings_of
from uio2_ros.srv import ListTasks
from uio2_ros.tasks.registry import describe_tasks
from uio2_ros.tasks.task import DEFAULT_FAMILY

SETTINGS = settings_of(AgentSettings)
FOLLOW_PERIOD_S = 0.5
"""How often changes of the publishers are looked for."""
SWITCH_INTERVAL_S = 0.0002
"""A thread that waits for the interpreter, while another runs, waits this long: picture callbacks,
and an instruction at each of its half dozen steps from thread to thread."""
SOUND_GONE_S = 3.0
"""After which silence of the microphone's topic the agent does not listen any more."""
REPLY_S = 1.0
"""How long an agent that ends waits until all that it was asked has a reply."""
DELIVERY_S = 0.15
"""How long it stays for the last replies to arrive, and to be fetched by who asked just now."""
SHUTTING_DOWN = "the agent is shutting down"
WHAT_TO_DO = {"unconfigured": "configure and activate it", "inactive": "activate it"}
"""By state, for an agent that does not answer."""


TransitionCallback = Callable[[Any, LifecycleState], TransitionCallbackReturn]


TWIN = (
    "another agent of this name is in the graph, and both answer what is asked: end one of them, "
    "or start it in a namespace of its own; one that was killed is forgotten within 20 s"
)


def _logs_faults(transition: TransitionCallback) -> TransitionCallback:
    """rclpy goes from what a transition raises to on_error without a word."""

    @functools.wraps(transition)
    def logged(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception:
            node.get_logger().error(traceback.format_exc())
            raise

    return logged


class StopAskedError(Exception):
    """The process is ending while the model loads."""


class AgentNode(LifecycleNodeMixin, Node):
    """See the module. One thread spins it; transitions run on another, one at a time."""

    def __init__(self, **arguments: Any) -> None:
        Node.__init__(self, "agent", **arguments)
        LifecycleNodeMixin.__init__(self, callback_group=ReentrantCallbackGroup())
        declare_parameters(self, AgentSettings, Effect.CONFIGURE)
        self.add_on_set_parameters_callback(self._expect_not_fixed)
        self._answerer: Answerer | None = None
        self._observations: Observations | None = None
        self._surroundings: Surroundings | None = None
        self._answers = AnswerPublishers(self)
        self._active = False
        self._enabled = True
        self._loading = False
        self._changing = 0  # calls of change_state under way; the spinning thread's
        self._stopping = threading.Event()
        self._failure = ""
        """Why the last transition failed."""
        self._encoded_key: int | None = None
        self._segment: SoundSegment | None = None
        """Of sound, over and not encoded yet."""
        self._name_watch = watch_name(self)
        self._standing = Standing.ALONE
        self._transitions = ThreadPoolExecutor(1, thread_name_prefix="transitions")
        self._hears = False
        self._activity = ActivityReport(self, self._own_activity)
        self._instructions = Instructions(self, self._ready, self._answers, self._on_work)
        self._watches = Watches(self, self._ready, self._newest_ns, self._instructions)
        self._recalls = RecallServices(self, lambda: self._surroundings)
        answer_change_state(self, self._change_state)
        self._create_services()
        self._create_reports()

    def start(self) -> None:
        """Configures and activates the node if `autostart` says so; returns at once."""
        if self.get_parameter("autostart").value:
            self._transitions.submit(self._autostart)

    def refuse(self) -> None:
        """Cancels what is under way and takes nothing more; returns at once. Spin the node while
        it is `replying`, so that callers hear of it."""
        self._stopping.set()
        self._cancel_all(SHUTTING_DOWN)

    @property
    def replying(self) -> bool:
        """Whether somebody waits for a reply. The thread that spins the node."""
        return self._instructions.replying or self._watches.replying or self._changing > 0

    def stop(self) -> None:
        """Ends the inference process and every thread, within about a second."""
        self.refuse()
        answerer = self._answerer
        if answerer is not None:
            answerer.close()
        self._transitions.shutdown(wait=True, cancel_futures=True)
        self._watches.close()
        self._instructions.close()
        self._recalls.close()

    # Construction.

    async def _change_state(self, change_state: ChangeState, request: Any, response: Any) -> Any:
        """On another thread, as loading a model takes seconds to minutes.

        What rclpy raises would end the node: Jazzy's for a transition that is not of the state.
        """
        self._changing += 1
        try:
            done = self._transitions.submit(change_state, request, response)
            return await result_of(done, self)
        except Exception as error:  # RCLError, whose place differs between distributions
            name = request.transition.label or request.transition.id
            self.get_logger().error(f"no transition {name} from {state_label(self)}: {error}")
            response.success = False
            return response
        finally:
            self._changing -= 1

    def _create_services(self) -> None:
        group = ReentrantCallbackGroup()
        for kind, name, callback in (
            (Trigger, "~/clear_history", self._on_clear_history),
            (SetBool, "~/enable", self._on_enable),
            (ListTasks, "~/list_tasks", self._on_list_tasks),
        ):
            self.create_service(kind, name, callback, callback_group=group)

    def _create_reports(self) -> None:
        self._history_state = self.create_publisher(HistoryState, "history_state", LATCHED)
        self._diagnostics = DiagnosticsTopic(self)
        group = ReentrantCallbackGroup()
        period_s = self.get_parameter("diagnostics_period").value
        real_time = Clock(clock_type=ClockType.STEADY_TIME)  # also where simulated time stands
        for callback, every_s in ((self._report, period_s), (self._follow, FOLLOW_PERIOD_S)):
            self.create_timer(every_s, callback, callback_group=group, clock=real_time)

    # Transitions, on the thread for them.

    def _autostart(self) -> None:
        if self.trigger_configure() is TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    @_logs_faults
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads and warms the model; FAILURE, with the reason in the log, if that fails."""
        self._failure, self._loading = "", True
        try:
            self._load()
        except StopAskedError:
            self._unload()
            return TransitionCallbackReturn.FAILURE
        except (ValueError, MemoryError, OSError, RuntimeError) as error:
            self._unload()
            return self._failed(f"cannot configure: {error}")
        finally:
            self._loading = False
        return super().on_configure(state)

    @_logs_faults
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begins to listen and to answer."""
        for each in self._listeners:
            each.open()
        verdict = super().on_activate(state)
        self._active = verdict is TransitionCallbackReturn.SUCCESS
        if self._active:
            self.get_logger().info("active: ask me on ~/instruct")
        return verdict

    @_logs_faults
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Cancels what is on its way and stops listening."""
        self._deactivate()
        return super().on_deactivate(state)

    @_logs_faults
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Ends the inference process and frees the histories."""
        self._unload()
        return super().on_cleanup(state)

    @_logs_faults
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """All of deactivate and cleanup."""
        self._deactivate()
        self._unload()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured."""
        self._deactivate()
        self._unload()
        self._failed(f"an error in a transition from {state.label}; see the log")
        return TransitionCallbackReturn.SUCCESS

    def _failed(self, reason: str) -> TransitionCallbackReturn:
        self._failure = reason
        self.get_logger().error(reason)
        return TransitionCallbackReturn.FAILURE

    def _load(self) -> None:
        settings = read_parameters(self, AgentSettings)
        answerer = self._answerer = start_answerer(settings, self._on_model_status)
        self._observations = Observations(
            self, settings, answerer.memory, self._encode_kept_picture, self._encode_segment
        )
        self._observations.listening = self._enabled
        self._surroundings = self._make_surroundings(settings)
        installed_cv_bridge()  # tried while the model loads
        describe_tasks()  # the table is read now, or the first request would wait for it
        status = self._wait_for_model(answerer, settings.load_timeout_s)
        if status.state is not ModelState.READY:
            raise RuntimeError(status.reason)
        if status.model.synthetic_weights:
            self.get_logger().warning(
                f"{status.model.name} has SYNTHETIC WEIGHTS: nobody trained them, its answers mean "
                "nothing; give model:=<hub id or directory> tokenizer:=<file> for a real one"
            )

    def _make_surroundings(self, settings: AgentSettings) -> Surroundings | None:
        """None where the agent neither takes depth nor remembers."""
        if not (settings.depth.enabled or settings.memory.is_used):
            return None
        made = Surroundings(self, settings)
        made.listening = self._enabled
        if made.memory is not None and made.memory.problem:
            self.get_logger().error(made.memory.problem)
        return made

    def _wait_for_model(self, answerer: Answerer, timeout_s: float) -> ModelStatus:
        end_s = time.monotonic() + timeout_s
        while not self._stopping.is_set() and time.monotonic() < end_s:
            status = answerer.wait_ready(STOP_CHECK_PERIOD_S)
            if status.state in (ModelState.READY, ModelState.FAILED):
                return status
        if self._stopping.is_set():
            raise StopAskedError
        raise TimeoutError(
            f"the model was not ready after {timeout_s:g} s; raise load_timeout or use a smaller "
            "or local model"
        )

    def _deactivate(self) -> None:
        self._active = False
        self._cancel_all("the agent was deactivated")
        for each in self._listeners:
            each.close()

    def _unload(self) -> None:
        answerer, self._answerer = self._answerer, None
        observations, self._observations = self._observations, None
        surroundings, self._surroundings = self._surroundings, None
        if surroundings is not None:
            surroundings.end()
        if observations is not None:
            observations.forget_clock()
        if answerer is not None:
            answerer.close()
            del answerer, observations
            gc.collect()  # subscriptions and their owner hold each other, and the shared memory

    # Any thread.

    @property
    def _listeners(self) -> list[Observations | Surroundings]:
        """What listens to topics while the agent is active; nothing before it is configured."""
        return [each for each in (self._observations, self._surroundings) if each is not None]

    def _cancel_all(self, because: str) -> None:
        self._watches.cancel_all(because)
        self._instructions.cancel_all(because)

    def _newest_ns(self) -> int | None:
        """The stamp of the newest picture."""
        observations = self._observations
        return None if observations is None else observations.frames.newest_stamp_ns()

    def _on_model_status(self, status: ModelStatus) -> None:
        """On the supervisor's thread. That configuring failed is for the transition to say."""
        if self._loading and status.state is ModelState.FAILED:
            return
        reason = f": {status.reason}" if status.reason else ""
        text = f"model {status.state.value}{reason}"
        if status.state in (ModelState.FAILED, ModelState.RESTARTING):
            self.get_logger().error(text)
        else:
            self.get_logger().info(text)

    def _ready(self) -> Ready:
        """What answering needs, or InstructionError MODEL_NOT_READY with the reason."""
        answerer, observations = self._answerer, self._observations
        if self._stopping.is_set():
            raise InstructionError(ErrorCode.MODEL_NOT_READY, SHUTTING_DOWN)
        if answerer is None or observations is None or not self._active:
            raise InstructionError(ErrorCode.MODEL_NOT_READY, self._why_not_ready(answerer))
        if not self._enabled:
            raise InstructionError(
                ErrorCode.MODEL_NOT_READY, "the agent was disabled; call ~/enable with true"
            )
        return Ready(
            answerer=answerer,
            observations=observations,
            max_age_s=self.get_parameter("max_age").value,
            timeout_s=self.get_parameter("timeout").value,
            picture_timeout_s=self.get_parameter("picture_timeout").value,
            draws=self.get_parameter("debug_image").value,
            surroundings=self._surroundings,
        )

    def _why_not_ready(self, answerer: Answerer | None) -> str:
        label = state_label(self)
        status = answerer.status() if answerer is not None else None
        if status is not None and status.state is not ModelState.READY:
            return f"the agent is {label}, its model {status.state.value}: {status.reason}"
        if self._failure:
            return f"the agent is {label}: {self._failure}"
        if label == "finalized":
            return "the agent was shut down; start it anew"
        if self._loading:
            return f"the agent is {label}: its settings are read, its model is loading next"
        if label not in WHAT_TO_DO:
            return f"the agent is {label}; ask again in a moment"
        return f"the agent is {label}; {WHAT_TO_DO[label]} (ros2 lifecycle, or autostart)"

    # Callbacks, on the thread that spins the node.

    def _on_work(self) -> None:
        """Instructions came or went."""
        self._activity.tell()
        self._watches.on_work()

    def _expect_not_fixed(self, parameters: list[RosParameter[Any]]) -> SetParametersResult:
        """Refuses what has no effect before the agent is configured again."""
        label = state_label(self)
        fixed = [
            parameter.name
            for parameter in parameters
            if parameter.name in SETTINGS and SETTINGS[parameter.name].effect is None
        ]
        if fixed and label != "unconfigured":
            reason = f"{', '.join(fixed)} can be set while unconfigured; the agent is {label}"
            return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _encode_kept_picture(self) -> None:
        """Lets an idle model encode the last picture kept in the history, once."""
        answerer, observations = self._answerer, self._observations
        if answerer is None or observations is None:
            return
        snapshot = observations.frames.snapshot(newest=False, older=1)
        kept = snapshot.older[-1] if snapshot.older else None
        if kept is None or kept.key == self._encoded_key:
            snapshot.release()
        elif answerer.offer_frame(kept, on_released=snapshot.release):
            self._encoded_key = kept.key

    def _encode_segment(self) -> None:
        """Lets an idle model encode the oldest segment of sound that is over, once."""
        answerer, observations = self._answerer, self._observations
        if answerer is None or observations is None:
            return
        if self._segment is None:
            self._segment = observations.audio.take_segment()
        if self._segment is not None and answerer.offer_segment(self._segment):
            self._segment = None

    def _on_clear_history(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        del request
        if self._observations is None:
            response.message = "there is no history: the agent is not configured"
            return response
        self._observations.clear()
        self._publish_history_state()
        response.success, response.message = True, "pictures, sound and moves are forgotten"
        return response

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._enabled = request.data
        for each in self._listeners:
            each.listening = request.data
        if not request.data:
            self._cancel_all("the agent was disabled")
        response.success = True
        response.message = "enabled" if request.data else "disabled: nothing is taken or answered"
        return response

    def _on_list_tasks(
        self, request: ListTasks.Request, response: ListTasks.Response
    ) -> ListTasks.Response:
        del request
        answerer = self._answerer
        family = "" if answerer is None else answerer.status().model.family
        response.tasks = [task_message(task) for task in describe_tasks(family or DEFAULT_FAMILY)]
        try:
            folder = self.get_parameter("action_spaces").value
            response.action_spaces = list(load_action_spaces(folder or None))
        except ActionSpaceError as error:
            self.get_logger().error(f"no action spaces: {error}")
        return response

    def _follow(self) -> None:
        before, self._standing = self._standing, self._name_watch.look()
        if before is Standing.ALONE and self._standing is not before:
            self.get_logger().warning(TWIN)
        for each in self._listeners if self._active else ():
            each.follow()
        self._hears = self._active and self._hears_sound()
        self._activity.refresh()

    def _hears_sound(self) -> bool:
        if self._observations is None:
            return False
        end_ns = self._observations.audio.state().end_ns
        now_ns = self.get_clock().now().nanoseconds
        return end_ns is not None and now_ns - end_ns < to_ns(SOUND_GONE_S)

    def _own_activity(self) -> tuple[Activity, str]:
        """What the agent does, and why, whatever the robot does."""
        answerer = self._answerer
        status = None if answerer is None else answerer.status()
        if status is None and self._failure:
            return Activity.FAULT, self._failure
        if status is not None and status.state is ModelState.FAILED:
            return Activity.FAULT, f"the model failed: {status.reason}"
        if self._instructions.replying:
            return Activity.THINKING, ""
        if not self._active:
            return Activity.IDLE, f"the agent is {state_label(self)}"
        if not self._enabled:
            return Activity.STOPPED, "the agent was disabled"
        return (Activity.LISTENING if self._hears else Activity.IDLE), ""

    def _report(self) -> None:
        self._publish_history_state()
        self._diagnostics.tell(*self._statuses())

    def _statuses(self) -> list[DiagnosticStatus]:
        name = self._diagnostics.name
        now_ns = self.get_clock().now().nanoseconds
        label = state_label(self)
        answerer = self._answerer
        status = None if answerer is None else answerer.status()
        problem = self._failure if answerer is None else ""
        statuses = [model_status(f"{name}: model", label, problem, status, self._instructions)]
        if self._standing is not Standing.ALONE:
            statuses.append(status_message(f"{name}: name", TWIN, {}))
        if (watches := self._watches.status(f"{name}: watches")) is not None:
            statuses.append(watches)
        if self._observations is not None and self._active:
            statuses += [
                picture_status(f"{name}: pictures", self._observations, now_ns),
                sound_status(f"{name}: sound", self._observations, now_ns),
            ]
            if "odometry" in self._observations.subscriptions:
                statuses.append(odometry_status(f"{name}: odometry", self._observations, now_ns))
            if self._surroundings is not None:
                statuses += surroundings_statuses(name, self._surroundings, now_ns)
            if self.get_clock().ros_time_is_active:
                problem = self._observations.clock_problem()
                statuses.append(clock_status(f"{name}: clock", problem, now_ns))
        return statuses

    def _publish_history_state(self) -> None:
        if self._observations is not None:
            stamp = self.get_clock().now().to_msg()
            self._history_state.publish(history_state_message(self._observations, stamp))


def main(args: list[str] | None = None) -> int:
    """Entry point of agent_node: spins until SIGINT or SIGTERM and returns 0; 1 if a parameter is
    wrong.
    """
    bound_arenas()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    logging.basicConfig(level=logging.WARNING)
    return run_node(
        AgentNode,
        _end,
        args,
        name="agent",
        start=AgentNode.start,
        executor=TolerantExecutor,
        around=settled(),
    )


def _end(node: AgentNode, executor: Executor) -> None:
    node.refuse()
    _reply_to_all(node, executor)
    node.stop()


def _reply_to_all(node: AgentNode, executor: Executor) -> None:
    """Spins until nobody waits for a reply, and a little longer if somebody did; not for ever."""
    if not node.replying:
        return
    end_s = time.monotonic() + REPLY_S
    while node.replying and time.monotonic() < end_s:
        executor.spin_once(timeout_sec=STOP_CHECK_PERIOD_S / 10)
    end_s = time.monotonic() + DELIVERY_S
    while time.monotonic() < end_s:
        executor.spin_once(timeout_sec=STOP_CHECK_PERIOD_S / 10)


if __name__ == "__main__":
    sys.exit(main())
