"""The graph that `./uio2 up` and `ros2 launch uio2_ros agent.launch.py` start, described once.

`Settings` holds the launch arguments: each field is one argument and carries its description.
`processes(settings)` says what runs, `environment(settings, inherited)` in which environment.
Imports neither rclpy nor launch.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from uio2_ros.settings import DEVICE_FORM, DEVICE_PATTERN, Value, setting, settings_of

PACKAGE = "uio2_ros"

LAUNCHER_VARIABLE = "UIO2_LAUNCHER_PID"
"""Tells a node who started the graph, so that it does not outlive that process."""
DDS_PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
DDS_TRANSPORT_VARIABLE = "FASTDDS_BUILTIN_TRANSPORTS"
DDS_PROFILE_FILES = ("DEFAULT_FASTDDS_PROFILES.xml", "DEFAULT_FASTRTPS_PROFILES.xml")
"""Profiles that Fast DDS picks up from the working folder."""
DISTRIBUTIONS_BEFORE_FASTDDS_3 = ("humble", "iron", "jazzy")


SIM_TASKS = ("put", "stack", "sort", "push", "swap", "rang", "moved", "go_to")
SIM_BRIDGE: Mapping[str, Value] = {
    "follow": True,
    "dry_run": False,
    "max_age": 60.0,
    "hand_over.confirm": True,
    "hand_over.step_seconds": 60.0,
}
"""Parameters of the bridge where the robot is simulated: what is answered moves it."""


SIM_DEPTH = "truth/depth"
"""What the agent of a simulated robot takes depth from where it remembers."""
SIM_AGENT: Mapping[str, Value] = {"model": "uio2-nano"}
"""Parameters of the agent there, unless a parameter file is named: the model that knows it."""
ROBOT = (
    "model",
    "camera",
    "microphone",
    "image_topic",
    "camera_info_topic",
    "audio_topic",
    "bridge",
    "params_file",
    "sim",
)
"""Arguments that say which robot and which model; without any, `./uio2 up` simulates a robot."""


class BringupError(ValueError):
    """A launch argument that is unknown or does not make sense; the message says what would."""


def config_folder() -> Path:
    """Where agent.yaml, fastdds.xml and agent.rviz lie: beside the sources or in the share folder.

    BringupError if they are in neither place.
    """
    here = Path(__file__).resolve().parent
    candidates = [here.parent / "config"]
    candidates += [parent / "share" / PACKAGE / "config" for parent in here.parents]
    for folder in candidates:
        if (folder / "fastdds.xml").is_file():
            return folder
    raise BringupError(
        f"no config/fastdds.xml beside {here} nor in a share/{PACKAGE} folder above it; the graph "
        "runs from the sources or from a colcon install, not from `pip install` alone"
    )


NAMES = r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*"


def _topic(default: str, description: str) -> Any:
    name = "a ROS topic: a name such as camera/image_raw"
    return setting(default, description, pattern=rf"(/|~/)?{NAMES}", form=name)


@dataclass(frozen=True)
class Settings:
    """The launch arguments, typed. `Settings.parse` makes one from what a person typed."""

    model: str = setting(
        "synthetic",
        "hub id, directory or T5X folder of a checkpoint, uio1-<size>, or a bundle: uio2-nano is "
        "in the package and what sim:=true takes; synthetic: a tiny untrained model; "
        "ws://host:port or wss://: what ./uio2 serve answers there (docs/fleet.md)",
    )
    tokenizer: str = setting(
        "", "SentencePiece file of the checkpoint; empty: the synthetic one of the package"
    )
    fallback: str = setting(
        "", "model that answers here while a server is not reached, such as uio2-nano; empty: none"
    )
    device: str = setting(
        "auto", f"where the model runs: {DEVICE_FORM}", pattern=DEVICE_PATTERN, form=DEVICE_FORM
    )
    camera: str = setting(
        "auto",
        "auto (first camera that works, else a demonstration picture), off, a device "
        "(/dev/video0 or 0), a video or picture file, or a folder of pictures",
    )
    microphone: str = setting(
        "auto",
        "auto (default input, else a demonstration recording), off, the number or name of a "
        "device, or a sound file",
    )
    image_topic: str = _topic(
        "image", "pictures the agent looks at; naming your own turns camera:=auto off"
    )
    camera_info_topic: str = _topic("camera_info", "calibration that belongs to the pictures")
    audio_topic: str = _topic(
        "audio", "sound the agent hears; naming your own turns microphone:=auto off"
    )
    depth_topic: str = setting(
        "",
        "depth registered with the pictures, for places in space (docs/memory.md); empty: none",
        pattern=rf"((/|~/)?{NAMES})?",
        form="a ROS topic, or nothing",
    )
    memory: str = setting(
        "",
        "SQLite file in which the agent remembers where it has seen things; :memory: forgets them "
        "when it ends; empty: it remembers nothing",
    )
    compressed: bool = setting(False, "pictures travel as JPEG on <image_topic>/compressed")
    contract: str = setting(
        "", "YAML file that says which topic is which (docs/data.md); topics given win"
    )
    bridge: bool = setting(
        False, "carry plans out with the robot's controllers (docs/controllers.md)"
    )
    follow: bool = setting(
        False,
        "the bridge carries out every plan as soon as it is answered, not only what is sent to it",
    )
    dry_run: bool = setting(
        True, "the bridge shows what plans would move, and moves nothing; not so in the simulator"
    )
    sim: bool = setting(
        False, "a simulated robot instead of camera, microphone and controllers (docs/simulator.md)"
    )
    sim_task: str = setting("put", "what is to be done in the simulator", choices=SIM_TASKS)
    sim_seed: int = setting(
        0, "number that decides what the simulator's scene looks like", high=2**62
    )
    ring: bool = setting(
        False, "keep the last seconds of all topics, and write them to MCAP when something fails"
    )
    namespace: str = setting(
        "",
        "namespace of the nodes and of their relative topics",
        pattern=rf"/*({NAMES})?/*",
        form="words of letters, digits and underscores joined by /, such as robot1/head",
    )
    params_file: str = setting(
        "", "parameters of the nodes; empty: agent.yaml of the package. Arguments given win"
    )
    autostart: bool = setting(True, "load the model and activate the agent at once")
    page: bool = setting(
        False, "serve the page, HTTP and MCP on this machine (docs/page.md); ./uio2 up: true"
    )
    page_port: int = setting(
        8080, "port of the page; the next free one if it is taken", low=1024, high=65535
    )
    rviz: bool = setting(False, "start RViz with the configuration of the package")
    use_sim_time: bool = setting(False, "take the time from /clock")
    log_level: str = setting(
        "info",
        "least severe log lines shown",
        choices=("debug", "info", "warn", "error", "fatal"),
    )
    given: frozenset[str] = frozenset()
    """Names of the arguments somebody set: only these override the parameter file."""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Settings:
        """Check and type what was typed; BringupError names the argument and what it may be."""
        values: dict[str, Any] = {name: _parsed(name, text) for name, text in given.items()}
        if "namespace" in values:
            bare = values["namespace"].strip("/")
            values["namespace"] = f"/{bare}" if bare else ""
        values = {**_topics_of(values.get("contract", "")), **values}
        settings = cls(**values, given=frozenset(given))
        _check_parameter_file(settings.params_file)
        return settings

    @property
    def parameter_file(self) -> Path:
        """The file of `params_file`, or the package's own."""
        return Path(self.params_file or config_folder() / "agent.yaml").absolute()


