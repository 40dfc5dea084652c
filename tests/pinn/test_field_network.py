"""Field networks of encoded labels against the natural spline (scipy) and the finite elements, d = 1, 2, 3."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.pinn.field_network import coordinates, eigenfunctions, fourier
from cmgai_fem.pinn.settings import ENCODINGS, TrainingSettings
from cmgai_fem.solve import solve
from cmgai_fem.states.label_meshes import line_mesh, square_mesh
from cmgai_fem.states.labels import Array, Labels, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import make_law
from cmgai_fem.transport.problem import Problem

TIMES = np.array([0.0, 0.2, 0.5, 0.8, 1.0])


def cube(count: int) -> Labels:
    axis = np.linspace(0.0, 1.0, count)
    return labels_on_points(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3))


def states(labels: Labels) -> States:
    """Two components that depend on label and state together."""
    reach = labels.points.sum(axis=1) / labels.points.shape[1]
    values = [
        np.column_stack([np.sin(2.0 * reach + 2.0 * s) * np.exp(s * reach), np.cos(3.0 * labels.points[:, 0] - s)])
        for s in TIMES
    ]
    return States.of(labels, Coordinate("t"), TIMES, {"u": Field(np.stack(values), "", ("x", "y"))})


def settings(encoding: str) -> TrainingSettings:
    return TrainingSettings(encoding=encoding, hidden=(16,), points=8)


def error(found: Array, exact: Array, problem: Problem) -> float:
    return float(np.sqrt(np.mean((found - exact) ** 2)) / np.ptp(problem.known.values))


@pytest.mark.medium
@pytest.mark.parametrize("encoding", ["coordinates", "fourier", "laplace_beltrami"])
@pytest.mark.parametrize("labels", [line_mesh(30), square_mesh(6), cube(3)], ids=["1-D", "2-D", "3-D"])
def test_without_a_law_it_is_the_natural_spline(labels: Labels, encoding: str) -> None:
    if not labels.cells and encoding == "laplace_beltrami":
        pytest.skip("bare points have no eigenfunctions")
    problem = Problem(states(labels), force=Least(0)).with_reach(0.0, 1.1)
    solution = solve(problem, "pinn", settings=settings(encoding))
    natural = CubicSpline(TIMES, problem.known.values, bc_type="natural")
    for s in (0.1, 0.35, 0.9):
        assert error(solution.at(s), natural(s), problem) < 1e-4
    for index, s in enumerate(TIMES):
        np.testing.assert_allclose(solution.at(s), problem.known.values[index], atol=1e-12)


@pytest.mark.medium
@pytest.mark.parametrize("encoding", ["coordinates", "fourier", "laplace_beltrami"])
@pytest.mark.parametrize(
    ("law", "order"), [("membrane", 0), ("membrane", 1), pytest.param("linear_elastic", 0, marks=pytest.mark.slow)]
)
def test_under_a_linear_law_it_agrees_with_the_finite_elements(encoding: str, law: str, order: int) -> None:
    problem = Problem(states(square_mesh(5)), law=make_law(law, 0.5), damping=0.5, force=Least(order))
    fem, pinn = solve(problem, "fem", tolerance=1e-8), solve(problem, "pinn", settings=settings(encoding))
    for s in (0.1, 0.35, 0.9):
        assert error(pinn.at(s), fem.at(s), problem) < 1e-3


def test_the_force_is_that_of_the_balance() -> None:
    problem = Problem(states(line_mesh(12)), law=make_law("membrane", 0.5), damping=0.5)
    pinn, fem = solve(problem, "pinn", settings=settings("fourier")), solve(problem, "fem")
    assert pinn.force is not None and fem.force is not None
    size = np.sqrt(np.mean(fem.force(0.4) ** 2))
    assert np.sqrt(np.mean((pinn.force(0.4) - fem.force(0.4)) ** 2)) < 0.02 * size


def test_encodings() -> None:
    labels = square_mesh(9, (2.0, 6.0))
    assert coordinates(labels.points).min() == -1.0 and coordinates(labels.points).max() == 1.0
    first, second = (fourier(labels.points, 5, 1.0, seed) for seed in (1, 2))
    assert first.shape == (81, 12)
    np.testing.assert_array_equal(first, fourier(labels.points, 5, 1.0, 1))
    assert np.abs(first - second).max() > 0.1
    # Neumann eigenfunctions of a line: cosines, to second order in the mesh.
    line = line_mesh(65)
    modes = eigenfunctions(line, 3)
    for index in range(3):
        cosine = np.cos((index + 1) * np.pi * line.points[:, 0])
        assert min(np.abs(modes[:, index] - sign * cosine).max() for sign in (1, -1)) < 2e-3


def test_what_a_field_network_cannot_do_is_said() -> None:
    given = states(line_mesh(8))
    with pytest.raises(InputError, match="p >= 0"):
        solve(Problem(given, force=Least(-1)), "pinn", settings=settings("coordinates"))
    with pytest.raises(InputError, match="states that hold exactly"):
        solve(Problem(given, tolerance=0.1), "pinn", settings=settings("coordinates"))
    with pytest.raises(InputError, match="linear laws"):
        square = states(square_mesh(4))
        solve(Problem(square, law=make_law("neo_hookean")), "pinn", settings=settings("fourier"))
    with pytest.raises(InputError, match="bare points"):
        solve(Problem(states(cube(3))), "pinn", settings=settings("laplace_beltrami"))
    with pytest.raises(ConvergenceError, match="still falls after 2 steps"):
        few = TrainingSettings(encoding="coordinates", field_steps=2)
        solve(Problem(given, law=make_law("membrane", 0.5)), "pinn", settings=few)
    assert ENCODINGS[0] == TrainingSettings().encoding == "spectral"
