"""The least force along one state coordinate, without a law: natural L-splines, exact by B-splines in s.

All labels share one set of curves. The energy of the motion through hard states is a quadratic form B of their data,
and everything follows from that one K x K matrix: leaving state i out errs by `-(B y)_i / B_ii`, and a target is a
state that was left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Self

import numpy as np
from scipy.interpolate import BSpline

from cmgai_fem.errors import InputError
from cmgai_fem.motions.state_splines import StateElements, cardinal_curves
from cmgai_fem.states.axes import Kind, PseudoTime, kind_text, make_kind
from cmgai_fem.states.labels import Array

# A state whose share in the energy is below this part of the mean cannot be left out by the quadratic form.
LEAST_SHARE = 1e-12


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
        return np.asarray(self._spline(np.asarray(s, dtype=float), nu=derivative))

    def force(self, s: Array, derivative: int = 0) -> Array:
        """(T, K) weights of the states in the body force `b = u'' + eta u'`, or their derivative in s."""
        return self.weights(s, derivative + 2) + self.damping * self.weights(s, derivative + 1)

    @cached_property
    def bending(self) -> Array:
        """(K, K) quadratic form of the energy, in the data of the states; zero for order -1."""
        elements, (points, weights) = self._elements, self._elements.quadrature()
        lifted = max(self.order, 0)
        rows = elements.basis(points, lifted + 2)
        if self.damping:
            rows = rows + self.damping * elements.basis(points, lifted + 1)
        rows = np.sqrt(weights)[:, None] * (rows @ self._spline.c)
        return rows.T @ rows

    @property
    def size(self) -> int:
        """Unknowns of the B-splines."""
        return self._elements.size

    @cached_property
    def _elements(self) -> StateElements:
        return StateElements.for_states(np.array(self.nodes), self.span, self.order, self.damping)

    @cached_property
    def _spline(self) -> BSpline:
        softness = None if self.softness is None else np.array(self.softness)
        elements = self._elements
        found = cardinal_curves(elements, np.array(self.nodes), self.order, self.damping, 0.0, softness)
        return BSpline(elements.knots, found, elements.degree)


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
