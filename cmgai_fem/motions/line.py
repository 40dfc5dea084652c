"""The least force along one state coordinate, without a law: natural L-splines.

All labels share one set of curves. The energy of the motion through hard states is a quadratic form B of their data,
and everything follows from that one K x K matrix: leaving state i out errs by `-(B y)_i / B_ii`, and a target is a
state that was left out. The form is found from the force, whose B-splines are short: elements for the motion itself
would differentiate q times what they hold and lose all digits at high orders (states that are many or unevenly spaced).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any, Self

import numpy as np
from numpy.polynomial import chebyshev
from scipy.fft import dct

from cmgai_fem.errors import InputError
from cmgai_fem.motions.precision import answer, line_precision, sorted_line
from cmgai_fem.states.axes import Kind, PseudoTime, kind_text, make_kind
from cmgai_fem.states.labels import Array

# A state whose share in the energy is below this part of the mean cannot be left out by the quadratic form.
LEAST_SHARE = 1e-12
# Chebyshev degrees beyond those of the polynomial pieces with which an exponential is one to rounding, and those that a
# faster one takes.
EXPONENTIAL, FASTER = 10, 2.0


@dataclass(frozen=True)
class LineMotion:
    """Least-force motion of order p through K states along one pseudo-time.

    Args:
        nodes: (K,) pseudo-times of the states, increasing.
        order: p, from -1 to K - 2.
        damping: eta, per pseudo-time.
        span: first and last pseudo-time that will be asked for; holds the nodes.
        softness: (K,) root of the weight of the energy against the squared misfit; None for states that hold exactly.
    """

    nodes: tuple[float, ...]
    order: int
    damping: float
    span: tuple[float, float]
    softness: tuple[float, ...] | None = None

    def weights(self, s: Array, derivative: int = 0) -> Array:
        """(T, K) weights of the states at pseudo-times (T,), or their derivative in s."""
        s = np.asarray(s, dtype=float)
        places = s.ravel()
        rows = np.searchsorted(self.nodes, places, side="right")
        if self.order < 0:
            rows = np.clip(rows, 1, len(self.nodes) - 1)
        found = np.empty((len(places), len(self.nodes)))
        if derivative == 0:
            # Uneven states make weights that grow by decades within a gap: a table of them ends there at rounding.
            at, state = np.nonzero(places[:, None] == self.nodes)
            found[at] = self._softened[state]
            rows[at] = -1
        for row in np.unique(rows[rows >= 0]).tolist():
            asked = rows == row
            if 0 < row < len(self.nodes) or derivative:
                found[asked] = self._piece(row)(places[asked], derivative)
            else:
                # What grows by many decades beyond the states would leave a table no digits near them.
                found[asked] = self._answer(places[asked]) @ self._softened
        return found.reshape(*s.shape, -1)

    def force(self, s: Array, derivative: int = 0) -> Array:
        """(T, K) weights of the states in the body force `b = u'' + eta u'`, or their derivative in s."""
        return self.weights(s, derivative + 2) + self.damping * self.weights(s, derivative + 1)

    @cached_property
    def bending(self) -> Array:
        """(K, K) quadratic form of the energy, in the data of the states; zero for order -1 and the highest order."""
        count = len(self.nodes)
        if self.order < 0 or self.order + 2 >= count:
            return np.zeros((count, count))
        return line_precision(np.array(self.nodes)[None], self.order + 2, self.damping)[0]

    @property
    def size(self) -> int:
        """Unknowns of the force: B-splines over the states, as many as motions without force leave."""
        return max(len(self.nodes) - self.order - 2, 0)

    def _piece(self, row: int) -> "MotionPiece | Coasting":
        """The curves before state `row`, and after the one before it."""
        if row not in self._pieces:
            self._pieces[row] = self._coasting(row) if self.order < 0 else self._made(row)
        return self._pieces[row]

    @cached_property
    def _pieces(self) -> dict[int, "MotionPiece | Coasting"]:
        return {}

    def _coasting(self, row: int) -> "Coasting":
        return Coasting(self.nodes[row - 1], self.nodes[row], self.damping, row, len(self.nodes))

    def _made(self, row: int) -> "MotionPiece":
        nodes, count = self.nodes, len(self.nodes)
        low = nodes[row - 1] if row > 0 else min(self.span[0], nodes[0] - (nodes[1] - nodes[0]))
        high = nodes[row] if row < count else max(self.span[1], nodes[-1] + (nodes[-1] - nodes[-2]))
        degree = 2 * self.order + 3 if 0 < row < count else self.order + 1
        if self.damping:
            degree += EXPONENTIAL + int(np.ceil(FASTER * self.damping * (high - low)))
        places = low + (high - low) * 0.5 * (1.0 + np.cos(np.pi * np.arange(degree + 1) / degree))
        values = np.empty((degree + 1, count))
        # The two ends, where they are states, are those states to the last digit.
        first, last = int(row < count), int(row > 0)
        values[:first], values[degree + 1 - last :] = np.eye(count)[[row] * first], np.eye(count)[[row - 1] * last]
        asked = slice(first, degree + 1 - last)
        values[asked] = self._answer(places[asked])
        return MotionPiece(float(low), float(high), _coefficients(values @ self._softened))

    def _answer(self, s: Array) -> Array:
        """(T, K) weights of hard states at pseudo-times (T,), none of them a state's."""
        form = partial(sorted_line, order=self.order + 2, damping=self.damping)
        return answer(np.array(self.nodes)[:, None], s[:, None], form)[0]

    @cached_property
    def _softened(self) -> Array:
        """(K, K) map from the data to where the curves pass: the data themselves if the states are hard."""
        count = len(self.nodes)
        if self.softness is None:
            return np.eye(count)
        return np.linalg.solve(np.eye(count) + np.square(self.softness)[:, None] * self.bending, np.eye(count))


