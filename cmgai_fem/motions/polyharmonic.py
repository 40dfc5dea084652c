"""The least force in a state space of m coordinates: Duchon's polyharmonic splines, hard or soft, with tension or none.

Among all motions through the states the one of least `int_{R^m} |D^q u|^2 ds`, q = p + 2, is

    u(s) = sum_k mu_k G(|s - s_k|) + polynomial of degree q - 1,

with G the fundamental solution of `(-lap)^q` and mu orthogonal to the polynomials: the blows that the states receive.
It is linear in the data, so all that is kept are the weights `w(s)` with `u(s) = sum_k w_k(s) U_k`.

With tension tau the energy is `int |D^q u|^2 + tau^2 |D^{q-1} u|^2 ds`, the counterpart of damping that has no
direction: far from the states the motion loses its highest degree.

Source: J. Duchon, Splines minimizing rotation-invariant semi-norms in Sobolev spaces (1977); G. Wahba, Spline Models
    for Observational Data (1990), chapter 2; L. Mitas, H. Mitasova, Comput. Math. Applic. 16 (1988) 983 (tension).
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
from scipy import linalg

from cmgai_fem.errors import InputError
from cmgai_fem.motions.green import green_function
from cmgai_fem.states.labels import Array

# Singular values of the polynomials at the states below this share of the largest: the states do not tell them apart.
UNISOLVENT = 1e-9
# A state whose share in what bends the motion is below this cannot be left out: the others alone fix no polynomial.
LEAST_SHARE = 1e-10


@dataclass(frozen=True)
class PolyharmonicSpline:
    """Least-force motion of order p through K states at points of an m-dimensional state space.

    Args:
        nodes: (K, m) points of the states, m = 1, 2 or 3.
        order: p >= 0; the energy has derivatives of order q = p + 2.
        softness: (K,) root of the weight of the energy against the squared misfit of each state, that is, the least
            of `energy + sum_k |u(s_k) - U_k|^2 / softness_k^2` is sought; None for states that hold exactly.
        tension: tau >= 0, per unit of s.
    """

    nodes: Array
    order: int
    softness: Array | None = None
    tension: float = 0.0

    def __post_init__(self) -> None:
        if self.nodes.ndim != 2 or self.nodes.shape[1] not in (1, 2, 3):
            raise InputError(f"states must lie in 1, 2 or 3 coordinates: (K, m) points, not {self.nodes.shape}")
        if not np.all(np.isfinite(self.nodes)):
            raise InputError("points of the states must be finite numbers")
        if self.order < 0:
            raise InputError(f"a least force of order {self.order} in several coordinates is no spline: use simplices")
        if self.tension < 0.0:
            raise InputError(f"the tension must not be negative, it is {self.tension:g}")
        if self.softness is not None and (
            self.softness.shape != self.nodes.shape[:1] or not np.all(self.softness >= 0.0)
        ):
            raise InputError(f"{len(self.nodes)} states need as many softnesses, none negative")
        if len(np.unique(self.nodes, axis=0)) < len(self.nodes) and (self.softness is None or not self.softness.all()):
            raise InputError("two hard states lie at one point of the state space: keep one of them, or make them soft")
        count = self._tail.shape[1]
        if _rank(self._tail) < count:
            raise InputError(
                f"least force of order {self.order} in {self.nodes.shape[1]} coordinates needs at least {count} states "
                f"that lie on no common {_curve(self._degree)}; these {len(self.nodes)} do not fix it: lower the "
                "order or add states"
            )

    def weights(self, points: Array) -> Array:
        """(T, K) weights of the known states in the motion at points (T, m) of the state space; rows add up to one."""
        points = self._scaled(points)
        kernel = self._kernel(_distances(points, self._places))
        return np.asarray(kernel @ self._blows + monomials(points, self._degree) @ self._polynomial)

    @cached_property
    def bending(self) -> Array:
        """(K, K) quadratic form of the energy of hard states; for soft states the map from data to blows (negative)."""
        return self._blows * self._size ** (self.nodes.shape[1] - 2 * (self.order + 2))

    @cached_property
    def influence(self) -> Array:
        """(K, K) map from the data to the motion at the states: the identity where they are hard."""
        if self.softness is None:
            return np.eye(len(self.nodes))
        return np.eye(len(self.nodes)) - self._misfit[:, None] * self._blows

    @cached_property
    def left_out(self) -> Array:
        """(K, K) map from the data to each state's error (generated minus known) when the others alone are known.

        Rows are infinite where the other states do not fix the polynomial.

        Source: S. Rippa, Adv. Comput. Math. 11 (1999) 193; for soft states Wahba (1990), section 4.2.
        """
        share = np.sum(self._null**2, axis=1)
        diagonal = np.diag(self._blows).copy()
        fixed = (share > LEAST_SHARE) & (diagonal > 0.0)
        diagonal[~fixed] = 1.0
        return np.where(fixed[:, None], -self._blows / diagonal[:, None], np.inf)

    @cached_property
    def freedom(self) -> float:
        """Degrees of freedom that soft states leave to their misfit: K less the trace of the influence."""
        return float(len(self.nodes) - np.trace(self.influence))

    @property
    def free(self) -> int:
        """Number of motions without energy."""
        return self._tail.shape[1]

    @property
    def _degree(self) -> int:
        """Degree of the motions without energy."""
        return self.order if self.tension else self.order + 1

    @cached_property
    def _size(self) -> float:
        return normalisation(self.nodes)[1]

    def _scaled(self, points: Array) -> Array:
        return (np.asarray(points, dtype=float) - normalisation(self.nodes)[0]) / self._size

    @cached_property
    def _places(self) -> Array:
        return self._scaled(self.nodes)

    @cached_property
    def _tail(self) -> Array:
        return monomials(self._places, self._degree)

    def _kernel(self, distances: Array) -> Array:
        return green_function(distances, self.order + 2, self.nodes.shape[1], self.tension * self._size)

    @cached_property
    def _misfit(self) -> Array:
        """(K,) what softness adds to the diagonal of the kernel, in scaled coordinates."""
        if self.softness is None:
            return np.zeros(len(self.nodes))
        return self.softness**2 * self._size ** (self.nodes.shape[1] - 2 * (self.order + 2))

    @cached_property
    def _null(self) -> Array:
        """(K, K - M) orthonormal combinations of the states that no motion without energy is seen by."""
        return np.asarray(linalg.qr(self._tail)[0])[:, self._tail.shape[1] :]

    @cached_property
    def _blows(self) -> Array:
        """(K, K) blows mu of each state's unit datum, in scaled coordinates."""
        null = self._null
        if null.shape[1] == 0:
            return np.zeros((len(self.nodes), len(self.nodes)))
        kernel = self._kernel(_distances(self._places, self._places)) + np.diag(self._misfit)
        form = null.T @ kernel @ null
        with warnings.catch_warnings():
            # States over many decades make forms that rounding cannot tell from singular ones: their blows still meet
            # the states, and what such a motion is worth the states that are left out say.
            warnings.simplefilter("ignore", linalg.LinAlgWarning)
            return np.asarray(null @ linalg.solve(0.5 * (form + form.T), null.T, assume_a="sym"))

    @cached_property
    def _polynomial(self) -> Array:
        """(M, K) polynomial of each state's unit datum."""
        kernel = self._kernel(_distances(self._places, self._places)) + np.diag(self._misfit)
        rest = np.eye(len(self.nodes)) - kernel @ self._blows
        return np.asarray(linalg.lstsq(self._tail, rest, cond=UNISOLVENT)[0])


