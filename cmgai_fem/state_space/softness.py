"""How soft states may be: as soft as their measured scatter explains."""

import numpy as np

from cmgai_fem.state_space.polyharmonic import PolyharmonicSpline
from cmgai_fem.states import Array

# Softness at which the energy no longer tells: hard, and the regression by motions without energy (in scaled data).
HARDEST, SOFTEST = 1e-4, 1e3
STEPS = 40


def explained_softness(
    nodes: Array, order: int, data: Array, scatter: Array, shares: Array, tension: float = 0.0
) -> Array | None:
    """Softness that leaves the states as much misfit as their scatter explains.

    The squared misfit in units of the scatter, over the degrees of freedom that the motion leaves to it, estimates the
    variance of the scatter: it is made one. Where even a regression misfits less, it is the regression.

    Args:
        nodes: (K, m) points of the states.
        order: p >= 0.
        data: (K, l) features of the states.
        scatter: (K,) standard error of each state's features, positive.
        shares: (l,) share of each feature in the mean of squares; adds up to one.
        tension: tau of the motion.

    Returns:
        (K,) softness as `PolyharmonicSpline` takes it, proportional to the scatter; None where any softness misfits
        more than the scatter explains, so that hard states are right.

    Source: G. Wahba, Spline Models for Observational Data (1990), section 4.7.
    """
    hard = PolyharmonicSpline(nodes, order, tension=tension)
    # Bending is measured against the energy of unit data, so that the bounds hold in any units of s.
    unit = scatter / float(np.max(scatter)) / np.sqrt(float(np.mean(np.diag(hard.bending))) or 1.0)

    def excess(power: float) -> float:
        spline = PolyharmonicSpline(nodes, order, 10.0**power * unit, tension)
        misfit = (spline.influence @ data - data) / scatter[:, None]
        return float(np.sum(misfit**2 @ shares)) / max(spline.freedom, 1e-12) - 1.0

    low, high = np.log10(HARDEST), np.log10(SOFTEST)
    if excess(high) <= 0.0:
        return 10.0**high * unit
    if excess(low) >= 0.0:
        return None
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) < 0.0 else (low, middle)
    return 10.0**low * unit
