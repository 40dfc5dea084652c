"""Quadrature over a whole state space, and the mean over directions that makes an energy of jets along lines.

Source: A. D. Becke, J. Chem. Phys. 88 (1988) 2547 (fuzzy cells about each centre).
"""

from math import comb

import numpy as np
from scipy.spatial import cKDTree

from cmgai_fem.states.labels import Array

# Points on each ray about a state, and rays around it: energies are integrated to some 1e-3.
RADII, ANGLES = 14, 16
# Points of the quadrature with less than this share of their cell are left away.
LEAST_SHARE = 1e-4
GOLDEN = 0.6180339887


def fuzzy_cells(nodes: Array) -> tuple[Array, Array]:
    """Quadrature over all of R^m that resolves every state.

    Args:
        nodes: (K, m) centres.

    Returns:
        (T, m) points and (T,) weights.

    Source: A. D. Becke (1988), with one step of his smoothing.
    """
    count, dimension = nodes.shape
    unit, weight = np.polynomial.legendre.leggauss(RADII)
    scale = float(np.mean(cKDTree(nodes).query(nodes, k=2)[0][:, 1]))
    # The whole ray on (-1, 1), dense at the state.
    radius = scale * (1.0 + unit) / (1.0 - unit)
    stretch = 2.0 * scale / (1.0 - unit) ** 2 * weight * radius ** (dimension - 1)
    apart = np.linalg.norm(nodes[:, None] - nodes, axis=2) + np.eye(count)
    points, weights = [], []
    for state in range(count):
        directions, shares = _sphere(dimension, state)
        places = (nodes[state] + radius[:, None, None] * directions).reshape(-1, dimension)
        distances = np.sqrt(squared_distances(places, nodes))
        cells = np.ones_like(distances)
        for other in range(count):
            # 1 at its own state, 0 at each other one.
            place = (distances - distances[:, [other]]) / apart[other]
            cells *= np.where(np.arange(count) == other, 1.0, 0.5 - 0.75 * place + 0.25 * place**3)
        share = cells[:, state] / cells.sum(axis=1)
        kept = share > LEAST_SHARE
        points.append(places[kept])
        weights.append((np.outer(stretch, shares).ravel() * share)[kept])
    return np.concatenate(points), np.concatenate(weights)


def even_directions(dimension: int, order: int) -> tuple[Array, Array]:
    """Directions (n, m) and shares (n,) that average even polynomials of degree 2 q over the sphere exactly."""
    if dimension == 1:
        return np.ones((1, 1)), np.ones(1)
    if dimension == 2:
        angles = np.pi * np.arange(order + 1) / (order + 1)
        return np.column_stack([np.cos(angles), np.sin(angles)]), np.full(order + 1, 1.0 / (order + 1))
    heights, weights = np.polynomial.legendre.leggauss(order + 1)
    upper = heights > -1e-12
    return _rings(heights[upper], np.where(heights > 1e-12, 2.0 * weights, weights)[upper], 2 * order + 1)


def mean_power(order: int, dimension: int) -> float:
    """Mean of the 2 q-th power of a unit vector's component: what the mean over directions makes of an energy."""
    if dimension == 1:
        return 1.0
    return comb(2 * order, order) / 4.0**order if dimension == 2 else 1.0 / (2 * order + 1)


def _sphere(dimension: int, state: int) -> tuple[Array, Array]:
    """Directions and weights of an integral over the unit sphere of R^m, turned a little from state to state."""
    if dimension == 1:
        return np.array([[-1.0], [1.0]]), np.ones(2)
    if dimension == 2:
        angles = 2.0 * np.pi * (np.arange(ANGLES) + GOLDEN * state) / ANGLES
        return np.column_stack([np.cos(angles), np.sin(angles)]), np.full(ANGLES, 2.0 * np.pi / ANGLES)
    heights, weights = np.polynomial.legendre.leggauss(ANGLES // 4)
    directions, shares = _rings(heights, weights, ANGLES // 2)
    return directions, 4.0 * np.pi * shares


def _rings(heights: Array, weights: Array, around: int) -> tuple[Array, Array]:
    angles = 2.0 * np.pi * np.arange(around) / around
    ring = np.sqrt(1.0 - heights**2)
    directions = np.stack(
        [np.outer(ring, np.cos(angles)), np.outer(ring, np.sin(angles)), np.outer(heights, np.ones(around))], axis=2
    )
    return directions.reshape(-1, 3), np.repeat(weights / weights.sum() / around, around)


def squared_distances(points: Array, nodes: Array) -> Array:
    """(T, K) squared distances, not quite zero, so that they may be divided by."""
    return np.maximum(np.sum((points[:, None] - nodes) ** 2, axis=2), 1e-24)
