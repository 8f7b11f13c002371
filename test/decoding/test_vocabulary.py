import numpy as np
import pytest

from uio2_ros.decoding import location_bin


def test_symbols_sort_every_piece_into_one_class(words, symbols):
    start = words.location_ids.start
    assert np.flatnonzero(symbols.locations).tolist() == list(words.location_ids)
    assert not (symbols.text & symbols.locations).any()
    assert np.array_equal(symbols.text, symbols.visible | symbols.blank)
    assert [words.decode([i]) for i in np.flatnonzero(symbols.blank)] == [" ", "\n"]
    assert not symbols.text[[0, 1, 2]].any()
    assert not symbols.text[start:].any()


def test_control_characters_are_no_text(words, symbols):
    control = words.pieces.index("\x00")
    assert not symbols.text[control]


def test_masks_cannot_be_written_to(symbols):
    with pytest.raises(ValueError, match="read-only"):
        symbols.text[0] = True


def test_location_bins_rise_as_ids_fall(words):
    assert location_bin(words, words.location_ids[-1]) == 0
    assert location_bin(words, words.location_ids[0]) == 19


def test_location_bin_of_a_word_is_an_error(words):
    with pytest.raises(ValueError, match="token 5 is no location token"):
        location_bin(words, 5)


def test_released_location_tokens_keep_their_numbers(tokenizer):
    assert tokenizer.encode("<extra_id_200>") == [tokenizer.location_ids[-1]]
    assert location_bin(tokenizer, tokenizer.encode("<extra_id_733>")[0]) == 533
