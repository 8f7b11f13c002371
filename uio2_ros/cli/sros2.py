"""`./uio2 sros2`: what the nodes of a running graph publish, hear, offer and call, as a policy.

The output is a policy file of SROS2 (version 0.2.0), from which `ros2 security
create_permission` makes the permissions of an enclave. Whatever is not in it is denied.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

from uio2_ros.cli.outcome import Exit, ended

ENCLAVE = "/uio2"
NODES = (
    "agent",
    "bridge",
    "camera",
    "microphone",
    "simulator",
    "controllers",
    "page",
    "page_client",
)
HIDDEN = "/_action/"
"""Of topics and services that an action is made of."""
DISCOVERY_S = 3.0


@dataclass(frozen=True)
class Access:
    """What one node does: the names of topics, services and actions by kind and permission."""

    namespace: str
    node: str
    allowed: dict[str, dict[str, set[str]]]


def main(argv: Sequence[str]) -> int:
    """0: written; 1: no node of this package runs."""
    parser = argparse.ArgumentParser(prog="./uio2 sros2", description=__doc__)
    parser.add_argument("nodes", nargs="*", default=NODES, help=f"default: {', '.join(NODES)}")
    parser.add_argument("-o", "--output", type=Path, help="default: standard output")
    parser.add_argument("--enclave", default=ENCLAVE)
    options = parser.parse_args(argv)
    found = observed(options.nodes)
    if not found:
        names = ", ".join(options.nodes)
        return ended("sros2", f"none of {names} runs here; start them first", Exit.FAILED)
    text = policy(found, options.enclave)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


def observed(names: Iterable[str]) -> list[Access]:
    """The nodes of these names that run, in the order of their names."""
    from uio2_ros.cli.command_node import command_node

    wanted = set(names)
    with command_node("sros2_policy") as node:
        time.sleep(DISCOVERY_S)
        there = sorted(set(node.get_node_names_and_namespaces()))
        return [_access(node, name, space) for name, space in there if name in wanted]


def policy(nodes: Iterable[Access], enclave: str = ENCLAVE) -> str:
    """The XML of a policy that allows what the nodes do."""
    root = Xml.Element("policy", version="0.2.0")
    place = Xml.SubElement(Xml.SubElement(root, "enclaves"), "enclave", path=enclave)
    profiles = Xml.SubElement(place, "profiles")
    for one in nodes:
        profile = Xml.SubElement(profiles, "profile", ns=one.namespace, node=one.node)
        for kind, permissions in one.allowed.items():
            _add(profile, kind, permissions)
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add(profile: Xml.Element, kind: str, allowed: Mapping[str, set[str]]) -> None:
    for permission, names in allowed.items():
        if names:
            group = Xml.SubElement(profile, f"{kind}s", {permission: "ALLOW"})
            for name in sorted(names):
                Xml.SubElement(group, kind).text = name


def _access(node: Any, name: str, namespace: str) -> Access:
    from rclpy import action

    who = (name, namespace)
    topics = {
        "publish": _names(node.get_publisher_names_and_types_by_node(*who)),
        "subscribe": _names(node.get_subscriber_names_and_types_by_node(*who)),
    }
    services = {
        "reply": _names(node.get_service_names_and_types_by_node(*who)),
        "request": _names(node.get_client_names_and_types_by_node(*who)),
    }
    actions = {
        "execute": _names(action.get_action_server_names_and_types_by_node(node, *who)),
        "call": _names(action.get_action_client_names_and_types_by_node(node, *who)),
    }
    return Access(namespace, name, {"topic": topics, "service": services, "action": actions})


def _names(found: Iterable[tuple[str, Any]]) -> set[str]:
    return {_lasting(name) for name, _ in found if HIDDEN not in name}


def _lasting(name: str) -> str:
    """What is new in a name at every start of a node is any, as DDS Security writes that."""
    from uio2_ros.nodes.name_watch import ANNOUNCEMENTS

    before, announcement, _ = name.partition(ANNOUNCEMENTS)
    return f"{before}{announcement}*" if announcement else name
