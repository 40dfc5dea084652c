"""From state coordinates to points of the state space: a pseudo-time for each, and the ratio of their scales."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.states.pseudo_time import PseudoTime
from cmgai_fem.states.states import Array, Coordinate

Kind = tuple[str, float]
"""Kind of a pseudo-time and its exponent, e.g. ("linear", 1.0), ("log", 1.0), ("power", 0.5)."""


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
        coordinates: Sequence[Coordinate],
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
