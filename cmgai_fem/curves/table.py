"""Stress-strain curves: tests, the states they belong to, and the table of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinates


@dataclass(frozen=True)
class Test:
    """One test of one state.

    Args:
        strain: (M,) strain, increasing [-].
        stress: (M,) stress [Pa].
    """

    __test__ = False  # not a pytest class, whatever its name begins with

    strain: Array
    stress: Array


@dataclass(frozen=True)
class CurveState:
    """All tests of one state.

    Args:
        coordinates: (m,) state coordinates, e.g. temperature [K] and strain rate [1/s].
        tests: repeated tests, one or more.
    """

    coordinates: tuple[float, ...]
    tests: tuple[Test, ...]

    @property
    def reach(self) -> float:
        """Largest strain of the longest test [-]."""
        return max(float(test.strain[-1]) for test in self.tests)


@dataclass(frozen=True)
class CurveTests:
    """Tests of several states.

    Args:
        coordinates: m = 1 or 2 state coordinates.
        states: the states, in increasing order of their coordinates.
        plastic: the strain is the plastic strain, whose curve need not start at zero stress.
        notes: what reading or selecting left out, merged or took for granted.
        units: units of the table that the tests were read from, by quantity; SI where it names none.
    """

    coordinates: Coordinates
    states: tuple[CurveState, ...]
    plastic: bool
    notes: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.states)

    def axis(self, name: str) -> int:
        """Position of the coordinate called `name`."""
        names = [coordinate.name for coordinate in self.coordinates]
        if name not in names:
            raise InputError(f"no state coordinate {name!r}; the curves have: {', '.join(names)}")
        return names.index(name)

    def values(self) -> Array:
        """(K, m) state coordinates."""
        return np.array([state.coordinates for state in self.states], dtype=float)

    def along(self, name: str) -> Self:
        """The table with the coordinate `name` alone; the others must be the same in all states."""
        axis = self.axis(name)
        for other, coordinate in enumerate(self.coordinates):
            values = np.unique(self.values()[:, other])
            if other != axis and len(values) > 1:
                raise InputError(
                    f"{coordinate.name} takes {len(values)} values ({', '.join(f'{v:g}' for v in values[:5])}...): "
                    f"keep the tests of one of them to generate along {name}"
                )
        states = tuple(replace(state, coordinates=(state.coordinates[axis],)) for state in self.states)
        states = tuple(sorted(states, key=lambda state: state.coordinates))
        return replace(self, coordinates=Coordinates((self.coordinates.each[axis],)), states=states)
