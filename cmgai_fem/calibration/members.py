"""The least forces that the rule of choice weighs: each with its precision, its price, and what it says of a target.

Few and apart: every order that the states can carry, over the coordinate itself, its logarithm and its square. Two
knobs that do nearly the same where data are short (a damping beside a power of the coordinate) would add candidates
for luck to choose from, and no accuracy.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from itertools import product
from typing import Any, Self

import numpy as np

from cmgai_fem.motions.polyharmonic import monomials
from cmgai_fem.motions.precision import answer, centred, line_precision, scattered_precision, sorted_line
from cmgai_fem.states.axes import Kind, PseudoTime, StateAxes
from cmgai_fem.states.labels import Array, BoolArray

LINEAR: Kind = ("linear", 1.0)
KINDS: tuple[Kind, ...] = (LINEAR, ("log", 1.0), ("power", 2.0))
# Orders q of the energy: beyond, polynomials through equidistant states swing.
HIGHEST = 10
HIGHEST_SCATTERED = 4
# Cost of a coordinate that is mapped, in orders; and of each factor of two between the scales of two coordinates.
MAP_COST, RATIO_COST = 1.5, 0.25
RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0)
# Known ranges within which a target is a known state, along one coordinate and over several: closer ones make forms
# without an inverse.
AT_STATE = (1e-12, 1e-5)
# Known ranges beyond which only straight pieces and the cubic are asked.
FARTHEST = 1.6
UNISOLVENT = 1e-8
# A state whose share in what bends the motion is below this cannot be left out.
LEAST_SHARE = 1e-10


@dataclass(frozen=True)
class Said:
    """What a member, or several, say of targets.

    Args:
        weights: (..., T, K) weights of the known states.
        variance: (..., T) variance in units of sigma^2; 0 at a known state.
        usable: (..., T) whether it can be asked there.
        distance: (..., T) how far outside the known states, in known ranges of its own coordinate.
    """

    weights: Array
    variance: Array
    usable: BoolArray
    distance: Array

    @classmethod
    def joined(cls, each: Sequence["Said"], join: Callable[[list[Any]], Any]) -> Self:
        """What is said by several, put together by `join`, of weights and of numbers alike."""
        names = [one.name for one in fields(cls)]
        return cls(*(join([getattr(one, name) for one in each]) for name in names))

    def of(self, row: int) -> Self:
        """What is said of one target."""
        one = slice(row, row + 1)
        return type(self)(
            self.weights[..., one, :], self.variance[..., one], self.usable[..., one], self.distance[..., one]
        )


@dataclass(frozen=True)
class Member:
    """A least force of order q; q - 2 is the order p of `forces.Least`.

    Args:
        order: q >= 1, that of straight pieces.
        kinds: pseudo-time of each coordinate.
        ratios: scale of each coordinate.
        known: (K, m) values of the states.
        freedom: states less motions without energy; 0 for the polynomial through all states.
        precision: (K, K); zeros for that polynomial.
    """

    order: int
    kinds: tuple[Kind, ...]
    ratios: tuple[float, ...]
    known: Array
    freedom: int
    precision: Array

    @cached_property
    def told(self) -> BoolArray:
        """(K,) whether the other states fix a motion without the state, so that it can be left out."""
        diagonal = np.diag(self.precision)
        # Along a line the others always do; states of many decades differ by more than rounding there.
        least = LEAST_SHARE * diagonal.mean() if self.known.shape[1] > 1 else 0.0
        return np.asarray(diagonal > least)

    @cached_property
    def root(self) -> Array:
        """(r, K) matrix R with R' R the precision; as many rows as it has freedom."""
        values, vectors = np.linalg.eigh(self.precision)
        kept = values.argsort()[len(values) - self.freedom :]
        return np.asarray(np.sqrt(np.maximum(values[kept], 0.0))[:, None] * vectors[:, kept].T)

    @cached_property
    def left_out(self) -> Array:
        """(K, K) map from the data to each state's error when the others alone are known; zeros where they fix none."""
        return np.where(self.told, -self.precision.T / np.where(self.told, np.diag(self.precision), 1.0), 0.0).T

    @property
    def plain(self) -> bool:
        """Whether its coordinates are neither mapped nor scaled."""
        return all(kind == LINEAR for kind in self.kinds) and set(self.ratios) == {1.0}

    @property
    def cost(self) -> float:
        """What the prior holds against it: its distance from the natural cubic spline in plain coordinates."""
        mapped = sum(kind != LINEAR for kind in self.kinds)
        scaled = sum(abs(np.log2(ratio)) for ratio in self.ratios)
        return abs(self.order - 2) + MAP_COST * mapped + RATIO_COST * scaled

    def ask(self, points: Array) -> Said:
        """What it says of values (T, m)."""
        count = len(self.known)
        weights, variance = np.zeros((len(points), count)), np.zeros(len(points))
        usable = np.array([self._admits(point) for point in points], dtype=bool)
        distance = np.zeros(len(points))
        apart = np.abs(points[:, None] - self.known) / np.ptp(self.known, axis=0)
        same = np.all(apart <= AT_STATE[self.known.shape[1] > 1], axis=2)
        weights[same] = 1.0
        weights[same.any(axis=1)] = same[same.any(axis=1)]
        new = usable & ~same.any(axis=1)
        if not new.any():
            return Said(weights, variance, usable, distance)
        targets = self._axes(points[new])
        if self.known.shape[1] == 1:
            distance[new] = np.maximum(np.maximum(-targets, targets - 1.0)[:, 0], 0.0)
            if not (self.plain and self.order <= 2):
                usable[distance > FARTHEST] = False
            weights[new], variance[new] = self.along_line(targets[:, 0])
        else:
            nodes = self._axes(self.known)
            form = partial(scattered_precision, order=self.order)
            weights[new], variance[new] = answer(centred(nodes, nodes), centred(targets, nodes), form)
        sound = np.all(np.isfinite(weights), axis=1) & ((variance > 0.0) | ~new | (self.freedom == 0))
        weights[~sound], variance[~sound] = 0.0, 0.0
        return Said(weights, variance, usable & sound, distance)

    def along_line(self, targets: Array) -> tuple[Array, Array]:
        """(T, K) weights and (T,) variances at pseudo-times (T,) that are no states', of one coordinate."""
        nodes = self.nodes
        if self.freedom == 0:
            return lagrange(nodes, targets), np.zeros(len(targets))
        found, variance = answer(nodes[:, None], targets[:, None], partial(sorted_line, order=self.order))
        if self.order == 1:
            for row, place in enumerate(targets):
                if 0.0 <= place <= 1.0:
                    continue
                end, next_one = (0, 1) if place < 0.0 else (-1, -2)
                gap, beyond = abs(nodes[end] - nodes[next_one]), abs(place - nodes[end])
                found[row] = 0.0
                found[row, end], found[row, next_one] = 1.0 + beyond / gap, -beyond / gap
                variance[row] = beyond + beyond**2 / gap
        return found, variance

    @cached_property
    def nodes(self) -> Array:
        """(K,) pseudo-times of the states, of one coordinate."""
        return self._axes(self.known)[:, 0]

    @cached_property
    def _axes(self) -> StateAxes:
        low, high = self.known.min(axis=0), self.known.max(axis=0)
        times = [PseudoTime(float(a), float(b), *kind) for a, b, kind in zip(low, high, self.kinds, strict=True)]
        return StateAxes(tuple(times), self.ratios)

    def _admits(self, point: Array) -> bool:
        return all(kind == LINEAR or part > 0.0 for kind, part in zip(self.kinds, point, strict=True))


