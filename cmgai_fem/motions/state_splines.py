"""Finite elements in the state coordinate: the least-force motion of one eigenvalue of the label operator.

For a linear law each eigenmode of `M^-1 K` with eigenvalue lam moves by itself, and `Least(p)` asks for

    min  1/2 int |D^p (D^2 + eta D + kappa lam) y|^2 ds     with   y(s_k) = Y_k,

a natural L-spline (theory, sections 3 and 5; our choice of force). B-splines of degree 2p + 3 with the states among
their knots hold the exact answer when eta = lam = 0; otherwise the elements between the states are refined. The
problem is linear in the data, so one solve gives the *cardinal curves*: column k answers Y = e_k.

The elements are differentiated p + 2 times, which at high orders leaves no digits: motions without force, which every
curve must reproduce, tell when that is so. Without a law `motions.line` has the same curves at any order.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.polynomial import chebyshev
from scipy import linalg
from scipy.interpolate import BSpline

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.quadrature import gauss_on_pieces
from cmgai_fem.states.labels import Array

# Orders up to which the elements keep their digits, and what a motion without force may miss at others.
SAFE_ORDER = 2
REPRODUCED = 1e-6


@dataclass(frozen=True, eq=False)
class StateElements:
    """B-spline elements over the span of pseudo-times that a motion must cover.

    Args:
        knots: full knot vector.
        degree: polynomial degree of the elements.
    """

    knots: Array
    degree: int

    @classmethod
    def for_states(cls, nodes: Array, span: tuple[float, float], order: int, rate: float) -> "StateElements":
        """Elements that resolve the motion of `Least(order)`.

        Args:
            nodes: (K,) pseudo-times of the states.
            span: first and last pseudo-time to cover; holds the nodes.
            order: p of the force model.
            rate: largest rate of the operator's own solutions, `max(eta, sqrt(kappa lam))`; 0 without law and damping.
        """
        # The sources of the optimality system sit at the states: there, and only there, derivative 2p + 3 may jump.
        # For p = -1 they are blows at the inner states; the motion coasts through the end states.
        sources = nodes[1:-1] if order < 0 else nodes
        # An end of the span that rounding leaves beside a state is that state; two states are two, however close.
        nearest = [nodes[np.argmin(np.abs(nodes - end))] for end in span]
        ends = [node if abs(node - end) <= 1e-12 else end for node, end in zip(nearest, span, strict=True)]
        breaks = np.unique(np.concatenate([sources, ends]))
        smooth = max(2 * order + 3, 1)
        if rate == 0.0:
            return _elements(tuple(breaks), tuple(sources), (1,) * (len(breaks) - 1), smooth, smooth)
        # A law or damping makes exponentials and sines of the pieces: higher degree, elements as short as they need.
        counts = np.clip(np.ceil(3.0 * rate * np.diff(breaks)), 2, 64).astype(int)
        return _elements(tuple(breaks), tuple(sources), tuple(counts), smooth, max(smooth + 2, 7))

    @property
    def size(self) -> int:
        """Number of B-splines."""
        return len(self.knots) - self.degree - 1

    def basis(self, s: Array, derivative: int = 0) -> Array:
        """(T, size) values of the B-splines' derivative at pseudo-times s; the end pieces continue outside."""
        splines = BSpline(self.knots, np.eye(self.size), self.degree)
        return np.asarray(splines(s, nu=derivative) if derivative else splines(s))

    def quadrature(self) -> tuple[Array, Array]:
        """Gauss points and weights, exact for the energy of polynomial pieces."""
        return self._gauss

    @cached_property
    def _gauss(self) -> tuple[Array, Array]:
        return gauss_on_pieces(np.unique(self.knots), self.degree + 1)

    @cached_property
    def _rows(self) -> dict[int, Array]:
        return {}

    def at_quadrature(self, derivative: int) -> Array:
        """(Q, size) values of the B-splines' derivative at the Gauss points; kept, as many eigenvalues ask for them."""
        if derivative not in self._rows:
            self._rows[derivative] = self.basis(self.quadrature()[0], derivative)
        return self._rows[derivative]


