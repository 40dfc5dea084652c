"""A damped Duffing oscillator that leaves the hilltop of a double well: one cloud that splits into two spirals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.distributions.physics_priors import Bounds, DifferentialResidual, MeanDerivative, Prior

from .base import Array, Card, IntArray, Problem

DAMPING = 0.5
GAUGE_ERROR = 0.02
RESIDUAL_SCALE = 0.1
# Until then the slow starters are still near the hilltop and the wells cannot be told apart.
SETTLED = 7.0
AFTERWARDS = 25.0


@dataclass(frozen=True)
class Duffing(Problem):
    """`q'' + 0.5 q' - q + q^3 = 0` from a normal start near the hilltop; the condition is the time.

    Args:
        start_mean: mean of the starting position.
        start_deviation: its standard deviation.
        speed_deviation: standard deviation of the starting velocity, whose mean is zero.
    """

    start_mean: float = 0.1
    start_deviation: float = 0.3
    speed_deviation: float = 0.1

    card = Card(
        "duffing", "Duffing oscillator in a double well", ("time",), ("position", "velocity"), (0.0,), (10.0,),
        ("left well", "right well"), 4, "full", "energy above the greatest start's, over 0.1",
    )  # fmt: skip

    def values(self, x: Array, rng: np.random.Generator) -> tuple[Array, IntArray]:
        """Position and velocity at each time, with gauge error; the regime is the well reached in the end."""
        start = np.stack(
            [rng.normal(self.start_mean, self.start_deviation, len(x)), rng.normal(0, self.speed_deviation, len(x))]
        )
        there = march(start, x[:, 0], 150)
        regime = (march(there, np.full(len(x), AFTERWARDS), 200)[0] > 0.0).astype(np.int64)
        return there.T + rng.normal(0.0, GAUGE_ERROR, (len(x), 2)), regime

    def modes(self, x: Array, u: Array) -> IntArray:
        """The sign of the position, once settled."""
        return np.where(x[:, 0] > SETTLED, (u[:, 0] > 0.0).astype(np.int64), -1)

    def trapped(self, x: Array, u: Array) -> IntArray:
        """Still on the hilltop at a late time."""
        return np.where(x[:, 0] > SETTLED, (np.abs(u[:, 0]) < 0.5).astype(np.int64), -1)

    def residual(self, x: Array, u: Array) -> Array:
        """Energy above what a start with three deviations of velocity has: damping can only lower it."""
        greatest = 0.5 * (3.0 * self.speed_deviation) ** 2
        energy = 0.5 * u[:, 1] ** 2 - 0.5 * u[:, 0] ** 2 + 0.25 * u[:, 0] ** 4
        return np.asarray(np.maximum(energy - greatest, 0.0) / RESIDUAL_SCALE)

    def priors(self) -> Sequence[Prior]:
        """Component means move by the equation of motion and keep within the energy."""

        def motion(x: Tensor, u: Tensor, derivative: MeanDerivative) -> Tensor:
            position, velocity, slope = u[..., 0], u[..., 1], derivative(0)
            force = position - position**3 - DAMPING * velocity
            return torch.stack([slope[..., 0] - velocity, slope[..., 1] - force], dim=-1)

        def energy(x: Tensor, u: Tensor) -> Tensor:
            return (0.5 * u[..., 1] ** 2 - 0.5 * u[..., 0] ** 2 + 0.25 * u[..., 0] ** 4).unsqueeze(-1)

        return (
            DifferentialResidual(motion, RESIDUAL_SCALE),
            Bounds(energy, upper=0.5 * (3.0 * self.speed_deviation) ** 2, scale=RESIDUAL_SCALE),
        )


def march(start: Array, duration: Array, steps: int) -> Array:
    """Carry states (2, n) through their own durations (n,) by classical Runge-Kutta in `steps` equal steps."""

    def rate(state: Array) -> Array:
        position, velocity = state
        return np.stack([velocity, position - position**3 - DAMPING * velocity])

    step = duration / steps
    state = start
    for _ in range(steps):
        first = rate(state)
        second = rate(state + 0.5 * step * first)
        third = rate(state + 0.5 * step * second)
        state = state + step / 6.0 * (first + 2.0 * second + 2.0 * third + rate(state + step * third))
    return state
