from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import uio2_ros
from uio2_ros.decoding import (
    COCO_17,
    Symbols,
    free_form,
    labelled_boxes,
    locations,
    named_points,
    options,
    parse_boxes,
    parse_keypoints,
)
from uio2_ros.inference.constraint import KEPT_STATES, ConstrainedDecoding, _masks
from uio2_ros.processing import Tokenizer

WIDTH = 33280  # rows of the released embedding table: more than the tokenizer has pieces
END = 1


@pytest.fixture(scope="module")
def symbols():
    path = Path(uio2_ros.__file__).parent / "assets" / "synthetic_tokenizer.model"
    return Symbols.of(Tokenizer(path))


def generate(constraint, make_scores, longest, rows=1):
    """Greedy decoding of made-up scores; rows that ended repeat the end. Rows without the end."""
    tokens = torch.zeros(rows, 1, dtype=torch.int64)
    for step in range(longest):
        chosen = constraint(tokens, make_scores(step)).argmax(-1)
        ended = (tokens == END).any(-1)
        tokens = torch.cat([tokens, torch.where(ended, END, chosen)[:, None]], dim=1)
        if (tokens == END).any(-1).all():
            break
    written = tokens[:, 1:].tolist()
    return [row[: row.index(END)] if END in row else row for row in written]


def random_scores(seed, rows=1):
    generator = torch.Generator().manual_seed(seed)
    return lambda _step: 3 * torch.randn(rows, WIDTH, generator=generator)


def start(rows=1):
    return torch.zeros(rows, 1, dtype=torch.int64)


def test_disallowed_tokens_and_rows_beyond_the_vocabulary_become_impossible(symbols):
    scores = torch.zeros(1, WIDTH)
    masked = ConstrainedDecoding(locations(symbols, 4))(start(), scores)
    assert masked.isfinite()[0].nonzero()[:, 0].tolist() == list(range(32000, 33000))


def test_allowed_scores_are_kept_and_the_given_ones_untouched(symbols):
    scores = torch.randn(2, WIDTH)
    before = scores.clone()
    masked = ConstrainedDecoding(locations(symbols, 4))(start(2), scores)
    assert torch.equal(scores, before)
    assert torch.equal(masked[:, 32000:33000], before[:, 32000:33000])


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 0.0, 0.02, 1.0]))
@settings(max_examples=10, deadline=None)
def test_random_scores_always_give_readable_boxes(symbols, seed, threshold):
    grammar = labelled_boxes(symbols, at_most=4, label_tokens=3)
    constraint = ConstrainedDecoding(grammar, threshold)
    (tokens,) = generate(constraint, random_scores(seed), grammar.longest)
    boxes = parse_boxes(symbols.vocabulary, tokens)
    assert 4 * len(boxes) == sum(32000 <= token < 33000 for token in tokens)
    assert all(box.label for box in boxes)


def test_rows_of_a_batch_are_constrained_one_by_one(symbols):
    grammar = options(symbols, ("stop", "go forward to the red mug"))
    stop, go = (symbols.vocabulary.encode(text)[0] for text in ("stop", "go"))
    scores = torch.zeros(2, WIDTH)
    scores[0, stop], scores[1, go] = 5.0, 5.0
    rows = generate(ConstrainedDecoding(grammar), lambda _step: scores, grammar.longest, rows=2)
    texts = [symbols.vocabulary.decode(row) for row in rows]
    assert texts == ["stop", "go forward to the red mug"]


def test_part_names_are_forced_in_order(symbols):
    grammar = named_points(symbols, COCO_17)
    (tokens,) = generate(ConstrainedDecoding(grammar), random_scores(7), grammar.longest)
    names = [point.name for point in parse_keypoints(symbols.vocabulary, tokens)]
    assert names == list(COCO_17)


