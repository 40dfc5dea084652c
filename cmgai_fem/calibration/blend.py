"""The superposition that calibration makes: the members of the rule of choice, and what the wide search stacks.

The rule is honest and knows its error, the stacked members follow each label with weights of its own. They are taken
as far as their crossed left-out error stays near that of the rule, and as far as they agree with it within what it
says its own error is: where all left-out errors vanish by symmetry, or one left-out end decides, they do not.

Source: ours; both bounds are set on the shipped studies and on problems of known truth with many labels.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.answers import Asked
from cmgai_fem.calibration.evidence import Data
from cmgai_fem.calibration.rule import RuleOfChoice
from cmgai_fem.states.labels import Array
from cmgai_fem.states.portion import Portion
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Answer, Solution, Superposed

# Crossed left-out error, in that of the rule, at which the stacked members have half the weight between and beyond the
# known states; how sharply it falls.
HALF_TAKEN = (1.2, 1.4)
SHARPNESS = 24
# Distance from the rule's value, in its deviations, at which they have half the weight between and beyond.
APART = (4.0, 2.0)
# The estimate falls with their left-out error, but not below this part of the rule's.
LEAST_SCALE = 0.5


def data_of(problem: Problem) -> Data:
    """The known values of a problem as the rule takes them: components in a row, each sharing its label's volume."""
    known, labels = problem.known.values, problem.states.labels
    shares = labels.weights / labels.volume / known.shape[2]
    return Data(problem.states.values - problem.origin, known.reshape(len(known), -1), shares, labels.dealt)


def taken(crossed: float, ruled: float, inside: bool) -> float:
    """Share of the stacked members by their crossed left-out error against that of the rule, over the same states."""
    if crossed == 0.0:
        return 1.0
    ratio = crossed / max(ruled, np.finfo(float).tiny)
    return float(1.0 / (1.0 + min(ratio / HALF_TAKEN[not inside], 1e3) ** SHARPNESS))


@dataclass(frozen=True)
class Blend:
    """How members are blended at a state.

    Args:
        rule: the rule of choice over the known values.
        rows: members of the rule that take part.
        inside: whether the states asked for lie between the known ones.
        stacked: shares of the stacked members, one number each or one a label; empty for none.
        taken: share of the stacked members where they agree with the rule.
        scale: their left-out error in that of the rule.
    """

    rule: RuleOfChoice
    rows: tuple[int, ...]
    inside: bool
    stacked: tuple[float | Array, ...] = ()
    taken: float = 0.0
    scale: float = 1.0

    def shares(self, asked: Asked) -> Array:
        """(M,) shares of the rule's members that take part, at the one target."""
        found = asked.shares[0, list(self.rows)]
        return found / found.sum()


@dataclass(frozen=True)
class Blended(Answer):
    """A blend of solved transports of one field.

    Args:
        members: the stacked transports first, then those of the rule.
        blend: how they are blended.
    """

    members: tuple[Solution, ...]
    blend: Blend

    def at(self, value: ArrayLike) -> Array:
        """The generated field (L, n) at the state `value`; see `Solution.at`. Admissible if the members are."""
        coordinates = self.problem.states.coordinates
        if coordinates.several(value):
            points = coordinates.points(value)
            self.expect(points)
            return np.array([self.at(one) for one in points])
        return self.answer(coordinates.point(value)).field

    def error(self, value: ArrayLike) -> Array:
        """(L, n) standard deviation of the generated field at a state, in the field's unit."""
        return self.answer(value).error

    def size(self, value: ArrayLike) -> float:
        """Root mean square of `error` over the volume, relative to the known range."""
        return self.answer(value).size

    def numbers(self, value: ArrayLike) -> float:
        """Independent left-out numbers behind the rule's choice at a state; see `Asked.numbers`."""
        return float(self.answer(value).asked.numbers[0])

    def on(self, value: ArrayLike, labels: slice = slice(None)) -> tuple[Array, Array | None]:
        """See `Answer.on`."""
        return self.answer(value).over(labels)

    def answer(self, value: ArrayLike) -> "BlendedAnswer":
        """What is generated at one state, for all labels or a block of them."""
        point = self.problem.check_reach(value)
        key = tuple(map(float, point))
        if key not in self._answers:
            self._expect(point[None])
        return self._answers[key]

    def expect(self, values: Iterable[ArrayLike]) -> None:
        """Ask the rule of choice for several states at once, which is quicker than one by one."""
        count = len(self.problem.states.coordinates)
        self._expect(np.array([self.problem.check_reach(value) for value in values]).reshape(-1, count))

    def _expect(self, points: Array) -> None:
        for point, asked in zip(points, Asked.at(self.blend.rule, points - self.problem.origin).each(), strict=True):
            self._answers[tuple(map(float, point))] = BlendedAnswer(self, point, asked)

    @cached_property
    def _answers(self) -> dict[tuple[float, ...], "BlendedAnswer"]:
        return {}

    @property
    def problem(self) -> Problem:
        """The statement that the members share: known states, bounds and reach."""
        return self.members[0].problem

    def __repr__(self) -> str:
        return f"Blended({len(self.members)} members: {', '.join(map(repr, self.members))})"


