"""A coarser mesh of a body: the same body, well shaped, fine where its states vary."""

import numpy as np
import pytest
from test_body import box, turned

from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.coarsening import coarsened
from cmgai_fem.states.label_meshes import square_mesh
from cmgai_fem.states.labels import Array, Labels, labels_on_mesh
from cmgai_fem.states.location import Simplices


def bump(points: Array) -> Array:
    return np.exp(-np.sum((points - 0.3) ** 2, axis=1) / 0.1**2)[None, :, None]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmgai_fem.features.coarsening.COUNT", {2: 100, 3: 100})


@pytest.mark.parametrize("labels", [square_mesh(31), box((11, 11, 11)), turned(square_mesh(31), 3)])
def test_flat_walls_stay_and_simplices_stay_upright(labels: Labels) -> None:
    body = LabelBody.of(labels)
    nodes, cells = coarsened(body, np.zeros((2, labels.count, 1)))
    coarse = Simplices.of(body.points[nodes], cells)
    assert len(nodes) < 0.4 * labels.count
    assert coarse.volumes.sum() == pytest.approx(1.0, rel=1e-9)
    sides = np.linalg.det(coarse.edges)
    assert sides.min() > 0.0
    # The corners are there, and every node of the body lies in the coarse mesh.
    assert set(np.flatnonzero(body.blocked[0] == body.dimension)) <= set(nodes)
    np.testing.assert_allclose(coarse.place(coarse.locate(body.points)), body.points, atol=1e-6)


def ring(around: int = 60, across: int = 12) -> Labels:
    """A ring of radii 0.5 and 1."""
    angle = 2.0 * np.pi * np.arange(around) / around
    radius = np.linspace(0.5, 1.0, across)
    points = np.stack([np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle))], axis=-1).reshape(-1, 2)
    row, column = (one.ravel() for one in np.meshgrid(np.arange(across - 1), np.arange(around), indexing="ij"))
    after = (column + 1) % around
    a, b, c, d = row * around + column, row * around + after, (row + 1) * around + column, (row + 1) * around + after
    return labels_on_mesh(points, {"triangle": np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])})


def test_a_curved_boundary_is_followed() -> None:
    body = LabelBody.of(ring())
    nodes, cells = coarsened(body, np.zeros((2, len(body.points), 1)))
    coarse = Simplices.of(body.points[nodes], cells)
    assert len(nodes) < 0.5 * len(body.points)
    assert coarse.volumes.sum() == pytest.approx(0.75 * np.pi, rel=0.05)
    edge = np.unique(LabelBody.of(labels_on_mesh(coarse.points, {"triangle": cells})).boundary.cells)
    radii = np.linalg.norm(coarse.points[edge], axis=1)
    assert np.all(np.isclose(radii, 0.5) | np.isclose(radii, 1.0))


def test_it_is_fine_where_a_state_varies() -> None:
    body = LabelBody.of(square_mesh(61))
    values = bump(body.points)
    nodes, cells = coarsened(body, values)
    coarse = Simplices.of(body.points[nodes], cells)
    near = np.linalg.norm(coarse.points - 0.3, axis=1) < 0.2
    # An eighth of the body has twice its share of the nodes.
    assert near.sum() > 0.25 * len(nodes)
    carried = coarse.value(values[0][nodes], coarse.locate(body.points))
    assert np.sqrt(np.mean((carried - values[0]) ** 2)) < 0.025
    assert carried.max() > 0.88 * values.max()


def test_it_turns_with_the_body() -> None:
    labels = square_mesh(31)
    nodes, cells = coarsened(LabelBody.of(labels), bump(labels.points))
    again, others = coarsened(LabelBody.of(turned(labels, 2)), bump(labels.points))
    np.testing.assert_array_equal(again, nodes)
    # The turn may mirror the body.
    np.testing.assert_array_equal(np.sort(others), np.sort(cells))
