import numpy as np
import pytest
from scipy.stats import qmc
from state_ritz import StateRitz

from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import PolyharmonicSpline


@pytest.mark.parametrize(("dimension", "elements"), [(1, 64), (2, 32)])
def test_finite_elements_find_what_the_greens_functions_give(dimension, elements):
    nodes = qmc.Halton(dimension, rng=0).random(9)
    places = qmc.Halton(dimension, rng=1).random(20)
    ritz = StateRitz(nodes, elements)
    found = ritz.weights(places)
    difference = found - PolyharmonicSpline(nodes, 0).weights(places)
    assert np.sqrt(np.mean(difference**2)) < 2e-3
    np.testing.assert_allclose(ritz.weights(nodes), np.eye(9), atol=1e-7)


def test_finer_elements_come_nearer():
    nodes = qmc.Halton(2, rng=0).random(9)
    places = qmc.Halton(2, rng=1).random(20)
    exact = PolyharmonicSpline(nodes, 0).weights(places)
    errors = [np.abs(StateRitz(nodes, elements).weights(places) - exact).max() for elements in (8, 16, 32)]
    assert errors[0] > 2.0 * errors[1] > 4.0 * errors[2]


def test_a_point_outside_the_box_is_refused():
    nodes = qmc.Halton(2, rng=0).random(9)
    with pytest.raises(InputError, match="outside the box"):
        StateRitz(nodes, 8).weights(np.array([[1e3, 0.0]]))
