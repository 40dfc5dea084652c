"""Rivals' own error estimates, by the rule that ours go by."""

import numpy as np

from cmgai_fem.rivals.rivalry import compete
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.problem import Problem

KNOWN, ASKED = np.linspace(0.0, 1.0, 7), np.array([0.25, 0.58, 1.1])


def test_the_estimate_of_a_natural_spline_is_its_error_on_its_own_process():
    """Labels that are integrals of Brownian motions, of which the natural spline is the mean: each state's error."""
    steps = np.random.default_rng(0).standard_normal((1200, 300))
    times = np.linspace(0.0, 1.2, 1201)[1:]
    paths = np.cumsum(np.cumsum(steps, axis=0), axis=0)
    field = np.array([np.interp(np.r_[KNOWN, ASKED], times, path) for path in paths.T]).T[..., None]
    states = States(
        labels_on_points(np.linspace(0.0, 1.0, 300)[:, None]),
        Coordinate("s"),
        KNOWN,
        {"f": Field(field[:7], "", ("",))},
    )
    points = ASKED[:, None]
    rivalry = compete(Problem(states).with_reach(*points), points, ["natural_spline", "linear"])
    made = rivalry.fields["natural_spline"]
    errors = np.sqrt(np.mean((made - field[7:]) ** 2, axis=(1, 2))) / np.ptp(field[:7])
    np.testing.assert_allclose(rivalry.sizes["natural_spline"] / errors, 1.0, atol=0.5)
    assert np.all(rivalry.sizes["linear"] > rivalry.sizes["natural_spline"])
