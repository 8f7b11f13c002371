"""HTTP for programs: /openapi.json describes it. Every path here is behind the gate (`gate.py`)."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from uio2_ros.page import errors
from uio2_ros.page.media import png_of, wav_of
from uio2_ros.page.questions import AskedQuestion, StandingQuestion
from uio2_ros.page.robot import RobotLink
from uio2_ros.page.snapshot import snapshot
from uio2_ros.page.task_fields import box_of, schema_of
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.located import RememberedObject
from uio2_ros.robot.standing_instruction import StandingInstruction, Until
from uio2_ros.viewing.answer_text import answer_json
from uio2_ros.viewing.remembered_text import remembered_json

T = TypeVar("T")
EVENTS = "text/event-stream"
NOT_KEPT = {"cache-control": "no-store"}
GONE_PERIOD_S = 0.2
LONGEST_TEXT = 4000
MOST_OPTIONS = 200
LONGEST_AGE_S = 1e9
MOST_RECALLED = 10_000


class AskedBody(BaseModel):
    """What every instruction holds."""

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


class InstructBody(AskedBody):
    """An instruction about the newest picture, or one that is sent along; the fields are those of
    uio2_ros/action/Instruct."""

    picture: str | None = Field(
        None, description="a JPEG or PNG in base64 that it is about, instead of what is seen"
    )

    def picture_bytes(self) -> bytes:
        """What was sent along; nothing if nothing was. InstructionError INVALID_REQUEST."""
        if self.picture is None:
            return b""
        try:
            sent = base64.b64decode(self.picture, validate=True)
        except ValueError as error:
            raise InstructionError(
                ErrorCode.INVALID_REQUEST, f"the picture is no base64: {error}"
            ) from error
        if not sent:
            raise InstructionError(ErrorCode.INVALID_REQUEST, "the picture is empty")
        return sent


class WatchBody(AskedBody):
    """A standing instruction; the fields are those of uio2_ros/action/Watch."""

    rate: float = Field(0.0, ge=0, le=1000, description="answers a second; 0: of every picture")
    until: Literal["forever", "seen", "gone", "changed"] = Field(
        "forever", description="what ends it"
    )
    until_text: str = Field(
        "", max_length=LONGEST_TEXT, description="the label or answer that counts; empty: any"
    )
    least_score: float = Field(0.0, ge=0, le=1, description="of objects that count")
    in_a_row: int = Field(1, ge=1, le=10_000, description="answers in which it must be so")
    for_at_most: float = Field(0.0, ge=0, description="seconds; 0: no limit")

    def as_standing_instruction(self) -> StandingInstruction:
        """In the words of the package."""
        return StandingInstruction(
            self.as_instruction(),
            self.rate,
            Until[self.until.upper()],
            self.until_text,
            self.least_score,
            self.in_a_row,
            self.for_at_most or math.inf,
        )


class ExecuteBody(BaseModel):
    """Which plan: that of an instruction by its id, or the newest of all that were answered."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field("", max_length=100, description="of an instruction; empty: the newest plan")


