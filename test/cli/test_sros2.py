"""The SROS2 policy is what the nodes do, and security that is not there is no security."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from uio2_ros.cli.sros2 import Access, policy

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "config" / "sros2_policy.xml"
FILES = ("identity_ca.cert.pem", "cert.pem", "key.pem", "permissions_ca.cert.pem")
needs_ros = pytest.mark.skipif(importlib.util.find_spec("rclpy") is None, reason="needs ROS")


def allowed(profile: Xml.Element) -> set[tuple[str, str, str]]:
    return {
        (child.tag, permission, str(name.text))
        for group in profile
        for permission in group.attrib
        for name in group
        for child in [group]
    }


def profiles(text: str) -> dict[str, set[tuple[str, str, str]]]:
    return {str(one.get("node")): allowed(one) for one in Xml.fromstring(text).iter("profile")}


def test_policy_allows_what_was_seen_and_nothing_else() -> None:
    seen = Access("/", "agent", {"topic": {"publish": {"/b", "/a"}, "subscribe": set()}})
    text = policy([seen], "/robot")
    assert profiles(text) == {"agent": {("topics", "publish", "/a"), ("topics", "publish", "/b")}}
    assert Xml.fromstring(text).find("enclaves/enclave").get("path") == "/robot"  # type: ignore[union-attr]


def test_a_client_of_the_shipped_policy_may_ask_and_not_move_the_robot() -> None:
    client = profiles(POLICY.read_text("utf-8"))["agent_client"]
    asked = {name for kind, permission, name in client if kind == "actions"}
    assert asked == {"/agent/instruct", "/agent/instruct_about", "/agent/watch"}


@needs_ros
@pytest.mark.ros
def test_shipped_policy_has_all_that_agent_and_bridge_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("foxglove_msgs", reason="without it the agent has no image_annotations")
    from nodes.agent_process import private_domain

    from uio2_ros.cli.faults.stage import FaultStage, wait_until

    private_domain(monkeypatch)
    with FaultStage() as stage:
        agent = stage.agent()
        bridge = stage.node("uio2_ros.nodes.bridge.node")
        wait_until(lambda: "active: ask" in agent.log.read_text(), "the agent")
        wait_until(lambda: "ready" in bridge.log.read_text(), "the bridge")
        expect_shipped("agent", "bridge", folder=tmp_path)


@needs_ros
@pytest.mark.ros
def test_shipped_policy_has_all_that_the_page_does_while_somebody_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nicegui", reason="needs the extra page")
    from nodes.agent_process import private_domain

    from uio2_ros.cli.faults.stage import FaultStage, wait_until

    private_domain(monkeypatch)
    with FaultStage() as stage:
        page = stage.node("uio2_ros.page.node", port=8180)
        wait_until(lambda: "the page: http" in page.log.read_text(), "the page")
        found = re.search(r"the page: (\S+)", page.log.read_text())
        assert found is not None
        with looking(found[1]):
            expect_shipped("page", "page_client", folder=tmp_path)


def expect_shipped(*nodes: str, folder: Path) -> None:
    """Waits until the running nodes are seen to do what the shipped policy allows, and no more."""
    from uio2_ros.cli.faults.stage import wait_until
    from uio2_ros.cli.sros2 import main

    file, shipped = folder / "policy.xml", profiles(POLICY.read_text("utf-8"))
    wanted = {node: shipped[node] for node in nodes}
    seen: dict[str, set[tuple[str, str, str]]] = {}

    def is_seen() -> bool:
        """A busy machine discovers some of it later than `observed` waits."""
        if main([*nodes, "-o", str(file)]) == 0:
            seen.update(profiles(file.read_text("utf-8")))
        return seen == wanted

    def differences() -> str:
        return str({node: seen.get(node, set()) ^ wanted[node] for node in wanted})

    wait_until(is_seen, "what the policy allows; start the graph, ./uio2 sros2", differences)


@contextmanager
def looking(address: str) -> Iterator[None]:
    """Somebody waits for pictures, which are listened to only then."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            with suppress(urllib.error.HTTPError):  # no camera
                urllib.request.urlopen(f"{address}/snapshot").close()

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield
    finally:
        over.set()
        looker.join()


@needs_ros
@pytest.mark.ros
def test_graph_without_our_nodes_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nodes.agent_process import private_domain

    from uio2_ros.cli.sros2 import main

    private_domain(monkeypatch)
    assert main([]) == 1
    assert "start them first" in capsys.readouterr().err


@needs_ros
@pytest.mark.ros
@pytest.mark.parametrize("strategy", ["Enforce", "Permissive"])
def test_node_that_cannot_be_secured_ends_instead_of_running_in_the_open(
    tmp_path: Path, strategy: str
) -> None:
    """Wheels have a Fast DDS without the plugins, which rejects a keystore; any other rejects that
    its keys are empty."""
    enclaves = tmp_path / "enclaves"
    enclaves.mkdir()
    for name in (*FILES, "governance.p7s", "permissions.p7s"):
        (enclaves / name).touch()
    environment = {
        "ROS_SECURITY_ENABLE": "true",
        "ROS_SECURITY_STRATEGY": strategy,
        "ROS_SECURITY_KEYSTORE": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "uio2_ros.nodes.bridge.node"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode != 0
    assert "security" in (ended.stdout + ended.stderr).lower()
