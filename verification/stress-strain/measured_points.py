"""Real measured points: every state left out in turn and generated from the others, by every method."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmgai_fem.material_level.curves import CurveTable
from cmgai_fem.material_level.mean_curves import mean_curves
from cmgai_fem.material_level.reader import read_curves
from cmgai_fem.material_level.scattered import generate_scattered, level_error
from cmgai_fem.solve import solve
from cmgai_fem.study.pipelines import Report

from .constitutive_fits import fit_models
from .rivals import SCATTERED_RIVALS, predict_scattered

# States of the measured table have as few as two points: digitised from figures, nothing else is known of them.
LEAST_POINTS = 2
# What a method does not need to tell from the states: the temperatures and rates are coordinates of the table.
NO_CONDITION = 1.0


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


def leave_states_out(path: Path, report: Report) -> tuple[CurveTable, list[LeftOutState]]:
    """Leave every state of the measured table out in turn.

    Args:
        path: CSV file with temperature and strain rate.
        report: takes lines of progress.
    """
    table = read_curves(path, least_points=LEAST_POINTS)
    curves = mean_curves(table)
    results = []
    for row, state in enumerate(curves.states):
        kept = curves.only(np.delete(np.arange(len(curves.states)), row))
        measured = curves.stress[row][np.isin(curves.strain, kept.strain)]
        stress, way = generate_scattered(kept, state, solve)
        errors = {"fem": level_error(stress, measured)}
        for name, rival in SCATTERED_RIVALS.items():
            errors[name] = level_error(predict_scattered(rival, kept, state), measured)
        for fit in fit_models(table.without(state), NO_CONDITION, NO_CONDITION):
            errors[fit.name] = level_error(fit.curve(kept.strain, *state), measured)
        points = int(np.sum(np.isfinite(stress) & np.isfinite(measured)))
        results.append(LeftOutState((float(state[0]), float(state[1])), points, way, errors))
        report(f"measured, {table.label(state)} left out: {way}")
    return table, results