def scores_with_location_probability(probability):
    """Even within locations and within the rest; the end token is the best single one."""
    scores = torch.full((1, WIDTH), float(np.log((1 - probability) / 2 / (WIDTH - 1001))))
    scores[:, 32000:33000] = float(np.log(probability / 1000))
    scores[:, END] = float(np.log((1 - probability) / 2))
    return scores


@pytest.mark.parametrize(("probability", "forced"), [(0.31, True), (0.29, False)])
def test_locations_are_forced_from_the_threshold_on(symbols, probability, forced):
    grammar = labelled_boxes(symbols, at_most=4, label_tokens=3)
    scores = scores_with_location_probability(probability)
    masked = ConstrainedDecoding(grammar, 0.3)(start(), scores)
    assert (32000 <= int(masked.argmax()) < 33000) is forced
    assert bool(masked[0, END].isfinite()) is not forced


def test_nothing_is_forced_where_no_location_may_come(symbols):
    grammar = options(symbols, ("stop",))
    masked = ConstrainedDecoding(grammar, 0.0)(start(), scores_with_location_probability(0.9))
    assert int(masked.argmax()) == symbols.vocabulary.encode("stop")[0]


def test_forcing_in_a_batch_is_a_matter_of_each_row(symbols):
    grammar = labelled_boxes(symbols, at_most=4, label_tokens=3)
    scores = torch.cat([scores_with_location_probability(p) for p in (0.29, 0.31)])
    masked = ConstrainedDecoding(grammar, 0.3)(start(2), scores)
    assert masked[:, END].isfinite().tolist() == [True, False]


def test_the_recorded_probability_is_the_models_own(symbols):
    constraint = ConstrainedDecoding(locations(symbols, 4))
    scores = torch.full((1, WIDTH), -50.0)
    scores[:, [5, 32000]] = torch.log(torch.tensor([0.75, 0.25]))
    (tokens,) = generate(constraint, lambda _step: scores, 5)
    assert tokens == [32000] * 4
    assert constraint.probabilities(tokens) == pytest.approx([0.25] * 4)


def test_probabilities_of_a_text_cut_before_its_end_are_complete(symbols):
    constraint = ConstrainedDecoding(locations(symbols, 4))
    scores = torch.full((1, WIDTH), -50.0)
    scores[:, [5, 32000]] = torch.log(torch.tensor([0.75, 0.25]))
    (tokens,) = generate(constraint, lambda _step: scores, 3)
    assert constraint.probabilities(tokens) == pytest.approx([0.25] * 3)
    assert constraint.probabilities([]) == []


def test_rows_that_ended_early_keep_their_probabilities(symbols):
    grammar = free_form(symbols, longest=4)
    constraint = ConstrainedDecoding(grammar)
    mug = symbols.vocabulary.encode("mug")[0]
    steps = [torch.full((2, WIDTH), -20.0) for _ in range(4)]
    for step, (first, second) in enumerate([(mug, mug), (END, mug), (END, mug), (END, END)]):
        steps[step][0, first], steps[step][1, second] = 9.0, 3.0
    rows = generate(constraint, lambda step: steps[step], 4, rows=2)
    assert rows == [[mug], [mug] * 3]
    own = [float(steps[0][row].softmax(-1)[mug]) for row in (0, 1)]
    assert constraint.probabilities(rows[0], row=0) == pytest.approx(own[:1], rel=1e-3)
    assert constraint.probabilities(rows[1], row=1) == pytest.approx(own[1:] * 3, rel=1e-3)


def test_reordered_rows_keep_state_and_probabilities(symbols):
    constraint = ConstrainedDecoding(options(symbols, ("stop", "go forward")))
    stop, go, forward = symbols.vocabulary.encode("stop go forward")
    scores = torch.zeros(2, WIDTH)
    scores[0, stop], scores[1, go] = 12.0, 11.0
    constraint(start(2), scores)
    constraint(torch.tensor([[0, stop], [0, go]]), torch.zeros(2, WIDTH))
    masked = constraint(torch.tensor([[0, go, forward], [0, stop, END]]), torch.zeros(2, WIDTH))
    assert masked[:, END].isfinite().all()
    even = 1 / WIDTH
    going, stopping = (float(scores[row].softmax(-1).max()) for row in (1, 0))
    assert constraint.probabilities([go, forward], row=0) == pytest.approx([going, even], rel=1e-3)
    assert constraint.probabilities([stop], row=1) == pytest.approx([stopping], rel=1e-3)


