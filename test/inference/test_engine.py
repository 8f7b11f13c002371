"""The engine: batches, caches, cancelling, guidance, scores, and requests it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synthetic_inputs import image, step_noise, waveform
from torch import Tensor

from uio2_ros.inference import Engine, Generation, Sampling
from uio2_ros.inference import engine as engine_module
from uio2_ros.inference.families import family
from uio2_ros.inference.families.unified_io_2 import SYNTHETIC_TOKENIZER
from uio2_ros.model import Camera, TrainedFor, UnifiedIO
from uio2_ros.model.families.unified_io_2.layers import Attention
from uio2_ros.model.families.unified_io_2.vocabulary import LLAMA_PIECES
from uio2_ros.model.skeleton import without_weights
from uio2_ros.processing import Example, Tokenizer
from uio2_ros.processing.unified_io_2.wire_format import WireField, parse, serialize
from uio2_ros.robot.errors import InvalidInputError, TokenizerError

END = 1


def with_noise(tokens: Tensor, scores: Tensor) -> Tensor:
    """Makes untrained weights choose varied tokens."""
    return scores + torch.from_numpy(step_noise(tokens.shape[1] - 1, scores.shape[1]))


VARIED = Sampling(max_new_tokens=8, min_new_tokens=8, logits_processors=[with_noise])


def tokens(generations: list[Generation]) -> list[list[int]]:
    return [generation.tokens for generation in generations]


class Calls:
    """Counts calls of a method while it still does its work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        self.count = 0
        original = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)


# ---- batches ----


@pytest.mark.parametrize(
    "sampling", [VARIED, Sampling(max_new_tokens=8, temperature=1.3, top_k=50, top_p=0.9, seed=7)]
)
def test_a_batch_of_unequal_examples_equals_single_runs(
    engine: Engine, unequal: list[Example], sampling: Sampling
) -> None:
    together = tokens(engine.generate(unequal, sampling=sampling))
    assert together == [tokens(engine.generate([e], sampling=sampling))[0] for e in unequal]
    assert len({tuple(row) for row in together}) > 1


def test_rows_end_on_their_own(engine: Engine, unequal: list[Example]) -> None:
    def end_row(tokens: Tensor, scores: Tensor) -> Tensor:
        """Row r ends after r tokens, and would go on after that."""
        scores = scores.clone()
        for row in range(len(scores)):
            scores[row, END] = 100.0 if tokens.shape[1] - 1 == row else -100.0
        return scores

    seen: list[np.ndarray] = []
    generated = engine.generate(
        unequal, sampling=Sampling(logits_processors=[end_row]), on_token=seen.append
    )
    assert [len(row) for row in tokens(generated)] == [0, 1, 2]
    assert [step.shape for step in seen] == [(3, 1), (3, 2), (3, 3)]
    assert seen[-1][0].tolist() == [END, END, END]
    assert seen[-1][1].tolist() == [*generated[1].tokens, END, END]


# ---- what is not computed ----


def test_padding_costs_nothing(engine: Engine) -> None:
    example = engine.processor("Go.", image(100, 300, 1))
    assert example.image is not None
    encoded = engine.encode(example)
    real = int(example.image.mask.sum())
    assert real < 200
    assert encoded.hidden.shape[1] == len(example.text) + real
    assert encoded.mask.all()


def test_silence_costs_nothing(engine: Engine) -> None:
    example = engine.processor("Go.", audio=np.zeros(16000 * 9, np.float32))
    assert engine.encode(example).hidden.shape[1] == len(example.text)


def test_without_padding_the_encoding_is_the_same(engine: Engine, five_modalities: Example) -> None:
    model = engine.model
    with torch.inference_mode():
        plain = model.encode(model.embed_inputs(engine.processor.collate([five_modalities])))
    there = plain.mask[0]
    torch.testing.assert_close(
        engine.encode(five_modalities).hidden[0], plain.hidden[0][there], atol=1e-4, rtol=1e-4
    )


