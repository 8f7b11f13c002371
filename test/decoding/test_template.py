import pytest

from uio2_ros.decoding import Symbols
from uio2_ros.decoding.automaton import Automaton
from uio2_ros.decoding.template import continuation, template


def test_fixed_text_is_tokenised_as_in_its_context(tokenizer_symbols):
    encode = tokenizer_symbols.vocabulary.encode
    whole = "<extra_id_300> left eye"
    assert encode("<extra_id_300>") + continuation(
        tokenizer_symbols, "<extra_id_300>", "left eye"
    ) == encode(whole)


def test_places_in_a_template_take_any_location(tokenizer_symbols, accepts):
    grammar = Automaton(tokenizer_symbols, template(tokenizer_symbols, "( {} ) and {}"))
    encode = tokenizer_symbols.vocabulary.encode
    assert accepts(grammar, encode("( <extra_id_200> ) and <extra_id_1199>"))
    assert not accepts(grammar, encode("( <extra_id_200> ) and cup"))


def test_a_tokenizer_that_merges_across_spaces_is_refused(words):
    class Merging(type(words)):
        def encode(self, text):
            return super().encode(text)[::-1]

    with pytest.raises(ValueError, match="merges 'red' with the following 'cup'"):
        continuation(Symbols.of(Merging()), "red", "cup")
