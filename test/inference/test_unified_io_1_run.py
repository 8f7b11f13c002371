"""The low-level call of Unified-IO 1 against what the original's runner gave."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from synthetic_inputs import image
from torch import Tensor
from uio1_inputs import GOLDEN, golden, golden_model, gumbel

from uio2_ros.inference import Engine, Sampling
from uio2_ros.inference.families.one_picture_encoder import OnePictureEncoder
from uio2_ros.inference.sampling import draw
from uio2_ros.inference.scoring import log_probabilities
from uio2_ros.inference.unified_io_1 import TOP_P, run
from uio2_ros.model.families.unified_io_1.network import DecoderState, Memory
from uio2_ros.processing.unified_io_1 import T5Tokenizer, UnifiedIO1Processor

WORDS, CODES = 33152, 16384
PICTURE = image(480, 640, 1)
PROMPT = 'Which region does the text " red mug on the tray " describe ?'
PAINT = 'What is the complete image? Text: " a red mug " .'
CLASSIFY = "What is this in the image ?"
OPTIONS = ["mug", "a green apple", "tray"]
TOLERANCE = 1e-3  # of the score of a token


@pytest.fixture(scope="module", autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def engine() -> Engine:
    model = golden_model()
    tokenizer = T5Tokenizer(GOLDEN / "tokenizer.model")
    return Engine(model, UnifiedIO1Processor(model.config, tokenizer), name="golden")


def memory(engine: Engine, prompt: str, picture: np.ndarray | None = None) -> Memory:
    example = engine.processor(prompt, picture)
    return engine.model.remember(OnePictureEncoder(engine.model).encode([example]))


def noise(step: int, rows: int, ids: slice) -> Tensor:
    """What tokens are drawn with: exponential times of which the golden noise is the logarithm."""
    drawn = np.stack([gumbel(step, row, WORDS + CODES)[ids] for row in range(rows)])
    return (-torch.from_numpy(drawn)).exp()


# ---- generating ----


def test_a_text_and_its_score_are_the_originals(engine: Engine) -> None:
    pinned = golden("text")
    ((found,),) = run(engine, [PICTURE], [PROMPT], output_text_len=16)
    assert list(found.tokens) == pinned["greedy"][:16].tolist()
    assert found.score == pytest.approx(pinned["greedy_text_score"].item(), abs=16 * TOLERANCE)
    assert found.image is None


def test_several_texts_are_the_originals_beams_with_the_best_first(engine: Engine) -> None:
    pinned = golden("text")
    (found,) = run(engine, [PICTURE], [PROMPT], output_text_len=6, num_decodes=3)
    assert [list(one.tokens) for one in found] == pinned["beam3_text"][::-1].tolist()
    scores = pinned["beam3_text_scores"][::-1].tolist()
    assert [one.score for one in found] == pytest.approx(scores, abs=6 * TOLERANCE)


def test_the_end_of_a_text_is_scored_and_nothing_behind_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = engine.model.decode_step

    def ending(state: DecoderState, tokens: Tensor, modality: str = "text") -> Tensor:
        logits = step(state, tokens, modality)
        logits[0, 1] += 100.0 if state.length == 3 else 0.0  # the first input ends early
        return logits

    monkeypatch.setattr(engine.model, "decode_step", ending)
    (short,), (long,) = run(engine, [PICTURE] * 2, [PROMPT] * 2, output_text_len=6)
    assert (len(short.tokens), len(long.tokens)) == (2, 6)
    ended = torch.tensor([[*short.tokens, 1]])
    logits = engine.model.decode_targets(memory(engine, PROMPT, PICTURE), ended)
    assert short.score == pytest.approx(float(log_probabilities(logits, ended).sum()), abs=1e-3)


def test_a_batch_is_answered_as_by_the_originals_runner(engine: Engine) -> None:
    """Which lets one code of a picture follow each text, and counts it."""
    pinned = json.loads((GOLDEN / "runner.json").read_text())
    images, prompts = [PICTURE, image(301, 97, 3)], ["what color is the mug?", CLASSIFY]
    answers = run(engine, images, prompts, output_text_len=8)
    for (found,), picture, prompt, tokens, score in zip(
        answers, images, prompts, pinned["batch_text_tokens"], pinned["batch_scores"], strict=True
    ):
        assert list(found.tokens) == tokens[0][:8]
        words, code = torch.tensor([found.tokens[:-1]]), torch.tensor([[tokens[0][8] - WORDS]])
        logits = engine.model.decode_targets(
            memory(engine, prompt, picture), code, "image", words=words
        )
        assert int(logits.argmax()) == int(code)
        counted = found.score + float(log_probabilities(logits, code))
        assert counted == pytest.approx(score[0], abs=9 * TOLERANCE)


def test_texts_drawn_with_the_originals_noise_are_its_own(engine: Engine) -> None:
    pinned = golden("text")
    seen, sampling = memory(engine, PROMPT, PICTURE), Sampling(top_p=TOP_P)
    state, tokens, drawn = engine.model.begin(seen, 24, 3), torch.zeros(3, dtype=torch.long), []
    for step in range(24):
        logits = engine.model.decode_step(state, tokens)
        tokens = draw(logits, noise(step, 3, slice(WORDS)), sampling)
        drawn.append(tokens)
    theirs = torch.from_numpy(pinned["sampled"][:, :24]).long()
    assert sorted(torch.stack(drawn, 1).tolist()) == sorted(theirs.tolist())
    ours = log_probabilities(engine.model.decode_targets(seen, theirs), theirs, TOP_P)
    assert np.abs(ours.numpy() - pinned["sampled_logprobs"][:, :24]).max() < TOLERANCE


def test_the_score_of_a_drawn_picture_is_the_originals(engine: Engine) -> None:
    """Which draws one token of a text before it, looks at it no more, and counts it."""
    pinned, seen = golden("image_target"), memory(engine, PAINT)
    codes = torch.from_numpy(pinned["sampled"]).long()[None]
    ours = log_probabilities(engine.model.decode_targets(seen, codes, "image"), codes, TOP_P).sum()
    logits = engine.model.decode_step(engine.model.begin(seen, 1), torch.tensor([0]))
    token = draw(logits, noise(0, 1, slice(WORDS)), Sampling(top_p=TOP_P))
    counted = ours + log_probabilities(logits, token, TOP_P).sum()
    assert float(counted) == pytest.approx(pinned["sampled_score"].item(), rel=1e-4)


def test_a_seed_gives_the_same_answers_again_and_the_next_one_the_next(engine: Engine) -> None:
    settings = {"output_text_len": 5, "beam_search": False}
    (both,) = run(engine, [PICTURE], [PROMPT], num_decodes=2, seed=7, **settings)
    alone = [run(engine, [PICTURE], [PROMPT], seed=7 + k, **settings)[0][0] for k in range(2)]
    assert {one.tokens for one in both} == {one.tokens for one in alone}
    assert both[0].score >= both[1].score
    assert {round(one.score, 3) for one in both} == {round(one.score, 3) for one in alone}


def test_pictures_alone_and_pictures_after_a_text(engine: Engine) -> None:
    inputs = ([None, PICTURE], [PAINT, PROMPT])
    alone = run(engine, *inputs, output_text_len=1, generate_image=True, seed=0)
    for (found,) in alone:
        assert (found.text, found.tokens) == (None, ())
        assert found.image is not None
        assert (found.image.shape, len(found.codes)) == ((256, 256, 3), 256)
    ((told,),) = run(engine, [None], [PAINT], output_text_len=4, generate_image=True, seed=0)
    assert told.text
    assert told.codes != alone[0][0].codes


def test_what_lies_in_a_masked_region_changes_nothing(engine: Engine) -> None:
    painted = PICTURE.copy()
    painted[64:192, 64:192] = 255  # of whole patches
    hidden = {"mask_regions": [(40, 40, 220, 220)], "output_text_len": 3}
    ((first,),) = run(engine, [PICTURE], [PROMPT], **hidden)
    ((other,),) = run(engine, [painted], [PROMPT], **hidden)
    ((shown,),) = run(engine, [painted], [PROMPT], output_text_len=3)
    assert first.score == other.score
    assert first.score != shown.score


# ---- options ----


@pytest.mark.parametrize(
    ("average", "name"), [(False, "option_scores"), (True, "option_scores_mean")]
)
def test_losses_of_texts_are_the_originals(engine: Engine, average: bool, name: str) -> None:
    pinned = golden("text")[name]
    ((found,),) = run(engine, [PICTURE], [PROMPT], answer_options=OPTIONS, average_loss=average)
    assert found.losses == pytest.approx(pinned, abs=5 * TOLERANCE)
    assert found.text == OPTIONS[int(pinned.argmin())]
    assert found.score == pytest.approx(-float(pinned.min()), abs=5 * TOLERANCE)


def test_losses_of_pictures_are_the_originals(engine: Engine) -> None:
    pinned = golden("image_target")["option_scores"]
    options = [image(300, 299, 4), image(200, 150, 5), image(90, 300, 6)]
    ((found,),) = run(engine, [None], [PAINT], answer_options=options)
    assert found.losses == pytest.approx(pinned, rel=1e-4)
    assert found.image is options[2]


def test_every_input_of_a_batch_has_losses_of_its_own(engine: Engine) -> None:
    """Many options are looked at in turns, which changes nothing."""
    many = [f"{option} {n}" for n in range(30) for option in OPTIONS]
    answers = run(engine, [PICTURE, None], [PROMPT, PAINT], answer_options=many)
    ((alone,),) = run(engine, [None], [PAINT], answer_options=many[40:50])
    assert answers[1][0].losses[40:50] == pytest.approx(alone.losses, abs=TOLERANCE)
    assert answers[0][0].losses != pytest.approx(answers[1][0].losses, abs=TOLERANCE)


def test_the_originals_runner_counts_the_end_of_an_option_twice(engine: Engine) -> None:
    """So its score is ours with one more end."""
    pinned = json.loads((GOLDEN / "runner.json").read_text())["classification"]
    ((found,),) = run(engine, [PICTURE], [CLASSIFY], answer_options=OPTIONS)
    assert found.text == pinned["text"]
    twice = torch.tensor([[*found.tokens, 1, 1]])
    logits = engine.model.decode_targets(memory(engine, CLASSIFY, PICTURE), twice)
    last = float(log_probabilities(logits, twice)[0, -1])
    assert found.score + last == pytest.approx(-pinned["score"][0], abs=3 * TOLERANCE)


# ---- refusals ----


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"num_decodes": 0}, "num_decodes must be >= 1"),
        ({"num_decodes": 2, "answer_options": OPTIONS}, "1 with options"),
        ({"answer_options": [""]}, "not empty"),
        ({"answer_options": ["mug", PICTURE]}, "all be texts, or all be pictures"),
        ({"output_text_len": 0}, "max_new_tokens must be >= 1"),
        ({"output_text_len": 257}, "max_new_tokens must be <= 256"),
        (
            {"generate_image": True, "output_text_len": 1, "beam_search": True, "num_decodes": 2},
            "beam_search=False",
        ),
        ({"mask_regions": []}, "0 regions"),
    ],
)
def test_what_does_not_go_together_is_refused(
    engine: Engine, given: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        run(engine, [PICTURE], [PROMPT], **given)


def test_a_region_without_a_picture_and_other_families_are_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="no picture"):
        run(engine, [None], [PROMPT], mask_regions=[(0, 0, 9, 9)])
    with pytest.raises(ValueError, match="of unified_io_2"):
        run(Engine.synthetic("tiny", device="cpu"), [PICTURE], [PROMPT])
