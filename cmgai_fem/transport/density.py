"""Density mode: the density that a motion of the labels makes, and the check that labels never cross.

The labels are a mesh of feature space itself (lines, triangles or tetrahedra, n = d) with a reference density `rho0`.
A motion carries each cell's mass with it, `rho J = rho0`: the density at a state comes from the Jacobian on the moved
label mesh, or from a conservative deposit on a grid. Both keep the mass to rounding; no kernel is involved.
"""

from itertools import product
from math import factorial

import numpy as np

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.states.labels import Array, IntArray, Labels

SIMPLICES = {"line": 1, "triangle": 2, "tetra": 3}


def simplices(labels: Labels) -> IntArray:
    """Connectivity (C, d + 1) of labels whose mesh is of simplices and fills its space.

    Raises:
        InputError: the labels have no such mesh.
    """
    if len(labels.cells) == 1 and labels.location == "point":
        ((kind, cells),) = labels.cells.items()
        if SIMPLICES.get(kind) == labels.points.shape[1]:
            return cells
    raise InputError("density mode needs point labels on a mesh of lines in 1-D, triangles in 2-D or tetrahedra in 3-D")


def cell_volumes(points: Array, cells: IntArray) -> Array:
    """Signed volumes (C,) of simplices with vertices `points` (N, d)."""
    edges = points[cells[:, 1:]] - points[cells[:, :1]]
    return np.asarray(np.linalg.det(edges)) / factorial(points.shape[1])


def lumped_volumes(points: Array, cells: IntArray) -> Array:
    """Volumes (N,) that stand for the vertices of simplices: their shares of the cells about them."""
    volumes = np.zeros(len(points))
    np.add.at(volumes, cells, np.abs(cell_volumes(points, cells))[:, None] / cells.shape[1])
    return volumes


def jacobians(labels: Labels, positions: Array, state: str = "") -> Array:
    """`J = det ∂x/∂X` of every cell; positive, or an error.

    Args:
        labels: the label mesh.
        positions: (N, d) where the labels are now.
        state: name of the state, for the message.

    Returns:
        (C,) Jacobians.

    Raises:
        ConvergenceError: a cell has turned inside out; the message says which and where.
    """
    cells = simplices(labels)
    ratio = cell_volumes(positions, cells) / cell_volumes(labels.points, cells)
    worst = int(np.argmin(ratio))
    if not ratio[worst] > 0.0:
        where = ", ".join(f"{value:.4g}" for value in labels.points[cells[worst]].mean(axis=0))
        raise ConvergenceError(
            f"{state + ': ' if state else ''}the labels cross: J = {ratio[worst]:.3g} in {int(np.sum(ratio <= 0))} of "
            f"{len(ratio)} cells, first about the label ({where}); use a coupling by optimal transport, more states or "
            "a law that resists compression"
        )
    return ratio


def cell_masses(labels: Labels, density: Array) -> Array:
    """Mass (C,) of every cell for a density (N,) linear in each cell."""
    cells = simplices(labels)
    return np.abs(cell_volumes(labels.points, cells)) * density[cells].mean(axis=1)


def density_by_jacobian(labels: Labels, density: Array, positions: Array, state: str = "") -> Array:
    """Density at the moved labels, `rho = rho0 / J`, with J averaged over the cells about each label.

    The mass that the lumped volumes of the moved mesh give, `Σ rho_i w_i`, is the reference mass to rounding.

    Args:
        labels: the label mesh.
        density: (N,) reference density rho0 at the labels.
        positions: (N, d) where the labels are now.
        state: name of the state, for the message.

    Returns:
        (N,) density at the moved labels.

    Raises:
        ConvergenceError: J <= 0 somewhere.
    """
    jacobians(labels, positions, state)
    cells = simplices(labels)
    return density * lumped_volumes(labels.points, cells) / lumped_volumes(positions, cells)


def deposit(labels: Labels, masses: Array, positions: Array, edges: tuple[Array, ...], parts: int = 4) -> Array:
    """Conservative deposit of the cells' masses on a rectilinear grid.

    Each moved cell is cut into equal parts, and each part's mass goes to the grid cell that its centre lies in: the
    total is kept to rounding. Masses beyond the grid go to its outermost cells.

    Args:
        labels: the label mesh.
        masses: (C,) masses of the cells, as of `cell_masses`.
        positions: (N, d) where the labels are now.
        edges: d arrays of increasing grid lines.
        parts: cuts of each edge of a cell.

    Returns:
        Density of the grid's cells, shape (len(edges[0]) − 1, ...).
    """
    cells = simplices(labels)
    centres = _part_centres(cells.shape[1] - 1, parts)
    points = np.einsum("qv,cvi->cqi", centres, positions[cells]).reshape(-1, positions.shape[1])
    shares = np.repeat(masses / len(centres), len(centres))
    shape = tuple(len(lines) - 1 for lines in edges)
    place = [
        np.clip(np.searchsorted(lines, points[:, axis], side="right") - 1, 0, shape[axis] - 1)
        for axis, lines in enumerate(edges)
    ]
    total = np.bincount(np.ravel_multi_index(place, shape), weights=shares, minlength=int(np.prod(shape)))
    volumes = np.ones(shape)
    for axis, lines in enumerate(edges):
        volumes = volumes * np.diff(lines).reshape([-1 if k == axis else 1 for k in range(len(edges))])
    return total.reshape(shape) / volumes


def _part_centres(d: int, parts: int) -> Array:
    """Barycentric centres of `parts`^d equal parts of a simplex (Freudenthal's cut along each edge)."""
    # A d-simplex 1 >= y_1 >= ... >= y_d >= 0 is cut by the lattice into cubes, each cube into d! simplices.
    centres = []
    for corner in product(range(parts), repeat=d):
        for order in _orders(d):
            steps = np.zeros((d + 1, d))
            for index, axis in enumerate(order, start=1):
                steps[index:, axis] += 1.0
            centre = (np.array(corner) + steps.mean(axis=0)) / parts
            chain = np.concatenate([[1.0], centre, [0.0]])
            if np.all(np.diff(chain) < 0.0):
                centres.append(-np.diff(chain))
    return np.array(centres)


def _orders(d: int) -> list[tuple[int, ...]]:
    return [order for order in product(range(d), repeat=d) if len(set(order)) == d]
