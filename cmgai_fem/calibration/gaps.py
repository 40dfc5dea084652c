"""What the members over one map of the coordinate say between two known states, all of them at once.

Between two states the weights of a natural spline of order q are polynomials of degree 2 q - 1 in the pseudo-time, and
its variance one of degree 4 q - 2 that vanishes at both. So a few targets tell what every other one in the gap is told:
what is left of them after the ends is kept as Chebyshev coefficients.

Source: J. P. Boyd, Chebyshev and Fourier Spectral Methods (2001), chapter 4 (coefficients from the roots).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Self

import numpy as np

from cmgai_fem.calibration.members import AT_STATE, Member, Said
from cmgai_fem.states.axes import PseudoTime
from cmgai_fem.states.labels import Array, BoolArray, IntArray

# States up to which gaps are tabulated: of more, one target costs less than the table of its gap.
MOST_TABULATED = 16


@dataclass(frozen=True)
class Gap:
    """The polynomials of M members in one gap.

    Args:
        row: the state before it.
        low: pseudo-time of that state.
        high: pseudo-time of the next one.
        powers: (M, 1) of the bubble u (1 - u) in the variance.
        coefficients: (n, M, K + 1) of the weights and of the variance over the bubble.
        sound: (M,) whether they are numbers; a member of which they are not is to be asked itself.
    """

    row: int
    low: float
    high: float
    powers: IntArray
    coefficients: Array
    sound: BoolArray

    @classmethod
    def of(cls, members: Sequence[Member], row: int) -> Self:
        """The gap after a state, of members over one map of one coordinate."""
        nodes = members[0].nodes
        low, high = nodes[row], nodes[row + 1]
        count = max(1, len(nodes) - 2, *(4 * one.order - 5 for one in members if one.freedom))
        angles = np.pi * (np.arange(count) + 0.5) / count
        powers = np.array([[1 if one.order == 1 else 2] for one in members])
        part = 0.5 * (1.0 + np.cos(angles))
        bubble = part * (1.0 - part)
        rest = np.empty((count, len(members), len(nodes) + 1))
        sound = np.ones(len(members), dtype=bool)
        for index, one in enumerate(members):
            weights, variance = one.along_line(low + part * (high - low))
            sound[index] = np.all(np.isfinite(weights)) and (one.freedom == 0 or np.all(variance > 0.0))
            weights[:, row] -= 1.0 - part
            weights[:, row + 1] -= part
            rest[:, index, :-1] = weights / bubble[:, None]
            rest[:, index, -1] = variance / bubble ** powers[index]
        rest[:, ~sound] = 0.0
        waves = np.cos(np.arange(count)[:, None] * angles) * (2.0 / count)
        waves[0] *= 0.5
        return cls(row, low, high, powers, np.tensordot(waves, rest, axes=1), sound)

    def __call__(self, s: Array) -> tuple[Array, Array]:
        """(M, T, K) weights of the states and (M, T) variances at pseudo-times (T,) in the gap."""
        after, before = (s - self.low) / (self.high - self.low), (self.high - s) / (self.high - self.low)
        angles = np.arccos(np.clip(after - before, -1.0, 1.0))
        waves = np.cos(angles[:, None] * np.arange(len(self.coefficients)))
        count, *shape = self.coefficients.shape
        found = (waves @ self.coefficients.reshape(count, -1)).reshape(-1, *shape).swapaxes(0, 1)
        bubble = after * before
        weights = found[..., :-1] * bubble[:, None]
        weights[..., self.row] += before
        weights[..., self.row + 1] += after
        return weights, np.maximum(found[..., -1], 0.0) * bubble**self.powers


@dataclass(frozen=True)
class Together:
    """Members, asked together; those over one map of the coordinate stand in a row."""

    members: tuple[Member, ...]

    def ask(self, points: Array) -> Said:
        """What each of the M members says of values (T, m)."""
        gaps = self._places(points)
        rows = np.unique(gaps).tolist() or [-1]
        if len(rows) == 1:
            return self._of(rows[0], points)
        targets = [np.flatnonzero(gaps == row) for row in rows]
        parts = [self._of(row, points[each]) for row, each in zip(rows, targets, strict=True)]
        order = np.argsort(np.concatenate(targets))
        return Said.joined(parts, lambda found: np.concatenate(found, axis=1)[:, order])

    def _of(self, row: int, points: Array) -> Said:
        """What they say of values in the gap after a state, or of any where `row` is negative."""
        if row < 0:
            return Said.joined([one.ask(points) for one in self.members], np.stack)
        found = [gap(time(points[:, 0])) for time, gap in zip(self._times, self._gaps(row), strict=True)]
        weights, variance = (np.concatenate(each) for each in zip(*found, strict=True))
        said = Said(weights, variance, np.ones(variance.shape, dtype=bool), np.zeros(variance.shape))
        for index in self._unsound[row]:
            one = self.members[index].ask(points)
            said.weights[index], said.variance[index], said.usable[index] = one.weights, one.variance, one.usable
        return said

    def _places(self, points: Array) -> IntArray:
        """(T,) the state before the gap of each value; -1 outside, at a state, and where gaps are not tabulated."""
        known = self.members[0].known
        if known.shape[1] > 1 or len(known) > MOST_TABULATED:
            return np.full(len(points), -1)
        gaps = np.searchsorted(known[:, 0], points[:, 0], side="right") - 1
        same = np.abs(points - known[:, 0]) <= AT_STATE[0] * (known[-1, 0] - known[0, 0])
        gaps[same.any(axis=1) | (gaps == len(known) - 1)] = -1
        return gaps

    @cached_property
    def _maps(self) -> list[tuple[Member, ...]]:
        """The members over each map of the one coordinate."""
        return [tuple(members) for _, members in groupby(self.members, key=lambda member: member.kinds)]

    @cached_property
    def _times(self) -> list[PseudoTime]:
        return [PseudoTime.over(one.known[:, 0], one.kinds[0]) for one, *_ in self._maps]

    def _gaps(self, row: int) -> list[Gap]:
        """The gap after a state over each map."""
        if row not in self._tabulated:
            self._tabulated[row] = [Gap.of(members, row) for members in self._maps]
            sound = np.concatenate([gap.sound for gap in self._tabulated[row]])
            self._unsound[row] = np.flatnonzero(~sound).tolist()
        return self._tabulated[row]

    @cached_property
    def _tabulated(self) -> dict[int, list[Gap]]:
        return {}

    @cached_property
    def _unsound(self) -> dict[int, list[int]]:
        return {}
