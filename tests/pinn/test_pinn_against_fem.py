"""Two discretisations of one statement: the PINN against the finite-element transport."""

import numpy as np
import pytest

from cmgai_fem.fem.solver import solve_fem
from cmgai_fem.pinn.solver import solve_pinn
from cmgai_fem.states.labels import labels_on_mesh
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import Law, Membrane, make_law
from cmgai_fem.transport.problem import Problem

VALUES = np.array([100.0, 250.0, 400.0, 550.0, 700.0])


def bar(law: Law, order: int, damping: float) -> Problem:
    """A bar whose states are sums of three eigenmodes."""
    x = np.linspace(0.0, 1.0, 21)
    cells = np.stack([np.arange(20), np.arange(1, 21)], axis=1)
    waves = [np.exp(VALUES / 900.0), np.sin(VALUES / 200.0), 0.3 * np.cos(VALUES / 300.0)]
    values = sum(wave[:, None] * np.cos(k * np.pi * x) for k, wave in enumerate(waves))
    labels = labels_on_mesh(x[:, None], {"line": cells})
    states = States(labels, Coordinate("t"), VALUES, {"u": Field(values[..., None], "", ("",))})
    return Problem(states, law=law, force=Least(order), damping=damping).with_reach(50.0, 760.0)


@pytest.mark.parametrize(("order", "damping"), [(-1, 3.0), (0, 0.0), (1, 3.0)])
def test_membrane_motions_agree(order: int, damping: float) -> None:
    problem = bar(Membrane(1.0), order, damping)
    pinn, fem = solve_pinn(problem), solve_fem(problem)
    for value in (50.0, 175.0, 325.0, 475.0, 625.0, 760.0):
        assert np.max(np.abs(pinn.at(value) - fem.at(value))) < 1e-4 * np.ptp(problem.known.values)


@pytest.mark.parametrize(
    ("name", "order"), [("neo_hookean", 1), pytest.param("barotropic_gas", 0, marks=pytest.mark.slow)]
)
def test_nonlinear_motions_of_a_square_agree(name: str, order: int) -> None:
    axis = np.linspace(0.0, 1.0, 5)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    corner = (np.arange(4)[:, None] * 5 + np.arange(4)).ravel()
    cells = np.concatenate(
        [
            np.column_stack([corner, corner + 5, corner + 1]),
            np.column_stack([corner + 5, corner + 6, corner + 1]),
        ]
    )
    values = np.array([0.0, 0.3, 0.7, 1.0])
    x, y = points.T
    moved = [np.column_stack([x * (1 + 0.3 * s) + 0.2 * s * y, y * (1 - 0.2 * s) + 0.1 * s * s * x]) for s in values]
    labels = labels_on_mesh(points, {"triangle": cells})
    states = States(labels, Coordinate("load"), values, {"x": Field(np.stack(moved), "m", ("x", "y"))})
    problem = Problem(states, law=make_law(name, 1.0), force=Least(order))
    pinn, fem = solve_pinn(problem), solve_fem(problem)
    for value in (0.15, 0.5, 0.85):
        difference = pinn.at(value) - fem.at(value)
        assert np.sqrt(np.mean(difference**2)) < 2e-3 * np.ptp(problem.known.values)
