"""Labels that do not move: the Dirichlet part of the label boundary, by both discretisations."""

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.fem.nonlinear import solve_nonlinear
from cmgai_fem.motions.state_splines import StateElements, cardinal_curves
from cmgai_fem.solve import solve
from cmgai_fem.states.label_meshes import line_mesh, square_mesh
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import Membrane, make_law
from cmgai_fem.transport.problem import Problem

replay = study_module(studies_folder() / "transport-laws", "replay").replay

VALUES = np.array([0.0, 0.3, 0.6, 1.0])


def string(count: int = 17) -> tuple[Problem, np.ndarray, np.ndarray]:
    """A membrane on [0, 1] held at both ends: sin(pi X) is its slowest eigenmode."""
    labels, amplitudes = line_mesh(count), np.array([0.0, 0.4, 0.1, 0.8])
    mode = np.sin(np.pi * labels.points[:, 0])
    mode[[0, -1]] = 0.0
    states = States.of(
        labels, Coordinate("t"), VALUES, {"f": Field(amplitudes[:, None, None] * mode[:, None], "", ("",))}
    )
    ends = np.isin(np.arange(count), [0, count - 1])
    return Problem(states, law=Membrane(0.1), force=Least(0), fixed=ends), amplitudes, mode


@pytest.mark.parametrize("few", [24, 0])
def test_a_string_held_at_its_ends_swings_at_its_own_frequency(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmgai_fem.fem.linear.FEW", few)
    problem, amplitudes, mode = string()
    step = 1.0 / (len(mode) - 1)
    # The eigenvalue of linear elements of this length.
    eigenvalue = 0.1 * 6.0 / step**2 * (1.0 - np.cos(np.pi * step)) / (2.0 + np.cos(np.pi * step))
    elements = StateElements.for_states(VALUES, (0.0, 1.0), 0, 2.0 * np.sqrt(eigenvalue))
    curve = cardinal_curves(elements, VALUES, 0, 0.0, eigenvalue) @ amplitudes
    solution = solve(problem, "fem", tolerance=1e-9)
    for value in (0.1, 0.45, 0.8):
        exact = (elements.basis(np.array([value])) @ curve)[0] * mode
        np.testing.assert_allclose(solution.at(value)[:, 0], exact, atol=1e-6)
    # Free ends would move by another law: sin is no eigenmode of theirs.
    free = solve(Problem(problem.states, law=problem.law, force=Least(0)), "fem")
    assert np.abs(free.at(0.45) - solution.at(0.45)).max() > 1e-3


def test_networks_hold_the_same_labels() -> None:
    problem, _, _ = string()
    fem, pinn = (solve(problem, method).at(0.45) for method in ("fem", "pinn"))
    assert np.abs(fem - pinn).max() < 1e-4 * np.ptp(problem.known.values)
    assert np.abs(pinn[[0, -1]]).max() < 1e-12


def clamped(name: str) -> Problem:
    """A square that is stretched and sheared from its left edge, which is held."""
    labels = square_mesh(5)
    X, Y = labels.points.T
    fields = [np.column_stack([X * (1 + 0.4 * s * X), Y + 0.3 * s**2 * X * Y]) for s in VALUES]
    states = States.of(labels, Coordinate("load"), VALUES, {"x": Field(np.stack(fields), "m", ("x", "y"))})
    return Problem(states, law=make_law(name, 0.05), force=Least(0), damping=0.2, fixed=X == 0.0)


@pytest.mark.parametrize("name", ["neo_hookean", "linear_elastic"])
def test_an_edge_that_is_held_stays_and_the_force_marches_back(name: str) -> None:
    problem = clamped(name)
    solution = solve_nonlinear(problem)
    first = problem.states.labels.points[problem.fixed]
    for value in (0.2, 0.45, 0.9):
        np.testing.assert_allclose(solution.at(value)[problem.fixed], first, atol=1e-12)
    assert solution.force is not None and np.abs(solution.force(0.45)[problem.fixed]).max() < 1e-9
    if name == "neo_hookean":
        assert replay(solution, 200).worst < 1e-4


def test_what_cannot_be_fixed_is_said() -> None:
    states = clamped("neo_hookean").states
    with pytest.raises(InputError, match=r"label 20 is fixed, but its known states differ by up to 0\.4"):
        Problem(states, fixed=states.labels.points[:, 0] == 1.0)
    with pytest.raises(InputError, match="one True or False a label, 25 in all"):
        Problem(states, fixed=np.ones(3, dtype=bool))
