"""What every motion that is linear in its data is to its users: weights of the known states."""

from typing import Protocol

from cmgai_fem.states.labels import Array


class Motion(Protocol):
    """A motion `u(s) = sum_k w_k(s) U_k` through known states."""

    def weights(self, points: Array) -> Array:
        """(T, K) weights w of the known states at points (T, m)."""


class ExactMotion(Motion, Protocol):
    """A motion that tells what it gets wrong of states that are left out."""

    @property
    def left_out(self) -> Array:
        """(K, K) map from the data to each state's error when the others alone are known; infinite rows: unknown."""
