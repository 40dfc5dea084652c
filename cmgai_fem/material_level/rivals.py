"""Rivals on stress-strain curves: the package's baselines along one coordinate, or to a corner of two."""

from collections.abc import Mapping, Sequence

import numpy as np

from cmgai_fem.material_level.choices import axes_for, stretch
from cmgai_fem.material_level.corners import Carrier, Grid
from cmgai_fem.material_level.curve_transport import Line
from cmgai_fem.material_level.scattered_rivals import SCATTERED_RIVALS, predict_scattered
from cmgai_fem.rivals import BASELINES
from cmgai_fem.states.states import Array

# Rivals that go along one coordinate and then the other; regressions take both coordinates at once.
STEPWISE = ("linear", "natural_spline", "pchip")
REGRESSIONS = ("pod_gpr", "fpca_gpr")


def rival_curves(rival: str, line: Line, values: Sequence[float]) -> Array:
    """(T, L) stress [Pa] at values of the line's coordinate by the baseline called `rival`.

    A strain rate enters by its logarithm, as it does in the transport. All labels must be known at all states.
    """
    axis = axes_for(line.coordinate.name, line.values)[0]
    predictor = BASELINES[rival].fit(stretch(axis, line.values), line.curves.stress, line.curves.weights)
    return predictor(stretch(axis, np.asarray(values, dtype=float)))


def rival_corner(rival: str, grid: Grid, state: tuple[float, float]) -> Array:
    """(L,) stress [Pa] at a corner.

    Regressions take temperature and log rate at once; the others go along one coordinate and then the other, and both
    orders are averaged.
    """
    if rival in REGRESSIONS:
        return predict_scattered(SCATTERED_RIVALS[rival], grid.curves, np.array(state))

    def carry_line(line: Line, value: float) -> tuple[Array, Array]:
        stress = rival_curves(rival, line, [value])[0]
        return stress, np.zeros((len(stress), 1))

    carriers: Mapping[int, Carrier] = {0: carry_line, 1: carry_line}
    return np.mean([grid.go(state, first, carriers)[0] for first in (0, 1)], axis=0)
