"""The known quadratic pull on a 1-D Gaussian (theory, section 7), and its boundary-value problem.

A label q of N(0, 1) is pulled towards its place in N(3, 1/4): `x'' = 2 w lam(s) (x − 3 − q/2)`, lam the normal density
of mean 1/2 and width 0.1. It is the motion of least action with the potential `w lam(s) |x − 3 − q/2|²`.
"""

import numpy as np
from scipy.integrate import solve_bvp

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.states.labels import Array

CENTRE, WIDTH = 0.5, 0.1


def hermite_labels(count: int) -> tuple[Array, Array]:
    """Labels and weights of N(0, 1) by Gauss-Hermite quadrature: exact moments of affine maps."""
    q, weights = np.polynomial.hermite_e.hermegauss(count)
    return np.asarray(q), np.asarray(weights / weights.sum())


class QuadraticPull:
    """The pull as a known force on labels q.

    Args:
        labels: (L,) labels q, which are the positions in the first state.
        weight: w.
    """

    def __init__(self, labels: Array, weight: float = 1.0) -> None:
        self.labels, self.weight = labels, weight

    def strength(self, s: Array | float) -> Array:
        """`2 w lam(s)`."""
        bell = np.exp(-0.5 * ((np.asarray(s) - CENTRE) / WIDTH) ** 2) / (WIDTH * np.sqrt(2.0 * np.pi))
        return np.asarray(2.0 * self.weight * bell)

    def __call__(self, displacement: Array, s: float) -> Array:
        """Force (L, 1) at a displacement (L, 1)."""
        q = self.labels[:, None]
        return np.asarray(self.strength(s) * (q + displacement - 3.0 - 0.5 * q))

    def slope(self, displacement: Array, s: float) -> Array:
        """Its derivative (L, 1)."""
        return np.full_like(displacement, float(self.strength(s)))

    def exact_moments(self, s: Array) -> tuple[Array, Array]:
        """Mean and deviation at pseudo-times s, by collocation to 1e-10.

        Raises:
            ConvergenceError: the collocation failed.
        """
        mesh = np.linspace(0.0, 1.0, 101)

        def rates(t: Array, y: Array) -> Array:
            pull = self.strength(t)
            return np.stack([y[1], pull * (y[0] - 3.0), y[3], pull * (y[2] - 0.5)])

        def ends(a: Array, z: Array) -> Array:
            return np.array([a[0], z[0] - 1.0, a[2] - 1.0, z[2] - np.sqrt(2.0)])

        guess = np.stack([mesh, np.ones_like(mesh), 1.0 + 0.4 * mesh, np.full_like(mesh, 0.4)])
        found = solve_bvp(rates, ends, mesh, guess, tol=1e-10, max_nodes=100_000)
        if not found.success:
            raise ConvergenceError(f"moments under the known pull: {found.message}")
        values = found.sol(s)
        return values[0], values[2]
