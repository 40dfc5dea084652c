"""Pseudo-time: the monotone map from the state coordinate to s, 0 at the first known state and 1 at the last."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.states.states import Array


@dataclass(frozen=True)
class PseudoTime:
    """`s = (g(c) - g(first)) / (g(last) - g(first))`, with g the identity, the logarithm or a power.

    Args:
        first: coordinate of the first known state (s = 0).
        last: coordinate of the last known state (s = 1).
        kind: "linear", "log" or "power".
        exponent: of the power; the base is the distance from `origin`.
        origin: coordinate at which a power or logarithm starts; every state must lie above it.
    """

    first: float
    last: float
    kind: str = "linear"
    exponent: float = 1.0
    origin: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("linear", "log", "power"):
            raise InputError(f"pseudo-time {self.kind!r} is unknown; there are: linear, log, power")
        if self.kind != "linear" and self.first <= self.origin:
            raise InputError(
                f"a {self.kind} pseudo-time needs states above {self.origin:g}, the first is {self.first:g}"
            )
        if self.exponent <= 0.0:
            raise InputError(f"the exponent of the pseudo-time must be positive, not {self.exponent:g}")

    def __call__(self, coordinate: ArrayLike) -> Array:
        """Pseudo-time of one or more coordinate values."""
        first, last = self._stretch(np.array([self.first, self.last]))
        return (self._stretch(np.asarray(coordinate, dtype=float)) - first) / (last - first)

    def _stretch(self, coordinate: Array) -> Array:
        if self.kind == "linear":
            return coordinate
        distance = coordinate - self.origin
        if np.any(distance <= 0.0):
            raise InputError(
                f"state {float(np.min(coordinate)):g} lies at or below {self.origin:g}, where a {self.kind} "
                "pseudo-time starts: use a linear one"
            )
        return np.log(distance) if self.kind == "log" else distance**self.exponent

    def __str__(self) -> str:
        return f"power {self.exponent:g}" if self.kind == "power" else self.kind
