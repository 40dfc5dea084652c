"""The word of trust and its reason."""

import numpy as np
import pytest

from cmgai_fem.calibration.trust import judge

FIVE = np.array([[100.0], [250.0], [400.0], [550.0], [700.0]])
GRID = np.array([[x, y] for x in (0.0, 1.0, 2.0) for y in (0.0, 1.0, 2.0)])


@pytest.mark.parametrize(
    ("known", "point", "size", "word", "reason"),
    [
        (FIVE, [475.0], 0.01, "trusted", "between the known states, error estimate 1 % of the known range"),
        (FIVE, [475.0], 0.08, "with care", "error estimate 8 %"),
        (FIVE, [475.0], 0.2, "not trusted", "error estimate 20 %"),
        (FIVE, [730.0], 0.01, "trusted", "5 % of the range beyond"),
        (FIVE, [5000.0], 0.01, "not trusted", "717 % of the range beyond: nothing was tested that far"),
        (FIVE[:3], [415.0], 0.01, "not trusted", "three states, 5 % of the range beyond: nothing was tested that far"),
        (FIVE[:3], [300.0], 0.01, "with care", "three states"),
        (FIVE[:2], [120.0], None, "not trusted", "two states: none can be left out"),
        (FIVE, [400.0], 0.3, "trusted", "a known state"),
        (GRID, [0.5, 0.5], 0.01, "trusted", "between"),
        (GRID[:7], [0.5, 0.5], 0.01, "with care", "seven states"),
        (GRID, [1.0, 2.5], 0.01, "trusted", "25 % of the range beyond"),
    ],
)
def test_word_and_reason(known, point, size, word, reason):
    found = judge(known, np.array(point), size)
    assert found.word == word
    assert reason in found.reason


@pytest.mark.parametrize(
    ("point", "numbers", "word"),
    [
        ((0.5, 0.5), 5.9, "with care"),
        ((0.5, 0.5), 6.0, "trusted"),
        ((1.0, 2.5), 9.9, "with care"),
        ((1.0, 2.5), 10.0, "trusted"),
    ],
)
def test_over_several_coordinates_few_independent_numbers_are_taken_with_care(point, numbers, word):
    found = judge(GRID, np.array(point), 0.01, numbers=numbers)
    assert found.word == word
    assert word == "trusted" or found.reason.endswith(f"which rests on {numbers:.0f} independent numbers")
    assert judge(FIVE, np.array([475.0]), 0.01, numbers=3.0).word == "trusted"


def test_a_suspected_state_takes_the_trust_away():
    assert judge(FIVE, np.array([475.0]), 0.01, suspects=1).word == "with care"


def test_an_estimate_that_is_no_number_is_not_trusted():
    assert judge(np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]), np.array([2.5]), np.nan).word == "not trusted"
