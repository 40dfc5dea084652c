"""Steady states past a bifurcation: two stable branches, and an unstable one between them as the trap.

The value is the steady state that a random start relaxes to, read by a gauge with a normal error. The start is
normal, so the share of each branch is known in closed form: the probability of starting on its side of the unstable
branch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgai_fem.distributions.constraints import Constraint
from cmgai_fem.distributions.physics_priors import AlgebraicResidual, Prior, Stability, SteadyShares

from .base import Array, Card, IntArray, Problem

GAUGE_ERROR = 0.05
RESIDUAL_SCALE = 0.1
# Branches closer than six gauge errors to the unstable one cannot be told from it.
SEPARATION = 6.0 * GAUGE_ERROR


@dataclass(frozen=True)
class Pitchfork(Problem):
    """`du/dt = r u - u^3`: u = 0 below r = 0; above it u = -sqrt(r) and sqrt(r) are stable and 0 is not.

    Args:
        start_mean: mean of the normal start.
        start_deviation: its standard deviation.
    """

    start_mean: float = 0.15
    start_deviation: float = 0.5

    card = Card(
        "pitchfork", "Pitchfork bifurcation", ("r",), ("u",), (-1.0,), (1.0,), ("lower", "upper"), 2, "diagonal",
        "rate r u - u^3 over 0.1", gauge_errors=(GAUGE_ERROR,),
    )  # fmt: skip

    def values(self, x: Array, rng: np.random.Generator) -> tuple[Array, IntArray]:
        """Steady states with gauge error; the regime is the side of the start."""
        upper = rng.normal(self.start_mean, self.start_deviation, len(x)) > 0.0
        branch = np.sqrt(np.maximum(x[:, 0], 0.0)) * np.where(upper, 1.0, -1.0)
        return (branch + rng.normal(0.0, GAUGE_ERROR, len(x)))[:, None], upper.astype(np.int64)

    def modes(self, x: Array, u: Array) -> IntArray:
        """The sign, where the branches are apart."""
        return np.where(x[:, 0] > SEPARATION**2, (u[:, 0] > 0.0).astype(np.int64), -1)

    def trapped(self, x: Array, u: Array) -> IntArray:
        """Nearer to the unstable branch 0 than to a stable one."""
        r = x[:, 0]
        near = np.abs(u[:, 0]) < 0.5 * np.sqrt(np.maximum(r, 0.0))
        return np.where(r > SEPARATION**2, near.astype(np.int64), -1)

    def residual(self, x: Array, u: Array) -> Array:
        """The rate at which the value would still move."""
        return np.abs(x[:, 0] * u[:, 0] - u[:, 0] ** 3) / RESIDUAL_SCALE

    def constraint(self) -> Constraint:
        """A steady state does not move."""
        return Constraint(lambda x, u: x * u - u**3, RESIDUAL_SCALE)

    def priors(self) -> Sequence[Prior]:
        """Components are stable fixed points; the boundary of their basins, u = 0, does not move with r."""
        return (
            AlgebraicResidual(lambda x, u: x * u - u**3, RESIDUAL_SCALE),
            Stability(lambda x, u: x * u - u**3, RESIDUAL_SCALE),
            SteadyShares(scale=RESIDUAL_SCALE),
        )


@dataclass(frozen=True)
class SaddleNode(Problem):
    """`du/dt = r + u - u^3`: an S-shaped curve with a fold (saddle-node) at r = -0.385 and one at 0.385.

    Args:
        start_mean: mean of the normal start.
        start_deviation: its standard deviation.
    """

    start_mean: float = 0.0
    start_deviation: float = 0.6

    card = Card(
        "saddle_node", "Saddle-node bifurcations of an S-shaped curve", ("r",), ("u",), (-0.8,), (0.8,),
        ("lower", "upper"), 2, "diagonal", "rate r + u - u^3 over 0.1", gauge_errors=(GAUGE_ERROR,),
    )  # fmt: skip

    def values(self, x: Array, rng: np.random.Generator) -> tuple[Array, IntArray]:
        """Steady states with gauge error; the regime is the branch."""
        lower, middle, upper = fixed_points(x[:, 0])
        start = rng.normal(self.start_mean, self.start_deviation, len(x))
        goes_up = np.where(np.isnan(middle), np.isnan(lower), start > middle)
        branch = np.where(goes_up, upper, lower)
        return (branch + rng.normal(0.0, GAUGE_ERROR, len(x)))[:, None], goes_up.astype(np.int64)

    def modes(self, x: Array, u: Array) -> IntArray:
        """The side of zero: the stable branches lie beyond -0.577 and 0.577."""
        return (u[:, 0] > 0.0).astype(np.int64)

    def trapped(self, x: Array, u: Array) -> IntArray:
        """Nearer to the unstable branch than to a stable one, where all three are apart."""
        lower, middle, upper = fixed_points(x[:, 0])
        value = u[:, 0]
        apart = np.minimum(upper - middle, middle - lower) > SEPARATION
        inside = (value > 0.5 * (lower + middle)) & (value < 0.5 * (middle + upper))
        return np.where(apart, inside.astype(np.int64), -1)

    def residual(self, x: Array, u: Array) -> Array:
        """The rate at which the value would still move."""
        return np.abs(x[:, 0] + u[:, 0] - u[:, 0] ** 3) / RESIDUAL_SCALE

    def constraint(self) -> Constraint:
        """A steady state does not move."""
        return Constraint(lambda x, u: x + u - u**3, RESIDUAL_SCALE)

    def priors(self) -> Sequence[Prior]:
        """Components are fixed points, and stable ones."""
        return (
            AlgebraicResidual(lambda x, u: x + u - u**3, RESIDUAL_SCALE),
            Stability(lambda x, u: x + u - u**3, RESIDUAL_SCALE),
        )


def fixed_points(r: Array) -> tuple[Array, Array, Array]:
    """Lower, middle (unstable) and upper roots of `r + u - u^3`, NaN where one does not exist.

    Args:
        r: (n,) loads.

    Returns:
        Three (n,) arrays; outside the folds only the lower (r below) or the upper root (r above) exists.

    Source: Viete's trigonometric and hyperbolic solutions of the depressed cubic.
    """
    fold = 2.0 / (3.0 * np.sqrt(3.0))
    inside = np.abs(r) < fold
    angle = np.arccos(np.clip(r / fold, -1.0, 1.0)) / 3.0
    length = 2.0 / np.sqrt(3.0)
    single = np.sign(r) * length * np.cosh(np.arccosh(np.maximum(np.abs(r) / fold, 1.0)) / 3.0)
    upper = np.where(inside, length * np.cos(angle), np.where(r > 0.0, single, np.nan))
    middle = np.where(inside, length * np.cos(angle + 4.0 * np.pi / 3.0), np.nan)
    lower = np.where(inside, length * np.cos(angle + 2.0 * np.pi / 3.0), np.where(r < 0.0, single, np.nan))
    return lower, middle, upper
