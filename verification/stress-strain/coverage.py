"""How often the bands of a generated curve hold what they should: the true curve, and points of tests made later."""

from collections.abc import Sequence

import numpy as np

from cmgai_fem.curves.generated import GeneratedCurve
from cmgai_fem.curves.table import Test
from cmgai_fem.states.labels import Array

# Standard deviations to either side of a band of 95 %.
BAND = 2.0


def mean_band(curve: GeneratedCurve) -> tuple[Array, Array]:
    """Lower and upper edge (L,) [Pa] of the band that should hold the true curve at 95 % of the states."""
    return curve.stress - BAND * curve.error, curve.stress + BAND * curve.error


def point_band(curve: GeneratedCurve) -> tuple[Array, Array]:
    """Lower and upper edge (L,) [Pa] of the band that should hold 95 % of the points of a test."""
    spread = BAND * np.hypot(curve.error, curve.scatter)
    return curve.stress - spread, curve.stress + spread


def share_of_curve(curve: GeneratedCurve, strain: Array, stress: Array) -> float:
    """Share of the strains at which the band of the mean holds a curve.

    Args:
        curve: the generated curve.
        strain: (L,) strains [-] of the other curve, increasing.
        stress: (L,) its stress [Pa].
    """
    inside = _inside(curve, mean_band(curve), strain, stress)
    width = np.gradient(strain)
    return float(width @ inside / width.sum())


def share_of_points(curve: GeneratedCurve, tests: Sequence[Test]) -> float:
    """Share of the points of tests that the band of single points holds; points off the curve's strains do not
    count.
    """
    found = []
    for test in tests:
        within = (test.strain >= curve.strain[0]) & (test.strain <= curve.strain[-1])
        found.append(_inside(curve, point_band(curve), test.strain[within], test.stress[within]))
    return float(np.mean(np.concatenate(found)))


def _inside(curve: GeneratedCurve, band: tuple[Array, Array], strain: Array, stress: Array) -> Array:
    low, high = (np.interp(strain, curve.strain, edge) for edge in band)
    # A total strain starts at zero stress without any width.
    margin = 1e-9 * np.max(np.abs(curve.stress))
    return ((low - margin <= stress) & (stress <= high + margin)).astype(float)
