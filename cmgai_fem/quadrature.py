"""Gauss quadrature on the pieces of a line."""

from functools import lru_cache

import numpy as np

from cmgai_fem.states.labels import Array


def gauss_on_pieces(breaks: Array, points: int) -> tuple[Array, Array]:
    """Gauss points and weights, exact for polynomials of degree `2 points - 1` on each piece.

    Args:
        breaks: (n + 1,) ends of the pieces, increasing.
        points: Gauss points a piece.

    Returns:
        Places (n points,) and weights (n points,).
    """
    unit, weight = _gauss(points)
    half, centre = 0.5 * np.diff(breaks), 0.5 * (breaks[:-1] + breaks[1:])
    return (centre[:, None] + half[:, None] * unit).ravel(), (half[:, None] * weight).ravel()


@lru_cache
def _gauss(points: int) -> tuple[Array, Array]:
    """Gauss points and weights on [-1, 1]."""
    return np.polynomial.legendre.leggauss(points)