ARGUMENTS = settings_of(Settings)
"""The launch arguments by name, the way both front doors take them."""


def _parsed(name: str, text: str) -> Value:
    if name not in ARGUMENTS:
        near = get_close_matches(name, ARGUMENTS, n=1)
        hint = f"; did you mean {near[0]}:=?" if near else ""
        raise BringupError(f"unknown argument {name}:={hint} Known are: {', '.join(ARGUMENTS)}")
    try:
        return ARGUMENTS[name].parsed(text)
    except ValueError:
        expected = ARGUMENTS[name].expected
        raise BringupError(f"{name}:={text} is not possible; expected {expected}") from None


def _topics_of(contract: str) -> dict[str, Value]:
    """The topics that a contract names, by their launch arguments."""
    if not contract:
        return {}
    from uio2_ros.robot.contract import AUDIO, CAMERA_INFO, ContractError, read_contract

    try:
        found = read_contract(Path(contract))
    except ContractError as error:
        raise BringupError(f"contract:={error}") from error
    arguments = {
        found.picture_key: "image_topic",
        CAMERA_INFO: "camera_info_topic",
        AUDIO: "audio_topic",
    }
    topics = {arguments[key]: name for key, name in found.topics.items() if key in arguments}
    return {argument: _parsed(argument, topic) for argument, topic in topics.items()}