def test_dropped_rows_leave_the_others_as_they_were(symbols):
    constraint = ConstrainedDecoding(options(symbols, ("stop", "go forward")))
    stop, go, forward = symbols.vocabulary.encode("stop go forward")
    constraint(start(2), torch.zeros(2, WIDTH))
    constraint(torch.tensor([[0, stop], [0, go]]), torch.zeros(2, WIDTH))
    masked = constraint(torch.tensor([[0, go, forward]]), torch.zeros(1, WIDTH))
    assert masked.isfinite()[0].nonzero()[:, 0].tolist() == [END]


def test_half_precision_scores_stay_half_precision(symbols):
    masked = ConstrainedDecoding(locations(symbols, 4), 0.5)(
        start(), torch.zeros(1, WIDTH, dtype=torch.bfloat16)
    )
    assert masked.dtype == torch.bfloat16
    assert int(masked.isfinite().sum()) == 1000


def test_masks_are_shared_by_all_generations_of_a_grammar(symbols, monkeypatch):
    grammar, asked = locations(symbols, 4), []
    allowed = grammar.allowed
    monkeypatch.setattr(grammar, "allowed", lambda state: asked.append(state) or allowed(state))
    for seed in range(2):
        generate(ConstrainedDecoding(grammar), random_scores(seed), 5)
    assert len(asked) == len(set(asked)) == 5


def test_the_masks_of_all_grammars_together_are_bounded(symbols):
    for number in range(KEPT_STATES // 4):
        grammar = locations(symbols, 5 + number % 3)
        generate(ConstrainedDecoding(grammar), random_scores(0), 5)
    assert _masks.cache_info().currsize == KEPT_STATES


def test_a_second_generation_with_the_same_constraint_is_an_error(symbols):
    constraint = ConstrainedDecoding(locations(symbols, 4))
    constraint(start(), torch.zeros(1, WIDTH))
    with pytest.raises(ValueError, match="make a new ConstrainedDecoding"):
        constraint(start(), torch.zeros(1, WIDTH))


def test_a_token_the_grammar_forbids_is_an_error(symbols):
    constraint = ConstrainedDecoding(locations(symbols, 4))
    constraint(start(), torch.zeros(1, WIDTH))
    with pytest.raises(ValueError, match="token 5 breaks the grammar"):
        constraint(torch.tensor([[0, 5]]), torch.zeros(1, WIDTH))


def test_scores_of_another_vocabulary_are_an_error(symbols):
    with pytest.raises(ValueError, match="33225 tokens, the scores only 100"):
        ConstrainedDecoding(locations(symbols, 4))(start(), torch.zeros(1, 100))


def test_a_threshold_that_is_no_probability_is_an_error(symbols):
    with pytest.raises(ValueError, match=r"in \[0, 1\], got 30"):
        ConstrainedDecoding(locations(symbols, 4), 30)


def test_probabilities_of_other_texts_are_errors(symbols):
    constraint = ConstrainedDecoding(locations(symbols, 4))
    with pytest.raises(ValueError, match="nothing was generated"):
        constraint.probabilities([5])
    (tokens,) = generate(constraint, random_scores(0), 5)
    with pytest.raises(ValueError, match="not generated under this constraint"):
        constraint.probabilities([32000, 32001, 32002, 32003])
    with pytest.raises(ValueError, match="only 5 tokens were generated, asked about 7"):
        constraint.probabilities([*tokens, 5, 5, 5])
