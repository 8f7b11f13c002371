import pytest

from uio2_ros.decoding import named_action, parse_named_action, past_move

NAMES = ("stop", "forward", "left", "right")


@pytest.mark.parametrize("name", NAMES)
def test_every_action_can_be_written_and_read(tokenizer_symbols, accepts, name):
    tokenizer = tokenizer_symbols.vocabulary
    tokens = tokenizer.encode(name)
    assert accepts(named_action(tokenizer_symbols, NAMES), tokens)
    assert parse_named_action(tokenizer, tokens, NAMES) == name


def test_other_actions_are_errors_that_show_the_text(tokenizer_symbols, accepts):
    tokenizer = tokenizer_symbols.vocabulary
    tokens = tokenizer.encode("jump")
    assert not accepts(named_action(tokenizer_symbols, NAMES), tokens)
    with pytest.raises(ValueError, match="none of the actions stop, forward, left, right: 'jump'"):
        parse_named_action(tokenizer, tokens, NAMES)


def test_a_past_move_gives_its_position_in_habitats_axes(tokenizer):
    # x forward, y left, z up -> x right, y up, z backward, written x z y;
    # 0 m is half of the range: bin floor(0.5 * 999) = 499
    text = past_move(tokenizer, "<image_history_1>", (50.0, 0.0, 0.0), "forward")
    assert text == "<image_history_1> ( <extra_id_699> <extra_id_200> <extra_id_699> ) forward"
    text = past_move(tokenizer, "observation", (0.0, 50.0, -50.0), "left")
    assert text == "observation ( <extra_id_200> <extra_id_699> <extra_id_200> ) left"


@pytest.mark.parametrize("position", [(51.0, 0.0, 0.0), (0.0, 0.0, -51.0)])
def test_a_position_out_of_reach_is_an_error(tokenizer, position):
    with pytest.raises(ValueError, match=r"within 50 m .* got -?51 m"):
        past_move(tokenizer, "observation", position, "stop")
