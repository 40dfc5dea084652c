"""Fields of the Chafee-Infante equation grown from random starts: two stable fields, and unstable ones as the trap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.distributions.physics_priors import AlgebraicResidual, Prior, Stability
from cmgai_fem.distributions.problems.base import Array, Card, IntArray, Problem

MODES = 3
DURATION = 10.0
GAUGE_ERROR = 0.02
RESIDUAL_SCALE = 0.1
# Below it the two stable fields are too small, or too slow to form, to be told apart.
DEVELOPED = 1.6
QUADRATURE = 16


@dataclass(frozen=True)
class ChafeeInfanteFields(Problem):
    """First three sine coefficients of the field at time 10; the condition is lambda.

    Args:
        start_mean: mean of the first coefficient of the random starting field.
        start_deviation: standard deviation of its coefficient k, divided by k; four coefficients start.
    """

    start_mean: float = 0.05
    start_deviation: float = 0.3

    card = Card(
        "chafee_infante", "Chafee-Infante reaction-diffusion", ("lambda",), ("a1", "a2", "a3"), (0.5,), (6.0,),
        ("negative", "positive"), 2, "full", "Galerkin rate of the three coefficients over 0.1, root mean square",
    )  # fmt: skip

    def values(self, x: Array, rng: np.random.Generator) -> tuple[Array, IntArray]:
        """Coefficients of the finite element field, with gauge error; the regime is the sign of the field."""
        # Imported here: the other problems need no DOLFINx.
        from cmgai_fem.mechanics.chafee_infante import ChafeeInfante, sine_coefficients

        model = ChafeeInfante()
        order = np.arange(1, 5)
        drawn = rng.normal(size=(len(x), 4)) * self.start_deviation / order
        drawn[:, 0] += self.start_mean
        start = drawn @ np.sin(np.outer(order, model.nodes()))
        start[:, [0, -1]] = 0.0
        clean = sine_coefficients(model.march(start, x[:, 0], DURATION), MODES)
        return clean + rng.normal(0.0, GAUGE_ERROR, clean.shape), (clean[:, 0] > 0.0).astype(np.int64)

    def modes(self, x: Array, u: Array) -> IntArray:
        """The sign of the first coefficient, once the fields have developed."""
        return np.where(x[:, 0] > DEVELOPED, (u[:, 0] > 0.0).astype(np.int64), -1)

    def trapped(self, x: Array, u: Array) -> IntArray:
        """Nearer to the unstable zero field, or a field with a node, than to a stable one, in the first coefficient."""
        height = np.sqrt(np.maximum(4.0 / 3.0 * (1.0 - 1.0 / x[:, 0]), 0.0))
        return np.where(x[:, 0] > DEVELOPED, (np.abs(u[:, 0]) < 0.5 * height).astype(np.int64), -1)

    def residual(self, x: Array, u: Array) -> Array:
        """Root mean square of the rates of the three coefficients, in the equation truncated to them."""
        error = galerkin_rate(torch.as_tensor(x), torch.as_tensor(u)).numpy() / RESIDUAL_SCALE
        return np.asarray(np.sqrt((error**2).mean(axis=1)))

    def priors(self) -> Sequence[Prior]:
        """Components are steady fields of the truncated equation, and stable ones."""
        return (AlgebraicResidual(galerkin_rate, RESIDUAL_SCALE), Stability(galerkin_rate, RESIDUAL_SCALE))


def galerkin_rate(x: Tensor, u: Tensor) -> Tensor:
    """Rates (..., 3) of the sine coefficients u (..., 3): `(lambda - k^2) a_k - lambda <u^3>_k`.

    Equal-step quadrature with 16 intervals is exact for the cube of three modes.
    """
    nodes = torch.arange(1, QUADRATURE, dtype=u.dtype, device=u.device) * (torch.pi / QUADRATURE)
    order = torch.arange(1, MODES + 1, dtype=u.dtype, device=u.device)
    waves = torch.sin(order.unsqueeze(-1) * nodes)
    cube = (u @ waves) ** 3 @ waves.mT * (2.0 / QUADRATURE)
    load = x[..., :1]
    return (load - order**2) * u - load * cube
