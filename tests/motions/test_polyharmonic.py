from math import factorial

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, RBFInterpolator
from scipy.special import k0
from scipy.stats import qmc

from cmgai_fem.errors import InputError
from cmgai_fem.motions.green import direction_jets, green_derivatives, green_function
from cmgai_fem.motions.polyharmonic import PolyharmonicSpline, highest_order, monomials
from cmgai_fem.motions.scattered import motion_through
from cmgai_fem.motions.simplices import StateSimplices
from cmgai_fem.motions.state_splines import StateElements, cardinal_curves

LINE = np.array([0.0, 0.2, 0.35, 0.6, 0.7, 1.0])


def scattered(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    return qmc.Halton(dimension, rng=seed).random(count)


def natural_spline(values: np.ndarray) -> np.ndarray:
    spline = CubicSpline(LINE, np.eye(len(LINE)), bc_type="natural")
    inside = np.clip(values, 0.0, 1.0)
    return spline(inside) + (values - inside)[:, None] * spline(inside, 1)


def test_one_coordinate_and_order_0_is_the_natural_cubic_spline():
    places = np.linspace(-0.5, 1.5, 41)
    weights = PolyharmonicSpline(LINE[:, None], 0).weights(places[:, None])
    np.testing.assert_allclose(weights, natural_spline(places), atol=1e-10)


@pytest.mark.parametrize("order", [-1, 0, 1, 2, 4])
def test_one_coordinate_is_the_one_coordinate_solver(order):
    places = np.linspace(-0.3, 1.2, 31)
    elements = StateElements.for_states(LINE, (-0.3, 1.2), order, 0.0)
    expected = elements.basis(places) @ cardinal_curves(elements, LINE, order, 0.0, 0.0)
    weights = motion_through(LINE[:, None], order).weights(places[:, None])
    np.testing.assert_allclose(weights, expected, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("order", [0, 1])
def test_soft_states_of_one_coordinate_are_those_of_the_one_coordinate_solver(order):
    places = np.linspace(0.0, 1.0, 21)
    softness = np.array([0.01, 0.03, 0.02, 0.01, 0.05, 0.002])
    elements = StateElements.for_states(LINE, (0.0, 1.0), order, 0.0)
    expected = elements.basis(places) @ cardinal_curves(elements, LINE, order, 0.0, 0.0, softness)
    weights = PolyharmonicSpline(LINE[:, None], order, softness).weights(places[:, None])
    np.testing.assert_allclose(weights, expected, atol=1e-8)


@pytest.mark.parametrize(
    ("dimension", "order", "kernel"), [(2, 0, "thin_plate_spline"), (3, 1, "cubic"), (1, 1, "quintic")]
)
def test_kernels_that_scipy_has(dimension, order, kernel):
    nodes, places = scattered(16, dimension), scattered(40, dimension, 1) * 1.6 - 0.3
    expected = RBFInterpolator(nodes, np.eye(16), kernel=kernel, degree=order + 1)(places)
    np.testing.assert_allclose(PolyharmonicSpline(nodes, order).weights(places), expected, atol=1e-8)


@pytest.mark.parametrize("tension", [0.0, 3.0])
@pytest.mark.parametrize(("dimension", "order"), [(1, 0), (1, 2), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1)])
def test_states_hold_and_motions_without_energy_are_reproduced(dimension, order, tension):
    count = 10 if dimension == 1 else 24
    nodes, places = scattered(count, dimension), scattered(30, dimension, 1) * 2.0 - 0.5
    spline = PolyharmonicSpline(nodes, order, tension=tension)
    np.testing.assert_allclose(spline.weights(nodes), np.eye(count), atol=1e-7)
    degree = order + 1 - (tension > 0.0)
    moved = spline.weights(places) @ monomials(nodes, degree)
    np.testing.assert_allclose(moved, monomials(places, degree), atol=1e-7 * np.abs(moved).max())


def test_as_many_states_as_the_polynomial_has_terms_give_the_polynomial():
    nodes, places = scattered(6, 2, 3), scattered(9, 2, 4)
    expected = monomials(places, 2) @ np.linalg.inv(monomials(nodes, 2))
    np.testing.assert_allclose(PolyharmonicSpline(nodes, 1).weights(places), expected, rtol=1e-9)


@pytest.mark.parametrize("tension", [0.0, 2.0])
@pytest.mark.parametrize(("dimension", "order"), [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)])
def test_the_green_function_solves_its_equation(dimension, order, tension):
    """`-lap G_q = G_(q-1)` down to the screened or the plain potential, but for what the polynomial absorbs."""
    r = np.linspace(0.05, 4.0, 2001)
    step, inner = r[1] - r[0], r[2:-2]
    values = green_function(r, order + 2, dimension, tension)
    first = (values[:-4] - 8 * values[1:-3] + 8 * values[3:-1] - values[4:]) / (12 * step)
    second = (-values[:-4] + 16 * values[1:-3] - 30 * values[2:-2] + 16 * values[3:-1] - values[4:]) / (12 * step**2)
    found = -(second + (dimension - 1) / inner * first)
    if order > 0:
        expected = green_function(inner, order + 1, dimension, tension)
    else:
        potential = {1: lambda: -inner / 2, 2: lambda: -np.log(inner) / (2 * np.pi), 3: lambda: 1 / (4 * np.pi * inner)}
        screened = {
            1: lambda: np.exp(-tension * inner) / (2 * tension),
            2: lambda: k0(tension * inner) / (2 * np.pi),
            3: lambda: np.exp(-tension * inner) / (4 * np.pi * inner),
        }
        # The part without tension is the other fraction: 1 / (w (w + tau^2)) times w is 1 / (w + tau^2).
        expected = (screened if tension else potential)[dimension]()
    even = np.vander(inner**2, order + 1)
    rest = found - expected
    rest -= even @ np.linalg.lstsq(even, rest, rcond=None)[0]
    assert np.abs(rest).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("tension", [0.0, 0.3, 5.0])