def _check_parameter_file(text: str) -> None:
    if not text:
        return
    # here, since the set-up imports this module before anything is installed
    from uio2_ros.robot.parameter_file import ParameterFileError, read_parameters

    try:
        read_parameters(Path(text))
    except ParameterFileError as error:
        raise BringupError(
            f"params_file:={error}; {config_folder() / 'agent.yaml'} is one to start from"
        ) from error


@dataclass(frozen=True)
class Process:
    """One process of the graph."""

    name: str
    """Node name, and the name in front of its log lines."""
    package: str
    executable: str
    """What `ros2 launch` starts: an executable of `package`."""
    module: str | None
    """What `./uio2 up` starts: `python -m module`; None for a program found on PATH."""
    parameters: Mapping[str, Value]
    remappings: tuple[tuple[str, str], ...]
    arguments: tuple[str, ...] = ()
    needed: bool = True
    """Whether its end ends the graph."""


def processes(settings: Settings) -> tuple[Process, ...]:
    """What runs, sources first so that pictures wait for the agent and not the other way round."""
    running = []
    if settings.sim:
        running.append(_simulator(settings))
    if _source_runs(settings, "camera", "image_topic"):
        running.append(_camera(settings))
    if _source_runs(settings, "microphone", "audio_topic"):
        running.append(_microphone(settings))
    running.append(_agent(settings))
    if settings.bridge or (settings.sim and "bridge" not in settings.given):
        running.append(_bridge(settings))
    if settings.page:
        running.append(_page(settings))
    if settings.ring:
        running.append(_recorder(settings))
    if settings.rviz:
        running.append(_rviz(settings))
    return tuple(running)


def _source_runs(settings: Settings, source: str, topic: str) -> bool:
    """Off is off; auto yields to a topic of the user's own, whose driver may hold the device."""
    chosen = getattr(settings, source)
    if settings.sim and chosen not in ("auto", "off"):
        raise BringupError(
            f"{source}:={chosen} and sim:=true would both give the robot its senses; leave one out"
        )
    own_topic = getattr(settings, topic) != _default(topic)
    return chosen != "off" and not (chosen == "auto" and (own_topic or settings.sim))


def _default(name: str) -> str:
    return ARGUMENTS[name].shown


def _camera(settings: Settings) -> Process:
    return Process(
        name="camera",
        package=PACKAGE,
        executable="camera_node",
        module="uio2_ros.nodes.sources.camera",
        parameters=_given(settings, camera="source", compressed="compressed", **CLOCK),
        remappings=_image_remappings(settings),
    )


def _microphone(settings: Settings) -> Process:
    return Process(
        name="microphone",
        package=PACKAGE,
        executable="microphone_node",
        module="uio2_ros.nodes.sources.microphone",
        parameters=_given(settings, microphone="source", **CLOCK),
        remappings=_remappings(audio=settings.audio_topic),
    )


def _simulator(settings: Settings) -> Process:
    """BringupError, with the remedy, where MuJoCo is missing."""
    if not has_package("mujoco"):
        raise BringupError(f"sim:=true needs MuJoCo: {_python()} -m pip install mujoco")
    return Process(
        name="simulator",
        package=PACKAGE,
        executable="sim_node",
        module="uio2_ros.nodes.simulator.node",
        parameters=_given(settings, sim_task="task", sim_seed="seed"),
        remappings=(
            *_image_remappings(settings),
            *_remappings(audio=settings.audio_topic),
        ),
    )


def _agent(settings: Settings) -> Process:
    known = SIM_AGENT if settings.sim and not settings.params_file else {}
    depth_topic = settings.depth_topic or (SIM_DEPTH if settings.sim and settings.memory else "")
    return Process(
        name="agent",
        package=PACKAGE,
        executable="agent_node",
        module="uio2_ros.nodes.agent.node",
        parameters={
            **known,
            **_given(
                settings,
                model="model",
                fallback="fallback",
                tokenizer="tokenizer",
                device="device",
                compressed="compressed",
                autostart="autostart",
                memory="memory.file",
                **CLOCK,
            ),
            **({"depth.enabled": True} if depth_topic else {}),
        },
        remappings=(
            *_image_remappings(settings),
            *_remappings(audio=settings.audio_topic),
            *((("aligned_depth", depth_topic),) if depth_topic else ()),
        ),
    )


