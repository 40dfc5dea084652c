"""Wasserstein distances between samples."""

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
