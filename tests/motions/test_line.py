"""Least forces along a line: exact curves at every order, on even and uneven states, near them and far beyond."""

import numpy as np
import pytest
from scipy.interpolate import BarycentricInterpolator

from cmgai_fem.motions.line import LineMotion
from cmgai_fem.motions.state_splines import StateElements, cardinal_curves

EVEN = np.linspace(0.0, 1.0, 12)
UNEVEN = (50.0**EVEN - 1.0) / 49.0
# Just beyond, in the first gap, at a state, in the middle, far beyond.
ASKED = np.array([-0.3, -0.05, 1e-4, 0.02, EVEN[4], 0.52, 1.02, 1.7])


@pytest.mark.parametrize("nodes", [EVEN, UNEVEN])
@pytest.mark.parametrize("order", range(9))
@pytest.mark.parametrize("damping", [0.0, 1.0, 4.0])
def test_motions_without_force_are_reproduced_at_every_order(nodes, order, damping) -> None:
    degree = order if damping else order + 1
    known, wanted = (np.polynomial.chebyshev.chebvander(2.0 * s - 1.0, degree) for s in (nodes, ASKED))
    if damping:
        known, wanted = (np.column_stack([each, np.exp(-damping * s)]) for each, s in ((known, nodes), (wanted, ASKED)))
    weights = LineMotion(tuple(nodes), order, damping, (-0.3, 1.7)).weights(ASKED)
    # Beyond the states weights grow by many decades and cancel.
    size = np.abs(weights).max(axis=1)[:, None]
    assert np.all(np.abs(weights @ known - wanted) <= 1e-8 * size)


@pytest.mark.parametrize("span", [(0.0, 1.0), (-0.05, 1.0), (0.0, 1.1), (-0.3, 1.7)])
def test_the_highest_order_is_the_polynomial_whatever_will_be_asked(span) -> None:
    """A reach that ends close to a state took all digits of elements in s."""
    nodes = np.linspace(0.0, 1.0, 10)
    asked = np.clip(ASKED, *span)
    wanted = BarycentricInterpolator(nodes, np.eye(10))(asked)
    found = LineMotion(tuple(nodes), 8, 0.0, span).weights(asked)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("damping", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("order", [-1, 0, 1, 2])
def test_curves_and_their_derivatives_are_those_of_elements_in_s(order, damping) -> None:
    nodes, span = np.array([0.0, 0.2, 0.45, 0.7, 1.0]), (-0.1, 1.2)
    elements = StateElements.for_states(nodes, span, order, 4.0 * damping)
    curves = cardinal_curves(elements, nodes, order, damping, 0.0)
    s = np.linspace(*span, 40)
    motion = LineMotion(tuple(nodes), order, damping, span)
    for derivative in (0, 1, 2):
        wanted = elements.basis(s, derivative) @ curves
        assert np.abs(motion.weights(s, derivative) - wanted).max() <= 1e-6 * np.abs(wanted).max()


def test_known_states_are_hit_and_neighbouring_pieces_join() -> None:
    motion = LineMotion(tuple(UNEVEN), 6, 1.0, (-0.3, 1.7))
    np.testing.assert_allclose(motion.weights(UNEVEN), np.eye(12), atol=1e-13)
    for derivative in (0, 1, 2):
        before, after = motion.weights(UNEVEN[4] - 1e-9, derivative), motion.weights(UNEVEN[4] + 1e-9, derivative)
        assert np.abs(before - after).max() <= 1e-5 * np.abs(after).max()


def test_soft_states_are_missed_as_elements_in_s_miss_them() -> None:
    nodes, softness = np.array([0.0, 0.2, 0.45, 0.7, 1.0]), (0.01, 0.02, 0.005, 0.0, 0.01)
    positive = tuple(max(each, 1e-9) for each in softness)
    elements = StateElements.for_states(nodes, (0.0, 1.0), 0, 0.0)
    wanted = elements.basis(ASKED[2:6]) @ cardinal_curves(elements, nodes, 0, 0.0, 0.0, np.array(positive))
    found = LineMotion(tuple(nodes), 0, 0.0, (0.0, 1.0), softness).weights(ASKED[2:6])
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_many_states_are_many_small_problems() -> None:
    nodes = np.linspace(0.0, 1.0, 100)
    weights = LineMotion(tuple(nodes), 1, 0.0, (0.0, 1.0)).weights(np.linspace(0.0, 1.0, 37))
    np.testing.assert_allclose(weights @ np.sin(9.0 * nodes), np.sin(9.0 * np.linspace(0.0, 1.0, 37)), atol=5e-6)
