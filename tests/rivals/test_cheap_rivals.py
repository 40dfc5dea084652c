"""Rivals that have a cheap model: each is exact where its own statement holds."""

import numpy as np
import pytest

from cmgai_fem.calibration.cheap import CheapModels
from cmgai_fem.generate import generate
from cmgai_fem.rivals.cheap import rivals_with
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States

X = np.linspace(0.0, 1.0, 40)
KNOWN, ASKED = np.array([2.0, 3.0, 4.0, 5.0, 6.0]), np.array([3.5, 6.5])
# What the ratio adds to both: then their quotient is 1.5.
FLOOR = 0.02 * (2.0 + np.tanh(6.0))
PLACES = np.sort(np.r_[KNOWN, ASKED])


def cheap(value):
    return 2.0 + np.tanh(3.0 * (value - 4.0 - X))


def predicted(name, truth):
    models = CheapModels(("cheap",), PLACES[:, None], np.array([[cheap(value) for value in PLACES]])[..., None])
    rival = rivals_with(models)[name]
    snapshots = np.array([truth(value) for value in KNOWN])
    return rival.fit(KNOWN[:, None], snapshots)(ASKED[:, None]), np.array([truth(value) for value in ASKED])


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("gain_natural_spline", lambda v: 1.4 * cheap(v) + v * X),
        ("gain_pod_rbf", lambda v: 1.4 * cheap(v)),
        ("difference_natural_spline", lambda v: cheap(v) - v * X + 3.0),
        ("ratio_natural_spline", lambda v: 1.5 * cheap(v) + 0.5 * FLOOR),
        ("cokriging", lambda v: 0.6 * cheap(v)),
    ],
)
def test_a_rival_is_exact_for_its_own_statement(name, truth):
    made, wanted = predicted(name, truth)
    np.testing.assert_allclose(made, wanted, atol=1e-3)


def test_regressions_of_the_cheap_amplitude_find_a_map_of_it():
    profile = np.sin(3.0 * X)
    models = CheapModels(("cheap",), PLACES[:, None], np.array([[v**2 * profile for v in PLACES]])[..., None])
    for name in ("pod_regression", "nonlinear_cokriging"):
        rival = rivals_with(models)[name]
        made = rival.fit(KNOWN[:, None], np.array([(v**2 + 1.0) * profile for v in KNOWN]))(ASKED[:, None])
        wanted = np.array([(v**2 + 1.0) * profile for v in ASKED])
        assert np.abs(made - wanted)[0].max() < 0.02 * np.ptp(wanted)


def test_they_compete_with_the_same_states_left_out_and_over_two_coordinates_too():
    states = States(
        labels_on_points(X[:, None]),
        Coordinate("v"),
        KNOWN,
        {"f": Field(np.array([1.3 * cheap(v) for v in KNOWN])[..., None], "", ("",))},
    )
    model = States(
        states.labels, Coordinate("v"), PLACES, {"f": Field(np.array([cheap(v) for v in PLACES])[..., None], "", ("",))}
    )
    made = generate(states, ASKED, cheap=model, rivals=["linear"])
    assert set(made.rivalry.errors) == {
        "linear", "gain_natural_spline", "gain_pod_rbf", "difference_natural_spline", "difference_pod_rbf",
        "ratio_natural_spline", "ratio_pod_rbf", "cokriging", "nonlinear_cokriging", "pod_regression",
    }  # fmt: skip
    assert made.rivalry.errors["gain_natural_spline"][True] < 1e-9
    np.testing.assert_allclose(made.rivalry.fields["gain_natural_spline"][0, :, 0], 1.3 * cheap(3.5), atol=1e-9)
