"""YAML files of ROS parameters, as `--params-file` takes them: which node gets which.

Nodes may be named by one path or by nested mappings, parameters with dots or nested, and `*` and
`**` stand for any node, as rcl_yaml_param_parser has it. The namespaces of nodes are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

OF_A_NODE = "ros__parameters"
ANY = ("*", "**")


class ParameterFileError(ValueError):
    """A file that gives no parameters to nodes; the message names it and says why."""


def read_parameters(path: Path) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The nodes' paths with their parameters, by dotted names. ParameterFileError."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise ParameterFileError(
            f"{path} cannot be read ({error.strerror}); give the path of a file"
        ) from error
    except yaml.YAMLError as error:
        raise ParameterFileError(f"{path} is not YAML: {error}") from error
    if not isinstance(document, Mapping | None):
        raise ParameterFileError(f"{path} holds no parameters of nodes")
    try:
        return tuple(_by_node(document or {}, ""))
    except ParameterFileError as error:
        raise ParameterFileError(f"{path}: {error}") from error


def parameters_of(path: Path, node: str) -> dict[str, Any]:
    """What a file says of the node of a name, by dotted names; what comes later wins."""
    found: dict[str, Any] = {}
    for name, parameters in read_parameters(path):
        if name.rpartition("/")[2] in (node, *ANY):
            found |= parameters
    return found


def _by_node(sections: Mapping[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, section in sections.items():
        if name == OF_A_NODE:
            if not isinstance(section, Mapping | None):
                raise ParameterFileError(
                    f"{OF_A_NODE} of {path} is {section!r}, expected parameters by name"
                )
            yield path, dict(_dotted(section or {}, ""))
        elif isinstance(section, Mapping):
            yield from _by_node(section, f"{path}/{name}")


def _dotted(parameters: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