def test_cross_attention_memory_is_computed_once_per_request(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = engine.processor("Go.", image(64, 64, 1))
    calls = Calls(monkeypatch, Attention, "project_keys_values")

    def count(new_tokens: int) -> int:
        engine.forget()
        calls.count = 0
        sampling = Sampling(max_new_tokens=new_tokens, min_new_tokens=new_tokens)
        engine.generate([example], sampling=sampling)
        return calls.count

    layers = engine.model.config.t5_config.num_decoder_layers
    assert count(9) - count(4) == 5 * layers  # self-attention of the five tokens more


# ---- history frames ----


@pytest.fixture
def fresh(engine: Engine) -> Engine:
    """The same model with an empty frame cache."""
    return Engine(engine.model, engine.processor, cached_frames=2)


def with_history(engine: Engine, keys: list[int | None]) -> Example:
    frames = [image(90, 120, seed) for seed in (1, 2, 3)[: len(keys)]]
    return engine.processor("Go.", image(64, 64, 9), frames, image_history_keys=keys)


def test_cached_frames_change_nothing(fresh: Engine) -> None:
    plain = fresh.encode(with_history(fresh, [None, None, None]))
    for key, seed in ((1, 1), (2, 2)):
        fresh.precompute_frame(key, image(90, 120, seed))
    keyed = with_history(fresh, [1, 2, None])
    assert torch.equal(fresh.encode(keyed).hidden, plain.hidden)
    assert torch.equal(fresh.encode(keyed).hidden, plain.hidden)


def test_a_frame_with_a_key_is_encoded_once(fresh: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(monkeypatch, UnifiedIO, "encode_history")
    fresh.precompute_frame(1, image(90, 120, 1))
    fresh.precompute_frame(1, image(90, 120, 1))
    assert calls.count == 1
    for _ in range(3):
        fresh.encode(with_history(fresh, [1, 2]))
    assert calls.count == 2
    fresh.encode(with_history(fresh, [None, None]))
    assert calls.count == 4


def test_the_least_recently_used_frame_is_forgotten(
    fresh: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in (1, 2):
        fresh.precompute_frame(key, image(90, 120, key))
    fresh.encode(with_history(fresh, [1]))
    fresh.precompute_frame(3, image(90, 120, 3))
    calls = Calls(monkeypatch, UnifiedIO, "encode_history")
    fresh.encode(with_history(fresh, [1]))
    assert calls.count == 0
    fresh.precompute_frame(2, image(90, 120, 2))
    assert calls.count == 1


def test_a_held_frame_need_not_be_brought_again(fresh: Engine) -> None:
    plain = fresh.encode(with_history(fresh, [1, 2]))
    assert fresh.holds_frame(1)
    assert not fresh.holds_frame(3)
    assert not fresh.holds_frame(None)
    named = fresh.processor(
        "Go.", image(64, 64, 9), [None, image(90, 120, 2)], image_history_keys=[1, 2]
    )
    assert torch.equal(fresh.encode(named).hidden, plain.hidden)
    with pytest.raises(ValueError, match="no image-history frame is held under key 7"):
        fresh.encode(dataclasses.replace(named, history_keys=(7, 2)))
    with pytest.raises(InvalidInputError, match="only an engine holds"):
        fresh.processor.collate([named])


def test_keys_must_name_every_frame(engine: Engine) -> None:
    example = dataclasses.replace(with_history(engine, [None, None]), history_keys=(1,))
    with pytest.raises(ValueError, match="1 history_keys do not name 2 frames"):
        engine.encode(example)


def test_examples_without_keys_have_no_names(engine: Engine) -> None:
    example = with_history(engine, [None, None])
    unnamed = dataclasses.replace(example, history_keys=())
    assert torch.equal(engine.encode(unnamed).hidden, engine.encode(example).hidden)


# ---- ending and cancelling ----


def test_min_and_max_new_tokens(engine: Engine) -> None:
    def wants_end(_: Tensor, scores: Tensor) -> Tensor:
        return scores.index_fill(1, torch.tensor([END]), 100.0)

    def length(**limits: int) -> int:
        sampling = Sampling(logits_processors=[wants_end], **limits)
        return len(engine.generate([engine.processor("Go.")], sampling=sampling)[0].tokens)

    assert length() == 0
    assert length(min_new_tokens=3) == 3
    assert length(max_new_tokens=2, min_new_tokens=2) == 2


def test_without_a_limit_the_model_s_own_applies(engine: Engine) -> None:
    sampling = Sampling(min_new_tokens=512)
    (generation,) = engine.generate([engine.processor("Go.")], sampling=sampling)
    assert len(generation.tokens) == engine.model.config.t5_config.decoder_max_text_length


def test_stop_ends_a_row_and_keeps_its_tokens(engine: Engine, unequal: list[Example]) -> None:
    free = tokens(engine.generate(unequal, sampling=VARIED))
    word = free[0][2]

    def stop(row: np.ndarray) -> bool:
        return bool(row[-1] == word)

    for stopped, row in zip(
        tokens(engine.generate(unequal, sampling=VARIED, stop=stop)), free, strict=True
    ):
        assert stopped == (row[: row.index(word) + 1] if word in row else row)


class Cancelled(Exception):
    pass


def test_an_exception_of_on_token_cancels_at_once(engine: Engine) -> None:
    seen: list[int] = []

    def on_token(rows: np.ndarray) -> None:
        seen.append(rows.shape[1])
        if len(seen) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.generate([engine.processor("Go.")], sampling=VARIED, on_token=on_token)
    assert seen == [1, 2, 3]
    assert engine.generate([engine.processor("Go.")], sampling=VARIED)


def test_scoring_can_be_cancelled_between_batches_of_options(engine: Engine) -> None:
    scored: list[int] = []

    def on_scored(done: int) -> None:
        scored.append(done)
        if len(scored) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.score(engine.processor("Go."), [f"{n}" for n in range(300)], on_scored=on_scored)
    assert scored == [0, engine_module.OPTIONS_AT_ONCE, 2 * engine_module.OPTIONS_AT_ONCE]


def test_rendering_can_be_cancelled_between_rows(engine: Engine) -> None:
    rendered: list[int] = []

    def on_rendered(done: int) -> None:
        rendered.append(done)
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.generate([engine.processor("Go.")] * 3, sampling=VARIED, on_rendered=on_rendered)
    assert rendered == [0, 1]


def test_timings_are_those_of_the_stages(engine: Engine, five_modalities: Example) -> None:
    (generation,) = engine.generate([five_modalities], sampling=VARIED)
    timings = generation.timings
    assert timings.encode > 0
    assert 0 < timings.first_token < timings.decode


# ---- logits processors ----


def test_logits_processors_see_raw_logits_and_the_start_token(engine: Engine) -> None:
    example = engine.processor("Go.")
    seen: list[tuple[Tensor, Tensor]] = []

    def record(tokens: Tensor, scores: Tensor) -> Tensor:
        seen.append((tokens.clone(), scores.clone()))
        return scores

    processors = [record]
    sampling = Sampling(
        max_new_tokens=2, min_new_tokens=2, temperature=0.5, top_k=3, seed=1,
        logits_processors=processors,
    )  # fmt: skip
    (generation,) = engine.generate([example], sampling=sampling)
    assert seen[0][0].tolist() == [[0]]
    assert seen[1][0].tolist() == [[0, generation.tokens[0]]]
    model = engine.model
    with torch.inference_mode():
        state = model.prefill(engine.encode(example), 1)
        logits = model.decode_step(state, torch.zeros(1, dtype=torch.long))
    torch.testing.assert_close(seen[0][1], logits)
    assert processors == [record]


def test_processors_run_in_order(engine: Engine) -> None:
    def force(token: int) -> Any:
        return lambda _, scores: scores.index_fill(1, torch.tensor([token]), 1e3 + token)

    sampling = Sampling(max_new_tokens=1, logits_processors=[force(70), lambda _, s: -s])
    (generation,) = engine.generate([engine.processor("Go.")], sampling=sampling)
    assert generation.tokens != [70]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda *_: None, r"gave NoneType, expected scores \(1, 33280\)"),
        (lambda _, scores: scores[0], r"gave \(33280,\), expected scores \(1, 33280\)"),
        (lambda _, scores: scores - torch.inf, "no token is possible"),
        (lambda _, scores: scores * torch.nan, "scores are not finite"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_broken_processor_is_reported(
    engine: Engine, broken: Any, message: str, temperature: float
) -> None:
    sampling = Sampling(temperature=temperature, logits_processors=[broken])
    with pytest.raises(ValueError, match=message):
        engine.generate([engine.processor("Go.")], sampling=sampling)


# ---- guidance ----


def test_guidance_of_scale_zero_changes_nothing(engine: Engine, unequal: list[Example]) -> None:
    negative = [engine.processor("Nothing at all.")]
    guided = dataclasses.replace(VARIED, guidance_scale=0.0)
    assert tokens(engine.generate(unequal, sampling=guided, negative=negative)) == tokens(
        engine.generate(unequal, sampling=VARIED)
    )


def test_guidance_moves_away_from_the_negative(engine: Engine) -> None:
    main, other = engine.processor("A red mug."), engine.processor("Nothing at all.")
    seen: list[tuple[Tensor, Tensor]] = []

    def record(tokens: Tensor, scores: Tensor) -> Tensor:
        seen.append((tokens.clone(), scores.clone()))
        return with_noise(tokens, scores)

    sampling = Sampling(
        max_new_tokens=4, min_new_tokens=4, guidance_scale=3.0, logits_processors=[record]
    )
    (generation,) = engine.generate([main], sampling=sampling, negative=[other])
    rows, _ = seen[-1]
    assert rows.tolist() == [[0, *generation.tokens[:-1]]] * 2
    for step, (rows, scores) in enumerate(seen):
        noisy = with_noise(rows, scores).log_softmax(-1)
        guided = 4 * noisy[0] - 3 * noisy[1]
        guided[END] = -torch.inf
        assert generation.tokens[step] == int(guided.argmax())


# ---- scores ----


def test_scores_do_not_depend_on_the_company(
    engine: Engine, five_modalities: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["mug", "a green apple", "tray", "somewhere over the rainbow", "b"]
    together = engine.score(five_modalities, options)
    alone = [engine.score(five_modalities, [option])[0] for option in options]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    monkeypatch.setattr(engine_module, "OPTIONS_AT_ONCE", 2)
    np.testing.assert_allclose(engine.score(five_modalities, options), together, atol=1e-4)


def test_scores_are_the_loss_of_the_option_as_target(engine: Engine) -> None:
    example = engine.processor("What is it?", image(90, 120, 1))
    trained = engine.processor("What is it?", image(90, 120, 1), text_target="a green apple")
    logits, targets, _ = engine.model(engine.processor.collate([trained]))["text"]
    loss = torch.nn.functional.cross_entropy(logits[0], targets[0]).item()
    assert engine.score(example, ["a green apple"])[0] == pytest.approx(loss, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "reduction", "message"),
    [
        ([], "mean", "at least one"),
        (["a", ""], "mean", "texts that are not empty"),
        (["a"], "max", "reduction must be 'mean' or 'sum', got 'max'"),
    ],
)
def test_options_that_cannot_be_scored(
    engine: Engine, options: list[str], reduction: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        engine.score(engine.processor("Go."), options, reduction)


# ---- refused requests ----


def test_refused_requests(engine: Engine) -> None:
    example, picture = engine.processor("Go."), engine.processor("Go.", target="image")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"examples": []}, "give at least one"),
        (
            {"examples": [example], "modality": "video"},
            "'video' is not supported: this model writes text, image, audio",
        ),
        ({"examples": [example], "modality": "image"}, "asks for text, the call for image"),
        ({"examples": [picture]}, "asks for image, the call for text"),
        ({"examples": [example], "negative": [example]}, "need a guidance_scale"),
        (
            {"examples": [example], "sampling": Sampling(guidance_scale=1.0)},
            "guidance_scale needs negative examples",
        ),
        (
            {
                "examples": [example] * 3,
                "negative": [example] * 2,
                "sampling": Sampling(guidance_scale=1.0),
            },
            "2 negative examples do not fit 3 examples",
        ),
        (
            {"examples": [example], "sampling": Sampling(max_new_tokens=513)},
            "max_new_tokens must be <= 512 for this model",
        ),
        (
            {"examples": [example] * 2, "sampling": Sampling(temperature=1.0, seed=(1, 2, 3))},
            "3 seeds were given for 2 examples",
        ),
    ]
    for request, message in cases:
        with pytest.raises(ValueError, match=message):
            engine.generate(**request)


def test_a_picture_that_is_none_never_reaches_the_model(engine: Engine) -> None:
    with pytest.raises(InvalidInputError):
        engine.precompute_frame(1, np.zeros((0, 5, 3), np.uint8))


def test_a_model_without_a_history_keeps_no_frames() -> None:
    engine = Engine.from_pretrained(
        "uio2-nano", input_modalities=["text", "image"], target_modalities=["text"]
    )
    engine.precompute_frame(1, image(90, 120, 1))
    engine.precompute_segment(waveform(4.08, 1))
    assert not engine.holds_frame(1)


# ---- making engines ----


def test_synthetic_engines_say_so(engine: Engine) -> None:
    assert engine.name == "synthetic-tiny"
    assert engine.synthetic_weights
    assert engine.device == torch.device("cpu")


def test_a_checkpoint_directory_makes_an_engine(engine: Engine, tmp_path: Path) -> None:
    engine.model.save_pretrained(tmp_path)
    path = engine.tokenizer.path
    loaded = Engine.from_pretrained(tmp_path, tokenizer=path, device="cpu")
    assert not loaded.synthetic_weights
    assert loaded.name == str(tmp_path)
    assert loaded.model.dtype == torch.float32
    example = loaded.processor("Go.", image(90, 120, 1))
    assert tokens(loaded.generate([example], sampling=VARIED)) == tokens(
        engine.generate([example], sampling=VARIED)
    )


def test_low_precision_generates(engine: Engine, tmp_path: Path, unequal: list[Example]) -> None:
    engine.model.save_pretrained(tmp_path)
    low = Engine.from_pretrained(
        tmp_path, tokenizer=engine.tokenizer, device="cpu", dtype="bfloat16"
    )
    assert low.model.dtype == torch.bfloat16
    assert all(len(g.tokens) == 8 for g in low.generate(unequal, sampling=VARIED))
    np.testing.assert_allclose(
        low.score(unequal[2], ["mug", "tray"]),
        engine.score(unequal[2], ["mug", "tray"]),
        atol=0.1,
    )


def test_settings_that_do_not_exist_are_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="quantize='int2' is not supported: give 'int8', or None"):
        Engine.from_pretrained(tmp_path, tokenizer=engine.tokenizer, quantize="int2")


