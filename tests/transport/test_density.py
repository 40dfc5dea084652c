"""Density mode: mass, Jacobian, deposit and the check for crossing labels."""

import numpy as np
import pytest
from scipy.spatial import Delaunay

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.states.labels import labels_on_mesh, labels_on_points
from cmgai_fem.transport.density import (
    cell_masses,
    cell_volumes,
    density_by_jacobian,
    deposit,
    jacobians,
    simplices,
)

KINDS = {1: "line", 2: "triangle", 3: "tetra"}


def box(d, count=5):
    axis = np.linspace(0.0, 1.0, count)
    points = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    if d == 1:
        cells = np.column_stack([np.arange(count - 1), np.arange(1, count)])
    else:
        # A slight random shift makes Delaunay unique; the hull stays within 1e-9 of the box.
        jitter = 1e-9 * np.random.default_rng(0).standard_normal(points.shape)
        cells = Delaunay(points + jitter).simplices
        volume = np.abs(cell_volumes(points, cells))
        cells = cells[volume > 1e-6]
    return labels_on_mesh(points, {KINDS[d]: cells.astype(np.int64)})


@pytest.mark.parametrize("d", [1, 2, 3])
def test_affine_motion_has_its_determinant_and_keeps_mass(d):
    labels = box(d)
    density = 1.0 + labels.points @ np.arange(1.0, d + 1.0)
    matrix = np.eye(d) + 0.3 * np.random.default_rng(d).standard_normal((d, d)) / d
    positions = labels.points @ matrix.T + 2.0
    determinant = np.linalg.det(matrix)
    np.testing.assert_allclose(jacobians(labels, positions), determinant, rtol=1e-12)
    moved = density_by_jacobian(labels, density, positions)
    mass = cell_masses(labels, density).sum()
    assert mass == pytest.approx(1.0 + 0.5 * np.arange(1.0, d + 1.0).sum(), rel=1e-12)
    assert moved @ (labels.weights * determinant) == pytest.approx(mass, rel=1e-12)
    uniform = density_by_jacobian(labels, np.full(labels.count, 3.0), positions)
    np.testing.assert_allclose(uniform, 3.0 / determinant, rtol=1e-12)


def test_density_by_jacobian_converges_at_second_order():
    """x = X + 0.3 sin(pi X)/pi on [0, 1] with rho0 = 1: rho = 1 / (1 + 0.3 cos(pi X))."""
    errors = []
    for count in (21, 41):
        labels = box(1, count)
        X = labels.points[:, 0]
        moved = density_by_jacobian(labels, np.ones(count), (X + 0.3 * np.sin(np.pi * X) / np.pi)[:, None])
        errors.append(np.abs(moved - 1.0 / (1.0 + 0.3 * np.cos(np.pi * X)))[1:-1].max())
    assert np.log2(errors[0] / errors[1]) > 1.9


@pytest.mark.parametrize("d", [1, 2, 3])
def test_deposit_keeps_the_mass_to_rounding(d):
    labels = box(d)
    masses = cell_masses(labels, 1.0 + labels.points[:, 0])
    positions = 0.1 + 0.8 * labels.points
    grid = np.linspace(0.0, 1.0, 9)
    density = deposit(labels, masses, positions, (grid,) * d)
    assert density.shape == (8,) * d
    assert density.sum() / 8**d == pytest.approx(masses.sum(), rel=1e-12)
    assert density.min() >= 0.0


def test_deposit_of_a_uniform_square_is_uniform():
    labels = box(2, 17)
    density = deposit(labels, cell_masses(labels, np.ones(labels.count)), labels.points, (np.linspace(0, 1, 5),) * 2)
    np.testing.assert_allclose(density, 1.0, rtol=0.02)


def test_crossing_labels_are_an_error_that_says_where():
    labels = box(1)
    positions = labels.points.copy()
    positions[3] = 0.4
    with pytest.raises(ConvergenceError, match=r"time = 2: the labels cross: J = -0.4 in 1 of 4 cells.*\(0.625\)"):
        density_by_jacobian(labels, np.ones(5), positions, "time = 2")


def test_labels_without_a_mesh_are_refused():
    with pytest.raises(InputError, match="density mode needs"):
        simplices(labels_on_points(np.zeros((3, 2))))
