"""Distances between samples in many dimensions."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]


def energy_distance(left: Array, right: Array) -> float:
    """Energy distance `2 E|a - b| - E|a - a'| - E|b - b'|` between samples (n, d) and (m, d), without bias.

    Source: Szekely and Rizzo, J. Stat. Plan. Inference 143 (2013), with the U-statistic for the inner terms; it can
    come out slightly below zero for equal laws.
    """
    across = cdist(left, right).mean()
    inner = [cdist(points, points).sum() / (len(points) * (len(points) - 1)) for points in (left, right)]
    return float(2.0 * across - inner[0] - inner[1])


def sliced_wasserstein(left: Array, right: Array, rng: np.random.Generator, directions: int = 200) -> float:
    """Sliced W2: root mean square over random directions of the W2 between projections.

    Args:
        left: (n, d) values.
        right: (m, d) values.
        rng: draws the directions.
        directions: how many.

    Source: Bonneel et al., J. Math. Imaging Vis. 51 (2015).
    """
    axes = rng.normal(size=(left.shape[1], directions))
    axes /= np.linalg.norm(axes, axis=0)
    levels = (np.arange(1000) + 0.5) / 1000
    quantiles = [np.quantile(points @ axes, levels, axis=0) for points in (left, right)]
    return float(np.sqrt(((quantiles[0] - quantiles[1]) ** 2).mean()))


def nearest_distances(points: Array, library: Array) -> Array:
    """Distance (n,) of each of (n, d) points to the nearest of (m, d) others."""
    return np.asarray(cdist(points, library).min(axis=1))
