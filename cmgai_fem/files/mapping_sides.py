"""Which side of an interface a label is on: contacts, cracks and bonded bodies have nodes of two sides at one place."""

import numpy as np
import pyvista
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from cmgai_fem.states.labels import Array, BoolArray, IntArray

# Nodes this close, relative to the size of the body, are at one place.
ONE_PLACE = 1e-9
# Bodies of more parts are taken as a whole: grains and particles, of which each would be a mapping of its own.
MOST_PARTS = 100


def connected_parts(grid: pyvista.UnstructuredGrid) -> tuple[IntArray, IntArray]:
    """Number of the connected part that each node (N,) and each cell (C,) belongs to."""
    connectivity, offsets = np.asarray(grid.cell_connectivity), np.asarray(grid.cell_offsets)
    first = connectivity[offsets[:-1]]
    edges = coo_matrix(
        (np.ones(len(connectivity)), (np.repeat(first, np.diff(offsets)), connectivity)), (grid.n_points,) * 2
    )
    _, nodes = connected_components(edges, directed=False)
    return nodes, nodes[first]


def matched_parts(source: tuple[Array, IntArray], target: tuple[Array, IntArray]) -> list[tuple[int, int]] | None:
    """Pairs of parts of two meshes of one body, or None where the meshes do not fall into the same parts.

    Args:
        source: the nodes (N, 3) of the one mesh, and the part of each; nodes in no cell are parts of one.
        target: those of the other.
    """
    boxes = [_boxes(points, parts) for points, parts in (source, target)]
    if len(boxes[0]) != len(boxes[1]) or not 2 <= len(boxes[0]) <= MOST_PARTS:
        return None
    mine, theirs = (np.array(list(box.values())) for box in boxes)
    distance = np.linalg.norm(mine[:, None] - theirs[None], axis=2)
    rows, columns = linear_sum_assignment(distance)
    return [(list(boxes[0])[row], list(boxes[1])[column]) for row, column in zip(rows, columns, strict=True)]


def _boxes(points: Array, parts: IntArray) -> dict[int, Array]:
    """Lowest, highest and mean place (9,) of each part of more than one node."""
    numbers, counts = np.unique(parts, return_counts=True)
    return {
        int(number): np.concatenate([own.min(axis=0), own.max(axis=0), own.mean(axis=0)])
        for number in numbers[counts > 1]
        for own in [points[parts == number]]
    }


def doubled(points: Array) -> BoolArray:
    """(N,) whether another node lies at the place of each."""
    extent = float(np.ptp(points, axis=0).max()) or 1.0
    pairs = cKDTree(points).query_pairs(ONE_PLACE * extent, output_type="ndarray")
    result = np.zeros(len(points), dtype=bool)
    result[pairs.ravel()] = True
    return result


def inward(grid: pyvista.UnstructuredGrid) -> Array:
    """(N, 3) way from each node to the middle of its own cells' centres; 0 for nodes of no cell."""
    connectivity = np.asarray(grid.cell_connectivity)
    centres = np.asarray(grid.cell_centers().points, dtype=float)
    cells = np.repeat(np.arange(grid.n_cells), np.diff(np.asarray(grid.cell_offsets)))
    count = np.bincount(connectivity, minlength=grid.n_points)
    sums = [np.bincount(connectivity, weights=column[cells], minlength=grid.n_points) for column in centres.T]
    points = np.asarray(grid.points, dtype=float)
    return np.where(count[:, None] > 0, np.column_stack(sums) / np.maximum(count, 1)[:, None] - points, 0.0)