@lru_cache(maxsize=16)  # neighbouring eigenvalues share their elements, and left-out states ask for them again
def _elements(
    breaks: tuple[float, ...], sources: tuple[float, ...], counts: tuple[int, ...], smooth: int, degree: int
) -> StateElements:
    """Elements with `counts` pieces between the breaks, whose derivative `smooth` may jump at the sources."""
    pieces = [
        np.linspace(left, right, count + 1)[:-1]
        for left, right, count in zip(breaks[:-1], breaks[1:], counts, strict=True)
    ]
    elements = np.append(np.concatenate(pieces), breaks[-1])
    multiplicity = np.ones(len(elements), dtype=int)
    for node in sources:
        multiplicity[np.argmin(np.abs(elements - node))] = degree - smooth + 1
    multiplicity[[0, -1]] = degree + 1
    return StateElements(np.repeat(elements, multiplicity), degree)


def cardinal_curves(
    elements: StateElements,
    nodes: Array,
    order: int,
    damping: float,
    eigenvalue: float,
    softness: Array | None = None,
) -> Array:
    """B-spline coefficients (size, K) of the least-force motions that answer each state's unit datum.

    Args:
        elements: the elements in s.
        nodes: (K,) pseudo-times of the states.
        order: p of the force model.
        damping: eta.
        eigenvalue: kappa lam, the stiffness of the eigenmode per mass.
        softness: (K,) weights of the squared misfit relative to the energy; None for states that hold exactly.

    Raises:
        ConvergenceError: order -1 and an eigenmode that swings through half a period between two states: the action
            then has no least value; or an order too high for the elements to hold.
    """
    if order < 0:
        _refuse_resonance(nodes, damping, eigenvalue)
    weights = elements.quadrature()[1]
    lifted = max(order, 0)
    operator = elements.at_quadrature(lifted + 2)
    if damping:
        operator = operator + damping * elements.at_quadrature(lifted + 1)
    if eigenvalue:
        operator = operator + eigenvalue * elements.at_quadrature(lifted)
    rows = np.sqrt(weights)[:, None] * operator
    states = elements.basis(nodes)
    if softness is not None:
        return _soft(rows, states, softness)
    # Null-space method: the constraints hold to rounding, and QR keeps the digits that normal equations would lose.
    orthogonal, triangular = linalg.qr(states.T)
    count = len(nodes)
    particular = orthogonal[:, :count] @ linalg.solve_triangular(triangular[:count], np.eye(count), trans="T")
    free = orthogonal[:, count:]
    if free.shape[1] == 0:
        return particular
    scale = np.max(np.abs(rows))
    correction = linalg.lstsq(rows @ free / scale, -(rows @ particular) / scale, cond=1e-15, lapack_driver="gelsy")[0]
    found = particular + free @ correction
    if order > SAFE_ORDER:
        _check_reproduction(elements, nodes, order, damping, eigenvalue, found)
    return np.asarray(found)


def _check_reproduction(
    elements: StateElements, nodes: Array, order: int, damping: float, eigenvalue: float, curves: Array
) -> None:
    """Refuse curves that miss a motion without force: a polynomial of degree p - 1, or one of the operator itself."""
    middle = np.append(0.5 * (nodes[:-1] + nodes[1:]), elements.knots[[0, -1]])
    roots = np.roots([1.0, damping, eigenvalue])
    known, wanted = (
        np.column_stack([chebyshev.chebvander(2.0 * s - 1.0, order - 1), np.exp(np.multiply.outer(s, roots)).real])
        for s in (nodes, middle)
    )
    missed = np.abs(elements.basis(middle) @ (curves @ known) - wanted) / np.abs(wanted).max(axis=0)
    if not missed.max() <= REPRODUCED:
        raise ConvergenceError(
            f"least force of order {order}: {len(nodes)} states cannot be joined to {REPRODUCED:g} by elements "
            f"that are differentiated {order + 2} times; lower the order"
        )


def _refuse_resonance(nodes: Array, damping: float, eigenvalue: float) -> None:
    frequency = np.sqrt(max(eigenvalue - 0.25 * damping**2, 0.0))
    if frequency * np.diff(nodes).max() >= np.pi:
        raise ConvergenceError(
            f"least force of order -1: an eigenmode of stiffness {eigenvalue:.3g} swings through half a period between "
            "two states, where the action has no least value; raise the order or lower the stiffness"
        )


def _soft(rows: Array, states: Array, softness: Array) -> Array:
    system = np.vstack([rows, states / softness[:, None]])
    right = np.vstack([np.zeros((len(rows), len(softness))), np.diag(1.0 / softness)])
    return np.asarray(linalg.lstsq(system, right, cond=1e-15)[0])
