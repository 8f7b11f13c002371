"""Scenes that are looked at: their samples, the dense truth, and examples prepared of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSet, write_shard
from uio2_ros.data.simulated_scenes import SceneSettings, samples_of_scene
from uio2_ros.inference.families.unified_io_2 import SYNTHETIC_TOKENIZER
from uio2_ros.model import UnifiedIO
from uio2_ros.model.example import Example
from uio2_ros.processing import Tokenizer
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.sim import PictureSize, Split, sample_episode
from uio2_ros.sim.splits import is_held_out
from uio2_ros.training.dense import (
    COLOURS,
    NO_OBJECT,
    SHAPES,
    UNKNOWN,
    DenseHeads,
    DenseReader,
    LabelledScene,
    dense_scores,
    scene_of,
)
from uio2_ros.training.examples import ExampleMaker
from uio2_ros.training.grounding import MOVED, SPOKEN_OF, spoken_of
from uio2_ros.training.prepared import (
    Choice,
    OnePictureProcessor,
    PreparedStream,
    load_prepared,
    prepare_sample,
    save_prepared,
)
from uio2_ros.training.readers import AnswerBatches
from uio2_ros.training.stored_scenes import StoredScenes

SETTINGS = SceneSettings(seed=3, size=PictureSize(320, 240), samples_per_pixel=0)
SPACE = load_action_spaces()["vima"]


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [sample for seed in range(3, 7) for sample in samples_of_scene(seed, SETTINGS)]


@pytest.fixture(scope="module")
def model() -> UnifiedIO:
    return UnifiedIO.synthetic("tiny").set_modalities(["text", "image"], ["text"])


def test_training_never_shows_a_kind_that_is_held_out(samples: list[Sample]) -> None:
    for sample in samples:
        scene = scene_of(sample, SPACE)
        for colour, shape in scene.objects[~np.isnan(scene.objects[:, 0]), :2].astype(int):
            assert not is_held_out(COLOURS[colour], SHAPES[shape])
    held_out = SceneSettings(Split.HELD_OUT, 3, samples_per_pixel=0)
    assert next(samples_of_scene(3, held_out)).tasks != samples[0].tasks


def test_every_object_has_a_patch_and_its_box_follows_the_view(samples: list[Sample]) -> None:
    scene = scene_of(samples[0], SPACE)
    count = int((~np.isnan(scene.objects[:, 0])).sum())
    reader = DenseReader(canvas=320, kept=300, augmented=1.0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        batch = reader.batch([scene], rng)
        for number in set(batch.objects[0].tolist()) - {NO_OBJECT}:
            assert number < count
            top, left, bottom, right = (batch.places[0, number, :4] / 999 * 20).tolist()
            rows, columns = np.divmod(batch.positions[0][batch.objects[0] == number].numpy(), 20)
            assert top - 1 <= rows.min() <= rows.max() <= bottom + 1
            assert left - 1 <= columns.min() <= columns.max() <= right + 1


def test_a_thing_pushed_out_of_the_action_space_has_no_place_there(samples: list[Sample]) -> None:
    sample, plan = next(
        (one, task) for one in samples for task in one.tasks if task.instruction.task == "plan"
    )
    assert plan.answer.plan is not None
    (first, *rest) = plan.answer.plan.steps
    assert first.start is not None
    beyond = replace(first, start=replace(first.start, x=SPACE.dimensions[0].low - 1e-3))
    moved = replace(plan.answer, plan=replace(plan.answer.plan, steps=(beyond, *rest)))
    seen = tuple(one for one in sample.tasks if one.answer.plan is None)
    for answer, count in ((plan.answer, 1), (moved, 0)):
        labelled = replace(sample, tasks=(*seen, replace(plan, answer=answer)))
        known = ~np.isnan(scene_of(labelled, SPACE).objects[:, 6])
        assert np.count_nonzero(known) == count


def test_a_plan_marks_what_it_moves(samples: list[Sample], model: UnifiedIO) -> None:
    sample, plan = next(
        (one, task) for one in samples for task in one.tasks if task.instruction.task == "plan"
    )
    marks = spoken_of(sample, np.arange(576, dtype=np.int32), model.config)(plan)
    moved, spoken = (marks & MOVED) > 0, (marks & SPOKEN_OF) > 0
    assert moved.any()
    assert (spoken & ~moved).any()
    assert not (moved & ~spoken).any()


def test_prepared_examples_come_back_with_features_and_marks(
    samples: list[Sample], model: UnifiedIO, tmp_path: Path
) -> None:
    processor = OnePictureProcessor(model.config, Tokenizer(SYNTHETIC_TOKENIZER))
    maker, rng = ExampleMaker(processor, load_action_spaces()), np.random.default_rng(0)
    choice = Choice(most=6, patches=64, rates={"refexp": 1.0, "cuboids": 0.0, "depth": 5.0})
    made = [prepare_sample(model, maker, sample, choice, rng) for sample in samples[:2]]
    assert all(len(one.examples) <= 6 for one in made)
    assert not {e.task for one in made for e in one.examples} & {"cuboids", "depth"}
    path = tmp_path / "part.prepared.pt"
    save_prepared(path, made)
    for one, again in zip(made, load_prepared(path), strict=True):
        torch.testing.assert_close(one.features, again.features)
        assert [e.task for e in one.examples] == [e.task for e in again.examples]

    stream = PreparedStream([path], {"refexp": 0.0}, kept=40)
    example = stream.draw()
    assert example.image is not None
    assert example.image.encoded
    assert example.image.patches.shape == (40, 2 * model.config.image_vit_cfg.emb_dim)
    state = stream.state_dict()
    wanted = [stream.draw().text.tolist() for _ in range(5)]
    again_stream = PreparedStream([path], {"refexp": 0.0}, kept=40)
    again_stream.load_state_dict(state)
    assert [again_stream.draw().text.tolist() for _ in range(5)] == wanted


def test_what_is_asked_in_more_ways_is_not_shown_more_often(
    samples: list[Sample], model: UnifiedIO, tmp_path: Path
) -> None:
    processor = OnePictureProcessor(model.config, Tokenizer(SYNTHETIC_TOKENIZER))
    maker, rng = ExampleMaker(processor, load_action_spaces()), np.random.default_rng(0)
    choice = Choice(most=1, rates={"caption": 1.0}, paraphrases=0.0)
    captions = [Sample("one", sample.observation, sample.tasks[:1]) for sample in samples[:2]]
    often, once = (prepare_sample(model, maker, caption, choice, rng) for caption in captions)
    path = tmp_path / "part.prepared.pt"
    save_prepared(path, [replace(often, examples=often.examples * 9), once])
    stream = PreparedStream([path], {})
    of_once = once.features.float().sum().item()
    drawn = [stream.draw().image for _ in range(200)]
    shown = [image is not None and np.isclose(image.patches.sum(), of_once) for image in drawn]
    assert 70 < sum(shown) < 130


def test_features_given_are_those_the_vit_would_have_made(
    samples: list[Sample], model: UnifiedIO
) -> None:
    processor = OnePictureProcessor(model.config, Tokenizer(SYNTHETIC_TOKENIZER))
    maker, rng = ExampleMaker(processor, load_action_spaces()), np.random.default_rng(0)
    choice = Choice(most=1, rates={"caption": 1.0}, paraphrases=0.0)
    only_captions = Sample("one", samples[0].observation, samples[0].tasks[:1])
    prepared = prepare_sample(model, maker, only_captions, choice, rng)
    (whole,) = maker.examples(only_captions)
    with torch.no_grad():
        given = model(processor.collate([prepared.example(0, 0, rng)]))["text"].logits
        computed = model(processor.collate([whole.example]))["text"].logits
    torch.testing.assert_close(given, computed, atol=0.02, rtol=0.02)


def test_scenes_of_shards_are_read_once_and_come_back_as_they_were(
    samples: list[Sample], tmp_path: Path
) -> None:
    data = DataSet.create(tmp_path / "data", {})
    for number, part in enumerate((samples[:3], samples[3:])):
        write_shard(data.shard(number), part)
    stored = StoredScenes(tmp_path / "run", data.shards, lambda one: scene_of(one, SPACE))
    assert len(stored) == len(samples)

    def never(_: Sample) -> LabelledScene:
        pytest.fail("a shard is read again")

    again = StoredScenes(tmp_path / "run", data.shards, never)
    for read, one in zip(data.samples(), again, strict=True):
        wanted = scene_of(read, SPACE)
        np.testing.assert_array_equal(one.pixels, wanted.pixels)
        np.testing.assert_array_equal(one.labels, wanted.labels)
        np.testing.assert_array_equal(one.objects, wanted.objects)
    assert not list((tmp_path / "run").glob("*.part*"))


def test_starts_of_episodes_have_the_oracles_plan_and_its_first_step() -> None:
    settings = SceneSettings(size=PictureSize(96, 72), samples_per_pixel=0, tasks=("swap", "put"))
    for seed, task, steps in ((4, "swap", 3), (5, "put", 1)):
        episode = sample_episode(task, seed, Split.TRAIN, settings.size)
        for sample in samples_of_scene(seed, settings):
            asked = {one.instruction.task: one for one in sample.tasks}
            assert sample.meta["task"] == task
            assert asked["plan"].instruction.instruction == episode.instruction
            plan, first = asked["plan"].answer.plan, asked["next_action"].answer.plan
            assert plan is not None
            assert first is not None
            assert len(plan.steps) == steps
            assert first.steps == plan.steps[:1]


def test_episodes_that_are_under_way_have_the_rest_of_the_plan() -> None:
    settings = SceneSettings(size=PictureSize(96, 72), samples_per_pixel=0, tasks=("swap",))
    begun = replace(settings, under_way=1.0)
    (whole, *_), (rest, *_) = (list(samples_of_scene(4, one)) for one in (settings, begun))
    plans = [
        next(one.answer.plan for one in sample.tasks if one.instruction.task == "plan")
        for sample in (whole, rest)
    ]
    assert plans[0].steps[-len(plans[1].steps) :] == plans[1].steps
    assert 0 < len(plans[1].steps) < len(plans[0].steps)
    assert whole.observation.image is not None
    assert rest.observation.image is not None
    assert not np.array_equal(whole.observation.image.pixels, rest.observation.image.pixels)
    with pytest.raises(ValueError, match="under_way"):
        replace(settings, under_way=1.5)


def test_patches_of_everything_asked_about_are_shown_with_each_question(
    samples: list[Sample], model: UnifiedIO
) -> None:
    processor = OnePictureProcessor(model.config, Tokenizer(SYNTHETIC_TOKENIZER))
    maker, rng = ExampleMaker(processor, load_action_spaces()), np.random.default_rng(0)
    prepared = prepare_sample(model, maker, samples[0], Choice(most=40), rng)
    objects = np.any([one.marks > 0 for one in prepared.examples], axis=0)
    fewest = min(range(len(prepared.examples)), key=lambda i: int(prepared.examples[i].marks.sum()))
    assert (prepared.examples[fewest].marks > 0).sum() < objects.sum()
    for _ in range(5):
        image = prepared.example(fewest, int(objects.sum()) + 4, rng).image
        assert image is not None
        assert set(prepared.positions[objects].tolist()) <= set(image.positions.tolist())


def test_micro_batches_hold_examples_of_like_length(model: UnifiedIO) -> None:
    processor = OnePictureProcessor(model.config, Tokenizer(SYNTHETIC_TOKENIZER))
    texts = ("a b c d e f g h", "a", "a b c d e f g", "a b")
    given = iter([processor(text, text_target="yes") for text in texts])

    class Given:
        def draw(self) -> Example:
            return next(given)

        def state_dict(self) -> dict[str, object]:
            return {}

        def load_state_dict(self, state: dict[str, object]) -> None: ...

    short, long = AnswerBatches(Given(), processor, None).step((2, 2))
    assert [len(short.text), len(long.text)] == [2, 2]
    assert short.text.shape[1] < long.text.shape[1]


def test_recoloured_pictures_teach_shapes_and_no_colours(samples: list[Sample]) -> None:
    scenes = [scene_of(sample, SPACE) for sample in samples[:4]]
    plain = DenseReader(augmented=0.0).batch(scenes, np.random.default_rng(0))
    turned = DenseReader(augmented=0.0, recolored=1.0).batch(scenes, np.random.default_rng(0))
    assert (turned.colour == UNKNOWN).all()
    assert torch.equal(turned.shape, plain.shape)
    heads = DenseHeads(64)
    tokens = torch.randn(len(scenes), turned.patches.shape[1], 64)
    scores = dense_scores(heads, tokens, turned, 20)
    assert torch.isfinite(scores.loss)
    scores.loss.backward()  # type: ignore[no-untyped-call]
    assert heads.colour_head.weight.grad is None
    assert heads.shape_head.weight.grad is not None


def test_what_is_looked_at_in_a_room_is_told_of_a_room() -> None:
    settings = SceneSettings(seed=3, size=PictureSize(160, 120), tasks=("go_to",))
    (sample,) = samples_of_scene(3, settings)
    asked = {one.instruction.task: one for one in sample.tasks}
    assert asked["caption"].answer.text.endswith("in a room.")
    assert "plan" not in asked
    moved = asked["navigate"].answer.plan
    assert moved is not None
    assert len(moved.steps) == 1
