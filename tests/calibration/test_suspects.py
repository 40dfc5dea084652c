"""Wrong states: one in another unit, one of the wrong sign, two exchanged; and none where nothing is wrong."""

import numpy as np
import pytest
from rule_of_choice import data_of

from cmgai_fem import generate
from cmgai_fem.calibration.suspects import find_suspects

STATES = np.linspace(100.0, 700.0, 7)
FIELD = np.stack([np.exp(-STATES / 400.0) * place + place**2 for place in np.linspace(0.1, 1.0, 12)], axis=1)
LABELS = [f"temperature = {state:g} degC" for state in STATES]


def test_a_sound_sweep_is_suspected_of_nothing():
    assert find_suspects(data_of(STATES, FIELD)) == ()


@pytest.mark.parametrize("factor", [1000.0, 1e-3, -1.0])
def test_a_state_in_another_unit_is_named_with_its_factor(factor):
    values = FIELD.copy()
    values[4] *= factor
    (suspect,) = find_suspects(data_of(STATES, values))
    assert suspect.rows == (4,)
    text = suspect.text(LABELS)
    assert text.startswith("temperature = 500 degC looks like")
    assert f"{factor:g} times" in text


def test_two_exchanged_states_are_named():
    values = FIELD.copy()
    values[[1, 4]] = values[[4, 1]]
    assert (1, 4) in [suspect.rows for suspect in find_suspects(data_of(STATES, values))]


def test_four_states_are_too_few_to_tell():
    assert find_suspects(data_of(STATES[:4], FIELD[:4] * np.array([[1.0], [1e3], [1.0], [1.0]]))) == ()


@pytest.mark.parametrize(
    ("row", "made", "said"),
    [
        (4, FIELD[3], "load = 400 and load = 500 hold the same field"),
        (4, 0.0 * FIELD[4], "load = 500 is zero everywhere"),
        (6, 0.0 * FIELD[6], ""),
        (4, FIELD[4], ""),
    ],
)
def test_states_that_may_be_meant_are_told(row, made, said):
    values = FIELD.copy()
    values[row] = made
    places = np.linspace(0.1, 1.0, 12)[:, None]
    found = generate(values, at=450.0, field="u", coordinate="load", values=STATES.tolist(), points=places)
    told = [line for line in found.warnings() if "if it is not meant" in line]
    assert bool(told) == bool(said) and all(line.startswith(said) for line in told)