@pytest.mark.parametrize(("dimension", "order"), [(1, 0), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1)])
def test_derivatives_of_the_green_function_along_a_line(dimension, order, tension):
    """Chebyshev interpolation of the function along the line gives the same derivatives."""
    rng = np.random.default_rng(3)
    start, direction = rng.random(dimension) + 0.3, rng.standard_normal(dimension)
    direction /= np.linalg.norm(direction)

    def along(t: np.ndarray) -> np.ndarray:
        return green_function(np.linalg.norm(start + np.multiply.outer(t, direction), axis=-1), q, dimension, tension)

    q = order + 2
    square = np.array([start @ start])
    jets = direction_jets(green_derivatives(square, q, dimension, tension, q), np.array([start @ direction]), q)[:, 0]
    fit = np.polynomial.Chebyshev.interpolate(along, 20, domain=[-0.15, 0.15])
    expected = [float(fit.deriv(k)(0.0)) / factorial(k) if k else float(fit(0.0)) for k in range(q + 1)]
    np.testing.assert_allclose(jets, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize(("dimension", "order"), [(1, 1), (2, 0), (2, 1), (3, 0)])
def test_bending_is_the_energy(dimension, order):
    """The energy of a motion through soft states is what its misfit trades against: d(energy)/d(data) = blows."""
    nodes = 3.0 * scattered(14, dimension)
    data = np.sin(nodes.sum(axis=1))
    spline = PolyharmonicSpline(nodes, order)
    softness = np.full(14, 1e-2)
    soft = PolyharmonicSpline(nodes, order, softness).influence @ data
    pulled = spline.bending @ soft
    np.testing.assert_allclose(pulled, (data - soft) / softness**2, rtol=1e-5, atol=1e-5 * np.abs(pulled).max())


def test_the_energy_of_a_known_motion():
    """A sine bends as a natural spline does, without moment at its ends: its energy is pi^4 / 2."""
    nodes = np.linspace(0.0, 1.0, 41)[:, None]
    motion = np.sin(np.pi * nodes[:, 0])
    bending = PolyharmonicSpline(nodes, 0).bending
    assert motion @ bending @ motion == pytest.approx(np.pi**4 / 2, rel=1e-4)


def test_units_of_the_coordinates_change_nothing_but_the_energy():
    nodes, places = scattered(12, 2), scattered(20, 2, 1)
    one = PolyharmonicSpline(nodes, 1)
    other = PolyharmonicSpline(1000.0 * nodes + 273.15, 1)
    np.testing.assert_allclose(other.weights(1000.0 * places + 273.15), one.weights(places), atol=1e-9)
    np.testing.assert_allclose(other.bending, one.bending * 1000.0 ** (2 - 6), rtol=1e-6)


@pytest.mark.parametrize("tension", [0.0, 2.0])
@pytest.mark.parametrize("soft", [False, True])
def test_left_out_errors_are_those_of_solving_without_each_state(tension, soft):
    nodes, data = scattered(15, 2), np.random.default_rng(5).random(15)
    softness = np.full(15, 0.05) if soft else None
    errors = PolyharmonicSpline(nodes, 1, softness, tension).left_out @ data
    for row in range(15):
        rest = np.delete(np.arange(15), row)
        alone = PolyharmonicSpline(nodes[rest], 1, None if softness is None else softness[rest], tension)
        assert errors[row] == pytest.approx(float((alone.weights(nodes[[row]]) @ data[rest])[0] - data[row]), rel=1e-6)


def test_a_state_that_the_others_cannot_answer_for_has_an_infinite_left_out_error():
    nodes = np.array([[0.0, 0.0], [0.2, 0.0], [0.5, 0.0], [1.0, 0.0], [0.4, 1.0]])
    errors = PolyharmonicSpline(nodes, 0).left_out
    assert np.all(np.isinf(errors[4]))
    assert np.all(np.isfinite(errors[:4]))


def test_hardness_and_softness_have_their_limits():
    nodes, data = scattered(15, 2), np.random.default_rng(5).random(15)
    places = scattered(9, 2, 1)
    hard = PolyharmonicSpline(nodes, 0).weights(places) @ data
    np.testing.assert_allclose(PolyharmonicSpline(nodes, 0, np.full(15, 1e-6)).weights(places) @ data, hard, atol=1e-8)
    soft = PolyharmonicSpline(nodes, 0, np.full(15, 1e4))
    plane = np.linalg.lstsq(monomials(nodes, 1), data, rcond=None)[0]
    np.testing.assert_allclose(soft.weights(places) @ data, monomials(places, 1) @ plane, atol=1e-6)
    assert soft.freedom == pytest.approx(12.0, abs=1e-5)


def test_tension_goes_from_the_spline_to_one_order_less():
    nodes, places = LINE[:, None], np.linspace(-0.2, 1.2, 15)[:, None]
    slack = PolyharmonicSpline(nodes, 1, tension=1e-4).weights(places)
    np.testing.assert_allclose(slack, PolyharmonicSpline(nodes, 1).weights(places), atol=1e-3)
    for nodes in (LINE[:, None], scattered(15, 2)):
        places = scattered(9, nodes.shape[1], 1)
        taut = PolyharmonicSpline(nodes, 1, tension=1e5).weights(places)
        np.testing.assert_allclose(taut, PolyharmonicSpline(nodes, 0).weights(places), atol=1e-3)


def test_the_highest_order_is_the_one_that_the_states_fix():
    assert highest_order(scattered(15, 2)) == 3
    assert highest_order(scattered(14, 2)) == 2
    assert highest_order(scattered(3, 2)) == 0
    assert highest_order(LINE[:, None]) == 4
    grid = np.array([[x, y] for x in (0.0, 1.0, 2.0) for y in (0.0, 1.0, 2.0)])
    assert highest_order(grid) == 1


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        (np.array([[0.0, 0.0], [1.0, 1.0]]), "are too few: 3 are needed"),
        (np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]), "all lie on a line"),
        (np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]]), "all lie on a plane"),
    ],
)
def test_states_without_an_inside_are_refused(nodes, text):
    with pytest.raises(InputError, match=text):
        highest_order(nodes)
    with pytest.raises(InputError):
        motion_through(nodes, 0)
    with pytest.raises(InputError, match="span no simplex"):
        motion_through(nodes, -1)


