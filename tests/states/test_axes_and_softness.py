import numpy as np
import pytest
from scipy.stats import qmc

from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import PolyharmonicSpline, monomials
from cmgai_fem.motions.softness import explained_softness
from cmgai_fem.states.axes import StateAxes
from cmgai_fem.states.states import Coordinate

AXES = (Coordinate("temperature", "K"), Coordinate("load", "N"))
STATES = np.array([[300.0, 10.0], [600.0, 1000.0], [450.0, 100.0]])


def test_known_ranges_become_zero_to_the_ratio():
    axes = StateAxes.of(AXES, STATES, [("linear", 1.0), ("log", 1.0)], [1.0, 3.0])
    np.testing.assert_allclose(axes(STATES), [[0.0, 0.0], [1.0, 3.0], [0.5, 1.5]], atol=1e-14)
    assert axes([450.0, 100.0]) == pytest.approx([0.5, 1.5])
    assert axes.describe()[1] == {"pseudo_time": "log", "ratio": 3.0}


@pytest.mark.parametrize("kind", [("linear", 1.0), ("log", 1.0), ("power", 0.5)])
def test_units_of_the_coordinates_change_nothing(kind):
    one = StateAxes.of(AXES, STATES, [kind, kind])(STATES)
    other = StateAxes.of(AXES, STATES * [1e3, 1e-6], [kind, kind])(STATES * [1e3, 1e-6])
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_a_coordinate_that_never_varies_is_named():
    with pytest.raises(InputError, match="all states have load = 10 N: leave this coordinate out"):
        StateAxes.of(AXES, np.array([[300.0, 10.0], [400.0, 10.0]]))


def test_a_pseudo_time_that_the_states_do_not_admit_is_named():
    with pytest.raises(InputError, match=r"temperature: a log pseudo-time needs states above 0"):
        StateAxes.of(AXES, STATES - [300.0, 0.0], [("log", 1.0), ("linear", 1.0)])
    with pytest.raises(InputError, match="positive ratios"):
        StateAxes.of(AXES, STATES, ratios=[1.0, 0.0])


def noisy_states(scatter: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    nodes = qmc.Halton(2, rng=0).random(30)
    true = np.stack([np.sin(3.0 * nodes[:, 0]) * nodes[:, 1], np.cos(2.0 * nodes.sum(axis=1))], axis=1)
    return nodes, true, true + scatter * np.random.default_rng(1).standard_normal((30, 2))


def test_softness_leaves_the_misfit_that_scatter_explains_and_nears_the_truth():
    nodes, true, data = noisy_states(0.05)
    softness = explained_softness(nodes, 0, data, np.full(30, 0.05), np.array([0.5, 0.5]))
    assert softness is not None
    spline = PolyharmonicSpline(nodes, 0, softness)
    smoothed = spline.influence @ data
    assert np.sum((smoothed - data) ** 2) / 2 / spline.freedom == pytest.approx(0.05**2, rel=1e-3)
    assert np.linalg.norm(smoothed - true) < 0.85 * np.linalg.norm(data - true)


def test_softness_does_not_depend_on_the_units_of_the_states():
    nodes, _, data = noisy_states(0.05)
    scatter, shares = np.linspace(0.03, 0.07, 30), np.array([0.5, 0.5])
    one = explained_softness(nodes, 1, data, scatter, shares)
    other = explained_softness(100.0 * nodes, 1, 7.0 * data, 7.0 * scatter, shares)
    assert one is not None and other is not None
    np.testing.assert_allclose(
        PolyharmonicSpline(100.0 * nodes, 1, other).influence, PolyharmonicSpline(nodes, 1, one).influence, atol=1e-6
    )


def test_the_bounds_of_softness():
    nodes, _, data = noisy_states(0.0)
    shares = np.array([0.5, 0.5])
    assert explained_softness(nodes, 0, data, np.full(30, 1e-9), shares) is None
    softest = explained_softness(nodes, 0, data, np.full(30, 10.0), shares)
    assert softest is not None
    plane = monomials(nodes, 1) @ np.linalg.lstsq(monomials(nodes, 1), data, rcond=None)[0]
    np.testing.assert_allclose(PolyharmonicSpline(nodes, 0, softest).influence @ data, plane, atol=1e-3)