# ---- bundles ----

TRAINED_FOR = TrainedFor(("vqa", "act"), ("ee_delta",), (Camera("front", 320, 240),))


def test_a_bundle_needs_no_tokenizer(engine: Engine, tmp_path: Path) -> None:
    scores, folder = {"vqa": 0.5}, tmp_path / "small"
    engine.save_bundle(
        folder, TRAINED_FOR, description="For a table.", licence="MIT", scores=scores
    )
    loaded = Engine.from_pretrained(folder, device="cpu")
    assert loaded.trained_for == TRAINED_FOR
    assert loaded.bundle is not None
    assert loaded.bundle.scores == scores
    assert (folder / "card.md").read_text() == "# small\n\nFor a table.\n"
    example = engine.processor("Go.", image(90, 120, 1))
    assert tokens(loaded.generate([example], sampling=VARIED)) == tokens(
        engine.generate([example], sampling=VARIED)
    )


def test_a_checkpoint_without_a_tokenizer_needs_one(engine: Engine, tmp_path: Path) -> None:
    engine.model.save_pretrained(tmp_path)
    for nothing in (None, ""):
        with pytest.raises(TokenizerError, match=r"has no tokenizer; give the one .* LLaMA"):
            Engine.from_pretrained(tmp_path, tokenizer=nothing)
    assert Engine.from_pretrained(tmp_path, tokenizer=engine.tokenizer).trained_for is None


