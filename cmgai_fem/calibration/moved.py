"""Moving labels and label by label, mixed: the field at a state and what it is thought to be wrong by.

The variance of what moves is that of its motion at the state, scaled by composed left-out errors, each in units of the
variance that the motion gives to the state left out. What the maps and the moved mesh get wrong does not fall with the
motion's own error, so that a part of the composed error stays, but at the known states. Features move on from where a
left-out state had them, so that a label tells of itself no more than its range does.

Source: the variance is that of `motions.precision`; the mixture's is our choice.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.blend import Blended
from cmgai_fem.calibration.candidates import Candidate
from cmgai_fem.calibration.members import Member
from cmgai_fem.motions.precision import line_precision
from cmgai_fem.states.axes import Kind, PseudoTime
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Answer, Solution

# Left-out errors that a label's range stands for.
PRIOR = 2.0
# Part of the composed left-out error that is not the motion's.
STAYING = 0.3


@dataclass(frozen=True, eq=False)
class Mixing:
    """What is known of the two, from states that were left out.

    Args:
        plain: share of label by label, (1,) or (L,).
        order: q of the motion's energy.
        kind: pseudo-time of the motion.
        variance: (L, n) sigma^2 of what moves.
        squared: (L, n) mean square of the composed left-out errors.
    """

    plain: Array
    order: int
    kind: Kind
    variance: Array
    squared: Array

    @classmethod
    def of(cls, problem: Problem, candidate: Candidate, rows: IntArray, errors: Array, plain: Array) -> Self:
        """The mix of a motion whose composed left-out errors at states `rows` are `errors` (T, L, n)."""
        assert candidate.order is not None
        order, kind = candidate.order + 2, (candidate.pseudo_time, candidate.exponent)
        diagonal = np.diag(motion_of(problem, order, kind).precision)[rows]
        known, weights = problem.known.values, problem.states.labels.weights
        volumes = (weights / weights.sum())[:, None] / known.shape[2]
        sizes = np.ptp(known, axis=0) ** 2
        sizes /= max(float(np.sum(volumes * sizes)), np.finfo(float).tiny)

        def pooled(squares: Array) -> Array:
            mean = float(np.mean(np.sum(volumes * squares, axis=(1, 2))))
            return np.asarray((np.sum(squares, axis=0) + PRIOR * mean * sizes) / (len(rows) + PRIOR))

        return cls(plain, order, kind, pooled(errors**2 * diagonal[:, None, None]), pooled(errors**2))


def motion_of(problem: Problem, order: int, kind: Kind) -> Member:
    """The motion of order q along one coordinate, as the rule of choice has its own."""
    known = problem.states.values - problem.origin
    nodes = PseudoTime.over(known[:, 0], kind)(known[:, 0])
    return Member(order, (kind,), (1.0,), known, len(known) - order, line_precision(nodes[None], order)[0])


@dataclass(frozen=True)
class Moved(Answer):
    """A field on moving labels, mixed with the field label by label.

    Args:
        moving: the transport of the moving labels.
        plain: the blend label by label.
        mix: how they are mixed.
    """

    moving: Solution
    plain: Blended
    mix: Mixing

    @property
    def members(self) -> tuple[Solution, ...]:
        """The moving labels first, then the members of the blend."""
        return self.moving, *self.plain.members

    def at(self, value: ArrayLike) -> Array:
        """The generated field (L, n) at the state `value`; (T, L, n) at several. Admissible if both are."""
        if np.ndim(value) == 1 and np.shape(value) != (1,):
            return np.array([self.at(one) for one in np.asarray(value)])
        return (1.0 - self._share) * self.moving.at(value) + self._share * self.plain.at(value)

    def error(self, value: ArrayLike) -> Array:
        """(L, n) standard deviation of the generated field at a state, in the field's unit."""
        problem = self.moving.problem
        point = problem.states.coordinates.point(value)
        motion = motion_of(problem, self.mix.order, self.mix.kind)
        variance = self.mix.variance * motion.ask((point - problem.origin)[None]).variance[0]
        variance += self._between(float(point[0])) * STAYING**2 * self.mix.squared
        share, apart = self._share, self.moving.at(point) - self.plain.at(point)
        told = (1.0 - share) * variance + share * self.plain.error(point) ** 2 + share * (1.0 - share) * apart**2
        return np.sqrt(told)

    def size(self, value: ArrayLike) -> float:
        """Root mean square of `error` over the volume, relative to the known range."""
        return self.plain.blend.rule.data.relative_size(self.error(value))

    def _between(self, value: float) -> float:
        """0 at a known state, 1 halfway between two and beyond all."""
        known = self.moving.problem.states.scalars
        right = int(np.searchsorted(known, value))
        if right in (0, len(known)):
            return float(value != known[min(right, len(known) - 1)])
        part = (value - known[right - 1]) / (known[right] - known[right - 1])
        return float(4.0 * part * (1.0 - part))

    @property
    def _share(self) -> Array:
        return np.reshape(self.mix.plain, (-1, 1))

    def __repr__(self) -> str:
        return f"Moved({self.moving!r}; {self.plain!r})"
