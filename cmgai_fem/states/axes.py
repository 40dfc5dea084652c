"""Pseudo-time and the state space: monotone maps from the state coordinates, and the ratio of their scales."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinates

Kind = tuple[str, float]
"""Kind of a pseudo-time and its exponent, e.g. ("linear", 1.0), ("log", 1.0), ("power", 0.5)."""

# Pseudo-times by the names that files and options have for them.
NAMED_KINDS: dict[str, Kind] = {"log": ("log", 1.0), "square_root": ("power", 0.5), "square": ("power", 2.0)}


def kind_text(kind: Kind) -> str:
    """A pseudo-time's kind as text, to the last digit of its exponent."""
    return f"power {kind[1]:.17g}" if kind[0] == "power" else kind[0]


def make_kind(text: str) -> Kind:
    """The kind that `kind_text` wrote."""
    name, _, exponent = text.partition(" ")
    return name, float(exponent or 1.0)


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

    @classmethod
    def over(cls, values: Array, kind: Kind = ("linear", 1.0)) -> Self:
        """The pseudo-time over increasing values (K,) of known states."""
        return cls(float(values[0]), float(values[-1]), *kind)

    def __call__(self, coordinate: ArrayLike) -> Array:
        """Pseudo-time of one or more coordinate values."""
        first, last = self._ends
        return (self._stretch(np.asarray(coordinate, dtype=float)) - first) / (last - first)

    def admits(self, coordinate: float) -> bool:
        """Whether a coordinate value has a pseudo-time."""
        return self.kind == "linear" or coordinate > self.origin

    @cached_property
    def _ends(self) -> Array:
        return self._stretch(np.array([self.first, self.last]))

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


@dataclass(frozen=True)
class StateAxes:
    """`s_i = ratio_i t_i(c_i)`, with t_i the pseudo-time of coordinate i, 0 to 1 over its known values.

    Args:
        times: one pseudo-time a coordinate.
        ratios: scale of each coordinate against the others. A motion that isotropic force makes least depends on them;
            a common factor changes nothing.
    """

    times: tuple[PseudoTime, ...]
    ratios: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.ratios) != len(self.times) or min(self.ratios) <= 0.0:
            raise InputError(f"{len(self.times)} state coordinates need as many positive ratios, not {self.ratios}")

    @classmethod
    def of(
        cls,
        coordinates: Coordinates,
        values: Array,
        kinds: Sequence[Kind] | None = None,
        ratios: Sequence[float] | None = None,
    ) -> Self:
        """Axes over the known states.

        Args:
            coordinates: the m coordinates, for messages.
            values: (K, m) coordinates of the known states.
            kinds: pseudo-time of each coordinate; linear by default.
            ratios: scale of each coordinate; 1 by default.

        Raises:
            InputError: a coordinate has one value alone, or values that its pseudo-time does not admit.
        """
        times = []
        for axis, (coordinate, (kind, exponent)) in enumerate(
            zip(coordinates, kinds or [("linear", 1.0)] * len(coordinates), strict=True)
        ):
            low, high = float(values[:, axis].min()), float(values[:, axis].max())
            if low == high:
                raise InputError(f"all states have {coordinate.label(low)}: leave this coordinate out")
            try:
                times.append(PseudoTime(low, high, kind, exponent))
            except InputError as error:
                raise InputError(f"{coordinate.name}: {error}") from None
        return cls(tuple(times), tuple(ratios or [1.0] * len(times)))

    def __call__(self, values: ArrayLike) -> Array:
        """(..., m) points of the state space of (..., m) coordinates."""
        values = np.asarray(values, dtype=float)
        return np.stack(
            [
                ratio * time(values[..., axis])
                for axis, (time, ratio) in enumerate(zip(self.times, self.ratios, strict=True))
            ],
            axis=-1,
        )

    def describe(self) -> list[dict[str, Any]]:
        """The axes as plain data."""
        return [{"pseudo_time": str(time), "ratio": ratio} for time, ratio in zip(self.times, self.ratios, strict=True)]