def like_llama(target: Path) -> Path:
    """The synthetic SentencePiece file with the pieces that tell LLaMA's at their places."""
    fields = list(parse(SYNTHETIC_TOKENIZER.read_bytes()))
    places = [place for place, one in enumerate(fields) if one.number == 1]
    plain = Tokenizer(SYNTHETIC_TOKENIZER)
    for piece, wanted in LLAMA_PIECES.items():
        if (there := plain.piece_id(piece)) != plain.unknown_id:
            one, other = places[wanted], places[there]
            fields[one], fields[other] = fields[other], fields[one]
        else:
            rest = [part for part in parse(fields[places[wanted]].value) if part.number != 1]
            message = serialize([WireField.of_bytes(1, piece.encode()), *rest])
            fields[places[wanted]] = WireField.of_bytes(1, message)
    target.write_bytes(serialize(fields))
    return target


def test_released_sizes_want_the_tokenizer_of_the_released_models(tmp_path: Path) -> None:
    unified_io_2 = family("unified_io_2")
    with without_weights():
        large = UnifiedIO.from_config("large")
    with pytest.raises(TokenizerError, match="not the tokenizer of the released models, LLaMA's"):
        unified_io_2.processor(large, SYNTHETIC_TOKENIZER, own=False)
    alike = like_llama(tmp_path / "tokenizer.model")
    assert unified_io_2.processor(large, alike, own=False).tokenizer.path == alike
    assert unified_io_2.processor(large, SYNTHETIC_TOKENIZER, own=True)


@pytest.mark.parametrize("faster", [True, False])
def test_encoders_run_in_what_they_were_trained_in_where_that_is_faster(
    faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "small_layers_are_faster_in_bfloat16", lambda _: faster)
    nano: Any = Engine.from_pretrained("uio2-nano", device="cpu").model
    vit = nano.input_embedders["image"].vit
    wanted = torch.bfloat16 if faster else torch.float32
    assert vit.embedding.weight.dtype == wanted
    assert nano.state_dict()["encoder.layers.0.mlp.wo.weight"].dtype == wanted
    assert nano.dtype == torch.float32
    assert nano.decoder.layers[0].mlp.wo.weight.dtype == torch.float32
    asked: Any = Engine.from_pretrained("uio2-nano", device="cpu", dtype="float32").model
    assert asked.input_embedders["image"].vit.embedding.weight.dtype == torch.float32
