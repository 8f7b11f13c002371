"""The robot for assistants, by the Model Context Protocol: one tool for each task of the table, and
state, snapshot, recall, watch, execute and stop. The SDK's low-level server, since tools come from
a table."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server

from uio2_ros import __version__
from uio2_ros.model.bundle import untaught
from uio2_ros.page import errors
from uio2_ros.page.robot import RobotLink
from uio2_ros.page.snapshot import snapshot
from uio2_ros.page.task_fields import asked, schema_of
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.standing_instruction import StandingInstruction, Until
from uio2_ros.tasks.task import Task
from uio2_ros.viewing.answer_text import answer_json, findings
from uio2_ros.viewing.remembered_text import sentence

ADVICE = (
    "A robot that looks, answers and acts. Tools of tasks ask its model about what the camera sees "
    "now. Those that answer with a plan move nothing by themselves: call execute for it, and look "
    "with snapshot whether it was done. stop stops the robot at once. recall tells where things "
    "are that were seen before; watch waits until something is seen."
)
NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
DRAWN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "drawn": {
            "type": "boolean",
            "default": False,
            "description": "true: the last answer, drawn on the picture it is about",
        }
    },
    "additionalProperties": False,
}
WHERE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "query": {
            "type": "string",
            "default": "",
            "description": 'a name or a question, such as "where is the red mug?"; empty: all',
        },
        "most": {"type": "integer", "minimum": 1, "maximum": 100, "default": 5},
    },
    "additionalProperties": False,
}
MOST_PICTURES = 3
"""Of remembered things; an assistant pays for each."""
LONGEST_WATCH_S = 600.0
WATCH_RATE_HZ = 2.0
WAIT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": 'what to wait for, such as "red mug"'},
        "seconds": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": LONGEST_WATCH_S,
            "default": 30,
            "description": "how long at most; then the error is TIMEOUT",
        },
    },
    "required": ["text"],
    "additionalProperties": False,
}
Contents = list[types.ContentBlock]


@dataclass(frozen=True)
class OwnTool:
    """A tool that is no task."""

    description: str
    schema: dict[str, Any]
    call: Callable[[RobotLink, Mapping[str, Any]], Awaitable[Contents]]
    looks_only: bool = False


def server(robot: RobotLink) -> Server[Any]:
    """The tools. Which tasks there are is looked up whenever somebody asks."""

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        del context, params
        own = [_own_tool(name, tool) for name, tool in OWN.items()]
        return types.ListToolsResult(
            tools=[*(_task_tool(task) for task in robot.tasks().values()), *own]
        )

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        del context
        try:
            return await _called(robot, params.name, params.arguments or {})
        except errors.REPORTED as error:
            told = json.dumps(errors.told(error)[1])
            return types.CallToolResult(content=[_text(told)], is_error=True)

    return Server(
        "uio2_ros",
        version=__version__,
        instructions=ADVICE,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def tool_name(task: Task) -> str:
    """As the methods of the clients are called."""
    return task.methods[0]


def _task_tool(task: Task) -> types.Tool:
    return types.Tool(
        name=tool_name(task),
        description=task.description,
        input_schema=schema_of(task),
        annotations=types.ToolAnnotations(read_only_hint=True),
    )


def _own_tool(name: str, tool: OwnTool) -> types.Tool:
    return types.Tool(
        name=name,
        description=tool.description,
        input_schema=tool.schema,
        annotations=types.ToolAnnotations(read_only_hint=tool.looks_only),
    )


async def _called(robot: RobotLink, name: str, given: Mapping[str, Any]) -> types.CallToolResult:
    if name in OWN:
        return types.CallToolResult(content=await OWN[name].call(robot, given))
    task = next((task for task in robot.tasks().values() if tool_name(task) == name), None)
    if task is None:
        raise InstructionError(ErrorCode.UNKNOWN_TASK, f"there is no tool {name[:40]!r}")
    question = robot.ask(asked(task, given))
    try:
        answer = await question.ended()
    finally:
        question.cancel()  # of a caller that is gone; one that is over is not changed by it
    words = "\n".join([answer.text, *findings(answer)]).strip() or "nothing found"
    if warning := untaught(answer.model, task.name):
        words += f"\nwarning: {warning}"
    structured = {"id": question.id, **answer_json(answer)}
    return types.CallToolResult(content=[_text(words)], structured_content=structured)


async def _snapshot(robot: RobotLink, given: Mapping[str, Any]) -> Contents:
    shown = await snapshot(robot, drawn=bool(given.get("drawn", False)))
    return [_jpeg(shown.jpeg)]


async def _state(robot: RobotLink, given: Mapping[str, Any]) -> Contents:
    del given
    name, reason = robot.state()
    problems = [f"{one.name}: {one.message}" for one in robot.statuses() if one.level]
    return [_text("\n".join([f"{name}: {reason}" if reason else name, *problems]))]


async def _execute(robot: RobotLink, given: Mapping[str, Any]) -> Contents:
    del given
    entry = robot.journal.newest_plan()
    execution = robot.execute(entry.answer)
    try:
        steps = await asyncio.wrap_future(execution)
    finally:
        execution.cancel()  # of a caller that is gone
    return [_text(f"done, {steps} steps of the plan for {entry.instruction!r}")]


async def _recall(robot: RobotLink, given: Mapping[str, Any]) -> Contents:
    query, most = given.get("query", ""), given.get("most", 5)
    if not isinstance(query, str) or not isinstance(most, int) or not 1 <= most <= 100:
        raise InstructionError(
            ErrorCode.INVALID_REQUEST, "recall takes query, a text, and most, 1 to 100"
        )
    found = await robot.recall(query, most=most, pictures=True)
    pictures = [_jpeg(one.picture) for one in found[:MOST_PICTURES] if one.picture]
    return [_text("\n".join(map(sentence, found)) or "nothing like it is remembered"), *pictures]


async def _watch(robot: RobotLink, given: Mapping[str, Any]) -> Contents:
    text, seconds = given.get("text"), given.get("seconds", 30)
    is_text, is_time = isinstance(text, str) and text.strip(), isinstance(seconds, int | float)
    if not is_text or not is_time or not 0 < seconds <= LONGEST_WATCH_S:
        raise InstructionError(
            ErrorCode.INVALID_REQUEST,
            f"watch takes text, what to wait for, and seconds, up to {LONGEST_WATCH_S:g}",
        )
    question = robot.keep_looking(
        StandingInstruction(
            Instruction(str(text), "localize"),
            WATCH_RATE_HZ,
            Until.SEEN,
            for_at_most_s=float(seconds),
        )
    )
    try:
        answer = await question.ended()
    finally:
        question.cancel()  # of a caller that is gone
    return [_text("\n".join(["seen", *findings(answer)]))]


async def _stop(robot: RobotLink, given: Mapping[str, Any]) -> Contents:
    del given
    return [_text(await asyncio.wrap_future(robot.stop()))]


def _jpeg(jpeg: bytes) -> types.ImageContent:
    data = base64.b64encode(jpeg).decode()
    return types.ImageContent(type="image", data=data, mime_type="image/jpeg")


def _text(text: str) -> types.TextContent:
    return types.TextContent(type="text", text=text)


OWN = {
    "state": OwnTool("What the robot does now, and what is wrong.", NOTHING, _state, True),
    "snapshot": OwnTool("What the camera sees now, as a picture.", DRAWN, _snapshot, True),
    "recall": OwnTool(
        "Where things are that were seen before, as remembered; looks for nothing.",
        WHERE,
        _recall,
        True,
    ),
    "watch": OwnTool("Waits until something is seen, and tells where.", WAIT, _watch, True),
    "execute": OwnTool(
        "Has the robot carry out the newest plan, and waits until it is done.", NOTHING, _execute
    ),
    "stop": OwnTool("Stops the robot at once.", NOTHING, _stop),
}