@dataclass(frozen=True)
class MotionPiece:
    """The curves of all states between two pseudo-times.

    Args:
        low: first pseudo-time.
        high: last pseudo-time.
        coefficients: (n, K) of Chebyshev polynomials.
    """

    low: float
    high: float
    coefficients: Array

    def __call__(self, s: Array, derivative: int) -> Array:
        """(T, K) values at pseudo-times (T,), or their derivative in s."""
        part = (2.0 * s - self.low - self.high) / (self.high - self.low)
        scale = 2.0 / (self.high - self.low)
        found = chebyshev.chebder(self.coefficients, derivative, scl=scale) if derivative else self.coefficients
        return np.asarray(chebyshev.chebval(part, found).T)


@dataclass(frozen=True)
class Coasting:
    """Order -1: between two states each label coasts, `u'' + eta u' = 0`; the end pieces go on.

    Args:
        low: pseudo-time of the state before.
        high: pseudo-time of the state after.
        damping: eta.
        row: the state after.
        count: number of states.
    """

    low: float
    high: float
    damping: float
    row: int
    count: int

    def __call__(self, s: Array, derivative: int) -> Array:
        """(T, K) values at pseudo-times (T,), or their derivative in s."""
        after, eta, gap = s - self.low, self.damping, self.high - self.low
        if eta and derivative:
            part = (-eta) ** derivative * np.exp(-eta * after) / np.expm1(-eta * gap)
        elif eta:
            part = np.expm1(-eta * after) / np.expm1(-eta * gap)
        else:
            part = after / gap if derivative == 0 else np.full(len(s), 1.0 / gap if derivative == 1 else 0.0)
        found = np.zeros((len(s), self.count))
        found[:, self.row], found[:, self.row - 1] = part, (derivative == 0) - part
        return found


def _coefficients(values: Array) -> Array:
    """(n, K) Chebyshev coefficients of values (n, K) at the extrema, the last place first."""
    found = dct(values, type=1, axis=0) / (len(values) - 1)
    found[[0, -1]] *= 0.5
    return np.asarray(found)


@lru_cache(maxsize=4096)
def line_motion(
    nodes: tuple[float, ...],
    order: int,
    damping: float = 0.0,
    span: tuple[float, float] | None = None,
    softness: tuple[float, ...] | None = None,
) -> LineMotion:
    """The motion of these arguments, made once; `span` is that of the nodes by default. See `LineMotion`."""
    return LineMotion(nodes, order, damping, span or (nodes[0], nodes[-1]), softness)


@dataclass(frozen=True)
class Line:
    """A least force along one coordinate.

    Args:
        order: p, from -1; one that the states cannot carry is lowered to the highest they can.
        damping: eta.
        kind: pseudo-time.
    """

    order: int = 0
    damping: float = 0.0
    kind: Kind = ("linear", 1.0)

    def weights(self, known: Array, asked: Array) -> Array:
        """(T, k) weights of the states at increasing values (k,) in the motion at values (T,)."""
        time = PseudoTime.over(known, self.kind)
        s = np.atleast_1d(time(asked))
        span = (min(0.0, float(s.min())), max(1.0, float(s.max())))
        return line_motion(tuple(time(known)), min(self.order, len(known) - 2), self.damping, span).weights(s)

    def left_out(self, known: Array) -> Array:
        """(k, k) map from the data to each state's error when the others alone are known; infinite: not solvable."""
        count = len(known)
        if count < 3:
            return np.full((count, count), np.inf)
        return left_out_map(tuple(PseudoTime.over(known, self.kind)(known)), min(self.order, count - 3), self.damping)

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""
        return {"order": self.order, "damping": self.damping, "pseudo_time": kind_text(self.kind)}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """The choice that `describe` wrote."""
        return cls(int(data["order"]), float(data["damping"]), make_kind(data["pseudo_time"]))

    def __str__(self) -> str:
        parts = [f"damping {self.damping:g}"] if self.damping else []
        parts += [kind_text(self.kind)] if self.kind[0] != "linear" else []
        return f"least({self.order})" + (f" ({', '.join(parts)})" if parts else "")


def left_out_map(nodes: tuple[float, ...], order: int, damping: float = 0.0) -> Array:
    """(K, K) map from the data to each state's error (generated minus known) when the others alone are known.

    Args:
        nodes: (K,) pseudo-times of the states, K >= 3; they stay the clock of the states that remain.
        order: p, at most K - 3.
        damping: eta.

    Raises:
        InputError: too few states for the order.

    Source: `bending` of `LineMotion`; the end pieces of order -1 go on straight, at no cost, and are taken as they go.
    """
    count = len(nodes)
    if order > count - 3:
        raise InputError(f"least force of order {order} needs {order + 3} states to leave one out, there are {count}")
    if order >= 0:
        bending = line_motion(nodes, order, damping).bending
        diagonal = np.diag(bending)
        if diagonal.min() > LEAST_SHARE * diagonal.mean():
            return -bending / diagonal[:, None]
    found = -np.eye(count)
    for row, place in enumerate(nodes):
        rest = np.delete(np.arange(count), row)
        span = (min(nodes[0], place), max(nodes[-1], place))
        motion = line_motion(tuple(nodes[k] for k in rest), order, damping, span)
        found[row, rest] = motion.weights(np.array([place]))[0]
    return found
