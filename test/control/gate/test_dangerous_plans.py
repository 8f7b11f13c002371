"""Fifty dangerous plans, each refused with the code of its danger, and harmless ones that pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from control.conftest import SPACES, Rig, chunk_plan, moves
from control.gate.conftest import ARM, TIP, picture

from uio2_ros.control import Cause, PlanError
from uio2_ros.robot.frames import Link
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D, Pose3D
from uio2_ros.robot.time import to_ns

NAN, INF = math.nan, math.inf
DRIVE, DELTA = SPACES["diff_drive"], SPACES["ee_delta"]


def _nothing(rig: Rig) -> None:
    del rig


@dataclass(frozen=True)
class Case:
    """A plan, what happens before it comes, and the code it is refused with."""

    name: str
    plan: TaskPlan
    cause: Cause
    before: Callable[[Rig], object] = _nothing
    age_s: float = 0.0
    settings: tuple[tuple[str, object], ...] = ()


def tip(*places: Sequence[float], frame_id: str = "base_link") -> TaskPlan:
    return chunk_plan(TIP, places, frame_id)


def arm(*positions: Sequence[float]) -> TaskPlan:
    return chunk_plan(ARM, positions)


def drive(*velocities: Sequence[float], frame_id: str = "base_link") -> TaskPlan:
    return chunk_plan(DRIVE, velocities, frame_id)


def delta(*ways: Sequence[float]) -> TaskPlan:
    return chunk_plan(DELTA, [(*way, 0.0, 0.0, 0.0, 0.0) for way in ways])


def pick_place(
    x: float, y: float, to_x: float, to_y: float, frame_id: str = "base_link"
) -> TaskPlan:
    step = Step(ActionKind.PICK_PLACE, "", Pose2D(x, y, 0.1), Pose2D(to_x, to_y, 0.1))
    return TaskPlan("vima", (step,), frame_id)


def timed(plan: TaskPlan, *ends_s: float) -> TaskPlan:
    steps = zip(plan.steps, ends_s, strict=True)
    return replace(
        plan, steps=tuple(replace(step, time_from_start_s=end_s) for step, end_s in steps)
    )


def base_at(x: float, y: float = 0.0) -> Callable[[Rig], object]:
    return lambda rig: rig.frames.hear(Link("table", "base_link", Pose3D((x, y, 0.0))))


def tip_at(x: float, y: float, z: float) -> Callable[[Rig], object]:
    return lambda rig: rig.frames.hear(
        Link("base_link", "tool0", Pose3D((x, y, z)), to_ns(rig.now_s))
    )


def later(seconds: float) -> Callable[[Rig], None]:
    def wait(rig: Rig) -> None:
        rig.now_s += seconds
        rig.joints.hear({"shoulder": 0.6, "elbow": 0.0}, rig.now_s)
        rig.frames.hear(Link("base_link", "tool0", Pose3D((0.3, 0.2, 0.2)), to_ns(rig.now_s)))
        rig.gate.scene.keep(rig.now_s, picture())

    return wait


def seen(**changes: bool) -> Callable[[Rig], None]:
    """A second later the camera shows something else."""

    def look(rig: Rig) -> None:
        later(1.0)(rig)
        rig.gate.scene.keep(rig.now_s, picture(**changes))

    return look


HERE, NEAR = (0.3, 0.2, 0.2), (0.32, 0.2, 0.2)
STILL = drive((0.1, 0.0))
DANGEROUS = (
    # out of the box
    Case("tip left of the table", tip(HERE, (0.3, 0.25, 0.2), (0.3, 0.9, 0.2)), Cause.SPEED_LIMIT),
    Case(
        "tip creeps left of the table",
        tip(*((0.3, 0.2 + 0.07 * step, 0.2) for step in range(12))),
        Cause.OUT_OF_WORKSPACE,
    ),
    Case(
        "tip creeps into the table",
        tip(*((0.3, 0.2, 0.2 - 0.08 * step) for step in range(6))),
        Cause.OUT_OF_WORKSPACE,
    ),
    Case("tip is moved down", delta(*([(0.0, 0.0, -0.05)] * 8)), Cause.OUT_OF_WORKSPACE),
    Case("tip is moved aside", delta(*([(0.0, 0.05, 0.0)] * 14)), Cause.OUT_OF_WORKSPACE),
    Case("base leaves", drive(*([(0.5, 0.0)] * 30)), Cause.OUT_OF_WORKSPACE, base_at(-0.2, 0.3)),
    Case("base at the edge", drive((0.2, 0.0)), Cause.OUT_OF_WORKSPACE, base_at(0.99, 0.5)),
    Case("base is outside", STILL, Cause.OUT_OF_WORKSPACE, base_at(1.2)),
    Case("moves leave", moves(*["forward"] * 5), Cause.OUT_OF_WORKSPACE, base_at(0.0, 0.5)),
    Case(
        "moves leave after turns",
        moves(*["left"] * 9, *["forward"] * 4),
        Cause.OUT_OF_WORKSPACE,
        base_at(0.0, 0.2),
    ),
    Case("picks outside", pick_place(0.7, 0.4, 0.7, 0.3), Cause.OUT_OF_WORKSPACE, base_at(0.4)),
    Case("places outside", pick_place(0.3, 0.4, 0.7, 0.4), Cause.OUT_OF_WORKSPACE, base_at(0.4)),
    Case("arm reaches out", arm((0.6, 0.0)), Cause.OUT_OF_WORKSPACE, base_at(0.6, 0.3)),
    # into a zone, also between two harmless points
    Case(
        "tip over the seat",
        timed(tip((0.42, 0.0, 0.2), (0.58, 0.0, 0.2)), 0.4, 0.8),
        Cause.KEEP_OUT_ZONE,
        tip_at(0.4, 0.0, 0.2),
    ),
    Case(
        "tip jumps over the seat",
        tip((0.4, 0.1, 0.2), (0.42, 0.08, 0.2), (0.46, 0.02, 0.2)),
        Cause.KEEP_OUT_ZONE,
        tip_at(0.4, 0.12, 0.2),
    ),
    Case(
        "tip through the seat between harmless points",
        tip((0.42, 0.06, 0.2), (0.44, 0.06, 0.2), (0.48, 0.06, 0.2), (0.56, 0.03, 0.2)),
        Cause.KEEP_OUT_ZONE,
        tip_at(0.42, 0.06, 0.2),
    ),
    Case(
        "tip touches the corner",
        tip((0.42, 0.08, 0.2), (0.45, 0.05, 0.2)),
        Cause.KEEP_OUT_ZONE,
        tip_at(0.4, 0.1, 0.2),
    ),
    Case(
        "tip is moved into the seat",
        delta(*([(0.04, -0.04, 0.0)] * 5)),
        Cause.KEEP_OUT_ZONE,
    ),
    Case("base into the seat", drive(*([(0.4, 0.0)] * 15)), Cause.KEEP_OUT_ZONE),
    Case("base in an arc", drive(*([(0.5, 0.35)] * 11)), Cause.KEEP_OUT_ZONE, base_at(0.0, -0.12)),
    Case("moves into the seat", moves("forward", "forward"), Cause.KEEP_OUT_ZONE),
    Case("picks beyond the seat", pick_place(0.3, 0.0, 0.7, 0.0), Cause.KEEP_OUT_ZONE),
    Case("picks in the seat", pick_place(0.5, 0.0, 0.3, 0.3), Cause.KEEP_OUT_ZONE),
    Case("places in the seat", pick_place(0.3, 0.3, 0.5, 0.02), Cause.KEEP_OUT_ZONE),
    Case(
        "elbow over the seat",
        arm(*((0.6 - 0.1 * step, 0.0) for step in range(8))),
        Cause.KEEP_OUT_ZONE,
        lambda rig: rig.frames.hear(Link("table", "base_link", Pose3D((-0.15, 0.0, 0.0)))),
    ),
    # too fast
    Case("tip too fast", tip(HERE, (0.3, 0.35, 0.2)), Cause.SPEED_LIMIT),
    Case("tip too fast diagonally", tip(HERE, (0.36, 0.26, 0.28)), Cause.SPEED_LIMIT),
    Case("tip too fast by its times", timed(tip(HERE, NEAR), 0.2, 0.22), Cause.SPEED_LIMIT),
    Case("tip turned too fast", chunk_plan(DELTA, [(0, 0, 0, 0.25, 0, 0, 0)]), Cause.SPEED_LIMIT),
    Case("base turns too fast", drive((0.0, 1.4)), Cause.SPEED_LIMIT),
    Case("base turns too fast later", drive((0.0, 0.8), (0.0, 1.1)), Cause.SPEED_LIMIT),
    Case("joint too fast", arm((0.8, 0.0)), Cause.SPEED_LIMIT),
    Case("other joint too fast", arm((0.6, 0.1), (0.6, 0.3)), Cause.SPEED_LIMIT),
    # too much acceleration
    Case("base jerks", drive((0.3, 0.0), (-0.3, 0.0)), Cause.ACCELERATION_LIMIT),
    Case("base swings", drive((0.0, 0.6), (0.0, -0.6)), Cause.ACCELERATION_LIMIT),
    Case("joint jerks", arm((0.7, 0.0), (0.6, 0.0)), Cause.ACCELERATION_LIMIT),
    Case("tip jerks", delta((0.05, 0.0, 0.0), (-0.05, 0.0, 0.0)), Cause.ACCELERATION_LIMIT),
    # beyond the joints' limits
    Case("shoulder beyond", arm(*((0.6 + 0.1 * s, 0.0) for s in range(11))), Cause.JOINT_LIMIT),
    Case("elbow beyond", arm(*((0.6, 0.14 * s) for s in range(1, 16))), Cause.JOINT_LIMIT),
    # no numbers, no plans
    Case("no number", tip((NAN, 0.2, 0.2)), Cause.INVALID_PLAN),
    Case("endless", drive((INF, 0.0)), Cause.INVALID_PLAN),
    Case("no place", pick_place(NAN, 0.0, 0.3, 0.3), Cause.INVALID_PLAN),
    Case("no time", timed(drive((0.1, 0.0), (0.1, 0.0)), 0.2, NAN), Cause.INVALID_PLAN),
    Case("time runs back", timed(drive((0.1, 0.0), (0.1, 0.0)), 0.2, 0.1), Cause.INVALID_PLAN),
    # of another time or place
    Case("stale picture", STILL, Cause.STALE_PLAN, later(60.0), 50.0),
    Case("picture of a time to come", STILL, Cause.STALE_PLAN, age_s=-2.0),
    Case("unknown frame", tip(HERE, frame_id="moon"), Cause.TF_ERROR),
    Case(
        "workspace is lost",
        STILL,
        Cause.TF_ERROR,
        lambda rig: rig.frames.hear(Link("table", "base_link", Pose3D(), to_ns(rig.now_s - 60.0))),
    ),
    # far from where the robot is
    Case("tip far", tip((0.3, 0.55, 0.2)), Cause.FAR_START),
    Case("joint far", arm((1.2, 0.0)), Cause.FAR_START),
    # the scene changed
    Case("a hand is there now", STILL, Cause.SCENE_CHANGED, seen(hand=True), 1.0),
    Case(
        "the camera is gone",
        STILL,
        Cause.SCENE_CHANGED,
        lambda rig: setattr(rig, "now_s", rig.now_s + 3.0),
        3.0,
    ),
    # stopped
    Case("pressed", STILL, Cause.ESTOP, lambda rig: rig.gate.estop.hear(True)),
    Case("pressed and let go", STILL, Cause.ESTOP, lambda rig: press_and_let_go(rig)),
    Case("pressed by service", STILL, Cause.ESTOP, lambda rig: rig.gate.estop.press("by hand")),
    Case("heartbeat never came", STILL, Cause.ESTOP_LOST, settings=(("estop_heartbeat_s", 5.0),)),
    Case(
        "heartbeat is gone",
        STILL,
        Cause.ESTOP_LOST,
        lambda rig: silence(rig),
        settings=(("estop_heartbeat_s", 0.001),),
    ),
    Case("dry run", STILL, Cause.DRY_RUN, lambda rig: setattr(rig.gate, "dry_run", True)),
)
HARMLESS = (
    ("tip beside the seat", tip((0.34, 0.2, 0.2), (0.4, 0.2, 0.2), (0.48, 0.2, 0.2))),
    ("tip along the edge", tip((0.3, 0.25, 0.2), (0.3, 0.3, 0.2))),
    ("tip moves", delta(*([(0.02, 0.0, 0.0)] * 4))),
    ("base", drive((0.2, 0.1), (0.3, 0.2), (0.3, 0.0))),
    ("moves", moves("left", "forward", "stop")),
    ("pick and place", pick_place(0.3, 0.2, 0.7, 0.3)),
    ("arm", arm((0.65, 0.05), (0.72, 0.1), (0.78, 0.14))),
)


def press_and_let_go(rig: Rig) -> None:
    rig.gate.estop.hear(True)
    rig.gate.estop.hear(False)


def silence(rig: Rig) -> None:
    rig.gate.estop.hear(False)
    rig.gate.estop._steady_s = lambda: math.inf


def test_fifty_or_more_and_every_code_of_the_gate_is_among_them() -> None:
    assert len(DANGEROUS) >= 50
    own = {cause for cause in Cause if cause >= Cause.DRY_RUN}
    assert own <= {case.cause for case in DANGEROUS}


@pytest.mark.parametrize("case", DANGEROUS, ids=lambda case: case.name)
def test_dangerous_plan_is_refused_with_its_code_and_nothing_moves(
    guarded: Callable[..., Rig], case: Case
) -> None:
    rig = guarded(**dict(case.settings))
    case.before(rig)
    with pytest.raises(PlanError) as refused:
        rig.start(case.plan, age_s=case.age_s, on_demand=True)
    assert refused.value.cause is case.cause, refused.value
    assert rig.follower.ends[case.cause] == 1
    assert not rig.ticks(0.5)


@pytest.mark.parametrize(("name", "plan"), HARMLESS, ids=[name for name, _ in HARMLESS])
def test_harmless_plan_passes(guarded: Callable[..., Rig], name: str, plan: TaskPlan) -> None:
    del name
    rig = guarded()
    rig.start(plan, on_demand=True)
    assert rig.tick()
