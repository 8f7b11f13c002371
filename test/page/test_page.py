"""The page of a running graph in a real browser, HTTP, and MCP with the SDK's own client.

One graph for all: the simulated robot with the model that knows it, which moves at every plan.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")
pytest.importorskip("nicegui", reason="needs the extra page")
pytest.importorskip("mujoco", reason="needs the extra sim")

from bringup.running_graph import RunningGraph
from patience import patient

from uio2_ros.cli.dds_domain import unused_domain

pytestmark = pytest.mark.ros

PUT = "put the orange cube in the purple tray"
FIND = {"task": "localize", "instruction": "purple tray"}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""A container has neither user namespaces nor a graphics card."""


@pytest.fixture(scope="module")
def graph() -> Iterator[RunningGraph]:
    mark = f"page-{os.getpid()}"
    environment = {
        **os.environ,
        "ROS_DOMAIN_ID": str(unused_domain()),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "OMP_NUM_THREADS": "1",
        "UIO2_TEST_GRAPH": mark,
    }
    running = RunningGraph(environment, "page:=true")
    running._mark = f"UIO2_TEST_GRAPH={mark}".encode()
    try:
        running.wait_for(r"Ctrl-C here ends everything", 120)
        yield running
    finally:
        running.end()


@pytest.fixture
def address(graph: RunningGraph) -> str:
    """The page's, of a graph whose episode has just begun."""
    found = graph.found(r"page +(http://127\.0\.0\.1:\d+)")
    ask(found, "/reset", {"task": "put", "seed": 0})
    return found


def ask(address: str, path: str, body: Any = None, method: str = "", **headers: str) -> Any:
    data = None if body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json", **headers}
    request = urllib.request.Request(address + path, data, sent, method=method or None)
    with urllib.request.urlopen(request, timeout=patient(60)) as answer:
        content = answer.read()
    return json.loads(content) if "json" in answer.headers["content-type"] else content


def wait_until(holds: Callable[[], bool], timeout_s: float = 60.0) -> None:
    end_s = time.monotonic() + patient(timeout_s)
    while not holds():
        assert time.monotonic() < end_s, "it did not come to that"
        time.sleep(0.1)


def test_programs_ask_over_http_and_follow_by_events(address: str) -> None:
    answer = ask(address, "/instruct", FIND)
    assert answer["detections"][0]["label"] == "purple tray"
    events = ask(address, "/instruct", FIND, accept="text/event-stream").decode()
    names = [line[7:] for line in events.splitlines() if line.startswith("event: ")]
    assert (names[0], names[-1]) == ("asked", "answer")
    assert {*names[1:-1]} == {"progress"}
    known = ask(address, f"/instruct/{answer['id']}")["answer"]
    assert known["detections"] == answer["detections"]
    for path in ("/snapshot", "/snapshot?drawn=true", "/picture"):
        assert ask(address, path).startswith(b"\xff\xd8"), path


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/instruct", {"instruction": ""}, 400, "INVALID_REQUEST"),
        ("/instruct", {"instruction": "x", "task": "fly"}, 404, "UNKNOWN_TASK"),
        ("/instruct", {"picture": "/etc/passwd"}, 400, "INVALID_REQUEST"),
        ("/execute", {"id": "none"}, 400, "INVALID_REQUEST"),
        ("/reset", {"task": "fly"}, 400, "INVALID_REQUEST"),
    ],
)
def test_errors_bear_the_codes_of_the_interface(
    address: str, path: str, body: dict[str, Any], status: int, error: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(address, path, body)
    told = json.loads(refused.value.read())
    assert (refused.value.code, told["error"]) == (status, error), told
    assert told["error_msg"]


def test_an_assistant_lists_the_tools_and_moves_the_robot(address: str) -> None:
    client = pytest.importorskip("mcp").Client

    async def use() -> None:
        async with client(f"{address}/mcp") as robot:
            tools = {tool.name for tool in (await robot.list_tools()).tools}
            assert tools > {"localize", "next_action", "ask", "execute", "stop", "snapshot"}
            refused = await robot.call_tool("localize", {"path": "/etc/passwd"})
            assert refused.is_error
            assert "INVALID_REQUEST" in refused.content[0].text
            planned = await robot.call_tool("next_action", {"text": PUT})
            assert not planned.is_error, planned.content
            assert planned.structured_content["plan"]
            done = await robot.call_tool("execute", {})
            assert not done.is_error, done.content
            picture = (await robot.call_tool("snapshot", {})).content[0]
            assert base64.b64decode(picture.data).startswith(b"\xff\xd8")

    asyncio.run(use())
    wait_until(lambda: ask(address, "/state")["simulation"]["steps"] == 1)
    assert ask(address, "/state")["simulation"]["succeeded"]


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt install chromium")
def test_somebody_at_a_browser_asks_sees_boxes_and_stops_the_robot(address: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with sync_api.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(patient(60) * 1000)
        asked, faults = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.goto(address)
        page.get_by_text("uio2-nano").first.wait_for()

        sentence = page.get_by_label("what shall it do")
        button = page.get_by_role("button", name="Ask", exact=True)
        sentence.fill("find the purple tray")
        button.click()
        page.locator(".uio2-box").wait_for(state="attached")
        assert "purple tray" in (page.locator(".uio2-label").text_content() or "")

        sentence.fill(PUT)
        button.click()
        page.locator(".uio2-state", has_text="moving").wait_for()
        page.get_by_role("button", name="STOP").click()
        page.locator(".uio2-state", has_text="stopped").wait_for()
        state = ask(address, "/state")
        assert (state["state"], state["simulation"]["moving"]) == ("stopped", False)
        assert not state["simulation"]["succeeded"]

        browser.close()
    assert not faults
    elsewhere = [
        url for url in asked if not url.startswith((address, "data:", "blob:", "ws://127"))
    ]
    assert elsewhere == []


def test_the_robot_does_not_notice_that_the_page_died(graph: RunningGraph) -> None:
    (pid,) = (pid for pid, line in graph.descendants().items() if "uio2_ros.page.node" in line)
    os.kill(pid, 9)
    wait_until(lambda: pid not in graph.descendants())
    time.sleep(0.5)  # the supervisor looks every 0.1 s
    assert graph.process.poll() is None, graph.text
