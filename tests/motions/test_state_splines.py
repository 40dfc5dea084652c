import numpy as np
import pytest
from scipy.integrate import solve_bvp
from scipy.interpolate import BarycentricInterpolator, CubicSpline

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.motions.state_splines import StateElements, cardinal_curves

NODES = np.array([0.0, 0.2, 0.45, 0.7, 1.0])
DATA = np.cos(3.0 * NODES) + NODES**2
SPAN = (-0.1, 1.15)
S = np.linspace(*SPAN, 251)
INSIDE = (S >= 0.0) & (S <= 1.0)


def curve(order, damping=0.0, eigenvalue=0.0, refine=1.0, s=S, nodes=NODES, data=DATA, derivative=0, span=SPAN):
    rate = refine * max(damping, np.sqrt(eigenvalue))
    elements = StateElements.for_states(nodes, span, order, rate)
    coefficients = cardinal_curves(elements, nodes, order, damping, eigenvalue)
    return elements.basis(s, derivative) @ (coefficients @ data)


def radial_spline(order):
    """The natural spline of order m = p + 2 as `sum c_k |s - s_k|^(2m-1)` and a polynomial of degree m - 1."""
    m = order + 2
    kernel = np.abs(NODES[:, None] - NODES) ** (2 * m - 1)
    tail = np.vander(NODES, m)
    system = np.block([[kernel, tail], [tail.T, np.zeros((m, m))]])
    weights = np.linalg.solve(system, np.concatenate([DATA, np.zeros(m)]))
    return np.abs(S[:, None] - NODES) ** (2 * m - 1) @ weights[: len(NODES)] + np.vander(S, m) @ weights[len(NODES) :]


def test_order_minus_one_is_straight_pieces_that_coast_through_the_ends():
    made = curve(-1)
    assert made[INSIDE] == pytest.approx(np.interp(S, NODES, DATA)[INSIDE], abs=1e-12)
    slope = (DATA[-1] - DATA[-2]) / (NODES[-1] - NODES[-2])
    assert made[S > 1.0] == pytest.approx(DATA[-1] + slope * (S[S > 1.0] - 1.0), abs=1e-12)


def test_order_zero_is_scipys_natural_cubic_and_coasts_outside():
    made, spline = curve(0), CubicSpline(NODES, DATA, bc_type="natural")
    assert made[INSIDE] == pytest.approx(spline(S[INSIDE]), abs=1e-10)
    assert made[S < 0.0] == pytest.approx(DATA[0] + spline(0.0, 1) * S[S < 0.0], abs=1e-10)


@pytest.mark.parametrize("order", [1, 2])
def test_higher_orders_are_the_natural_splines_everywhere(order):
    assert curve(order) == pytest.approx(radial_spline(order), abs=1e-10)


def test_the_highest_order_is_the_interpolating_polynomial():
    assert curve(3) == pytest.approx(BarycentricInterpolator(NODES, DATA)(S), abs=1e-10)


def test_damped_straight_pieces_are_the_exponentials_between_the_states():
    damping = 3.0
    made = curve(-1, damping)
    for left, right, start, end in zip(NODES[:-1], NODES[1:], DATA[:-1], DATA[1:], strict=True):
        piece = (S >= left) & (S <= right)
        share = np.expm1(-damping * (S[piece] - left)) / np.expm1(-damping * (right - left))
        assert made[piece] == pytest.approx(start + share * (end - start), abs=1e-9)


def test_least_force_on_an_eigenmode_is_the_fourth_order_equation():
    """Two states only: `(D^2 + lam)^2 y = 0` with the natural ends `y'' + lam y = 0`, solved by SciPy."""
    eigenvalue, nodes, data = 7.0, np.array([0.0, 1.0]), np.array([0.3, 1.1])

    def equation(_, y):
        return np.vstack([y[1], y[2], y[3], -2.0 * eigenvalue * y[2] - eigenvalue**2 * y[0]])

    def ends(a, b):
        return np.array([a[0] - data[0], b[0] - data[1], a[2] + eigenvalue * a[0], b[2] + eigenvalue * b[0]])

    s = np.linspace(0.0, 1.0, 41)
    exact = solve_bvp(equation, ends, s, np.zeros((4, len(s))), tol=1e-10, max_nodes=20_000).sol(s)[0]
    made = curve(0, 0.0, eigenvalue, s=s, nodes=nodes, data=data, span=(0.0, 1.0))
    assert made == pytest.approx(exact, abs=1e-8)


def test_least_force_on_an_eigenmode_has_the_closed_form():
    """With the lower order p = -1 nothing acts between two states: a sine through both."""
    eigenvalue, nodes, data = 4.0, np.array([0.0, 1.0]), np.array([0.3, 1.1])
    rate, s = 2.0, np.linspace(0.0, 1.0, 21)
    exact = (data[0] * np.sin(rate * (1.0 - s)) + data[1] * np.sin(rate * s)) / np.sin(rate)
    made = curve(-1, 0.0, eigenvalue, s=s, nodes=nodes, data=data, span=(0.0, 1.0))
    assert made == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("order", [-1, 0, 1, 2])
@pytest.mark.parametrize(("damping", "eigenvalue"), [(3.0, 0.0), (0.0, 60.0), (32.0, 240.0)])
def test_elements_in_s_are_fine_enough(order, damping, eigenvalue):
    coarse, fine = (curve(order, damping, eigenvalue, refine) for refine in (1.0, 3.0))
    assert coarse == pytest.approx(fine, abs=2e-6 * np.abs(fine).max())


def test_every_curve_passes_through_its_states():
    for order in (-1, 0, 1, 2, 3):
        for damping, eigenvalue in ((0.0, 0.0), (5.0, 0.0), (1.0, 30.0)):
            assert curve(order, damping, eigenvalue, s=NODES) == pytest.approx(DATA, abs=1e-11)


def test_soft_states_are_missed_less_as_they_harden():
    elements = StateElements.for_states(NODES, SPAN, 0, 0.0)
    misses = []
    for softness in (1.0, 1e-2, 1e-5):
        coefficients = cardinal_curves(elements, NODES, 0, 0.0, 0.0, np.full(len(NODES), softness))
        misses.append(np.abs(elements.basis(NODES) @ (coefficients @ DATA) - DATA).max())
    assert misses[0] > misses[1] > misses[2]
    assert misses[2] < 1e-6


def test_an_eigenmode_without_least_action_is_an_error():
    nodes = np.array([0.0, 0.5, 1.0])
    elements = StateElements.for_states(nodes, (0.0, 1.0), -1, 2.0 * np.pi)
    with pytest.raises(ConvergenceError, match="swings through half a period"):
        cardinal_curves(elements, nodes, -1, 0.0, (2.0 * np.pi) ** 2)
