"""One coordinate after the other, where the states fill a grid: tensor products of motions along each coordinate."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.motions.line import Line
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.states.states import Coordinates


@dataclass(frozen=True)
class Nested:
    """Transport along one coordinate after the other; the order of the paths makes no difference.

    Args:
        lines: what is chosen along each coordinate.
    """

    lines: tuple[Line, ...]

    name: ClassVar[str] = "nested"

    def check(self, states: int) -> None:
        """Whether the states fill a grid shows when the motion is made."""

    def motion(self, coordinates: Coordinates, values: Array) -> "NestedMotion":
        """The motion through states at (K, m) values; it is asked at (T, m) values of the coordinates.

        Raises:
            InputError: the states do not fill a grid.
        """
        found = grid_axes(values)
        if found is None:
            raise InputError(f"{len(values)} states do not fill a grid of their coordinates' values")
        return NestedMotion(*found, self.lines)

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""
        return {"text": str(self), "kind": "grid", "lines": [line.describe() for line in self.lines]}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """The choice that `describe` wrote."""
        return cls(tuple(Line.read(line) for line in data["lines"]))

    def __str__(self) -> str:
        return "grid " + " x ".join(str(line) for line in self.lines)


class AlongLine(Protocol):
    """A motion along one coordinate, by whatever discretisation."""

    def weights(self, known: Array, asked: Array) -> Array:
        """See `Line.weights`."""

    def left_out(self, known: Array) -> Array:
        """See `Line.left_out`."""


@dataclass(frozen=True)
class NestedMotion:
    """Tensor product of motions along each coordinate of a grid.

    Args:
        axes: increasing values of each coordinate.
        places: (K, m) place of each state on the axes.
        lines: the motion along each coordinate.
    """

    axes: tuple[Array, ...]
    places: IntArray
    lines: tuple[AlongLine, ...]

    def weights(self, points: Array) -> Array:
        """(T, K) weights of the known states at values (T, m)."""
        each = [
            line.weights(axis, points[:, i]) for i, (line, axis) in enumerate(zip(self.lines, self.axes, strict=True))
        ]
        return np.prod([weights[:, self.places[:, i]] for i, weights in enumerate(each)], axis=0)

    @cached_property
    def left_out(self) -> Array:
        """(K, K) map from the data to each state's error when the grid knows none of the lines that hold the state."""
        each = [line.left_out(axis) + np.eye(len(axis)) for line, axis in zip(self.lines, self.axes, strict=True)]
        shared = [part[np.ix_(self.places[:, i], self.places[:, i])] for i, part in enumerate(each)]
        with np.errstate(invalid="ignore"):
            found = np.prod(shared, axis=0) - np.eye(len(self.places))
        return np.where(np.isfinite(found).all(axis=1)[:, None], found, np.inf)


def grid_axes(values: Array) -> tuple[tuple[Array, ...], IntArray] | None:
    """Values of each coordinate, and the place (K, m) of each state on them; None if the states fill no grid."""
    each = [np.unique(column, return_inverse=True) for column in values.T]
    axes, places = tuple(axis for axis, _ in each), np.column_stack([place for _, place in each])
    filled = int(np.prod([len(axis) for axis in axes])) == len(values) and min(len(axis) for axis in axes) > 1
    return (axes, places) if filled else None
