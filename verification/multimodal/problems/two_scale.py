"""A two-scale stochastic differential equation: a slow variable in a double well, driven by a fast one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgai_fem.distributions.physics_priors import AlgebraicResidual, Prior

from .base import Array, Card, IntArray, Problem

RELAXATION = 0.05
FAST_DEVIATION = 0.3
STEPS = 800
SETTLED = 2.0


@dataclass(frozen=True)
class TwoScale(Problem):
    """`dX = (Y - X^3) dt`, `dY = -(Y - X)/e dt + s sqrt(2/e) dW`, e = 0.05, s = 0.3; the condition is the time.

    On the slow scale Y stays normal about X with deviation s (the slow manifold), and X moves by the averaged
    equation `dX = (X - X^3) dt + s sqrt(2 e) dW`.

    Args:
        start_mean: mean of the normal start of X; Y starts on the slow manifold.
        start_deviation: its standard deviation.
    """

    start_mean: float = 0.1
    start_deviation: float = 0.3

    card = Card(
        "two_scale", "Two-scale stochastic differential equation", ("time",), ("slow", "fast"), (0.2,), (4.0,),
        ("left well", "right well"), 4, "full", "|Y - X| over its deviation 0.3",
    )  # fmt: skip

    def values(self, x: Array, rng: np.random.Generator) -> tuple[Array, IntArray]:
        """Slow and fast variable at each time by Euler-Maruyama; the regime is the side that the slow one is on."""
        step = x[:, 0] / STEPS
        kick = FAST_DEVIATION * np.sqrt(2.0 * step / RELAXATION)
        slow = rng.normal(self.start_mean, self.start_deviation, len(x))
        fast = slow + rng.normal(0.0, FAST_DEVIATION, len(x))
        for _ in range(STEPS):
            noise = kick * rng.normal(size=len(x))
            slow, fast = slow + step * (fast - slow**3), fast - step / RELAXATION * (fast - slow) + noise
        return np.stack([slow, fast], axis=1), (slow > 0.0).astype(np.int64)

    def modes(self, x: Array, u: Array) -> IntArray:
        """The sign of the slow variable, once most paths have left the hilltop."""
        return np.where(x[:, 0] > SETTLED, (u[:, 0] > 0.0).astype(np.int64), -1)

    def residual(self, x: Array, u: Array) -> Array:
        """Distance from the slow manifold; the law itself has a root mean square of one."""
        return np.abs(u[:, 1] - u[:, 0]) / FAST_DEVIATION

    def priors(self) -> Sequence[Prior]:
        """Component means lie on the slow manifold."""
        return (AlgebraicResidual(lambda x, u: u[..., 1:] - u[..., :1], FAST_DEVIATION),)
