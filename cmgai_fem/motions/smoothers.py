"""What every least-force motion of a state space is to its users: weights of the known states, linear in the data."""

from typing import Protocol

from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import PolyharmonicSpline
from cmgai_fem.motions.simplices import StateSimplices
from cmgai_fem.states.states import Array


class Smoother(Protocol):
    """A motion `u(s) = sum_k w_k(s) U_k` through known states."""

    def weights(self, points: Array) -> Array:
        """(T, K) weights w of the known states at points (T, m) of the state space."""


class ExactSmoother(Smoother, Protocol):
    """A motion that tells what it gets wrong of states that are left out."""

    @property
    def left_out(self) -> Array:
        """(K, K) map from the data to each state's error when the others alone are known; infinite rows: unknown."""


def make_smoother(nodes: Array, order: int, softness: Array | None = None, tension: float = 0.0) -> ExactSmoother:
    """The least-force motion of order p through states at (K, m) points.

    Args:
        nodes: (K, m) points of the state space, m = 1, 2 or 3.
        order: p, -1 or more; -1 joins states by simplices.
        softness: (K,) softness of each state as in `PolyharmonicSpline`; None for hard states.
        tension: tau, per unit of s.

    Raises:
        InputError: too few states for the order, states on one line or plane, or soft states with order -1.
    """
    if order >= 0:
        return PolyharmonicSpline(nodes, order, softness, tension)
    if softness is not None or tension:
        raise InputError("order -1 joins hard states straight: it takes no softness and no tension")
    return StateSimplices(nodes)
