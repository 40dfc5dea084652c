import math

import pytest

from cmgai_fem.study.advice import advise, in_unit
from cmgai_fem.study.names import METHOD_NAMES, method_in_words

RIVALS = {"linear": (0.05, 5e6), "polynomial": (0.01, 1e6), "pchip": (math.inf, math.inf)}


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ((0.0005, 5e4), "use the transport: the best rival's error is 20 times as large"),
        ((0.005, 5e5), "use the transport: the best rival's error is 2.0 times as large"),
        ((0.0095, 9.5e5), "the interpolating polynomial is as good: use it, the transport adds nothing here"),
        ((0.0105, 1.05e6), "the interpolating polynomial is as good: use it, the transport adds nothing here"),
        ((0.02, 2e6), "use the interpolating polynomial: the transport's error is 2.0 times as large"),
    ],
)
def test_the_better_method_is_named_with_both_errors(own, words):
    text = advise("stress beyond", "left-out error", own, RIVALS, "Pa")
    assert text.startswith(f"stress beyond: {words}")
    assert "1 % or 1 MPa by the interpolating polynomial" in text
    assert "believed" not in text


def test_below_round_off_nobody_wins():
    assert "is as good" in advise("a", "b", (0.0, 0.0), {"linear": (1e-16, 1e-16)})
    assert "more than 1000 times as large" in advise("a", "b", (0.0, 0.0), {"linear": (0.1, 0.1)})


def test_without_rivals_and_without_use():
    assert "no rival can answer there" in advise("a", "b", (0.1, 1.0), {"pchip": (math.nan, math.nan)})
    assert advise("a", "b", (0.3, 1.0), {"linear": (0.5, 1.0)}).count("neither is much to be believed") == 1


def test_units_as_engineers_read_them():
    assert in_unit(3.2e6, "Pa") == "3.2 MPa"
    assert in_unit(-3.2e4, "Pa") == "-32 kPa"
    assert in_unit(3.2, "Pa") == "3.2 Pa"
    assert in_unit(0.25, "") == "0.25"


@pytest.mark.parametrize("method", sorted(METHOD_NAMES))
def test_names_within_a_sentence_keep_their_capitals(method):
    text, name = method_in_words(method), METHOD_NAMES[method]
    assert name[1:] in text
    assert text == name or not text[0].isupper()
