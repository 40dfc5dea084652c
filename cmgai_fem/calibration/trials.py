"""Trials: which known states are left out, one at a time, to judge a choice by."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import ConvexHull

from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.states.states import States

# Rounding of a hull's faces.
ROUNDING = 1e-9
# Inner states of a hull that are enough to judge by; with fewer all count.
ENOUGH = 3


def trials_for(states: States, targets: ArrayLike) -> IntArray:
    """Rows of the states to leave out for targets that all lie between the known states, or all beyond them.

    Along one coordinate: each inner state for targets between; beyond, the end state on each side where a target lies.
    One state and no more: what then stays resembles the known states best, and the trial the task.

    Over several: inside the hull the states that are no corners of it, or all where there are fewer than three; outside
    all. Leaving out the states on the faces that a target sees is nearer to the task, but those are two or three, too
    few to choose among thousands of motions by.

    Args:
        states: the known states.
        targets: (T, m) states asked for, or (T,) along one coordinate.

    Raises:
        InputError: too few states to leave one out.
    """
    points = states.coordinates.points(targets)
    count, dimension = states.values.shape
    if count < dimension + 2:
        where = "" if dimension == 1 else f" in {dimension} coordinates"
        raise InputError(
            f"calibration leaves states out: it needs at least {dimension + 2} states{where}, there are {count}"
        )
    inside = all(inside_hull(states.values, point) for point in points)
    if dimension == 1:
        low, high = states.scalars[[0, -1]]
        rows = list(range(1, count - 1)) if inside else []
        rows += [0] if not inside and points.min() < low else []
        rows += [count - 1] if not inside and points.max() > high else []
        return np.array(rows, dtype=int)
    inner = np.setdiff1d(np.arange(count), _hull(states.values.tobytes(), states.values.shape)[0].ravel())
    return inner if inside and len(inner) >= ENOUGH else np.arange(count)


def inside_hull(values: Array, point: Array) -> bool:
    """Whether a point (m,) lies in the convex hull of states at (K, m), its boundary included."""
    if values.shape[1] == 1:
        return bool(values.min() <= point[0] <= values.max())
    _, equations = _hull(values.tobytes(), values.shape)
    return bool(np.all(equations @ np.append(_scaled(values, point), 1.0) <= ROUNDING))


def sides(states: States, targets: Sequence[ArrayLike]) -> list[list[Array]]:
    """Targets (m,) between the known states and beyond them: each side is calibrated for itself."""
    groups: dict[bool, list[Array]] = {True: [], False: []}
    for target in targets:
        point = states.coordinates.point(target)
        groups[inside_hull(states.values, point)].append(point)
    return [group for group in groups.values() if group]


@lru_cache
def _hull(numbers: bytes, shape: tuple[int, ...]) -> tuple[IntArray, Array]:
    """(F, m) states at the corners of each face of the hull, and the faces' equations (F, m + 1) in scaled values."""
    values = np.frombuffer(numbers).reshape(shape)
    highest_order(values)  # refuses states on one line, which have no hull
    hull = ConvexHull(_scaled(values, values))
    return np.asarray(hull.simplices), np.asarray(hull.equations)


def _scaled(values: Array, points: Array) -> Array:
    return np.asarray((points - values.min(axis=0)) / np.ptp(values, axis=0))
