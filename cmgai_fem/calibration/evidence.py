"""What left-out states say of a member: its errors in units of their own variance.

Leaving a state out bridges twice the gap, an end state is an extrapolation, a target half a range out is another: the
raw errors are not of one kind. Divided by the deviation that the member's own Gaussian process gives them they are, and
the density of all of them, each judged by the others, says how well the member holds. An error must be seen by two
independent numbers at least: the highest order has one, a divided difference that symmetry makes zero.

Source: G. Wahba, Spline Models for Observational Data (1990), chapter 4 (left-out errors in closed form); S. Geisser,
W. F. Eddy, JASA 74 (1979) 153-160 (predictive density of what is left out).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import lgamma
from typing import Self

import numpy as np

from cmgai_fem.calibration.members import Member
from cmgai_fem.states.labels import Array, BoolArray
from cmgai_fem.states.portion import Portion

# Of the known range: rounding of the data, below which no error is told from another.
ROUNDING = 1e-13
# Labels that tell how many of them are independent.
SAMPLE = 20_000
# Second differences below this share of a label's range are rounding: its states lie on one line.
STRAIGHT = 1e-10


@dataclass(frozen=True)
class Data:
    """Known values.

    Args:
        places: (K, m) values of the coordinates.
        values: (K, L) of labels and components in a row.
        shares: (L / n,) share of each label's n components in a mean; all of them add up to one over the body.
        portion: which labels of the body these are; all of them by default.
    """

    places: Array
    values: Array
    shares: Array
    portion: Portion | None = None

    @property
    def dealt(self) -> Portion:
        """Which labels of the body these are."""
        return self.portion or Portion.whole(len(self.shares))

    @property
    def width(self) -> int:
        """Number n of components."""
        return self.values.shape[1] // len(self.shares) if len(self.shares) else 1

    def on(self, block: slice) -> "Block":
        """The values of some labels."""
        columns = slice(block.start * self.width, block.stop * self.width)
        return Block(self.places, self.values[:, columns], np.repeat(self.shares[block], self.width))

    def mean(self, part: Callable[["Block"], Array]) -> Array:
        """Mean over the body of what `part` makes of each label of a block (..., L)."""

        def summed(block: slice) -> Array:
            own = self.on(block)
            return np.asarray(part(own) @ own.shares)

        return np.asarray(self.dealt.sum(summed))

    def mean_square(self, rows: Array) -> float:
        """Mean over the body of `|rows v|^2` of each label's known values v; rows are (r, K)."""
        return float(np.sum((rows @ self.factor) ** 2))

    def apart(self, points: Array) -> Array:
        """(T, K) distances of values (T, m) from the states, each coordinate in its known range."""
        return np.asarray(np.linalg.norm((points[:, None] - self.places) / np.ptp(self.places, axis=0), axis=2))

    @cached_property
    def gaps(self) -> Array:
        """(K,) distance of each state from the nearest other one; see `apart`."""
        return np.asarray(np.sort(self.apart(self.places), axis=1)[:, 1])

    @cached_property
    def range(self) -> float:
        """Known range; 1 where nothing varies."""
        low = self.dealt.least(lambda block: self.on(block).values.min())
        return float(self.dealt.greatest(lambda block: self.on(block).values.max()) - low) or 1.0

    @cached_property
    def factor(self) -> Array:
        """(K, r) matrix, r <= K, whose Gram matrix is that of the values: it stands for all labels in every mean."""

        def part(block: slice) -> Array:
            own = self.on(block)
            return _triangle(own.values * np.sqrt(own.shares))

        found = self.dealt.collect(part)
        return found[0] if len(found) == 1 else _triangle(np.hstack(found))

    def relative_size(self, field: Array) -> float:
        """Root mean square over the volume of a field (L, n), or (L n), relative to the known range."""
        labels = np.reshape(field, (len(self.shares), self.width))
        squares = self.dealt.sum(lambda block: self.shares[block] @ np.sum(labels[block] ** 2, axis=1))
        return float(np.sqrt(squares)) / self.range

    @cached_property
    def size(self) -> float:
        """Mean squared range of the labels; 1 where nothing varies."""
        return float(self.mean(lambda block: block.sizes)) or 1.0

    def independent(self, precision: Array) -> float:
        """Participation ratio of the labels' left-out errors, each label's in its own size: how many tell apart."""
        step = max(1, self.dealt.total * self.width // SAMPLE)
        chosen = np.arange(-self.dealt.first * self.width % step, self.values.shape[1], step)
        values = self.dealt.gather(self.values[:, chosen], axis=1)
        shares = self.dealt.gather(self.shares[chosen // self.width])
        errors = precision @ values / np.sqrt(np.diag(precision))[:, None]
        squares = errors**2
        shares = shares / shares.sum()
        own = squares.mean(axis=0) + 1e-4 * float(squares.mean(axis=0) @ shares) + np.finfo(float).tiny
        scaled = errors * np.sqrt(shares / own)
        gram = scaled @ scaled.T
        return float(np.trace(gram) ** 2 / max(np.sum(gram**2), np.finfo(float).tiny))

    @cached_property
    def straight(self) -> bool:
        """Whether some label of the body keeps to a straight piece; see `Block.straight`."""
        return any(self.dealt.collect(self.keeps_straight))

    def keeps_straight(self, block: slice) -> bool:
        """Whether some label of a block does; worked out once."""
        if block.start not in self._kept_straight:
            self._kept_straight[block.start] = bool(self.on(block).straight.any())
        return self._kept_straight[block.start]

    @cached_property
    def _kept_straight(self) -> dict[int, bool]:
        return {}


def _triangle(columns: Array) -> Array:
    """(K, r) matrix, r <= K, with the Gram matrix of columns (K, L)."""
    return columns if columns.shape[1] <= len(columns) else np.asarray(np.linalg.qr(columns.T, mode="r")).T


@dataclass(frozen=True)
class Block:
    """The known values of some labels; see `Data`.

    Args:
        places: (K, m) values of the coordinates.
        values: (K, L) of labels and components in a row.
        shares: (L,) share of each in a mean over the body.
    """

    places: Array
    values: Array
    shares: Array

    @cached_property
    def sizes(self) -> Array:
        """(L,) squared range of each label."""
        return np.ptp(self.values, axis=0) ** 2

    @cached_property
    def straight(self) -> BoolArray:
        """(K - 1, L) gaps that lie in a run of four states on one line, or of three at an end; of one coordinate.

        Not three in the middle alone: an odd function has them by symmetry.
        """
        places, values = self.places[:, 0], self.values
        found = np.zeros((len(places) - 1, values.shape[1]), dtype=bool)
        if len(places) < 4:
            return found
        before, after = np.diff(places)[:-1, None], np.diff(places)[1:, None]
        bent = values[1:-1] - (values[:-2] * after + values[2:] * before) / (before + after)
        # A label that never moves needs no line: every member keeps it.
        flat = (np.abs(bent) <= STRAIGHT * np.ptp(values, axis=0)) & (self.sizes > 0.0)
        if not flat.any():
            return found
        run = np.zeros_like(flat)
        run[:-1] |= flat[:-1] & flat[1:]
        run[1:] |= flat[1:] & flat[:-1]
        run[0] |= flat[0]
        run[-1] |= flat[-1]
        found[:-1] |= run
        found[1:] |= run
        return found


@dataclass(frozen=True)
class Evidence:
    """What the left-out states say of a member.

    Args:
        member: the member.
        squares: (K,) pooled squared left-out error of each state, in units of its own variance.
        pooled: sigma^2.
        energy: pooled energy.
        noise: variance of the noise in the states if it were the cause of all left-out error.
        score: log density of the left-out states.
        floor: energy of one degree of freedom that is rounding.
    """

    member: Member
    squares: Array
    pooled: float
    energy: float
    noise: float
    score: float
    floor: float

    def roughness(self, size: float) -> "Roughness":
        """Variance of each label against the pooled one: its own energy, and that of its range counted twice.

        Args:
            size: mean squared range of the labels.
        """
        freedom, prior = self.member.freedom, 2.0
        whole = (freedom + prior) * max(self.energy, float(np.finfo(float).tiny))
        root = np.sqrt(freedom / whole) * self.member.root
        return Roughness(root, freedom**2 * self.floor / whole, prior / size / (freedom + prior))


@dataclass(frozen=True)
class Roughness:
    """`|root v|^2 + rest + ranged (max v - min v)^2` of each label's known values v: one number a label.

    Args:
        root: (r, K).
        rest: the same for all labels.
        ranged: factor of the squared range.
    """

    root: Array
    rest: float = 0.0
    ranged: float = 0.0

    @classmethod
    def total(cls, each: Sequence["Roughness"], factors: Array) -> Self:
        """So many times each of them, together, not below zero."""
        roots = [np.sqrt(factor) * one.root for one, factor in zip(each, factors, strict=True)]
        return cls(
            np.linalg.qr(np.vstack(roots), mode="r"),
            sum(factor * one.rest for one, factor in zip(each, factors, strict=True)),
            sum(factor * one.ranged for one, factor in zip(each, factors, strict=True)),
        )

    def mean(self, data: Data) -> float:
        """Mean of the numbers over the body."""
        return data.mean_square(self.root) + self.rest + self.ranged * data.size

    def of(self, block: Block) -> Array:
        """(L,) numbers of a block."""
        own = self.root @ block.values
        found = np.einsum("kl,kl->l", own, own)
        return np.asarray(found + (self.rest + self.ranged * block.sizes if self.ranged else self.rest))


def weigh(member: Member, data: Data) -> Evidence:
    """The evidence for a member with at least one number to tell by (`freedom` >= 1)."""
    form, freedom, factor, told = member.precision, member.freedom, data.factor, member.told
    blows = form @ factor
    diagonal = np.where(told, np.diag(form), 1.0)
    floor = (ROUNDING * data.range) ** 2 * float(np.diag(form).mean())
    energy = max(float(np.sum(factor * blows)), 0.0) + floor * freedom
    sums = np.sum(blows**2, axis=1)
    squares = sums / diagonal + floor
    squares[~told] = squares[told].mean()
    pooled = max(energy / freedom, float(squares.mean()))
    lift = np.mean(np.sum(form[told] ** 2, axis=1) / diagonal[told] ** 2)
    noise = float(np.mean(sums[told] / diagonal[told] ** 2) / max(lift, np.finfo(float).tiny))
    score = _score(squares[told], diagonal[told], energy, freedom, floor)
    return Evidence(member, squares, pooled, energy, noise, score, floor)


def _score(squares: Array, diagonal: Array, energy: float, freedom: int, floor: float) -> float:
    """Log density of the left-out states: Student's, sigma integrated out, each judged by the energy of the others."""
    if freedom < 2:
        variance = energy / freedom
        return -0.5 * float(np.sum(np.log(2.0 * np.pi * variance / diagonal) + squares / variance)) - len(diagonal)
    others = freedom - 1
    spread = np.maximum(energy - squares, floor * others) / others
    terms = (
        lgamma(0.5 * (others + 1)) - lgamma(0.5 * others)
        - 0.5 * np.log(others * np.pi * spread / diagonal)
        - 0.5 * (others + 1) * np.log1p(squares / (others * spread))
    )  # fmt: skip
    return float(np.sum(terms))