def _bridge(settings: Settings) -> Process:
    return Process(
        name="bridge",
        package=PACKAGE,
        executable="bridge_node",
        module="uio2_ros.nodes.bridge.node",
        parameters={
            **(SIM_BRIDGE if settings.sim else {}),
            **_given(settings, follow="follow", dry_run="dry_run", **CLOCK),
        },
        remappings=_image_remappings(settings),
    )


def _page(settings: Settings) -> Process:
    """BringupError, with the remedy, where NiceGUI is missing."""
    if not has_package(PAGE_LIBRARY):
        raise BringupError(f"page:=true needs NiceGUI: {_python()} -m pip install nicegui mcp")
    return Process(
        name="page",
        package=PACKAGE,
        executable="page_node",
        module="uio2_ros.page.node",
        parameters=_given(settings, page_port="port", compressed="compressed", **CLOCK),
        remappings=_image_remappings(settings),
        needed=False,
    )


def _recorder(settings: Settings) -> Process:
    return Process(
        name="recorder",
        package=PACKAGE,
        executable="recorder_node",
        module="uio2_ros.nodes.recorder.node",
        parameters=_given(settings, **CLOCK),
        remappings=(),
        needed=False,
    )


def _rviz(settings: Settings) -> Process:
    return Process(
        name="rviz",
        package="rviz2",
        executable="rviz2",
        module=None,
        parameters=_given(settings, **CLOCK),
        remappings=_image_remappings(settings),
        arguments=("-d", str(config_folder() / "agent.rviz")),
        needed=False,
    )


CLOCK = {"use_sim_time": "use_sim_time"}
PAGE_LIBRARY = "nicegui"
FIND_PACKAGE = "import sys, importlib.util; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"


def _python() -> str:
    """The nodes', which `ros2` may not run on."""
    return shutil.which("python3") or sys.executable


def has_package(name: str) -> bool:
    """Whether the nodes' Python finds a package."""
    found = subprocess.run([_python(), "-c", FIND_PACKAGE, name], check=False)
    return found.returncode == 0


def _given(settings: Settings, **parameter_of: str) -> dict[str, Value]:
    """Parameters that override the file: those whose launch argument somebody gave."""
    return {
        parameter: getattr(settings, argument)
        for argument, parameter in parameter_of.items()
        if argument in settings.given
    }


def _image_remappings(settings: Settings) -> tuple[tuple[str, str], ...]:
    compressed = (("image/compressed", f"{settings.image_topic}/compressed"),)
    return (
        *_remappings(image=settings.image_topic, camera_info=settings.camera_info_topic),
        *(compressed if settings.image_topic != "image" else ()),
    )


def _remappings(**topics: str) -> tuple[tuple[str, str], ...]:
    return tuple((own, wanted) for own, wanted in topics.items() if own != wanted)


def environment(inherited: Mapping[str, str], folder: Path | None = None) -> dict[str, str]:
    """Variables to add to `inherited` for the processes that this one is going to start.

    `folder` is the working folder, where Fast DDS looks for profiles too.
    """
    return {LAUNCHER_VARIABLE: str(os.getpid()), **_dds_profile(inherited, folder or Path())}


def _dds_profile(inherited: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The profile of the package, unless the user has transports or a profile of their own."""
    own = [name for name in (*DDS_PROFILE_VARIABLES, DDS_TRANSPORT_VARIABLE) if inherited.get(name)]
    own += [name for name in DDS_PROFILE_FILES if (folder / name).is_file()]
    if own:
        return {}
    return dds_profile(inherited.get("ROS_DISTRO", ""))


def dds_profile(distribution: str) -> dict[str, str]:
    """The variable by which the Fast DDS of a ROS distribution takes the package's profile."""
    current, before_3 = DDS_PROFILE_VARIABLES
    old = distribution in DISTRIBUTIONS_BEFORE_FASTDDS_3
    return {before_3 if old else current: str(config_folder() / "fastdds.xml")}


def split_arguments(words: Sequence[str]) -> dict[str, str]:
    """`name:=value` words as a mapping; BringupError for a word of another form."""
    given = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not separator or not name:
            suggestion = re.sub(r"^-*(\w+)=", r"\1:=", word)
            hint = f", such as {suggestion}" if suggestion != word else ""
            raise BringupError(f"{word!r} is not an argument; expected name:=value{hint}")
        given[name] = value
    return given
