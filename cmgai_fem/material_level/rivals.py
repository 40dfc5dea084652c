"""Rivals on stress-strain curves: the package's baselines along one coordinate, or along both to a corner."""

from collections.abc import Mapping

import numpy as np

from cmgai_fem.baselines import BASELINES
from cmgai_fem.material_level.choices import axes_for, stretch
from cmgai_fem.material_level.corners import Carrier, Grid
from cmgai_fem.material_level.curve_transport import Line
from cmgai_fem.states import Array


def rival_curve(rival: str, line: Line, value: float) -> Array:
    """(L,) stress [Pa] at a value of the line's coordinate by the baseline called `rival`.

    A strain rate enters by its logarithm, as it does in the transport. All labels must be known at all states.
    """
    axis = axes_for(line.coordinate.name, line.values)[0]
    predictor = BASELINES[rival].fit(stretch(axis, line.values), line.curves.stress, line.curves.weights)
    return predictor(stretch(axis, np.array([value])))[0]


def rival_corner(rival: str, grid: Grid, state: tuple[float, float]) -> Array:
    """(L,) stress [Pa] at a corner by a baseline along one coordinate and then the other, the mean of both orders."""

    def carry_line(line: Line, value: float) -> tuple[Array, Array]:
        stress = rival_curve(rival, line, value)
        return stress, np.zeros((len(stress), 1))

    carriers: Mapping[int, Carrier] = {0: carry_line, 1: carry_line}
    return np.mean([grid.go(state, first, carriers)[0] for first in (0, 1)], axis=0)
