import math

import pytest

from uio2_ros.decoding import free_form
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.plan import ActionKind
from uio2_ros.tasks import Instruction, TaskRunner, load_action_spaces

ARM = """\
name: arm
kind: continuous
prompt: "slide grip mode"
frame_id: tool
rate_hz: 4
chunk: {chunk}
dimensions:
  - {{name: slide, kind: joint, joint: slide_joint, unit: mm, range: [-100, 100]}}
  - {{name: grip, kind: gripper, unit: "%", range: [0, 100], levels: 2}}
  - {{name: mode, kind: discrete, unit: "1", range: [0, 3]}}
"""


@pytest.fixture
def arm(engine, tmp_path):
    """Makes a runner whose arm writes chunks of some steps."""

    def make(chunk=2):
        (tmp_path / "arm.yaml").write_text(ARM.format(chunk=chunk))
        return TaskRunner(engine, load_action_spaces(tmp_path))

    return make


def act(runner, observation):
    return runner.run(Instruction("slide on", "act", action_space="arm"), observation)


def test_a_chunk_of_steps_in_si_units_and_on_time(arm, engine, observation, locations):
    engine.script = [locations(0, 999, 333, 999, 499, 500)]
    plan = act(arm(), observation).plan
    assert engine.prompts == [
        "Action space: slide grip mode.\nInstruction: slide on.\n"
        "Task: Predict the following action.\n"
    ]
    assert (plan.action_space, plan.frame_id) == ("arm", "tool")
    first, second = plan.steps
    assert first.kind is ActionKind.CONTINUOUS
    assert first.dimension_names == ("slide", "grip", "mode")
    assert first.values == pytest.approx((-0.1, 1.0, 1.0))  # metres, open, mode 333 / 999 * 3
    assert second.values == pytest.approx((0.1, 0.0, 2.0))  # below half: closed; 1.50 rounds up
    assert [step.time_from_start_s for step in plan.steps] == [0.25, 0.5]


def test_the_text_says_the_steps(arm, engine, observation, locations):
    engine.script = [locations(0, 999, 333, 999, 0, 999)]
    assert act(arm(), observation).text == (
        "0.25 s: slide -0.100, grip 1.000, mode 1.000; 0.5 s: slide 0.100, grip 0.000, mode 3.000"
    )


@pytest.mark.parametrize("name", ["ee_delta", "arm7", "diff_drive"])
def test_every_continuous_space_can_be_acted_in(runner, engine, observation, locations, name):
    space = runner.action_spaces[name]
    engine.script = [locations(*[999] * len(space.dimensions) * space.chunk)]
    plan = runner.act(observation.image, "go", action_space=name)
    assert len(plan.steps) == space.chunk
    assert plan.steps[-1].values == pytest.approx([d.high for d in space.dimensions])
    assert plan.steps[-1].time_from_start_s == pytest.approx(space.chunk / space.rate_hz)


def test_the_end_effector_is_the_default(runner, engine, observation, locations):
    engine.script = [locations(*[500] * 28)]
    plan = runner.act(observation.image, "pick up the mug")
    assert plan.action_space == "ee_delta"
    assert plan.steps[0].values[3] == pytest.approx(math.radians(-15 + 30 * 500 / 999))


def test_a_model_that_writes_nonsense_still_acts_within_range(arm, engine, observation):
    engine.script = ["I would rather not"]
    runner = arm()
    for step in act(runner, observation).plan.steps:
        for value, dimension in zip(
            step.values, runner.action_spaces["arm"].dimensions, strict=True
        ):
            assert dimension.low <= value <= dimension.high


def test_chunks_that_the_model_cannot_write_are_refused(arm, observation):
    with pytest.raises(InstructionError) as problem:
        act(arm(chunk=200), observation)
    assert problem.value.code is ErrorCode.INVALID_REQUEST
    assert "chunks of 200 steps, 601 tokens" in str(problem.value)
    assert "set its chunk to 170 or less" in str(problem.value)


def test_spaces_that_are_not_continuous_are_refused(runner, observation):
    with pytest.raises(InstructionError, match="needs continuous: arm7, diff_drive, ee_delta"):
        runner.run(Instruction("go", "act", action_space="vima"), observation)


@pytest.mark.parametrize("bins", [(1, 2, 3), (1, 2, 3, 4), (1,) * 9])
def test_a_reply_that_is_no_chunk_is_a_parse_failure(
    arm, engine, observation, locations, bins, monkeypatch
):
    monkeypatch.setattr(
        "uio2_ros.tasks.builtin.act.action_steps",
        lambda symbols, **_: free_form(symbols, longest=12),
    )
    engine.script = [locations(*bins)]
    with pytest.raises(InstructionError) as problem:
        act(arm(), observation)
    assert problem.value.code is ErrorCode.PARSE_FAILED
    assert "location tokens" in str(problem.value) or "2 steps" in str(problem.value)