def test_bad_arguments_are_refused():
    nodes = scattered(6, 2)
    with pytest.raises(InputError, match="needs at least 10 states"):
        PolyharmonicSpline(nodes, 2)
    with pytest.raises(InputError, match="two hard states"):
        PolyharmonicSpline(np.vstack([nodes, nodes[:1]]), 0)
    with pytest.raises(InputError, match="negative"):
        PolyharmonicSpline(nodes, 0, np.full(6, -1.0))
    with pytest.raises(InputError, match="tension"):
        PolyharmonicSpline(nodes, 0, tension=-1.0)
    with pytest.raises(InputError, match="1, 2 or 3"):
        PolyharmonicSpline(scattered(9, 4), 0)
    with pytest.raises(InputError, match="no softness"):
        motion_through(nodes, -1, np.full(6, 0.1))


def test_repeated_soft_states_are_averaged():
    nodes = scattered(8, 2)
    twice = PolyharmonicSpline(np.vstack([nodes, nodes[:1]]), 0, np.full(9, 1e-3))
    weights = twice.weights(nodes[:1])[0]
    assert weights[0] == pytest.approx(weights[8], rel=1e-6)


def test_simplices_reproduce_linear_motions_everywhere_and_hold_their_states():
    for dimension in (1, 2, 3):
        nodes, places = scattered(12, dimension), scattered(40, dimension, 1) * 2.0 - 0.5
        simplices = StateSimplices(nodes)
        np.testing.assert_allclose(simplices.weights(nodes), np.eye(12), atol=1e-12)
        moved = simplices.weights(places) @ monomials(nodes, 1)
        np.testing.assert_allclose(moved, monomials(places, 1), atol=1e-9)


def test_outside_the_hull_the_nearest_simplex_goes_on():
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.4]])
    weights = StateSimplices(square).weights(np.array([[0.5, -1.0], [2.0, 0.6]]))
    assert weights[0, [2, 3]] == pytest.approx(0.0)
    assert weights[1, [0, 3]] == pytest.approx(0.0)


def test_simplices_left_out_are_those_of_the_others():
    nodes, data = scattered(9, 2), scattered(9, 1, 2)[:, 0]
    errors = StateSimplices(nodes).left_out @ data
    rest = np.arange(1, 9)
    assert errors[0] == pytest.approx(float((StateSimplices(nodes[rest]).weights(nodes[:1]) @ data[rest])[0] - data[0]))
