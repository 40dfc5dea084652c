"""The superposition that calibration makes: the members of the rule of choice, and what the wide search stacks.

The rule is honest and knows its error, the stacked members follow each label with weights of its own. They are taken
as far as their crossed left-out error stays near that of the rule, and as far as they agree with it within what it
says its own error is: where all left-out errors vanish by symmetry, or one left-out end decides, they do not.

Source: ours; both bounds are set on the shipped studies and on problems of known truth with many labels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.answers import Asked
from cmgai_fem.calibration.evidence import Data
from cmgai_fem.calibration.rule import RuleOfChoice
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution, Superposition

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
    known, weights = problem.known.values, problem.states.labels.weights
    shares = np.repeat(weights / weights.sum() / known.shape[2], known.shape[2])
    return Data(problem.states.values - problem.origin, known.reshape(len(known), -1), shares)


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
class Blended:
    """A blend of solved transports of one field.

    Args:
        members: the stacked transports first, then those of the rule.
        blend: how they are blended.
    """

    members: tuple[Solution, ...]
    blend: Blend

    def at(self, value: ArrayLike) -> Array:
        """The generated field (L, n) at the state `value`; see `Solution.at`. Admissible if the members are."""
        coordinates = self._problem.states.coordinates
        if np.ndim(value) == (2 if len(coordinates) > 1 else 1) and np.shape(value) != (len(coordinates),):
            return np.array([self.at(one) for one in coordinates.points(value)])
        return self._answer(coordinates.point(value))[0]

    def error(self, value: ArrayLike) -> Array:
        """(L, n) standard deviation of the generated field at a state, in the field's unit."""
        return self._answer(self._problem.states.coordinates.point(value))[1]

    def size(self, value: ArrayLike) -> float:
        """Root mean square of `error` over the volume, relative to the known range."""
        return self.blend.rule.data.relative_size(self.error(value))

    @property
    def seconds(self) -> float:
        """Wall time of all members [s]."""
        return sum(member.seconds for member in self.members)

    @property
    def _problem(self) -> Problem:
        return self.members[0].problem

    def _answer(self, point: Array) -> tuple[Array, Array]:
        blend, problem, shape = self.blend, self._problem, self._problem.known.values.shape[1:]
        problem.check_reach(point)
        asked = Asked(blend.rule, (point - problem.origin)[None])
        count = len(blend.stacked)
        made = {row: member.at(point) for row, member in zip(blend.rows, self.members[count:], strict=True)}
        shares = blend.shares(asked)
        value = sum((share * made[row] for share, row in zip(shares, blend.rows, strict=True)), np.zeros(shape))
        variance = asked.deviation[0].reshape(shape) ** 2
        if count and blend.taken > 0.0:
            stacked = Superposition(self.members[:count], blend.stacked).at(point)
            share = blend.taken * self._agreement(stacked - value, float(asked.size[0]))
            variance = (1.0 - share + share * blend.scale**2) * variance
            variance += share * (1.0 - share) * (stacked - value) ** 2
            value = (1.0 - share) * value + share * stacked
        if asked.on_line.any():
            line = made[blend.rule.anchor]
            value = np.where(asked.on_line[0].reshape(shape), line, value)
        return value, np.sqrt(variance)

    def _agreement(self, apart: Array, deviation: float) -> float:
        size = self.blend.rule.data.relative_size(apart)
        ratio = size / max(APART[not self.blend.inside] * deviation, np.finfo(float).tiny)
        return 1.0 / (1.0 + min(ratio, 1e3) ** 4)

    def __repr__(self) -> str:
        return f"Blended({len(self.members)} members: {', '.join(map(repr, self.members))})"
