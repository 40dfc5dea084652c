import numpy as np
import pytest
from mixed_pair import solve_mixed_pair

from cmgai_fem.motions.state_splines import StateElements, cardinal_curves

STATES = np.array([0.0, 0.2, 0.45, 0.7, 1.0])
DATA = np.cos(3.0 * STATES) + STATES**2


def least_squares(s, damping, eigenvalue, derivative=0):
    elements = StateElements.for_states(STATES, (0.0, 1.0), 0, 2.0 * max(damping, np.sqrt(eigenvalue)))
    return elements.basis(s, derivative) @ (cardinal_curves(elements, STATES, 0, damping, eigenvalue) @ DATA)


@pytest.mark.parametrize(("damping", "eigenvalue"), [(0.0, 0.0), (3.0, 0.0), (0.0, 40.0), (2.0, 90.0)])
def test_the_pair_gives_the_motion_and_force_of_the_least_squares(damping, eigenvalue):
    pair = solve_mixed_pair(STATES, DATA, damping, eigenvalue, elements=16)
    motion, velocity, acceleration = (least_squares(pair.nodes, damping, eigenvalue, order) for order in (0, 1, 2))
    assert pair.motion == pytest.approx(motion, abs=1e-6 * np.abs(motion).max())
    force = acceleration + damping * velocity + eigenvalue * motion
    assert pair.force == pytest.approx(force, abs=2e-4 * np.abs(force).max())


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_pair_converges_at_the_order_of_its_elements(degree):
    errors = []
    for elements in (4, 8, 16):
        pair = solve_mixed_pair(STATES, DATA, 1.0, 20.0, elements, degree)
        errors.append(np.sqrt(np.mean((pair.motion - least_squares(pair.nodes, 1.0, 20.0)) ** 2)))
    rates = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert rates[-1] > degree + 0.8
