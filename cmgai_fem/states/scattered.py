"""States at scattered points of several coordinates: what is known of a body at pairs of temperature and load, say."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.states.states import Coordinate, States, load_states, save_states


@dataclass(frozen=True)
class Coordinates:
    """Several state coordinates, in the order of the columns of a state's values."""

    each: tuple[Coordinate, ...]

    def __len__(self) -> int:
        return len(self.each)

    def __iter__(self) -> Iterator[Coordinate]:
        return iter(self.each)

    @property
    def name(self) -> str:
        """All names, e.g. "temperature, load"."""
        return ", ".join(coordinate.name for coordinate in self.each)

    def label(self, value: ArrayLike | None = None) -> str:
        """Text for an axis, or for one state (m,) if `value` is given, e.g. "temperature = 325 degC, load = 3 kN"."""
        if value is None:
            return ", ".join(coordinate.label() for coordinate in self.each)
        parts = np.asarray(value, dtype=float)
        return ", ".join(coordinate.label(float(part)) for coordinate, part in zip(self.each, parts, strict=True))


@dataclass(frozen=True)
class ScatteredStates(States[Coordinates]):
    """Known states at points of several coordinates: `values` are (K, m), in any order, no two alike."""

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.coordinate):
            raise InputError(
                f"states of {self.coordinate.name} need (K, {len(self.coordinate)}) values, not {self.values.shape}"
            )
        super().__post_init__()
        _, first, count = np.unique(self.values, axis=0, return_index=True, return_counts=True)
        if np.any(count > 1):
            twice = self.values[first[np.argmax(count > 1)]]
            raise InputError(f"two states have {self.coordinate.label(twice)}: keep one of them")

    def index(self, value: ArrayLike) -> int:
        """Index of the state at `value` (m,)."""
        hits = np.flatnonzero(np.all(np.isclose(self.values, np.asarray(value), rtol=1e-12, atol=0.0), axis=1))
        if len(hits) != 1:
            raise InputError(f"no state at {self.coordinate.label(value)}")
        return int(hits[0])

    def at(self, values: Iterable[ArrayLike]) -> Self:
        """The states at `values` alone, in that order."""
        return self._rows(np.array([self.index(value) for value in values], dtype=int))

    def save(self, path: Path) -> None:
        """Write the set to one .npz file, complete or not at all."""
        names = [text for coordinate in self.coordinate for text in (coordinate.name, coordinate.unit)]
        save_states(path, self, names)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a set that `save` wrote."""
        labels, names, values, fields = load_states(path)
        each = tuple(Coordinate(name, unit) for name, unit in zip(names[::2], names[1::2], strict=True))
        return cls(labels, Coordinates(each), values, fields)
