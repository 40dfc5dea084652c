"""Transport on a curved surface in 3-D: a sphere, where spherical harmonics move by a scalar equation each."""

import numpy as np
import pytest

from cmgai_fem.motions.state_splines import StateElements, cardinal_curves
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import Labels, labels_on_mesh
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import Membrane
from cmgai_fem.transport.problem import Problem

VALUES = np.array([0.0, 0.3, 0.6, 1.0])
STIFFNESS, DAMPING = 0.2, 0.4


def sphere(subdivisions: int) -> Labels:
    surface = pytest.importorskip("pyvista").Icosphere(radius=1.0, nsub=subdivisions)
    points = np.asarray(surface.points, dtype=float)
    points /= np.linalg.norm(points, axis=1)[:, None]
    return labels_on_mesh(points, {"triangle": surface.regular_faces.astype(np.int64)})


def harmonics(points: np.ndarray) -> np.ndarray:
    """One real spherical harmonic of each degree l = 1, 2, 3."""
    x, y, z = points.T
    return np.stack([z, x * y, y * (3 * x**2 - y**2)])


def amplitudes(values: np.ndarray) -> np.ndarray:
    return np.stack([np.sin(2.0 * values), values**2, 1.0 - np.cos(values)], axis=1)


def problem(subdivisions: int) -> Problem:
    labels = sphere(subdivisions)
    field = amplitudes(VALUES) @ harmonics(labels.points)
    states = States(labels, Coordinate("t"), VALUES, {"f": Field(field[:, :, None], "", ("",))})
    return Problem(states, law=Membrane(STIFFNESS), damping=DAMPING, force=Least(0))


def exact(points: np.ndarray, s: float) -> np.ndarray:
    """Each harmonic of degree l under its eigenvalue l (l + 1) on the sphere itself."""
    moved = []
    for degree, data in zip((1, 2, 3), amplitudes(VALUES).T, strict=True):
        eigenvalue = STIFFNESS * degree * (degree + 1)
        elements = StateElements.for_states(VALUES, (0.0, 1.0), 0, 2.0 * np.sqrt(eigenvalue) + DAMPING)
        curve = cardinal_curves(elements, VALUES, 0, DAMPING, eigenvalue) @ data
        moved.append((elements.basis(np.array([s])) @ curve)[0])
    return np.array(moved) @ harmonics(points)


def test_harmonics_move_by_their_own_eigenvalue_to_second_order() -> None:
    errors = []
    for subdivisions in (2, 3):
        statement = problem(subdivisions)
        found = solve(statement, "fem").at(0.45)[:, 0]
        errors.append(np.abs(found - exact(statement.states.labels.points, 0.45)).max())
    without = np.array([np.interp(0.45, VALUES, data) for data in amplitudes(VALUES).T]) @ harmonics(
        problem(3).states.labels.points
    )
    assert errors[1] < 0.02 * np.abs(without - exact(problem(3).states.labels.points, 0.45)).max()
    assert np.log2(errors[0] / errors[1]) > 1.7


@pytest.mark.medium
def test_networks_agree_with_finite_elements_on_a_sphere() -> None:
    statement = problem(2)
    fem, pinn = (solve(statement, method).at(0.45) for method in ("fem", "pinn"))
    assert np.sqrt(np.mean((fem - pinn) ** 2)) < 0.002 * np.ptp(statement.known.values)