def normalisation(nodes: Array) -> tuple[Array, float]:
    """Centre (m,) of states at points (K, m), and the unit in which they lie within 1 of it in each coordinate."""
    centre = 0.5 * (nodes.min(axis=0) + nodes.max(axis=0))
    return centre, float(np.max(np.abs(nodes - centre))) or 1.0


def monomials(points: Array, degree: int) -> Array:
    """(T, M) all monomials up to a total degree at points (T, m); the constant alone for degree 0."""
    columns = [np.ones(len(points))]
    for total in range(1, degree + 1):
        columns += [
            np.prod(points[:, list(factors)], axis=1)
            for factors in combinations_with_replacement(range(points.shape[1]), total)
        ]
    return np.stack(columns, axis=1)


def highest_order(nodes: Array) -> int:
    """Highest order p that states at (K, m) points can carry; -1 where they only can be joined by simplices.

    Raises:
        InputError: the states lie on a line or plane of the state space, or are fewer than m + 1.
    """
    dimension = nodes.shape[1]
    span = np.ptp(nodes, axis=0)
    places = (nodes - nodes.mean(axis=0)) / np.where(span > 0.0, span, 1.0)
    order = -2
    while _rank(monomials(places, order + 2)) == monomials(places[:1], order + 2).shape[1]:
        order += 1
    if order < 0:
        flat = "a line" if dimension == 2 else "a plane" if dimension == 3 else "one point"
        raise InputError(
            f"{len(nodes)} states in {dimension} coordinates "
            + (f"are too few: {dimension + 1} are needed" if len(nodes) <= dimension else f"all lie on {flat}")
            + ": add states off it, or give one coordinate alone"
        )
    return order


def _rank(matrix: Array) -> int:
    if matrix.shape[0] < matrix.shape[1]:
        return -1
    singular = np.linalg.svd(matrix, compute_uv=False)
    return int(np.sum(singular > UNISOLVENT * singular[0]))


def _distances(points: Array, nodes: Array) -> Array:
    return np.asarray(np.linalg.norm(points[:, None] - nodes, axis=-1))


def _curve(degree: int) -> str:
    return {0: "point", 1: "line or plane"}.get(degree, f"curve or surface of degree {degree}")
