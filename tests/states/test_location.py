"""Location among simplices: every point found, quadratic fields exact, points outside on the nearest simplex."""

import numpy as np
import pytest
from scipy.spatial import Delaunay

from cmgai_fem.states.location import Simplices


def cloud(dimension: int, count: int = 60) -> Simplices:
    """Delaunay simplices of random points in a unit box with its corners."""
    random = np.random.default_rng(dimension)
    corners = np.array(np.meshgrid(*[[0.0, 1.0]] * dimension)).reshape(dimension, -1).T
    points = np.concatenate([corners, random.uniform(0.0, 1.0, (count, dimension))])
    if dimension == 1:
        order = np.argsort(points[:, 0])
        return Simplices.of(points, np.column_stack([order[:-1], order[1:]]))
    return Simplices.of(points, Delaunay(points).simplices.astype(np.int64))


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_every_place_is_found(dimension: int) -> None:
    mesh = cloud(dimension)
    assert mesh.volumes.sum() == pytest.approx(1.0, abs=1e-12)
    places = np.random.default_rng(0).uniform(0.0, 1.0, (500, dimension))
    for start in (None, np.zeros(500, dtype=np.int64)):
        found = mesh.locate(places, start)
        np.testing.assert_allclose(mesh.place(found), places, atol=1e-6)
        assert found.shares.min() >= 0.0


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_quadratic_fields_are_exact_with_their_slopes(dimension: int) -> None:
    mesh, random = cloud(dimension), np.random.default_rng(1)
    form, slope = random.normal(size=(dimension, dimension)), random.normal(size=dimension)
    form = form + form.T

    def field(x: np.ndarray) -> np.ndarray:
        return (0.5 * np.einsum("pa,ab,pb->p", x, form, x) + x @ slope)[:, None]

    places = random.uniform(0.0, 1.0, (200, dimension))
    found = mesh.locate(places)
    exact = mesh.value(field(mesh.points), found, (mesh.points @ form + slope)[:, None, :])
    np.testing.assert_allclose(exact, field(places), atol=1e-10)
    linear = mesh.value(mesh.points @ slope[:, None], found)
    np.testing.assert_allclose(linear, places @ slope[:, None], atol=1e-10)
    np.testing.assert_allclose(
        mesh.slopes(mesh.points @ slope[:, None])[:, 0], np.tile(slope, (len(mesh.points), 1)), atol=1e-9
    )


def test_clipped_values_stay_among_those_of_the_simplex() -> None:
    mesh = cloud(2)
    step = (mesh.points[:, [0]] > 0.5).astype(float)
    found = mesh.locate(np.random.default_rng(2).uniform(0.0, 1.0, (500, 2)))
    loose = mesh.value(step, found, mesh.slopes(step))
    kept = mesh.value(step, found, mesh.slopes(step), clip=True)
    assert loose.min() < -1e-3
    assert kept.min() >= 0.0
    assert kept.max() <= 1.0


def test_a_place_outside_goes_to_a_simplex_beside_it() -> None:
    mesh = cloud(2, 0)
    outside, nearest = np.array([[1.001, 0.3], [-0.002, 0.6], [1.5, 1.7]]), [[1.0, 0.3], [0.0, 0.6], [1.0, 1.0]]
    np.testing.assert_allclose(mesh.place(mesh.locate(outside)), nearest, atol=2e-3)


def test_places_near_a_surface_go_onto_it() -> None:
    # A roof of two triangles over the diagonal of a square.
    points = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    mesh = Simplices.of(points, np.array([[0, 1, 2], [0, 2, 3]]))
    shares = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    on = np.einsum("pi,pid->pd", shares, points[mesh.cells])
    normals = np.cross(mesh.edges[:, 0], mesh.edges[:, 1])
    found = mesh.locate(on + 0.05 * normals)
    np.testing.assert_array_equal(found.cells, [0, 1])
    np.testing.assert_allclose(found.shares, shares, atol=1e-12)


def test_flat_simplices_leave_the_others_as_they_are() -> None:
    mesh = cloud(2)
    flat = mesh.points.copy()
    flat[mesh.cells[0, 0]] = flat[mesh.cells[0, 1]]
    moved = mesh.moved(flat)
    assert np.all(np.isfinite(moved.gradients))
    assert moved.volumes.min() == 0.0
