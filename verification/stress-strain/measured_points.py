"""Real measured points: every state left out in turn and generated from the others, by every method.

A line is what tests are planned along: one temperature and several rates, or one rate and several temperatures. Where
one leads to the state that is left out, the transport goes along it; where none does, along a path through all states.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cmgai_fem.curves.choice import Choice, axes_for, stretch
from cmgai_fem.curves.mean import MeanCurves, mean_curves
from cmgai_fem.curves.motion import EXACT, CurveMotion
from cmgai_fem.curves.table import CurveTests
from cmgai_fem.curves.ways.line import SCATTER_WEIGHT, calibrate_lines
from cmgai_fem.curves.ways.path import PathWay, level_error
from cmgai_fem.files.curve_table import read_curves
from cmgai_fem.states.labels import Array
from cmgai_fem.study.pipelines import Report

from .constitutive_fits import fit_models
from .rivals import SCATTERED_RIVALS, predict_scattered

# States of the measured table have as few as two points: digitised from figures, nothing else is known of them.
LEAST_POINTS = 2
# What a method does not need to tell from the states: the temperatures and rates are coordinates of the table.
NO_CONDITION = 1.0
# Largest ratio (logarithm of) of temperatures and of rates that count as the same.
SAME = (0.01, 0.25)


@dataclass(frozen=True)
class LeftOutState:
    """Errors of every method at one state that was left out.

    Args:
        state: temperature [K] and rate [1/s].
        points: labels at which the state was measured and could be generated.
        way: how the transport went to it.
        errors: root mean square error relative to the root mean square stress, by method.
    """

    state: tuple[float, float]
    points: int
    way: str
    errors: dict[str, float]


def leave_states_out(path: Path, report: Report) -> tuple[CurveTests, list[LeftOutState]]:
    """Leave every state of the measured table out in turn.

    Args:
        path: CSV file with temperature and strain rate.
        report: takes lines of progress.
    """
    table = read_curves(path, least_points=LEAST_POINTS)
    curves = mean_curves(table)
    results = []
    for row, state in enumerate(curves.values):
        kept = curves.only(np.delete(np.arange(len(curves.values)), row))
        measured = curves.stress[row][np.isin(curves.strain, kept.strain)]
        stress, way = generate_left_out(kept, state)
        errors = {"fem": level_error(stress, measured)}
        for name, rival in SCATTERED_RIVALS.items():
            errors[name] = level_error(predict_scattered(rival, kept, state), measured)
        others = replace(table, states=tuple(known for known in table.states if known.coordinates != tuple(state)))
        for fit in fit_models(others, NO_CONDITION, NO_CONDITION):
            errors[fit.name] = level_error(fit.curve(kept.strain, *state), measured)
        points = int(np.sum(np.isfinite(stress) & np.isfinite(measured)))
        results.append(LeftOutState((float(state[0]), float(state[1])), points, way, errors))
        report(f"measured, {table.coordinates.label(state)} left out: {way}")
    return table, results


def generate_left_out(curves: MeanCurves, state: Array) -> tuple[Array, str]:
    """Curve at a state of temperature and rate from scattered states, and how it was found.

    Args:
        curves: known states, temperatures [K] and rates [1/s].
        state: (2,) temperature and rate.

    Returns:
        (L,) stress [Pa], NaN at labels that fewer than two states on the way know; and a line of text.
    """
    lines = [found for axis in (0, 1) if (found := line_to(curves, state, axis)) is not None]
    if not lines:
        path = PathWay.fit(curves)
        return path.carry((state[0], state[1]), EXACT).stress, f"along the path {path.calibration.chosen.path}"
    axis, line, _ = min(lines, key=lambda item: item[2])
    value = float(state[axis])
    (coordinate,) = line.coordinates
    choice = Choice(0.0, axes_for(coordinate, line.values[:, 0])[:1], -1)
    if len(line.values) >= 3:
        choice = calibrate_lines([line], [value], SCATTER_WEIGHT).chosen
    stress = CurveMotion.of(line, choice, [(value,)]).stress((value,))
    way = f"along {coordinate.name} through {len(line.values)} states: {choice}"
    return curves.spread(stress, line.strain), way


def line_to(curves: MeanCurves, state: Array, axis: int) -> tuple[int, MeanCurves, float] | None:
    """The known states that differ from `state` in coordinate `axis` alone, if two or more do.

    Returns:
        The axis, the line, and how far the state lies from its nearest known ones relative to their distance (between
        states: less than 1; beyond: relative to the known range, on top of 1).
    """
    other = 1 - axis
    near = np.abs(np.log(curves.values[:, other] / state[other])) <= SAME[other]
    rows = np.flatnonzero(near & (curves.values[:, axis] != state[axis]))
    values = curves.values[rows, axis]
    if len(np.unique(values)) < 2 or len(np.unique(values)) < len(values):
        return None
    line = curves.line(axis, rows)
    kind = axes_for(curves.coordinates.each[axis], values)[0]
    known, place = stretch(kind, line.values[:, 0]), float(stretch(kind, state[axis : axis + 1])[0])
    outside = max(known[0] - place, place - known[-1])
    if outside > 0.0:
        return axis, line, 1.0 + float(outside / (known[-1] - known[0]))
    right = int(np.searchsorted(known, place))
    return axis, line, float((known[right] - known[right - 1]) / (known[-1] - known[0]))
