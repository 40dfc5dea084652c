"""What a case is: known states that every method may see, and the truth, which is asked for when all have answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.curves.table import CurveTests
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Coordinate, Coordinates, Field, States
from cmgai_fem.transport.feature_space import Admissible

INSIDE, BEYOND = "inside", "beyond"
COMPONENTS = {1: ("",), 2: ("x", "y"), 3: ("x", "y", "z"), 6: SYMMETRIC_TENSOR}
Truth = Callable[[Array], Array]
"""Takes (T, m) states, returns (T, L, n) true values."""
Draw = Callable[[float, float], float]
"""Takes bounds, returns a number between them: what the seed of a run moves in a case."""


@dataclass(frozen=True)
class Question:
    """All that a method may see.

    Args:
        known: the known states.
        asked: (T, m) states to generate.
        bounds: what is known of the field beforehand; the same for all methods.
        tests: of stress-strain curves, from which `known` was made; None for fields.
    """

    known: States
    asked: Array
    bounds: Admissible = field(default_factory=Admissible)
    tests: CurveTests | None = None

    @property
    def zones(self) -> list[str]:
        """Whether each state asked for lies between the known ones, or beyond."""
        return [INSIDE if inside_hull(self.known.values, point) else BEYOND for point in self.asked]


@dataclass(frozen=True)
class Case:
    """One case of the gauntlet.

    Args:
        name: in the study file and on the page.
        pose: makes the question and the truth from a source of chance; its docstring says what the case is.
    """

    name: str
    pose: Callable[[Draw], tuple[Question, Truth]]

    @property
    def about(self) -> str:
        """What the case is, in one sentence."""
        return " ".join((self.pose.__doc__ or "").split())

    def posed(self, seed: int) -> tuple[Question, Truth]:
        """The variant of a seed: phases, speeds and places are its own."""
        random = np.random.default_rng([seed, crc32(self.name.encode())])
        return self.pose(lambda low, high: float(random.uniform(low, high)))


def along(
    labels: Labels,
    formula: Callable[..., Array],
    known: ArrayLike,
    asked: ArrayLike,
    *,
    coordinates: Sequence[str] = ("s",),
    unit: str = "1",
    bounds: Admissible | None = None,
    spoil: Callable[[Array], Array] | None = None,
) -> tuple[Question, Truth]:
    """Question and truth of a field that is known in closed form, or by a solve.

    Args:
        labels: where the field lives.
        formula: takes the label positions (L, g) and one number a coordinate, returns (L,) or (L, n) values.
        known: (K,) or (K, m) known states.
        asked: (T,) or (T, m) states to generate.
        coordinates: names of the coordinates.
        unit: of the field.
        bounds: see `Question`.
        spoil: what measuring does to the known values (K, L, n), such as noise; nothing by default.
    """
    count = len(coordinates)

    def truth(points: Array) -> Array:
        values = np.stack([np.asarray(formula(labels.positions, *point), dtype=float) for point in points])
        return values.reshape(len(points), labels.count, -1)

    places = np.asarray(known, dtype=float).reshape(-1, count)
    values = truth(places) if spoil is None else spoil(truth(places))
    fields = {"u": Field(values, unit, COMPONENTS[values.shape[2]])}
    states = States.of(labels, Coordinates(tuple(map(Coordinate, coordinates))), places, fields)
    question = Question(states, np.asarray(asked, dtype=float).reshape(-1, count), bounds or Admissible())
    return question, truth


def solved(
    solve: Callable[[Sequence[float]], States], name: str, known: Sequence[float], asked: Sequence[float],
    bounds: Admissible,
) -> tuple[Question, Truth]:  # fmt: skip
    """Question and truth of a field of a reference model: the states asked for are solved when the truth is asked for.

    Args:
        solve: takes increasing values of the coordinate, returns the states.
        name: of the field.
        known: known states.
        asked: states to generate.
        bounds: see `Question`.
    """

    def truth(points: Array) -> Array:
        order = np.argsort(points[:, 0])
        values = solve([float(value) for value in points[order, 0]]).field(name).values
        return np.asarray(values[np.argsort(order)])

    return Question(solve(known).only(name), np.reshape(np.asarray(asked, dtype=float), (-1, 1)), bounds), truth


def by_name(cases: Sequence[Case]) -> Mapping[str, Case]:
    """The cases by their names."""
    return {case.name: case for case in cases}
