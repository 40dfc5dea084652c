"""SSBroyden: a self-scaled quasi-Newton method of Broyden's class, in float64.

Each update mixes the BFGS and DFP formulas and rescales what it has learnt so far; both factors follow from the last
step. Its place is where the Jacobian of the residuals is too large for Levenberg-Marquardt.

Source: Urbán, Stefanou and Pons, J. Comput. Phys. 523 (2025) 113656, eqs 13-23; after Al-Baali, Comput. Optim. Appl. 9
(1998) 191-203.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import line_search

from cmgai_fem.states.labels import Array

Objective = Callable[[Array], float]
Gradient = Callable[[Array], Array]


@dataclass
class SSBroyden:
    """Minimises a function of a vector, one line search at a time.

    Args:
        objective: maps weights (n,) to the loss.
        gradient: maps weights (n,) to its gradient (n,).
        weights: (n,) starting weights; replaced by each step.
    """

    objective: Objective
    gradient: Gradient
    weights: Array

    def __post_init__(self) -> None:
        self.loss = float(self.objective(self.weights))
        self.slope = self.gradient(self.weights)
        # A first move of length one at most: the line search does not see the scale of the loss.
        self.inverse = np.eye(len(self.weights)) / max(float(np.linalg.norm(self.slope)), 1.0)
        self._first = True

    def state(self) -> dict[str, Array]:
        """Everything that the next step depends on."""
        numbers = {"loss": np.array(self.loss), "first": np.array(float(self._first))}
        return {"weights": self.weights, "slope": self.slope, "inverse": self.inverse} | numbers

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a `state`."""
        self.weights, self.slope, self.inverse = state["weights"], state["slope"], state["inverse"]
        self.loss, self._first = float(state["loss"]), bool(state["first"])

    def step(self) -> bool:
        """One step with a strong Wolfe line search.

        Returns:
            Whether the loss fell; if not, hand over to another method.
        """
        direction = -self.inverse @ self.slope
        with warnings.catch_warnings():
            # A failed search warns; here it is what this method returns.
            warnings.simplefilter("ignore", RuntimeWarning)
            length, _, _, loss, _, slope = line_search(
                self.objective, self.gradient, self.weights, direction, self.slope, self.loss, c2=0.9, maxiter=25
            )
        if length is None or slope is None or not loss < self.loss:
            return False
        self._update(length, length * direction, slope - self.slope)
        self.weights = self.weights + length * direction
        self.loss, self.slope = float(loss), slope
        return True

    def _update(self, length: float, move: Array, change: Array) -> None:
        """New inverse Hessian from the move s and the change y of the gradient."""
        curvature = float(change @ move)
        bent = self.inverse @ change
        product = float(change @ bent)
        if curvature <= 0.0 or product <= 0.0:
            return
        tau, phi = self._factors(-length * float(move @ self.slope) / curvature, product / curvature)
        mixed = move / curvature - bent / product
        kept = self.inverse - np.outer(bent, bent) / product + phi * product * np.outer(mixed, mixed)
        self.inverse = kept / tau + np.outer(move, move) / curvature
        self._first = False

    def _factors(self, b: float, h: float) -> tuple[float, float]:
        """Scale tau and mixture phi of the update, from `b = sᵀBs / yᵀs` and `h = yᵀHy / yᵀs`."""
        a = max(b * h - 1.0, 1e-14)  # not negative by Cauchy and Schwarz; zero where BFGS and DFP agree
        rho = min(1.0, max(h * (1.0 - np.sqrt(a / (1.0 + a))), 1e-14))
        theta = max((rho - 1.0) / a, min(1.0 / rho, (1.0 - b) / b))
        sigma = 1.0 + a * theta
        phi = (1.0 - theta) / sigma
        if self._first:
            return h / sigma, phi
        shrink = sigma ** (1.0 / (1.0 - len(self.weights))) if len(self.weights) > 1 else 1.0
        size = min(1.0, 1.0 / b)
        tau = min(size * shrink, sigma) if theta <= 0.0 else size * min(shrink, 1.0 / theta)
        return tau, phi
