"""One rule of choice over one coordinate and several: the weights of the members, by what left-out states say of them.

A member's weight is the density of the left-out states times a prior that holds the member's distance from the natural
cubic spline against it, which pays for the number of members. Along one coordinate two orders more are taken where each
order so far raised the score, by what it rose and never by their own left-out errors: these are so few that symmetry
can make them zero.

Source: J. M. Bernardo, A. F. M. Smith, Bayesian Theory (1994), chapter 6 (weights by predictive density). The prior and
the orders beyond the tested ones are ours, set on problems of known truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from cmgai_fem.calibration.evidence import Data, Evidence, Roughness, weigh
from cmgai_fem.calibration.gaps import Together
from cmgai_fem.calibration.members import Member, Said, members_over
from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array

PRIOR = 4.0
# The prior falls with the number of independent labels, to the power 2 L / (L + HALF): copies of one tell nothing more.
HALF = 40.0
# Orders beyond the highest one that two independent left-out errors can test.
BEYOND = 2


@dataclass(frozen=True)
class Weighed:
    """A member with its evidence.

    Args:
        member: the member.
        evidence: its own; that of the highest tested order for one beyond.
        score: log density of the left-out states; extrapolated for an order beyond the tested ones.
        steps: orders beyond the highest tested one.
        ladder: rows of the highest tested order and of the one below it; of an order beyond.
    """

    member: Member
    evidence: Evidence
    score: float
    steps: int = 0
    ladder: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class RuleOfChoice:
    """Members weighed by what the known values say of them; see `answers` for what they say of targets.

    Args:
        data: the known values.
        weighed: the members.
        prior: log density that one order of cost is worth.
    """

    data: Data
    weighed: tuple[Weighed, ...]
    prior: float

    @classmethod
    def of(cls, data: Data) -> Self:
        """The rule for known values.

        Raises:
            InputError: too few states to leave one out, or states that fix no motion.
        """
        count, dimension = data.places.shape
        members = members_over(data.places) if count > dimension + 1 else []
        found: list[Weighed] = []
        if dimension == 1:
            for kinds in dict.fromkeys(member.kinds for member in members):
                found += _ladder([member for member in members if member.kinds == kinds], data, len(found))
        else:
            found = [Weighed(member, told, told.score) for member in members for told in [weigh(member, data)]]
        if not found or not any(one.member.plain for one in found):
            raise InputError(
                f"{count} states over {dimension} coordinates fix no motion when one is left out: add states"
            )
        return cls(data, tuple(found), PRIOR / (_told(found, data) if dimension == 1 else 1.0))

    @cached_property
    def anchor(self) -> int:
        """Row of the member that far targets are drawn back to: straight pieces, or over several the thin plate."""
        return next(row for row, one in enumerate(self.weighed) if one.member.plain)

    def ask(self, points: Array) -> Said:
        """What each of the M members says of values (T, m)."""
        return self._together.ask(points)

    @cached_property
    def squares(self) -> Array:
        """(M, K) of each member; see `Evidence.squares`."""
        return np.array([one.evidence.squares for one in self.weighed])

    @cached_property
    def pooled(self) -> Array:
        """(M,) sigma^2 of each member."""
        return np.array([one.evidence.pooled for one in self.weighed])

    @cached_property
    def roughness(self) -> list[Roughness]:
        """What each member's variance depends on from label to label."""
        return [one.evidence.roughness(self.data.size) for one in self.weighed]

    @cached_property
    def _together(self) -> Together:
        """All members, to be asked together."""
        return Together(tuple(one.member for one in self.weighed))

    @cached_property
    def log_weights(self) -> Array:
        """(M,) logarithms of the members' weights, up to a constant."""
        return np.array([one.score - self.prior * one.member.cost for one in self.weighed])


def _ladder(members: Sequence[Member], data: Data, first: int) -> list[Weighed]:
    """The orders over one map of the coordinate; `first` is the row that the first of them will have."""
    count = len(data.places)
    tested = [member for member in members if member.freedom >= (1 if member.order <= 2 else 2)]
    found = [Weighed(member, told, told.score) for member in tested for told in [weigh(member, data)]]
    rest = members[len(tested) :][:BEYOND]
    if not rest or count < 4 or not found or found[-1].member.freedom != 2:
        return found
    scores = [one.score for one in found]
    gain = scores[-1] - scores[-2]
    if len(scores) > 2:
        gain = min(gain, 0.5 * (scores[-1] - scores[-3]))
    if gain > 0.0:
        top = first + len(found) - 1
        found += [
            Weighed(member, found[-1].evidence, scores[-1] + steps * gain, steps, (top, top - 1))
            for steps, member in enumerate(rest, start=1)
        ]
    return found


def _told(weighed: Sequence[Weighed], data: Data) -> float:
    """By how much the prior falls: the labels that are independent, as straight pieces and the cubic have them."""
    plain = [one.member for one in weighed if one.member.plain and one.member.order <= 2 and one.member.freedom >= 2]
    independent = max((data.independent(member.precision) for member in plain), default=1.0)
    labels = data.dealt.total * data.width
    return float(max(independent, 1.0) ** (2.0 * labels / (labels + HALF)))
