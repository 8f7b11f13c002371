"""Settings dataclasses (`uio2_ros/settings.py`) as the parameters of a node."""

from __future__ import annotations

import functools
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from uio2_ros.settings import Effect, Setting, from_values, settings_of

Settings = TypeVar("Settings")


def declare_parameters(
    node: Node, settings: type[Any], effect: Effect, *, dynamic: bool = False
) -> None:
    """Declares every setting; `effect` is that of those that name none. Values that are not
    possible are refused from then on.

    dynamic: `source: 0` and `rate: 30` in a YAML file, which are integers, are taken for a text
    and a floating-point number.
    """
    for name, known in settings_of(settings).items():
        descriptor = descriptor_of(known, known.effect or effect)
        descriptor.dynamic_typing = dynamic
        node.declare_parameter(name, known.default, descriptor)
    node.add_on_set_parameters_callback(functools.partial(_judge, settings))


def descriptor_of(known: Setting, effect: Effect) -> ParameterDescriptor:
    """What `ros2 param describe` shows."""
    descriptor = ParameterDescriptor(
        description=f"{known.description} ({effect.value})",
        additional_constraints="" if known.expected == "text" else known.expected,
        read_only=effect is Effect.RESTART,
    )
    if isinstance(known.default, float):
        bounds = FloatingPointRange(from_value=float(known.low), to_value=float(known.high))
        descriptor.floating_point_range = [bounds]
    elif isinstance(known.default, int) and not known.is_flag:
        whole = IntegerRange(from_value=int(known.low), to_value=int(known.high), step=1)
        descriptor.integer_range = [whole]
    return descriptor


def read_parameters(node: Node, settings: type[Settings]) -> Settings:
    """The parameters, typed; ValueError names one that is not possible."""
    return from_values(
        settings, {name: node.get_parameter(name).value for name in settings_of(settings)}
    )


def _judge(settings: type[Any], changed: list[Parameter[Any]]) -> SetParametersResult:
    """Refuses, with the reason, values that are not possible."""
    known = settings_of(settings)
    try:
        for parameter in changed:
            if parameter.name in known:
                known[parameter.name].checked(parameter.value)
    except ValueError as error:
        return SetParametersResult(successful=False, reason=str(error))
    return SetParametersResult(successful=True)
