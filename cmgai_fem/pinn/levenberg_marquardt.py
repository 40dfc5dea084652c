"""Levenberg-Marquardt: damped Gauss-Newton for nonlinear least squares in float64.

Source: Moré, The Levenberg-Marquardt algorithm: implementation and theory (1978); damping update after Nielsen,
Damping parameter in Marquardt's method, IMM-REP-1999-05 (1999).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.states.labels import Array

Residual = Callable[[Tensor], Tensor]


@dataclass
class LevenbergMarquardt:
    """Minimises `½ |r(w)|²` over a vector of weights, one accepted step at a time.

    Args:
        residual: maps weights (n,) to residuals (m,).
        jacobian: maps weights to the Jacobian (m, n) of the residuals.
        weights: (n,) starting weights; replaced by each accepted step.
        damping: starting damping, relative to the squared columns of the Jacobian.
    """

    residual: Residual
    jacobian: Residual
    weights: Tensor
    damping: float = 1e-12

    def __post_init__(self) -> None:
        self._growth = 8.0
        self._largest = torch.zeros_like(self.weights)
        self.restart()

    def restart(self) -> None:
        """Take the residual anew: call it when the residual function itself has changed."""
        self.value = self.residual(self.weights)
        self.loss = 0.5 * float(self.value @ self.value)

    def state(self) -> dict[str, Array]:
        """Everything that the next step depends on, beside the residual."""
        tensors = {"weights": self.weights, "largest": self._largest}
        numbers = {"damping": np.array(self.damping), "growth": np.array(self._growth)}
        return {name: value.cpu().numpy() for name, value in tensors.items()} | numbers

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a `state`, under the residual that it belongs to."""
        device = self.weights.device
        self.weights = torch.as_tensor(state["weights"], device=device)
        self._largest = torch.as_tensor(state["largest"], device=device)
        self.damping, self._growth = float(state["damping"]), float(state["growth"])
        self.restart()

    def step(self, attempts: int = 12) -> bool:
        """One accepted step.

        Args:
            attempts: trials with growing damping before giving up.

        Returns:
            Whether the loss fell; if not, the weights are a minimum as far as rounding can tell.
        """
        with torch.no_grad():
            jacobian = self.jacobian(self.weights)
            scale = self._scaling(jacobian)
            system = torch.cat([jacobian / scale, self.value[:, None]], dim=1)
            for _ in range(attempts):
                move, promised = _damped_solve(system, self.damping)
                if self._accept(move / scale, promised):
                    return True
                self.damping *= self._growth
                self._growth *= 2.0
        return False

    def _scaling(self, jacobian: Tensor) -> Tensor:
        # Moré: the largest column norm seen so far, so that the step is the same in any units of the weights.
        norms = torch.linalg.vector_norm(jacobian, dim=0)
        self._largest = torch.maximum(self._largest, norms).clamp(min=1e-8 * float(norms.max()) + 1e-300)
        return self._largest

    def _accept(self, move: Tensor, promised: float) -> bool:
        weights = self.weights + move
        value = self.residual(weights)
        loss = 0.5 * float(value @ value)
        if not (loss < self.loss and promised > 0.0):
            return False
        gain = (self.loss - loss) / promised
        self.damping = max(self.damping * max(0.1, 1.0 - (2.0 * gain - 1.0) ** 3), 1e-16)
        self._growth = 8.0
        self.weights, self.value, self.loss = weights, value, loss
        return True


def _damped_solve(system: Tensor, damping: float) -> tuple[Tensor, float]:
    """Minimiser of `|J d + r|² + damping |d|²`, and the fall of `½ |J d + r|²` that it promises.

    By QR of the augmented `[J r]` and not by the normal equations: stiff penalties need all the digits.
    """
    count = system.shape[1] - 1
    below = torch.zeros((count, count + 1), dtype=system.dtype, device=system.device)
    below.diagonal().fill_(damping**0.5)
    factor = torch.linalg.qr(torch.cat([system, below]), mode="r").R
    move = -torch.linalg.solve_triangular(factor[:count, :count], factor[:count, count:], upper=True)[:, 0]
    moved = system[:, :count] @ move
    return move, -float(moved @ (system[:, count] + 0.5 * moved))
