"""The law-free statement without the shortcut: on the gmsh mesh, by DOLFINx, all labels and all of s in one system.

Without a law every label obeys the same small problem in s, and the package solves that and no more. Here nothing is
taken for granted: the consistent mass matrix of the label mesh times B-splines in s, all known states as constraints,
one saddle-point system for the motion of all labels at once.
"""

import numpy as np
import pytest
from mpi4py import MPI
from scipy import sparse
from scipy.sparse.linalg import splu

from cmgai_fem.fem.spaces import LabelSpace
from cmgai_fem.mechanics.reference import load_model
from cmgai_fem.motions.state_splines import StateElements
from cmgai_fem.solve import solve
from cmgai_fem.states.states import States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem

KNOWN, ASKED = (100.0, 250.0, 550.0, 700.0), (180.0, 400.0, 640.0)


@pytest.fixture(scope="module")
def stress() -> States:
    """Thermal stress of the cantilever with a hole on a coarse gmsh mesh, solved by DOLFINx."""
    model = load_model("thermal-stress", {"mesh": {"file": "cantilever.geo", "size": 0.02}})
    states = model.solve(MPI.COMM_SELF, KNOWN, lambda line: None)
    assert states is not None
    return states.only("stress")


def whole_system(problem: Problem, elements: StateElements, order: int) -> np.ndarray:
    """(size, L n) B-spline coefficients of the motion of all labels, from one system without any decoupling."""
    labels, values = problem.states.labels, problem.known.values
    count = values.shape[2]
    space = LabelSpace(labels, 1)
    rows, columns, entries = space.mass.getValuesCSR()
    mass = sparse.csr_array((entries, columns, rows), shape=(labels.count, labels.count))
    points, weights = elements.quadrature()
    derivative = elements.basis(points, order + 2)
    energy = sparse.csr_array(derivative.T @ (weights[:, None] * derivative))
    at_states = sparse.csr_array(elements.basis(problem.nodes))
    stiff = sparse.kron(energy, mass, format="csr")
    held = sparse.kron(at_states, sparse.eye_array(labels.count), format="csr")
    scale = abs(stiff).max()
    system = sparse.block_array([[stiff / scale, held.T], [held, None]], format="csc")
    data = np.array([[space.to_dofs(state[:, [c]]) for c in range(count)] for state in values])
    right = np.vstack([np.zeros((stiff.shape[0], count)), np.swapaxes(data, 1, 2).reshape(-1, count)])
    found = splu(system).solve(right)[: stiff.shape[0]]
    return found.reshape(elements.size, labels.count, count)


@pytest.mark.parametrize("order", [0, 1])
def test_the_shortcut_is_the_solution_of_the_whole_system(stress: States, order: int) -> None:
    problem = Problem(stress, force=Least(order))
    elements = StateElements.for_states(problem.nodes, problem.span, order, 0.0)
    coefficients = whole_system(problem, elements, order)
    short, space = solve(problem), LabelSpace(stress.labels, 1)
    spread = float(np.ptp(problem.known.values))
    for value in ASKED:
        rows = elements.basis(np.array([float(problem.time(value))]))[0]
        moved = np.tensordot(rows, coefficients, axes=1)
        field = np.column_stack([space.to_labels(column)[:, 0] for column in moved.T])
        np.testing.assert_allclose(field, short.at(value), atol=1e-10 * spread)
