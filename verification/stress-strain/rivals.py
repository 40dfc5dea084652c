"""Rivals on stress-strain curves: along one coordinate, to a corner of two, and from states scattered over both.

Temperature and the logarithm of the strain rate are the coordinates, as in the transport. Unlike those of the package,
which hold fields without scatter exactly, the rivals over both coordinates allow for the scatter of tests: a plane of
least squares, processes with a nugget, few modes.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.interpolate import RBFInterpolator
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Kernel, Matern, WhiteKernel

from cmgai_fem.curves.choice import axes_for, stretch
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.ways.nested import Carrier, Grid
from cmgai_fem.rivals import BASELINES
from cmgai_fem.rivals.gaussian_process import AMPLITUDES, LENGTH_SCALES, NOISE, TREND_VARIANCE, likeliest
from cmgai_fem.rivals.reduced import decompose
from cmgai_fem.states.states import Array

# Rivals that go along one coordinate and then the other; regressions take both coordinates at once.
STEPWISE = ("linear", "natural_spline", "pchip")
REGRESSIONS = ("pod_gpr", "fpca_gpr")
# Share of variance that the modes must explain: what is left of scattered tests is their scatter.
EXPLAINED = 0.9999

Rival = Callable[[Array, Array, Array], Array]
"""Takes known places (K, 2), their stresses (K, l) and a place (2,); returns (l,) stresses."""


def rival_curves(rival: str, line: MeanCurves, values: Sequence[float]) -> Array:
    """(T, L) stress [Pa] at values of the line's coordinate by the baseline called `rival`.

    A strain rate enters by its logarithm, as it does in the transport. All labels must be known at all states.
    """
    (coordinate,), known = line.coordinates, line.values[:, 0]
    axis = axes_for(coordinate, known)[0]
    predictor = BASELINES[rival].fit(stretch(axis, known), line.stress, line.weights)
    return predictor(stretch(axis, np.asarray(values, dtype=float)))


def rival_corner(rival: str, grid: Grid, state: tuple[float, float]) -> Array:
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
    """(L,) stress [Pa] at a state of temperature [K] and rate [1/s]; NaN at labels known at fewer than 4 states."""
    places = np.column_stack([curves.values[:, 0], np.log(curves.values[:, 1])])
    origin, span = places.min(axis=0), np.ptp(places, axis=0)
    target = (np.array([state[0], np.log(state[1])]) - origin) / np.where(span > 0.0, span, 1.0)
    places = (places - origin) / np.where(span > 0.0, span, 1.0)
    stress = np.full(len(curves.strain), np.nan)
    for pattern in np.unique(curves.known.T, axis=0):
        labels = np.flatnonzero(np.all(curves.known.T == pattern, axis=1))
        if pattern.sum() >= 4:
            stress[labels] = rival(places[pattern], curves.stress[np.ix_(pattern, labels)], target)
    return stress


def plane(places: Array, stress: Array, target: Array) -> Array:
    """Plane of least squares."""
    found = np.linalg.lstsq(np.column_stack([np.ones(len(places)), places]), stress, rcond=None)[0]
    return np.array([1.0, *target]) @ found


def thin_plate(places: Array, stress: Array, target: Array) -> Array:
    """Thin-plate spline with its linear trend, least in bending; a plane where the places lie on one line."""
    if np.linalg.matrix_rank(places - places.mean(axis=0), tol=1e-6) < 2:
        return plane(places, stress, target)
    return RBFInterpolator(places, stress, kernel="thin_plate_spline")(target[None])[0]


def pod_gpr(places: Array, stress: Array, target: Array) -> Array:
    """POD coefficients by Matern 5/2 processes about a linear trend, one length a coordinate, with a nugget."""
    kernel = ConstantKernel(1.0, AMPLITUDES) * Matern([0.5, 0.5], LENGTH_SCALES, nu=2.5)
    trend = ConstantKernel(TREND_VARIANCE, "fixed") * DotProduct(1.0, "fixed")
    return _by_modes(kernel + trend + WhiteKernel(1e-4, NOISE), places, stress, target)


def fpca_gpr(places: Array, stress: Array, target: Array) -> Array:
    """Functional principal components by squared-exponential processes without a trend, with a nugget."""
    kernel = ConstantKernel(1.0, AMPLITUDES) * RBF([0.5, 0.5], LENGTH_SCALES)
    return _by_modes(kernel + WhiteKernel(1e-4, NOISE), places, stress, target)


SCATTERED_RIVALS: dict[str, Rival] = {
    "linear": plane, "natural_spline": thin_plate, "pod_gpr": pod_gpr, "fpca_gpr": fpca_gpr,
}  # fmt: skip


def _by_modes(kernel: Kernel, places: Array, stress: Array, target: Array) -> Array:
    parts = decompose(stress, None)
    share = np.cumsum(np.sum(parts.coefficients**2, axis=0))
    count = int(np.searchsorted(share / share[-1], EXPLAINED)) + 1
    processes = likeliest(kernel, places, parts.coefficients[:, :count])
    return np.asarray(parts.cardinal(processes(places, parts.coefficients, target[None])) @ stress)[0]
