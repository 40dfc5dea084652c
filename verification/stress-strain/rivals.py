"""Rivals on stress-strain curves: the package's own along one coordinate, and to a corner or scattered states of two.

Along a line the tests of each state are a field like any other. Over temperature and the logarithm of the strain rate
the rivals allow for the scatter of tests: a plane of least squares, processes with a nugget, few modes.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from cmgai_fem.curves.choice import axes_for, stretch
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.ways.nested import Carrier, CurveGrid
from cmgai_fem.rivals import RIVALS, LinearRival, Rival
from cmgai_fem.rivals.gaussian_process import NoisyGpr
from cmgai_fem.rivals.linear import polynomial_weights
from cmgai_fem.rivals.surfaces import ThinPlateSpline
from cmgai_fem.states.labels import Array

# Rivals that go along one coordinate and then the other; regressions take both coordinates at once.
STEPWISE = ("linear", "natural_spline", "pchip")
REGRESSIONS = ("pod_gpr", "fpca_gpr")
# Share of variance that the modes must explain: what is left of scattered tests is their scatter.
EXPLAINED = 0.9999
# Labels known at fewer states of two coordinates are not generated.
LEAST_STATES = 4


class Plane(LinearRival):
    """Plane of least squares."""

    name = "linear"

    def weights(self, known: Array, targets: Array) -> Array:
        """See `LinearRival.weights`."""
        return polynomial_weights(known, targets, 1)


class ThinPlateOrPlane(ThinPlateSpline):
    """Thin-plate spline with its linear trend, least in bending; a plane where the known states lie on one line."""

    name = "natural_spline"

    def weights(self, known: Array, targets: Array) -> Array:
        """See `LinearRival.weights`."""
        if np.linalg.matrix_rank(known - known.mean(axis=0), tol=1e-6) < 2:
            return polynomial_weights(known, targets, 1)
        return super().weights(known, targets)


SCATTERED_RIVALS: dict[str, Rival] = {
    rival.name: rival
    for rival in (
        Plane(),
        ThinPlateOrPlane(),
        NoisyGpr("pod_gpr", (2.5,), EXPLAINED, trend=True),
        NoisyGpr("fpca_gpr", (np.inf,), EXPLAINED),
    )
}


def rival_curves(rival: str, line: MeanCurves, values: Sequence[float]) -> Array:
    """(T, L) stress [Pa] at values of the line's coordinate by the rival of that name.

    A strain rate enters by its logarithm, as it does in the transport. All labels must be known at all states.
    """
    (coordinate,) = line.coordinates
    axis = axes_for(coordinate, line.values[:, 0])[0]
    known, asked = (stretch(axis, np.reshape(each, (-1, 1))) for each in (line.values, values))
    return RIVALS[rival].fit(known, line.stress, line.weights)(asked)


def rival_corner(rival: str, grid: CurveGrid, state: tuple[float, float]) -> Array:
    """(L,) stress [Pa] at a corner.

    Regressions take temperature and log rate at once; the others go along one coordinate and then the other, and both
    orders are averaged.
    """
    if rival in REGRESSIONS:
        return predict_scattered(SCATTERED_RIVALS[rival], grid.curves, np.array(state))

    def carry_line(line: MeanCurves, value: float) -> tuple[Array, Array]:
        stress = rival_curves(rival, line, [value])[0]
        return stress, np.zeros((len(stress), 1))

    carriers: Mapping[int, Carrier] = {0: carry_line, 1: carry_line}
    return np.mean([grid.go(state, first, carriers)[0] for first in (0, 1)], axis=0)


def predict_scattered(rival: Rival, curves: MeanCurves, state: Array) -> Array:
    """(L,) stress [Pa] at a state of temperature [K] and rate [1/s]; NaN at labels known at fewer than 4 states.

    Coordinates are scaled to the range of all known states; labels known at the same states are treated together, as
    in the transport.
    """
    places = np.column_stack([curves.values[:, 0], np.log(curves.values[:, 1])])
    origin, span = places.min(axis=0), np.ptp(places, axis=0)
    scale = np.where(span > 0.0, span, 1.0)
    known, target = (places - origin) / scale, (np.array([[state[0], np.log(state[1])]]) - origin) / scale
    stress = np.full(len(curves.strain), np.nan)
    for pattern in np.unique(curves.known.T, axis=0):
        labels = np.flatnonzero(np.all(curves.known.T == pattern, axis=1))
        if pattern.sum() >= LEAST_STATES:
            predict = rival.fit_scaled(known[pattern], curves.stress[np.ix_(pattern, labels)], None, None)
            stress[labels] = predict(target)[0]
    return stress
