"""HTTP for programs: /openapi.json describes it. Every path here is behind the gate (`gate.py`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from uio2_ros.page import errors
from uio2_ros.page.media import png_of, wav_of
from uio2_ros.page.questions import AskedQuestion
from uio2_ros.page.robot import RobotLink
from uio2_ros.page.snapshot import snapshot
from uio2_ros.page.task_fields import box_of, schema_of
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.viewing.answer_text import answer_json

T = TypeVar("T")
EVENTS = "text/event-stream"
NOT_KEPT = {"cache-control": "no-store"}
GONE_PERIOD_S = 0.2
LONGEST_TEXT = 4000
MOST_OPTIONS = 200


class InstructBody(BaseModel):
    """An instruction about the newest picture; the fields are those of uio2_ros/action/Instruct."""

    model_config = ConfigDict(extra="forbid")

    instruction: str = Field("", max_length=LONGEST_TEXT, description="what to ask")
    task: str = Field("", max_length=100, description="one of /tasks; empty: free form")
    options: list[Annotated[str, Field(max_length=LONGEST_TEXT)]] = Field(
        [], max_length=MOST_OPTIONS, description="answers to choose from"
    )
    region: list[float] | None = Field(
        None, min_length=4, max_length=4, description="pixels: x1, y1, x2, y2"
    )
    action_space: str = Field("", max_length=100, description="of a plan; empty: the task's")
    max_age: float = Field(0.0, ge=0, description="seconds the picture may be old; 0: the agent's")
    timeout: float = Field(0.0, ge=0, description="seconds; 0: the agent's")
    seed: int = Field(0, description="0: the most probable answer; any other: sampled with it")

    def as_instruction(self) -> Instruction:
        """In the words of the package."""
        return Instruction(
            self.instruction,
            self.task,
            tuple(self.options),
            box_of(self.region) if self.region is not None else None,
            self.action_space,
            self.seed,
        )


class ExecuteBody(BaseModel):
    """Which plan: that of an instruction by its id, or the newest of all that were answered."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field("", max_length=100, description="of an instruction; empty: the newest plan")


class ResetBody(BaseModel):
    """An episode of the simulator."""

    model_config = ConfigDict(extra="forbid")

    task: str = Field("", max_length=100, description="empty: the present one")
    seed: int = Field(0, ge=0, lt=2**62)


def routes(robot: RobotLink) -> APIRouter:
    """The paths."""
    router = APIRouter()
    for of_kind in (_asking, _answers, _moving, _looking, _simulating):
        router.include_router(of_kind(robot))
    return router


def _asking(robot: RobotLink) -> APIRouter:
    router = APIRouter(tags=["ask"])

    @router.get("/tasks")
    def tasks() -> list[dict[str, Any]]:
        """What can be asked, what the model was trained for first, with the fields of each."""
        return [
            {
                "name": name,
                "description": task.description,
                "fields": {
                    one.fills: schema_of(task)["properties"][one.name] for one in task.arguments
                },
                "required": [one.fills for one in task.arguments if one.required],
                "outputs": task.outputs,
            }
            for name, task in robot.tasks().items()
        ]

    @router.post(
        "/instruct",
        responses=ERRORS
        | {
            200: {
                "description": "The answer, or, if asked for, events: asked, progress, then answer "
                "or error",
                "content": {EVENTS: {}},
            }
        },
    )
    async def instruct(
        given: InstructBody, request: Request, accept: Annotated[str, Header()] = ""
    ) -> Response:
        """Asks, and gives the answer. With `Accept: text/event-stream`, progress comes before it as
        events. Hanging up cancels."""
        question = robot.ask(
            given.as_instruction(), max_age_s=given.max_age, timeout_s=given.timeout
        )
        if EVENTS in accept:
            return StreamingResponse(_events(question), media_type=EVENTS)
        answer = await _unless_gone(request, question.ended(), question.cancel)
        return JSONResponse({"id": question.id, **answer_json(answer)})

    @router.get("/instruct/{identity}", responses=ERRORS)
    async def look(identity: str) -> dict[str, Any]:
        """How far an instruction is: `progress`, `answer` or `error`."""
        question = robot.questions.named(identity)
        if question.error is not None:
            return {"id": question.id, "error": errors.told(question.error)[1]}
        if question.answer is not None:
            return {"id": question.id, "answer": answer_json(question.answer)}
        progress = question.progress
        return {"id": question.id, "progress": asdict(progress) if progress else None}

    return router


def _answers(robot: RobotLink) -> APIRouter:
    router = APIRouter(tags=["ask"])

    @router.get(
        "/instruct/{identity}/pictures/{number}",
        responses=ERRORS | PNG,
        response_class=Response,
    )
    def answered_picture(identity: str, number: int) -> Response:
        """A mask, depth, normals or what the model drew, as PNG; the first is 0."""
        pictures = _answered(robot, identity).pictures
        return Response(png_of(_nth(pictures, number)), media_type="image/png")

    @router.get(
        "/instruct/{identity}/sounds/{number}",
        responses=ERRORS | WAV,
        response_class=Response,
    )
    def answered_sound(identity: str, number: int) -> Response:
        """What the model sounded, as WAV; the first is 0."""
        sounds = _answered(robot, identity).audio
        return Response(wav_of(_nth(sounds, number)), media_type="audio/wav")

    @router.delete("/instruct/{identity}", responses=ERRORS, status_code=202)
    async def cancel(identity: str) -> dict[str, str]:
        """Cancels an instruction; it ends with CANCELED."""
        robot.questions.named(identity).cancel()
        return {"id": identity}

    return router


