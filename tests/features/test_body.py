"""The body that labels move over: what its boundary blocks, and the way back onto it."""

import numpy as np
import pytest
import pyvista

from cmgai_fem.errors import InputError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.states.label_meshes import line_mesh, square_mesh
from cmgai_fem.states.labels import Labels, labels_on_mesh, labels_on_points


def box(counts: tuple[int, int, int] = (5, 4, 3)) -> Labels:
    """A box of hexahedra with sides of 1."""
    grid = pyvista.ImageData(dimensions=counts, spacing=[1.0 / (n - 1) for n in counts]).cast_to_unstructured_grid()
    cells = grid.cells_dict[pyvista.CellType.VOXEL][:, [0, 1, 3, 2, 4, 5, 7, 6]]
    return labels_on_mesh(np.asarray(grid.points, dtype=float), {"hexahedron": cells.astype(np.int64)})


def sphere(closed: bool = True) -> Labels:
    surface = pyvista.Icosphere(radius=1.0, nsub=3)
    surface = surface if closed else surface.clip("z", invert=False).triangulate().clean()
    return labels_on_mesh(np.asarray(surface.points, dtype=float), {"triangle": surface.regular_faces.astype(np.int64)})


def turned(labels: Labels, g: int) -> Labels:
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(g, g)))[0]
    return labels_on_mesh(labels.points @ turn.T[: labels.points.shape[1]] + 3.0, labels.cells)


@pytest.mark.parametrize(
    ("labels", "ranks"),
    [
        (line_mesh(6), [4, 2]),
        (square_mesh(5), [9, 12, 4]),
        (box(), [3 * 2 * 1, 2 * (3 * 2 + 3 * 1 + 2 * 1), 4 * (3 + 2 + 1), 8]),
        (turned(box(), 3), [6, 22, 24, 8]),
        (turned(square_mesh(5), 3), [9, 12, 4]),
    ],
)
def test_faces_edges_and_corners_block_one_two_and_all_directions(labels: Labels, ranks: list[int]) -> None:
    body = LabelBody.of(labels)
    assert np.bincount(body.blocked[0]).tolist() == ranks
    assert body.shares.sum() == pytest.approx(1.0)
    assert body.volume == pytest.approx(1.0, rel=1e-6)
    np.testing.assert_allclose(body.jacobians(body.points), 1.0, atol=1e-12)
    np.testing.assert_allclose(body.project(body.points), body.points, atol=1e-12)


def test_nodes_slide_on_faces_and_edges_and_corners_stay() -> None:
    body = LabelBody.of(box())
    pushed = body.points + np.random.default_rng(0).normal(scale=0.03, size=body.points.shape)
    back = body.project(pushed)
    ranks = body.blocked[0]
    on_a_wall = np.isclose(body.points, 0.0) | np.isclose(body.points, 1.0)
    np.testing.assert_array_equal(on_a_wall.sum(axis=1), ranks)
    np.testing.assert_allclose(back[on_a_wall], body.points[on_a_wall], atol=1e-9)
    np.testing.assert_array_equal(back[ranks == 0], pushed[ranks == 0])
    frames = body.frames(body.sliding, back[body.sliding])
    wanted = np.array([np.diag(row.astype(float)) for row in on_a_wall[body.sliding]])
    np.testing.assert_allclose(frames, wanted, atol=1e-9)


def test_the_length_turns_with_the_body_and_is_the_longest_side() -> None:
    labels = labels_on_mesh(square_mesh(41).points * [2.0, 1.0], square_mesh(41).cells)
    body = LabelBody.of(labels)
    assert body.length == pytest.approx(2.0, rel=2e-3)
    assert LabelBody.of(turned(labels, 2)).length == pytest.approx(body.length, rel=1e-12)


def test_a_surface_keeps_its_labels_and_knows_when_it_turns_over() -> None:
    body = LabelBody.of(sphere())
    assert body.is_surface
    assert np.bincount(body.blocked[0]).tolist() == [0, len(body.points)]
    np.testing.assert_allclose(np.linalg.norm(body.project(1.1 * body.points), axis=1), 1.0, atol=2e-2)
    np.testing.assert_allclose(body.jacobians(body.points), 1.0, atol=2e-2)
    swapped = body.points.copy()
    one, other = body.mesh.cells[0, :2]
    swapped[[one, other]] = swapped[[other, one]]
    assert body.jacobians(swapped).min() < 0.0


def test_the_rim_of_a_surface_slides_along_itself() -> None:
    body = LabelBody.of(sphere(closed=False))
    rim = np.flatnonzero(np.isclose(body.points[:, 2], 0.0, atol=1e-6))
    np.testing.assert_array_equal(body.blocked[0][rim], 2)
    along = np.cross([0.0, 0.0, 1.0], body.points[rim])
    frames = body.frames(rim, body.points[rim])
    assert np.abs(np.einsum("nab,nb->na", frames, along)).max() < 0.2
    lifted = body.points[rim] + [0.0, 0.0, 0.05]
    np.testing.assert_allclose(body.project(lifted, rim)[:, 2], 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (labels_on_points(np.eye(3)), "bare points"),
        (labels_on_mesh(square_mesh(3).points, square_mesh(3).cells, "cell"), "cells"),
        (
            labels_on_mesh(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]), {"line": np.array([[0, 1], [1, 2]])}),
            "1-D mesh",
        ),
    ],
)
def test_what_is_no_body_is_refused(labels: Labels, text: str) -> None:
    with pytest.raises(InputError, match=text):
        LabelBody.of(labels)
