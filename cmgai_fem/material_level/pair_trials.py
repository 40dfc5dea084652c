"""Two state coordinates: which known states are left out to judge a choice by, and how far beyond the others they lie.

Distances are those of temperature and log strain rate, each in units of its known range.
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import ConvexHull

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.choices import axes_for, stretch
from cmgai_fem.material_level.curve_calibration import curve_error
from cmgai_fem.material_level.mean_curves import MeanCurves
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.states.states import Array, Coordinate, IntArray

Trial = tuple[IntArray, int]
"""Rows of the states that stay known, and the row of the state to generate from them."""

# States that lie this far beyond others do not count as farther.
ROUNDING = 1e-9
# Inner states of a hull that are enough to judge by for states inside it; with fewer all count.
ENOUGH = 3


def places_of(coordinates: Sequence[Coordinate], known: Array, states: Array) -> Array:
    """(T, 2) places of states (T, 2) on both pseudo-time axes, 0 to 1 over the known states (K, 2)."""
    found = []
    for axis, coordinate in enumerate(coordinates):
        kind = axes_for(coordinate.name, np.append(known[:, axis], states[:, axis]))[0]
        reached, values = stretch(kind, known[:, axis]), stretch(kind, states[:, axis])
        found.append((values - reached.min()) / (np.ptp(reached) or 1.0))
    return np.column_stack(found)


def beyond(places: Array, place: Array) -> Array:
    """(3,) how far a place (2,) lies beyond states at places (K, 2): along each coordinate, and beyond their hull."""
    along = np.maximum(places.min(axis=0) - place, place - places.max(axis=0)).clip(0.0)
    hull = ConvexHull(places)
    return np.append(along, max(float(np.max(hull.equations @ np.append(place, 1.0))), 0.0))


def reaches(coordinates: Sequence[Coordinate], curves: MeanCurves, trials: Sequence[Trial], state: Array) -> bool:
    """Whether a left-out state lay as far beyond the states that stayed as `state` (2,) does beyond all of them."""
    known = places_of(coordinates, curves.states, curves.states)
    asked = beyond(known, places_of(coordinates, curves.states, state[None])[0])
    if not asked.any():
        return True
    return any(bool(np.all(beyond(known[rows], known[row]) >= asked - ROUNDING)) for rows, row in trials)


def scattered_trials(
    coordinates: Sequence[Coordinate], curves: MeanCurves, targets: Sequence[Sequence[float]]
) -> list[Trial]:
    """Each known state that the others can answer for; inside their hull the inner ones, if there are three.

    Raises:
        InputError: the states lie on one line, or none can be left out.
    """
    highest_order(places_of(coordinates, curves.states, curves.states))
    known = places_of(coordinates, curves.states, curves.states)
    asked = places_of(coordinates, curves.states, np.asarray(targets, dtype=float))
    count = len(known)
    inner = np.setdiff1d(np.arange(count), ConvexHull(known).vertices)
    inside = all(not beyond(known, place).any() for place in asked)
    every = [(np.delete(np.arange(count), row), row) for row in range(count)]
    answered = [trial for trial in every if _answers(curves, trial)]
    chosen = [trial for trial in answered if trial[1] in inner]
    if inside and len(chosen) >= ENOUGH:
        return chosen
    if not answered:
        raise InputError(f"{count} states: none of them can be generated from the others; add states")
    return answered


def trial_errors(curves: MeanCurves, made: Sequence[Array], known: Sequence[Array]) -> Array:
    """(T, L) errors whose squares add up to the square of each trial's NRMSE; 0 at labels not known to both."""
    found = np.zeros((len(made), len(curves.strain)))
    for row, (stress, truth) in enumerate(zip(made, known, strict=True)):
        both = np.isfinite(stress) & np.isfinite(truth)
        size = curve_error(stress, truth, curves.weights, curves.plastic)
        error = np.sqrt(curves.weights[both]) * (stress[both] - truth[both])
        found[row, both] = error * size / (float(np.linalg.norm(error)) or 1.0)
    return found


def _answers(curves: MeanCurves, trial: Trial) -> bool:
    """Whether the states that stay fix a plane at a strain that the left-out state knows."""
    rows, row = trial
    for pattern in np.unique(curves.known[:, curves.known[row]].T, axis=0):
        stay = rows[pattern[rows]]
        if len(stay) == 0:
            continue
        try:
            highest_order(curves.states[stay])
        except InputError:
            continue
        return True
    return False