@dataclass(frozen=True, eq=False)
class BlendedAnswer:
    """What a blend generates at one state. What it needs of the whole body are three numbers, found when asked for.

    Args:
        blended: the blend.
        point: (m,) the state.
        asked: the rule, asked there.
    """

    blended: Blended
    point: Array
    asked: Asked

    def on(self, block: slice) -> tuple[Array, Array]:
        """(l, n) generated field and its standard deviation at some labels."""
        return self._field(block), self._deviation(block)

    def _deviation(self, block: slice) -> Array:
        scale, share, width = self.blended.blend.scale, self._share, self._data.width
        variance = self.asked.deviation_on(block)[0].reshape(-1, width) ** 2
        if share > 0.0:
            variance *= 1.0 - share + share * scale**2
            variance += share * (1.0 - share) * (self._stacked(block) - self._ruled(block)) ** 2
        return np.sqrt(variance)

    def _field(self, block: slice) -> Array:
        value, share = self._ruled(block), self._share
        if share > 0.0:
            value *= 1.0 - share
            stacked = self._stacked(block)
            stacked *= share
            value += stacked
        if (on_line := self.asked.on_line(block)) is not None:
            value = np.where(on_line[0].reshape(-1, self._data.width), self._straight(block), value)
        return value

    @property
    def field(self) -> Array:
        """(L, n) generated field."""
        return self._dealt.join(self._field)

    @property
    def error(self) -> Array:
        """(L, n) its standard deviation."""
        return self._dealt.join(self._deviation)

    def over(self, labels: slice = slice(None)) -> tuple[Array, Array]:
        """(l, n) generated field and its standard deviation over whole pieces of the body."""
        start, stop, _ = labels.indices(self.blended.problem.states.labels.count)
        found = np.empty((2, stop - start, self._data.width))
        for block in self._dealt.blocks:
            if start <= block.start < stop:
                found[:, block.start - start : block.stop - start] = self.on(block)
        return found[0], found[1]

    @cached_property
    def size(self) -> float:
        """Root mean square of `error` over the volume, relative to the known range."""
        data, share, apart = self._data, self._share, self._apart
        if (self.asked.points.shape[1] == 1 and data.straight) or (share > 0.0 and apart is None):
            return self._size(self._deviation)
        square = (1.0 - share + share * self.blended.blend.scale**2) * float(self.asked.size[0]) ** 2
        return float(np.sqrt(square + share * (1.0 - share) * (apart or 0.0) ** 2))

    @property
    def _data(self) -> Data:
        return self.blended.blend.rule.data

    @property
    def _dealt(self) -> Portion:
        return self._data.dealt

    @cached_property
    def _ruled(self) -> Superposed:
        """The blend of the rule's members."""
        blend = self.blended.blend
        return Superposed(self.blended.members[len(blend.stacked) :], blend.shares(self.asked), self.point)

    @cached_property
    def _stacked(self) -> Superposed:
        """The stacked members, each with its share."""
        shares = self.blended.blend.stacked
        return Superposed(self.blended.members[: len(shares)], shares, self.point)

    @cached_property
    def _straight(self) -> Callable[[slice], Array]:
        """The straight one of the rule's members."""
        blend = self.blended.blend
        return self.blended.members[len(blend.stacked) + blend.rows.index(blend.rule.anchor)].carry(self.point)

    @cached_property
    def _share(self) -> float:
        """Share of the stacked members: as far as they agree with the rule."""
        blend = self.blended.blend
        if not blend.stacked or blend.taken <= 0.0:
            return 0.0
        apart = self._apart
        if apart is None:
            apart = self._size(lambda block: self._stacked(block) - self._ruled(block))
        ratio = apart / max(APART[not blend.inside] * float(self.asked.size[0]), np.finfo(float).tiny)
        return blend.taken / (1.0 + min(ratio, 1e3) ** 4)

    @cached_property
    def _apart(self) -> float | None:
        """How far the stacked members are from those of the rule; None where it takes every label to tell."""
        stacked, ruled = self._stacked.weights, self._ruled.weights
        if stacked is None or ruled is None:
            return None
        return float(np.sqrt(self._data.mean_square((stacked - ruled)[None]))) / self._data.range

    def _size(self, field: Callable[[slice], Array]) -> float:
        """Root mean square over the volume of a field, relative to the known range."""
        data = self._data
        squares = self._dealt.sum(lambda block: field(block).reshape(-1) ** 2 @ data.on(block).shares)
        return float(np.sqrt(squares)) / data.range