def lagrange(nodes: Array, targets: Array) -> Array:
    """(T, K) weights of the polynomial through all states."""
    apart = targets[:, None, None] - nodes
    others = ~np.eye(len(nodes), dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(others, apart / (nodes[:, None] - nodes), 1.0)
    return np.prod(factors, axis=2)


def members_over(known: Array) -> list[Member]:
    """All members that states at (K, m) values admit; along one coordinate the values increase."""
    dimension = known.shape[1]
    if dimension == 1:
        return [member for kind in _kinds(known[:, 0]) for member in _along_one(known, kind)]
    maps = list(product(*(_kinds(column)[:2] for column in known.T)))
    if dimension > 2:
        maps = [each for each in maps if sum(kind != LINEAR for kind in each) < 2]
    ratios = RATIOS if dimension == 2 else RATIOS[1:-1]
    scales = [(1.0, *rest) for rest in product(ratios, repeat=dimension - 1)]
    return [member for each in maps for scale in scales for member in _over_several(known, each, scale)]


def _kinds(values: Array) -> list[Kind]:
    return [kind for kind in KINDS if kind == LINEAR or values.min() > 0.0]


def _along_one(known: Array, kind: Kind) -> Iterator[Member]:
    """Orders from straight pieces to the polynomial through all states, as far as their forms are numbers."""
    count = len(known)
    nodes = PseudoTime.over(known[:, 0], kind)(known[:, 0])
    for order in range(1, min(count - 1, HIGHEST) + 1):
        form = line_precision(nodes[None], order)[0]
        if not _sound(form):
            return
        yield Member(order, (kind,), (1.0,), known, count - order, form)
    if 3 < count <= HIGHEST + 1:
        yield Member(count, (kind,), (1.0,), known, 0, np.zeros((count, count)))


def _over_several(known: Array, kinds: tuple[Kind, ...], ratios: tuple[float, ...]) -> Iterator[Member]:
    count = len(known)
    low, high = known.min(axis=0), known.max(axis=0)
    times = [PseudoTime(float(a), float(b), *kind) for a, b, kind in zip(low, high, kinds, strict=True)]
    nodes = StateAxes(tuple(times), ratios)(known)
    nodes = centred(nodes, nodes)
    for order in range(2, HIGHEST_SCATTERED + 1):
        tail = monomials(nodes, order - 1)
        freedom = count - tail.shape[1]
        if freedom < (1 if order == 2 else 4) or np.linalg.matrix_rank(tail, tol=UNISOLVENT) < tail.shape[1]:
            return
        form = scattered_precision(nodes[None], order)[0]
        if _sound(form):
            yield Member(order, kinds, ratios, known, freedom, form)


def _sound(form: Array) -> bool:
    return bool(np.all(np.isfinite(form)) and np.diag(form).max() > 0.0)
