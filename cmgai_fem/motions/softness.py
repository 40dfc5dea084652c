"""How soft states may be: as soft as their measured scatter explains."""

import numpy as np

from cmgai_fem.motions.polyharmonic import PolyharmonicSpline
from cmgai_fem.states.labels import Array

# Softness at which the energy no longer tells: hard, and the regression by motions without energy (in scaled data).
HARDEST, SOFTEST = 1e-4, 1e3
STEPS = 40


def explained_softness(nodes: Array, order: int, data: Array, scatter: Array, shares: Array) -> Array | None:
    """Softness that leaves the states as much misfit as their scatter explains.

    The squared misfit in units of the scatter, over the degrees of freedom that the motion leaves to it, estimates the
    variance of the scatter: it is made one. Where even a regression misfits less, it is the regression.

    Args:
        nodes: (K, m) points of the states.
        order: p >= 0.
        data: (K, l) features of the states.
        scatter: (K,) standard error of each state's features, positive.
        shares: (l,) share of each feature in the mean of squares; adds up to one.

    Returns:
        (K,) softness as `PolyharmonicSpline` takes it, proportional to the scatter; None where any softness misfits
        more than the scatter explains, so that hard states are right.

    Source: G. Wahba, Spline Models for Observational Data (1990), section 4.7.
    """
    hard = PolyharmonicSpline(nodes, order)
    # Softness is measured against the energy of unit data, so that the bounds hold in any units of s.
    unit = 1.0 / (float(np.max(scatter)) * np.sqrt(float(np.mean(np.diag(hard.bending))) or 1.0))
    factor = explained_factor(hard.bending, hard.free, data, scatter, shares, (HARDEST * unit, SOFTEST * unit))
    return None if factor is None else factor * scatter


def explained_factor(
    bending: Array, free: int, data: Array, scatter: Array, shares: Array, bounds: tuple[float, float]
) -> float | None:
    """The factor on the scatter of each state with which a least-force motion misfits as much as the scatter explains.

    Args:
        bending: (K, K) energy of the hard motion, a quadratic form of its data.
        free: number of motions without energy.
        data: (K, l) data of the states.
        scatter: (K,) their standard errors, positive.
        shares: (l,) share of each datum in the mean of squares; adds up to one.
        bounds: factors at which the energy no longer tells: hard states, and the regression by motions without energy.

    Returns:
        The factor: the softest where even that misfits less; None where the hardest misfits more.

    Source: see `explained_softness`.
    """
    values, vectors = np.linalg.eigh(scatter[:, None] * bending * scatter)
    # Motions without energy are not smoothed: rounding must not tell otherwise where states lie close together.
    values[:free] = 0.0
    parts = (vectors.T @ (data / scatter[:, None])) ** 2 @ shares

    def excess(power: float) -> float:
        stiff = 100.0**power * np.maximum(values, 0.0)
        left = stiff / (1.0 + stiff)
        return float(left**2 @ parts) / max(float(np.sum(left)), 1e-12) - 1.0

    low, high = np.log10(bounds[0]), np.log10(bounds[1])
    if excess(high) <= 0.0:
        return bounds[1]
    if excess(low) >= 0.0:
        return None
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) < 0.0 else (low, middle)
    return float(10.0**low)
