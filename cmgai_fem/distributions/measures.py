"""Distances between samples, and how well a conditional law's modes were found."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from cmgai_fem.distributions.optimal_transport import exact_plan

Array = NDArray[np.float64]


class Wasserstein(NamedTuple):
    """Wasserstein distances of order one and two, in the unit of the values."""

    first: float
    second: float


def wasserstein(left: Array, right: Array) -> Wasserstein:
    """W1 and W2 between two samples of equal weight.

    Args:
        left: (n, d) values.
        right: (m, d) values.

    Returns:
        Exact distances between the empirical laws: by sorting for d = 1, by linear programming otherwise.

    Raises:
        ConvergenceError: the linear programme was not solved to the optimum.
    """
    if left.shape[1] == 1:
        count = int(np.lcm(len(left), len(right)))
        one, other = (np.repeat(np.sort(each[:, 0]), count // len(each)) for each in (left, right))
        gap = np.abs(one - other)
        return Wasserstein(float(gap.mean()), float(np.sqrt((gap**2).mean())))
    distance = cdist(left, right)
    return Wasserstein(_transport_cost(distance), float(np.sqrt(_transport_cost(distance**2))))


def _transport_cost(cost: Array) -> float:
    return float((exact_plan(cost) * cost).sum())


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


def mode_shares(modes: NDArray[np.int64], count: int) -> Array | None:
    """Share (count,) of each mode among labels (n,), or None where the modes cannot be told apart (-1)."""
    if np.any(modes < 0):
        return None
    return np.bincount(modes, minlength=count)[:count] / len(modes)


def nearest_distances(points: Array, library: Array) -> Array:
    """Distance (n,) of each of (n, d) points to the nearest of (m, d) others."""
    return np.asarray(cdist(points, library).min(axis=1))