def _moving(robot: RobotLink) -> APIRouter:
    router = APIRouter(tags=["move"])

    @router.post("/execute", responses=ERRORS)
    async def execute(given: ExecuteBody, request: Request) -> dict[str, int]:
        """Carries a plan out, and tells how many steps were done. Hanging up stops the robot."""
        execution = robot.execute(_planned(robot, given.id))
        ended = asyncio.wrap_future(execution)
        return {"steps_done": await _unless_gone(request, ended, execution.cancel)}

    @router.post("/stop", responses=ERRORS)
    async def stop() -> dict[str, str]:
        """Stops the robot, and cancels what was asked here."""
        return {"message": await asyncio.wrap_future(robot.stop())}

    return router


def _looking(robot: RobotLink) -> APIRouter:
    router = APIRouter(tags=["look"])

    @router.get("/state")
    async def state() -> dict[str, Any]:
        """What the robot does, its diagnostics, and the episode where it is simulated."""
        name, reason = robot.state()
        statuses = [
            {"name": one.name, "level": one.level, "message": one.message, **one.readings}
            for one in robot.statuses()
        ]
        return {
            "state": name,
            "reason": reason,
            "diagnostics": statuses,
            "simulation": simulation_json(await asyncio.to_thread(robot.simulation.newest)),
        }

    @router.get("/snapshot", responses=ERRORS | JPEG, response_class=Response)
    async def take_snapshot(drawn: bool = False) -> Response:
        """What the camera sees, or, `drawn`, the last answer on its picture, as JPEG."""
        return Response((await snapshot(robot, drawn=drawn)).jpeg, media_type="image/jpeg")

    @router.get("/picture", responses=ERRORS | JPEG, response_class=Response)
    def picture() -> Response:
        """The newest picture that has come, as JPEG, without waiting for another."""
        robot.live.look()
        shown = robot.live.shown()
        if shown is None:
            raise InstructionError(ErrorCode.NO_INPUT, "no picture has come from the camera")
        return Response(shown.jpeg, media_type="image/jpeg", headers=NOT_KEPT)

    return router


def _simulating(robot: RobotLink) -> APIRouter:
    router = APIRouter(tags=["simulate"])

    @router.post("/reset", responses=ERRORS)
    async def reset(given: ResetBody) -> dict[str, Any]:
        """Begins an episode in the simulator."""
        begun = robot.simulation.reset(given.task, given.seed)
        return simulation_json(await asyncio.wrap_future(begun)) or {}

    return router


def simulation_json(state: Any) -> dict[str, Any] | None:
    """A SimulationState without its objects."""
    if state is None:
        return None
    names = ("task", "seed", "split", "instruction", "steps", "max_steps", "succeeded", "moving")
    return {**{name: getattr(state, name) for name in names}, "held": state.held}


ERRORS: dict[int | str, dict[str, Any]] = {
    "default": {"description": "error_code and error as in the interface, and error_msg"}
}
PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}
WAV: dict[int | str, dict[str, Any]] = {200: {"content": {"audio/wav": {}}}}
JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}}


def report(request: Request, error: Exception) -> JSONResponse:
    """The handler of `errors.REPORTED`."""
    del request
    status, body = errors.told(error)
    return JSONResponse(body, status)


def report_invalid(request: Request, error: Any) -> JSONResponse:
    """The handler of bodies that are none of the models above."""
    del request
    problems = "; ".join(
        f"{'.'.join(map(str, one['loc'][1:])) or 'the body'}: {one['msg']}"
        for one in error.errors()
    )
    return JSONResponse(errors.body(ErrorCode.INVALID_REQUEST, problems), 400)


def _planned(robot: RobotLink, identity: str) -> Any:
    """The answer that holds the plan."""
    if identity:
        return _answered(robot, identity)
    entry = robot.journal.newest_plan()
    if entry is None:
        raise InstructionError(
            ErrorCode.INVALID_REQUEST, "no plan was answered yet; ask for one, or give its id"
        )
    return entry.answer


def _answered(robot: RobotLink, identity: str) -> Any:
    """The answer to an instruction by its id."""
    question = robot.questions.named(identity)
    if question.answer is None:
        raise question.error or InstructionError(
            ErrorCode.INVALID_REQUEST, f"instruction {identity} is under way; wait for its answer"
        )
    return question.answer


def _nth(things: Sequence[T], number: int) -> T:
    if not 0 <= number < len(things):
        raise InstructionError(
            ErrorCode.INVALID_REQUEST, f"the answer has {len(things)} of these, numbered from 0"
        )
    return things[number]


async def _unless_gone(request: Request, result: Awaitable[T], cancel: Callable[[], object]) -> T:
    """The result; cancelled, and waited for, when the caller hangs up."""
    task = asyncio.ensure_future(result)
    while not (await asyncio.wait((task,), timeout=GONE_PERIOD_S))[0]:
        if await request.is_disconnected():
            cancel()
            break
    return await task


async def _events(question: AskedQuestion) -> AsyncIterator[str]:
    try:
        yield _event("asked", {"id": question.id})
        async for progress in question.changes():
            yield _event("progress", asdict(progress))
        if question.error is not None:
            yield _event("error", errors.told(question.error)[1])
        else:
            yield _event("answer", {"id": question.id, **answer_json(question.answer)})
    finally:
        question.cancel()  # of who hung up; one that is over is not changed by it


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
