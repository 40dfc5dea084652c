"""The squared Wasserstein-2 distance of a motion of the labels that is linear in each cell."""

import numpy as np

from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.transport.density import cell_volumes, simplices


def transport_cost(labels: Labels, density: Array, positions: Array) -> float:
    """`∫ rho0 |x − X|² dX / ∫ rho0 dX`: the squared Wasserstein-2 distance where the map is optimal.

    Args:
        labels: the label mesh.
        density: (N,) reference density, linear in each cell.
        positions: (N, d) images of the labels, linear in each cell.

    Returns:
        The cost, exact for these linear interpolants.
    """
    cells = simplices(labels)
    points, weights = _cubic_rule(cells.shape[1] - 1)
    volumes = np.abs(cell_volumes(labels.points, cells))
    rho = density[cells] @ points.T
    moved = np.einsum("qv,cvi->cqi", points, (positions - labels.points)[cells])
    mass = volumes[:, None] * weights * rho
    return float(np.sum(mass * np.sum(moved**2, axis=-1)) / np.sum(mass))


def _cubic_rule(d: int) -> tuple[Array, Array]:
    """Barycentric quadrature on a simplex, exact for cubic polynomials (Grundmann and Möller, 1978, s = 1)."""
    vertices = np.eye(d + 1)
    inner = (1.0 + 2.0 * vertices) / (d + 3)
    points = np.vstack([inner, np.full((1, d + 1), 1.0 / (d + 1))])
    first = (d + 3) ** 2 / (4.0 * (d + 1) * (d + 2))
    return points, np.append(np.full(d + 1, first), 1.0 - (d + 1) * first)
