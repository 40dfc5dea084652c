"""Questions that engineers ask of generated fields: where is a value reached, how does it go, what to solve next.

All along one state coordinate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import brentq

from cmgai_fem.errors import InputError
from cmgai_fem.generated import Generated
from cmgai_fem.measures import Measure, Measured
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States

# Places between the ends of a range at which a curve is looked at for crossings.
LOOKS = 60
# Of the range: how closely a crossing is found.
CLOSE = 1e-6
# Known ranges from a known state within which another one tells nothing new.
TOO_NEAR = 0.02


class Along(Protocol):
    """Fields all along one state coordinate: generated ones, or a quantity of them under a limit."""

    @property
    def states(self) -> States:
        """The known states."""

    def at(self, value: float) -> Array:
        """(L, n) field at a state."""

    def error(self, value: float) -> Array | None:
        """(L, n) its estimated error; None where there is none."""


@dataclass(frozen=True)
class Crossing:
    """Where a measure has a level.

    Args:
        value: of the state coordinate.
        low: least value at which the level lies in the measure's 95 % band, on this side of the neighbouring crossing.
        high: greatest.
        place: (g,) where in the body [m]; None for a mean.
    """

    value: float
    low: float
    high: float
    place: Array | None


def curve(made: Along, measure: Measure, values: Sequence[float]) -> list[Measured]:
    """A measure over the state coordinate.

    Args:
        made: fields that reach the values.
        measure: what is measured.
        values: of the coordinate.
    """
    return [measure.of(made.at(value), made.error(value)) for value in values]


def find(made: Along, measure: Measure, level: float, ends: tuple[float, float]) -> list[Crossing]:
    """Where a measure has a level between two values of the state coordinate, with the band that the estimate leaves.

    Args:
        made: fields that reach both ends.
        measure: what is measured.
        level: in the field's unit.
        ends: lowest and highest value.

    Raises:
        InputError: it never has; the line says from where to where it goes.
    """
    known = made.states.scalars
    places = np.unique(np.r_[np.linspace(*ends, LOOKS), known[(known >= ends[0]) & (known <= ends[1])]])
    asked: dict[float, Measured] = dict(zip(map(float, places), curve(made, measure, places.tolist()), strict=True))

    def over(read: Callable[[Measured], float]) -> Callable[[float], float]:
        def misfit(value: float) -> float:
            if value not in asked:
                asked[value] = measure.of(made.at(value), made.error(value))
            return read(asked[value]) - level

        return misfit

    roots = _roots(over(lambda one: one.value), places)
    if not roots:
        least, most = (pick(one.value for one in asked.values()) for pick in (min, max))
        raise InputError(
            f"{measure.text} goes from {least:.6g} to {most:.6g} between {made.states.coordinates.label(ends[0])} and "
            f"{made.states.coordinates.label(ends[1])}: it is nowhere {level:g}"
        )
    limits = sorted([*_roots(over(lambda one: one.low), places), *_roots(over(lambda one: one.high), places)])
    found = []
    for root in roots:
        below = [limit for limit in limits if limit <= root]
        above = [limit for limit in limits if limit >= root]
        over(lambda one: one.value)(root)
        found.append(Crossing(root, max(below, default=ends[0]), min(above, default=ends[1]), asked[root].place))
    return found


def _roots(misfit: Callable[[float], float], places: Array) -> list[float]:
    """Zeros between neighbouring places."""
    values = [misfit(float(place)) for place in places]
    roots = [float(place) for place, value in zip(places, values, strict=True) if value == 0.0]
    for left, right, one, two in zip(places[:-1], places[1:], values[:-1], values[1:], strict=True):
        if one * two < 0.0:
            roots.append(float(brentq(misfit, float(left), float(right), xtol=CLOSE * float(np.ptp(places)))))
    return sorted(roots)


@dataclass(frozen=True)
class Suggestion:
    """A state that is worth an expensive solve.

    Args:
        value: of the state coordinate.
        size: estimated error there, relative to the known range.
        cost: of a solve there, relative to the mean.
    """

    value: float
    size: float
    cost: float


def suggest(made: Generated, values: Sequence[float], cost: Callable[[float], float] | None = None) -> list[Suggestion]:
    """States to solve next, the most telling first: largest estimated error for what the solve costs.

    Args:
        made: fields that reach the values.
        values: of the coordinate that may be solved; those next to a known state are passed over.
        cost: of a solve at a value, in any unit; the same everywhere by default.

    Raises:
        InputError: there is no estimate, or nothing to suggest.
    """
    known = made.states.scalars
    apart = [value for value in values if np.min(np.abs(known - value)) > TOO_NEAR * float(np.ptp(known))]
    if not apart:
        raise InputError("every state that may be solved is next to a known one: widen the range")
    costs = np.array([1.0 if cost is None else cost(value) for value in apart])
    if not np.all(costs > 0.0):
        raise InputError("the cost of a solve must be positive at every state that may be solved")
    sizes = [made.generator(value).size(value) for value in apart]
    told = [size for size in sizes if size is not None]
    if len(told) < len(sizes):
        raise InputError(f"{len(known)} states leave none out: there is no error estimate to go by, solve a third")
    found = [Suggestion(*each) for each in zip(apart, told, costs / costs.mean(), strict=True)]
    # The variance that a solve takes away, for its cost.
    return sorted(found, key=lambda one: one.size**2 / one.cost, reverse=True)
