"""Which known states are left out to judge a choice by, and how far beyond the others they lie.

Distances are those of temperature and log strain rate, each in units of its known range.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from scipy.spatial import ConvexHull

from cmgai_fem.curves.calibrate import Trial
from cmgai_fem.curves.choice import axes_for, stretch
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import State
from cmgai_fem.curves.ways.nested import CurveGrid
from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.states.labels import Array

# Values of a grid's coordinate that must stay: fewer do not show whether the motion bends.
LEAST_VALUES = 3
# States that lie this far beyond others do not count as farther.
ROUNDING = 1e-9
# Inner states of a hull that are enough to judge by for states inside it; with fewer all count.
ENOUGH = 3


def places_of(curves: MeanCurves, states: Array) -> Array:
    """(T, m) places of states (T, m) on the pseudo-time axes, 0 to 1 over the known states."""
    found = []
    for coordinate, known, asked in zip(curves.coordinates, curves.values.T, np.asarray(states).T, strict=True):
        kind = axes_for(coordinate, np.append(known, asked))[0]
        reached, values = stretch(kind, known), stretch(kind, asked)
        found.append((values - reached.min()) / (np.ptp(reached) or 1.0))
    return np.column_stack(found)


def beyond(places: Array, place: Array) -> Array:
    """How far a place (m,) lies beyond states at places (K, m): along each coordinate; of two, beyond their hull."""
    along = np.maximum(places.min(axis=0) - place, place - places.max(axis=0)).clip(0.0)
    if len(along) == 1:
        return along
    hull = ConvexHull(places)
    return np.append(along, max(float(np.max(hull.equations @ np.append(place, 1.0))), 0.0))


def reaches(curves: MeanCurves, trials: Sequence[Trial], state: State) -> bool:
    """Whether a left-out state lay as far beyond the states that stayed as `state` does beyond all of them."""
    known = places_of(curves, curves.values)
    asked = beyond(known, places_of(curves, np.array([state]))[0])
    if not asked.any():
        return True
    return any(bool(np.all(beyond(known[stay], known[row]) >= asked - ROUNDING)) for stay, row in trials)


def scattered_trials(curves: MeanCurves, targets: Sequence[State]) -> list[Trial]:
    """Each known state that the others can answer for; inside their hull the inner ones, if there are three.

    Raises:
        InputError: the states lie on one line, or none can be left out.
    """
    known, asked = places_of(curves, curves.values), places_of(curves, np.array(targets, dtype=float))
    highest_order(known)
    count = len(known)
    inner = np.setdiff1d(np.arange(count), ConvexHull(known).vertices)
    inside = all(not beyond(known, place).any() for place in asked)
    every = [Trial(np.delete(np.arange(count), row), row) for row in range(count)]
    answered = [trial for trial in every if _answers(curves, trial)]
    chosen = [trial for trial in answered if trial.row in inner]
    if inside and len(chosen) >= ENOUGH:
        return chosen
    if not answered:
        raise InputError(f"{count} states: none of them can be generated from the others; add states")
    return answered


def _answers(curves: MeanCurves, trial: Trial) -> bool:
    """Whether the states that stay fix a plane at a strain that the left-out state knows."""
    for pattern in np.unique(curves.known[:, curves.known[trial.row]].T, axis=0):
        stay = trial.stay[pattern[trial.stay]]
        if len(stay) == 0:
            continue
        try:
            highest_order(curves.values[stay])
        except InputError:
            continue
        return True
    return False


def grid_trials(grid: CurveGrid, targets: Sequence[State]) -> list[Trial]:
    """States of the known grid to generate from what is left without the rows and columns that lead to them.

    Along a coordinate in which the targets lie beyond the grid, as many values are left out at an end as it takes to go
    as far, and all fewer, as long as three stay; both ends count: one law rules the whole grid. Where the targets lie
    between its values, each inner one is left out; where they lie on one of them, none is.
    """
    values = grid.curves.values
    asked = [[float(target[axis]) for target in targets] for axis in (0, 1)]
    level = [all(np.isin(asked[axis], grid.axes[axis])) for axis in (0, 1)]
    # A known state that is asked for is judged by states that are left out, too.
    options = [_options(grid, axis, asked[axis], level[axis] and not all(level)) for axis in (0, 1)]
    found = []
    for (first, one), (second, other) in product(*options):
        row = int(np.flatnonzero(np.all(values == [one, other], axis=1))[0])
        stay = ~np.isin(values[:, 0], first) & ~np.isin(values[:, 1], second)
        found.append(Trial(np.flatnonzero(stay), row))
    return found


def _options(grid: CurveGrid, axis: int, targets: Sequence[float], level: bool) -> list[tuple[Array, float]]:
    """Values to leave out along a coordinate, and the one to generate then."""
    values = grid.axes[axis]
    if level:
        return [(np.zeros(0), float(value)) for value in values]
    if all(values[0] <= target <= values[-1] for target in targets):
        return [(np.array([value]), float(value)) for value in values[1:-1]]
    kind = axes_for(grid.curves.coordinates.each[axis], np.append(values, targets))[0]
    known, asked = stretch(kind, values), stretch(kind, np.asarray(targets, dtype=float))
    reach = max(known[0] - asked.min(), asked.max() - known[-1])
    steps = int(np.ceil(reach / float(np.mean(np.diff(known))) - 1e-9))
    depths = range(1, min(max(steps, 1), len(values) - LEAST_VALUES) + 1)
    return [(values[:depth], float(values[0])) for depth in depths] + [
        (values[-depth:], float(values[-1])) for depth in depths
    ]
