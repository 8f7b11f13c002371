"""Which model an agent runs, noted in a recording so that it can be asked again. rclpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters

from uio2_ros.serving.spec import ModelSpec

ASKED = "uio2_ros/msg/Asked"
NOTE = "uio2_agent"
NAMES = ("model", "tokenizer", "device", "dtype", "quantize", "threads")
"""Parameters of the agent that make its `ModelSpec`."""


def ask_parameters(node: Any, agent: str, on_answer: Callable[[dict[str, str]], None]) -> None:
    """Sends for the parameters; `on_answer` is called by whoever spins the node."""
    client = node.create_client(GetParameters, f"{agent}/get_parameters")

    def keep(future: Any) -> None:
        values = zip(NAMES, future.result().values, strict=False)
        on_answer({name: _text(value) for name, value in values})
        node.destroy_client(client)

    client.call_async(GetParameters.Request(names=list(NAMES))).add_done_callback(keep)


def spec_of(notes: Mapping[str, str], chosen: Mapping[str, str | None]) -> ModelSpec:
    """The model of a recording, but for what is chosen."""
    values = {**notes, **{name: value for name, value in chosen.items() if value is not None}}
    return ModelSpec(
        model=values.get("model", "synthetic"),
        tokenizer=values.get("tokenizer", ""),
        device=values.get("device", "auto"),
        dtype=values.get("dtype", "auto"),
        quantize=values.get("quantize", ""),
        threads=int(values.get("threads", "0")),
    )


def _text(value: Any) -> str:
    if value.type == ParameterType.PARAMETER_INTEGER:
        return str(value.integer_value)
    return str(value.string_value)
