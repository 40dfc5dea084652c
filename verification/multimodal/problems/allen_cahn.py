"""A stochastic partial differential equation: Allen-Cahn fields under noise in space and time, quenched from a hilltop.

The equation is `du = (D u_xx + u - u^3) dt + s dW` on (0, pi), no flux at the ends, W white in space and time. A field
falls to -1 or 1, or for a while into one half of each, about a kink that cannot stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from cmgai_fem.distributions.physics_priors import Bounds, DifferentialResidual, MeanDerivative, Prior

from .base import Array, Card, IntArray, Problem
from .chafee_infante import ChafeeInfante, factorised

DIFFUSION, STEP = 0.4, 0.02
RESIDUAL_SCALE = 0.1
# From then on fields that are not about a kink have fallen to one side.
SETTLED = 3.0


@dataclass(frozen=True)
class StochasticAllenCahn(Problem):
    """Mean and variance of the field over the interval; the condition is the time.

    Args:
        start_mean: value of the field from which it is quenched.
        noise: s.
        cells: finite elements.
    """

    start_mean: float = 0.02
    noise: float = 0.25
    cells: int = 32

    card = Card(
        "allen_cahn", "Stochastic Allen-Cahn equation", ("time",), ("mean", "variance over x"), (0.2,), (6.0,),
        ("negative", "positive"), 4, "full", "variance below zero, over 0.1",
    )  # fmt: skip

    def values(self, x: Array, rng: np.random.Generator) -> tuple[Array, IntArray]:
        """Mean and variance of the finite element field at each time; the regime is the sign of the mean."""
        mass, stiffness = ChafeeInfante(self.cells).matrices()
        solve = factorised(mass + STEP * DIFFUSION * stiffness)
        shares = np.asarray(mass.sum(axis=0)).ravel() / np.pi
        width = np.pi / self.cells
        ends = np.maximum(np.round(x[:, 0] / STEP), 1.0).astype(int)
        field = np.full((self.cells + 1, len(x)), self.start_mean)
        found = np.zeros((len(x), 2))
        for step in range(1, int(ends.max(initial=0)) + 1):
            # Noise that is constant in an element has the variance of a step over its width; half goes to each node.
            kicks = 0.5 * self.noise * np.sqrt(STEP * width) * rng.normal(size=(self.cells, len(x)))
            load = mass @ (field + STEP * (field - field**3))
            load[:-1] += kicks
            load[1:] += kicks
            field = solve(load)
            there = ends == step
            means = shares @ field[:, there]
            spread = field[:, there] - means
            found[there] = np.stack([means, np.einsum("nj,nj->j", spread, mass @ spread) / np.pi], axis=1)
        return found, (found[:, 0] > 0.0).astype(np.int64)

    def modes(self, x: Array, u: Array) -> IntArray:
        """The sign of the mean, once the fields have fallen."""
        return np.where(x[:, 0] > SETTLED, (u[:, 0] > 0.0).astype(np.int64), -1)

    def residual(self, x: Array, u: Array) -> Array:
        """A variance below zero, which no field has."""
        return np.asarray(np.maximum(-u[:, 1], 0.0) / RESIDUAL_SCALE)

    def priors(self) -> Sequence[Prior]:
        """Component means move by the mean of the equation, the field without skewness; no variance is negative."""

        def motion(x: Tensor, u: Tensor, derivative: MeanDerivative) -> Tensor:
            mean, variance = u[..., 0], u[..., 1]
            return (derivative(0)[..., 0] - (mean - mean**3 - 3.0 * mean * variance)).unsqueeze(-1)

        return (
            DifferentialResidual(motion, RESIDUAL_SCALE),
            Bounds(lambda x, u: u[..., 1:], lower=0.0, scale=RESIDUAL_SCALE),
        )
