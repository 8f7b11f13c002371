import pytest
import torch

from uio2_ros.cli import bench, bench_decoding
from uio2_ros.decoding import named_action, single_box

FEW = {
    "one box": single_box,
    "an action": lambda symbols: named_action(symbols, ("go", "stop")),
}


@pytest.fixture
def few_grammars(monkeypatch):
    monkeypatch.setattr(bench_decoding, "GRAMMARS", FEW)
    monkeypatch.setattr(bench_decoding, "TEXTS", 1)
    monkeypatch.setattr(bench_decoding, "REPEATS", 2)


@pytest.mark.usefixtures("few_grammars")
@pytest.mark.parametrize(("share", "code"), [(1e6, 0), (0.0, 1)])
def test_every_grammar_is_held_against_a_decoder_step(monkeypatch, capsys, share, code):
    monkeypatch.setattr(bench_decoding, "SHARE", share)
    assert bench.main(["decoding", "--model", "tiny", "--steps", "2"]) == code
    told = capsys.readouterr().out
    assert "tiny, bfloat16, 1 row(s): " in told
    assert ("FAIL" in told) is bool(code)
    for name in FEW:
        assert f"\n{name}" in told


def test_layers_left_out_are_added_in_proportion():
    whole = bench_decoding.RandomDecoder("tiny", None)
    part = bench_decoding.RandomDecoder("tiny", 1)
    assert (part.layers, part.all_layers) == (1, whole.layers)
    _, added = bench_decoding.step_seconds(whole, rows=2, steps=2)
    assert added == 0.0
    measured, added = bench_decoding.step_seconds(part, rows=2, steps=2)
    assert 0 < added < measured * whole.layers


def test_the_decoder_is_the_models_own():
    """The same step from the same weights and the same memory."""
    from uio2_ros.model import UnifiedIO
    from uio2_ros.model.families.unified_io_2.transformer import DecoderState, Memory

    model = UnifiedIO.synthetic("tiny")
    timed = bench_decoding.RandomDecoder("tiny", None)
    timed.decoder.load_state_dict(model.decoder.state_dict())
    timed.embedding.load_state_dict(model.text_token_embedder.state_dict())
    state = timed.prepare(1, 3)
    twin = DecoderState(Memory(state.memory.layers, None), tuple(state.cache))
    tokens = torch.tensor([7])
    with torch.inference_mode():
        model.target_embedder("text").modality_embedding.zero_()
        expected = model.decode_step(twin, tokens)
        torch.testing.assert_close(timed.logits(timed.step(state, tokens)), expected)


@pytest.mark.parametrize("wrong", [["--rows", "0"], ["--layers", "x"], ["--flag"]])
def test_wrong_options_are_told(wrong, capsys):
    with pytest.raises(SystemExit, match="2"):
        bench_decoding.main(wrong)
    assert "error: " in capsys.readouterr().err