class DryRunBody(BaseModel):
    """Whether plans are shown and nothing moves."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool


class ResetBody(BaseModel):
    """An episode of the simulator."""

    model_config = ConfigDict(extra="forbid")

    task: str = Field("", max_length=100, description="empty: the present one")
    seed: int = Field(0, ge=0, lt=2**62)


def routes(robot: RobotLink) -> APIRouter:
    """The paths."""
    router = APIRouter()
    for of_kind in (_asking, _answers, _watching, _moving, _looking, _simulating):
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
            given.as_instruction(),
            max_age_s=given.max_age,
            timeout_s=given.timeout,
            picture=given.picture_bytes(),
        )
        if EVENTS in accept:
            told = (asdict(progress) async for progress in question.changes())
            events = _events(question, "progress", told, last="answer")
            return StreamingResponse(events, media_type=EVENTS)
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


def _watching(robot: RobotLink) -> APIRouter:
    router = APIRouter(tags=["watch"])

    @router.post(
        "/watch",
        status_code=202,
        responses=ERRORS
        | {
            200: {
                "description": "If asked for, events: asked, answer again and again, then end or "
                "error",
                "content": {EVENTS: {}},
            }
        },
    )
    async def watch(given: WatchBody, accept: Annotated[str, Header()] = "") -> Response:
        """Begins a standing instruction, which goes on until it is cancelled or what it waits for
        has come. With `Accept: text/event-stream` its answers come as events, and hanging up
        cancels."""
        question = robot.keep_looking(
            given.as_standing_instruction(), max_age_s=given.max_age, timeout_s=given.timeout
        )
        if EVENTS in accept:
            told = (answer_json(answer) async for answer in question.answers())
            events = _events(question, "answer", told, last="end")
            return StreamingResponse(events, media_type=EVENTS)
        return JSONResponse({"id": question.id}, 202)

    @router.get("/watch")
    async def watches() -> list[dict[str, Any]]:
        """The standing instructions that were begun here and are under way."""
        return list(map(watch_json, robot.watches.under_way()))

    @router.get("/watch/{identity}", responses=ERRORS)
    async def look(identity: str) -> dict[str, Any]:
        """One, also when it is over: its newest answer, or the error that ended it."""
        return watch_json(robot.watches.named(identity))

    @router.delete("/watch/{identity}", responses=ERRORS, status_code=202)
    async def cancel(identity: str) -> dict[str, str]:
        """Cancels a standing instruction; it ends with CANCELED."""
        robot.watches.named(identity).cancel()
        return {"id": identity}

    return router


def watch_json(question: StandingQuestion) -> dict[str, Any]:
    """What was asked, whether it is over, and the newest answer."""
    standing = question.standing
    answers, newest = question.answered
    return {
        "id": question.id,
        "task": question.instruction.task,
        "instruction": question.instruction.instruction,
        "rate": standing.rate_hz,
        "until": standing.until.name.lower(),
        "until_text": standing.until_text,
        "done": question.done,
        "answers": answers,
        "answer": answer_json(newest) if newest is not None else None,
        "error": errors.told(question.error)[1] if question.error is not None else None,
    }


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

    @router.post("/estop", responses=ERRORS)
    async def press_estop() -> dict[str, str]:
        """Stops the robot until it is released, and cancels what was asked here."""
        return {"message": await asyncio.wrap_future(robot.press_estop())}

    @router.post("/release", responses=ERRORS)
    async def release() -> dict[str, str]:
        """Releases the emergency stop: plans may move the robot again."""
        return {"message": await asyncio.wrap_future(robot.safety.release())}

    @router.post("/dry_run", responses=ERRORS)
    async def set_dry_run(given: DryRunBody) -> dict[str, str]:
        """Whether plans are shown and nothing moves."""
        return {"message": await asyncio.wrap_future(robot.safety.set_dry_run(given.dry_run))}

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
            **asdict(robot.safety_state()),
            "diagnostics": statuses,
            "simulation": simulation_json(await asyncio.to_thread(robot.simulation.newest)),
        }

    @router.get("/snapshot", responses=ERRORS | JPEG, response_class=Response)
    async def take_snapshot(drawn: bool = False) -> Response:
        """What the camera sees, or, `drawn`, the last answer on its picture, as JPEG."""
        return Response((await snapshot(robot, drawn=drawn)).jpeg, media_type="image/jpeg")

    @router.get("/recall", responses=ERRORS)
    async def recall(
        query: Annotated[str, Query(max_length=LONGEST_TEXT)] = "",
        frame_id: Annotated[str, Query(max_length=LONGEST_TEXT)] = "",
        max_age: Annotated[float, Query(ge=0, le=LONGEST_AGE_S)] = 0.0,
        most: Annotated[int, Query(ge=0, le=MOST_RECALLED)] = 0,
        pictures: bool = False,
    ) -> list[dict[str, Any]]:
        """Where things are that the agent has seen, the best match first; without a query all, and
        with `pictures` a JPEG of each in base64. The model is not asked."""
        found = await robot.recall(
            query, frame_id=frame_id, max_age_s=max_age, most=most, pictures=pictures
        )
        return [recalled_json(one) for one in found]

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


def recalled_json(one: RememberedObject) -> dict[str, Any]:
    """An object with its picture in base64, null where there is none."""
    picture = base64.b64encode(one.picture).decode() if one.picture else None
    return {**remembered_json(one), "picture": picture}


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
    return _answered(robot, identity) if identity else robot.journal.newest_plan().answer


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


async def _events(
    question: AskedQuestion, name: str, changes: AsyncIterable[dict[str, Any]], last: str
) -> AsyncIterator[str]:
    """asked; every change, as events of that name; error, or the answer as an event `last`."""
    try:
        yield _event("asked", {"id": question.id})
        async for change in changes:
            yield _event(name, change)
        if question.error is not None:
            yield _event("error", errors.told(question.error)[1])
        else:
            yield _event(last, {"id": question.id, **answer_json(question.answer)})
    finally:
        question.cancel()  # of who hung up; one that is over is not changed by it


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
