"""The page of a running graph in a real browser, HTTP, and MCP with the SDK's own client.

One graph for all: the simulated robot with the model that knows it, which moves at every plan.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
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
TOKEN = "only-for-this-test-0123456789"
SCREENSHOTS = os.environ.get("UIO2_SCREENSHOTS", "")
"""A folder, to look at what the browser shows."""
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
    running = RunningGraph(environment, "page:=true", "memory:=:memory:")
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


def test_programs_begin_standing_instructions_follow_them_and_end_them(address: str) -> None:
    watch = {**FIND, "rate": 5}
    begun = ask(address, "/watch", watch)["id"]

    def under_way() -> list[str]:
        return [one["id"] for one in ask(address, "/watch")]

    wait_until(lambda: ask(address, f"/watch/{begun}")["answers"] >= 2)
    assert under_way() == [begun]
    newest = ask(address, f"/watch/{begun}")["answer"]
    assert newest["detections"][0]["label"] == "purple tray"
    ask(address, f"/watch/{begun}", method="DELETE")
    wait_until(lambda: under_way() == [])
    assert ask(address, f"/watch/{begun}")["error"]["error"] == "CANCELED"
    seen = {**watch, "until": "seen"}
    events = ask(address, "/watch", seen, accept="text/event-stream").decode()
    names = [line[7:] for line in events.splitlines() if line.startswith("event: ")]
    assert names == ["asked", "answer", "end"]


def test_stop_ends_standing_instructions_too(address: str) -> None:
    begun = ask(address, "/watch", {**FIND, "rate": 1})["id"]
    ask(address, "/stop", {})
    wait_until(lambda: bool(ask(address, f"/watch/{begun}")["error"]))


def test_programs_recall_where_things_are_that_were_seen(address: str) -> None:
    ask(address, "/instruct", FIND)

    def recalled() -> list[dict[str, Any]]:
        return ask(address, "/recall?query=where+is+the+purple+tray&pictures=true")  # type: ignore[no-any-return]

    wait_until(lambda: bool(recalled()))  # it is remembered after the answer
    found = recalled()[0]
    assert found["label"] == "purple tray"
    assert len(found["pose"]["position"]) == 3
    assert found["age_s"] >= 0
    assert base64.b64decode(found["picture"]).startswith(b"\xff\xd8")
    assert ask(address, "/recall?query=zebra") == []


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/instruct", {"instruction": ""}, 400, "INVALID_REQUEST"),
        ("/instruct", {"instruction": "x", "task": "fly"}, 404, "UNKNOWN_TASK"),
        ("/instruct", {"instruction": "x", "picture": "/etc/passwd"}, 400, "INVALID_REQUEST"),
        ("/instruct", {"instruction": "x", "picture": "bm9uZQ=="}, 400, "INVALID_INPUT"),
        ("/instruct", {"instruction": "x", "picture": ""}, 400, "INVALID_REQUEST"),
        ("/execute", {"id": "none"}, 400, "INVALID_REQUEST"),
        ("/watch", {"instruction": "x", "task": "fly"}, 404, "UNKNOWN_TASK"),
        ("/watch", {**FIND, "until": "bored"}, 400, "INVALID_REQUEST"),
        ("/watch", {**FIND, "rate": -1}, 400, "INVALID_REQUEST"),
        ("/watch/none", None, 400, "INVALID_REQUEST"),
        ("/recall?max_age=-1", None, 400, "INVALID_REQUEST"),
        ("/recall?frame_id=nowhere", None, 500, "TF_ERROR"),
        ("/reset", {"task": "fly"}, 400, "INVALID_REQUEST"),
    ],
)
def test_errors_bear_the_codes_of_the_interface(
    address: str, path: str, body: dict[str, Any] | None, status: int, error: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(address, path, body)
    told = json.loads(refused.value.read())
    assert (refused.value.code, told["error"]) == (status, error), told
    assert told["error_msg"]


def test_a_picture_that_is_sent_along_is_asked_about_instead_of_what_is_seen(
    address: str,
) -> None:
    seen = base64.b64encode(ask(address, "/snapshot")).decode()
    found = ask(address, "/instruct", {**FIND, "picture": seen})["detections"]
    assert found[0]["label"] == "purple tray"
    ask(address, "/reset", {"task": "put", "seed": 4})  # another table, without that tray
    again = ask(address, "/instruct", {**FIND, "picture": seen})["detections"]
    assert again == found


def test_programs_press_and_release_the_emergency_stop_and_choose_the_dry_run(
    address: str,
) -> None:
    def told() -> tuple[bool, bool]:
        state = ask(address, "/state")
        return state["dry_run"], bool(state["estop"])

    wait_until(lambda: told() == (False, False))
    ask(address, "/dry_run", {"dry_run": True})
    wait_until(lambda: told() == (True, False))
    ask(address, "/dry_run", {"dry_run": False})
    ask(address, "/estop", {})
    wait_until(lambda: told() == (False, True))
    planned = ask(address, "/instruct", {"task": "next_action", "instruction": PUT})
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(address, "/execute", {"id": planned["id"]})
    assert json.loads(refused.value.read())["error"] == "ESTOP"
    assert "released" in ask(address, "/release", {})["message"]
    wait_until(lambda: told() == (False, False))


def stdio(graph: RunningGraph) -> Any:
    """How the SDK starts `./uio2 mcp` and talks to it."""
    from mcp.client.stdio import StdioServerParameters

    words = ["-m", "uio2_ros.cli", "mcp"]
    return StdioServerParameters(command=sys.executable, args=words, env=graph.environment)


@pytest.mark.parametrize("over", ["http", "stdio"])
def test_an_assistant_lists_the_tools_and_moves_the_robot(
    address: str, graph: RunningGraph, over: str
) -> None:
    client = pytest.importorskip("mcp").Client

    async def use() -> None:
        async with client(f"{address}/mcp" if over == "http" else stdio(graph)) as robot:

            async def call(tool: str, **given: Any) -> Any:
                async with asyncio.timeout(patient(90)):  # a tool that hangs is named
                    return await robot.call_tool(tool, given)

            end_s = time.monotonic() + patient(60)
            while "gone" in str((await call("state")).content):  # not discovered
                assert time.monotonic() < end_s
                await asyncio.sleep(0.2)
            tools = {tool.name for tool in (await robot.list_tools()).tools}
            assert tools > {
                "localize",
                "next_action",
                "ask",
                "execute",
                "stop",
                "snapshot",
                "watch",
                "recall",
            }
            refused = await call("localize", path="/etc/passwd")
            assert refused.is_error
            assert "INVALID_REQUEST" in refused.content[0].text
            planned = await call("next_action", text=PUT)
            assert not planned.is_error, planned.content
            assert planned.structured_content["plan"]
            done = await call("execute")
            assert not done.is_error, done.content
            waited = await call("watch", text="purple tray", seconds=60)
            assert not waited.is_error, waited.content
            assert "purple tray" in waited.content[0].text
            late = await call("watch", text="purple tray", seconds=-1)
            assert "INVALID_REQUEST" in late.content[0].text
            end_s = time.monotonic() + patient(60)
            while "purple tray" not in str((known := await call("recall")).content):
                assert time.monotonic() < end_s, known.content
                await asyncio.sleep(0.2)
            picture = (await call("snapshot")).content[0]
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
        page.get_by_role("button", name="STOP", exact=True).click()
        page.locator(".uio2-state", has_text="stopped").wait_for()
        assert ask(address, "/state")["state"] == "stopped"
        wait_until(lambda: not ask(address, "/state")["simulation"]["moving"])
        assert not ask(address, "/state")["simulation"]["succeeded"]

        page.get_by_role("button", name="Dry run").click()
        page.get_by_text("Dry run: plans are shown, and nothing moves.", exact=True).wait_for()
        page.get_by_role("button", name="Let it move").click()
        page.get_by_role("button", name="Yes, let it move").click()
        page.get_by_text("Dry run: plans are shown, and nothing moves.", exact=True).wait_for(
            state="hidden"
        )
        page.get_by_role("button", name="E-stop").click()
        page.get_by_text("the emergency stop was pressed").first.wait_for()
        if SCREENSHOTS:
            page.screenshot(path=f"{SCREENSHOTS}/page_estop.png")
        page.get_by_role("button", name="Release").click()
        page.get_by_role("button", name="Yes, release").click()
        page.get_by_text("the emergency stop was pressed").first.wait_for(state="hidden")

        page.get_by_text("keep looking").click()
        sentence.fill("find the purple tray")
        button.click()
        page.locator(
            ".uio2-watch", has_text=re.compile(r"answer \d+: box 'purple tray'")
        ).wait_for()
        cancel = page.locator(".uio2-watch").get_by_role("button", name="Cancel")
        cancel.click()
        cancel.wait_for(state="hidden")
        page.get_by_label("where is").fill("the purple tray")
        page.get_by_role("button", name="Recall").click()
        page.locator(".uio2-remembered", has_text="purple tray").wait_for()
        if SCREENSHOTS:
            page.screenshot(path=f"{SCREENSHOTS}/page_watch.png", full_page=True)

        browser.close()
    assert not faults
    elsewhere = [
        url for url in asked if not url.startswith((address, "data:", "blob:", "ws://127"))
    ]
    assert elsewhere == []


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt install chromium")
def test_a_browser_is_let_in_with_the_token_and_stays_in(address: str, graph: RunningGraph) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    port = int(address.rpartition(":")[2]) + 11  # beyond those that the first page tries
    words = ["--ros-args", "-r", "__node:=guarded_page", "-p", f"port:={port}"]
    server = subprocess.Popen(
        [sys.executable, "-m", "uio2_ros.page.node", *words],
        env={**graph.environment, "UIO2_PAGE_TOKEN": TOKEN},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        guarded = next(line.split()[-1] for line in server.stderr if "the page: http" in line)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(guarded, "/state")
        with sync_api.sync_playwright() as tools:
            browser = tools.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page()
            page.set_default_timeout(patient(60) * 1000)
            page.goto(guarded)
            assert page.url == f"{guarded}/login"
            for token in ("a guess", TOKEN):
                page.locator("input[name=token]").fill(token)
                page.get_by_role("button", name="Enter").click()
                if token != TOKEN:
                    page.get_by_text("That is not the token.").wait_for()
            page.get_by_role("button", name="STOP", exact=True).wait_for()
            page.goto(guarded)  # it is known by its cookie, by which scripts cannot read the token
            page.get_by_text("uio2-nano").first.wait_for()
            assert TOKEN not in str(page.context.cookies())
            assert page.evaluate("document.cookie") == ""
            browser.close()
    finally:
        server.terminate()
        server.wait(patient(20))


def test_the_robot_does_not_notice_that_the_page_died(graph: RunningGraph) -> None:
    (pid,) = (pid for pid, line in graph.descendants().items() if "uio2_ros.page.node" in line)
    os.kill(pid, 9)
    wait_until(lambda: pid not in graph.descendants())
    time.sleep(0.5)  # the supervisor looks every 0.1 s
    assert graph.process.poll() is None, graph.text
