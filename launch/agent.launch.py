"""`ros2 launch uio2_ros agent.launch.py`: the graph of `uio2_ros.bringup` as launch actions."""

from launch.actions import (
    DeclareLaunchArgument,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription
from uio2_ros import bringup
from uio2_ros.processes.supervision import GROUP_SIGTERM_AFTER_S, SIGKILL_AFTER_S
from uio2_ros.settings import Setting, Value


def generate_launch_description() -> LaunchDescription:
    """Start first, declare second: before the declarations run, the context holds only what
    somebody gave, and only that may override the parameter file."""
    return LaunchDescription(
        [OpaqueFunction(function=_start), *map(_declare, bringup.ARGUMENTS.values())]
    )


def _declare(argument: Setting) -> DeclareLaunchArgument:
    return DeclareLaunchArgument(
        argument.name,
        default_value=argument.shown,
        description=argument.description,
        choices=list(argument.choices) or None,
    )


def _start(context: LaunchContext) -> list[SetEnvironmentVariable | Node]:
    given = {
        name: text
        for name, text in context.launch_configurations.items()
        if name in bringup.ARGUMENTS
    }
    settings = bringup.Settings.parse(given)
    variables = bringup.environment(context.environment)
    return [
        *(SetEnvironmentVariable(name, value) for name, value in variables.items()),
        *(_node(process, settings) for process in bringup.processes(settings)),
    ]


def _node(process: bringup.Process, settings: bringup.Settings) -> Node:
    return Node(
        package=process.package,
        executable=process.executable,
        name=process.name,
        namespace=settings.namespace,
        parameters=[str(settings.parameter_file), _parameters(process)],
        remappings=list(process.remappings),
        arguments=list(process.arguments),
        ros_arguments=["--log-level", settings.log_level],
        output="screen",
        emulate_tty=True,
        sigterm_timeout=str(GROUP_SIGTERM_AFTER_S),
        sigkill_timeout=str(SIGKILL_AFTER_S - GROUP_SIGTERM_AFTER_S),
        on_exit=[Shutdown(reason=f"{process.name} ended")] if process.needed else None,
    )


def _parameters(process: bringup.Process) -> dict[str, Value | ParameterValue]:
    """Texts stay texts: launch would otherwise read a model called 7 as a number."""
    return {
        name: ParameterValue(value, value_type=str) if isinstance(value, str) else value
        for name, value in process.parameters.items()
    }
