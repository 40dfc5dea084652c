"""The blend of the rule of choice and the wide search, over bodies with labels enough for both."""

import numpy as np
import pytest

from cmgai_fem.calibration.blend import taken
from cmgai_fem.generate import generate
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States

X = np.linspace(0.0, 1.0, 100)


def swept(function, values) -> States:
    field = np.array([function(value) for value in values])[..., None]
    return States(
        labels_on_points(X[:, None]),
        Coordinate("v", "m/s"),
        np.array(values, dtype=float),
        {"f": Field(field, "", ("",))},
    )


def test_stacked_members_are_taken_while_their_crossed_errors_bear_it():
    assert taken(0.0, 1.0, inside=True) == 1.0
    assert taken(1.0, 1.0, inside=True) > 0.95
    assert taken(1.2, 1.0, inside=True) == pytest.approx(0.5)
    assert taken(1.5, 1.0, inside=True) < 0.01
    assert taken(1.2, 1.0, inside=False) > 0.9


@pytest.mark.parametrize("count", [6, 8])
def test_a_symmetric_sweep_of_many_labels_does_not_let_vanishing_errors_decide(count):
    """Every left-out error of the highest order is zero here, so the search takes it for exact."""
    truth = lambda v: (1.0 + X) / (1.0 + (1.0 + 0.3 * X) * v**2)  # noqa: E731
    values = np.arange(count) * 2.0 - (count - 1)
    made = generate(swept(truth, values), values[-1] - 1.0)
    error = np.abs(made.at(values[-1] - 1.0)[:, 0] - truth(values[-1] - 1.0))
    assert np.sqrt(np.mean(error**2)) < 0.2 * np.ptp(made.states.field("f").values)
    # Six states: three deviations at the peak of the sweep, which no state shows.
    assert np.all(error <= 3.2 * made.error(values[-1] - 1.0)[:, 0])


def test_the_estimate_is_a_field_that_vanishes_at_known_states():
    made = generate(swept(lambda v: np.tanh(4.0 * (v - X)), [0.0, 0.25, 0.5, 0.75, 1.0]), [0.25, 0.4, 1.05])
    known, between, beyond = (made.error(value) for value in (0.25, 0.4, 1.05))
    assert known.shape == (100, 1)
    assert known.max() < 1e-12
    assert 0.0 < between.mean()
    assert beyond.max() > between.max()
    assert made.trust(0.25).reason == "a known state"


def test_a_state_in_another_unit_is_named():
    states = swept(lambda v: np.exp(-v * X) * (1.0 if v != 3.0 else 1000.0), np.arange(7.0))
    made = generate(states, 2.5)
    (warning,) = made.warnings()
    assert "v = 3 m/s looks like" in warning
    assert made.trust(2.5).word != "trusted"
    assert made.facts(2.5)["suspects"] == [warning]


def test_what_lies_far_beyond_is_not_trusted():
    made = generate(swept(lambda v: np.exp(-v * X), [1.0, 2.0, 3.0, 4.0, 5.0]), 50.0)
    assert made.trust(50.0).word == "not trusted"
    assert "nothing was tested that far" in made.trust(50.0).reason
