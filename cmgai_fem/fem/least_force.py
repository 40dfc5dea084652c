"""The least-force functional of any law: its value, gradient and curvature over B-splines in s.

The motion is `u(s) = sum_i N_i(s) (V a_i + c_i)`: B-splines N_i in s, the slow modes V of the label mesh with unknown
amplitudes a_i, and a given motion c_i of the rest. Momentum is balanced in the slow modes, `b = V^T (M u'' + eta M u' +
f(u) - M g)` with f the internal and g a known force, and `Least(p)` is the least of `1/2 int |D^p b|^2 ds`.
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc
from scipy import linalg

from cmgai_fem.fem.internal_force import InternalForce
from cmgai_fem.fem.spaces import Columns, products, sum_over
from cmgai_fem.motions.state_splines import StateElements
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.forces import KnownForce
from cmgai_fem.transport.problem import Problem


@dataclass(frozen=True)
class Statement:
    """What pushes the labels.

    Args:
        mass: mass matrix (D, D), maybe distributed over MPI ranks, each of which then holds its part of every vector.
        internal: internal force of the law; None for no law.
        damping: eta per mass.
        known_force: force g that acts besides the least one (p <= 0), on degrees of freedom (D,); None for none.
    """

    mass: PETSc.Mat
    internal: InternalForce | None
    damping: float
    known_force: KnownForce | None = None

    @cached_property
    def comm(self) -> MPI.Comm:
        """The ranks that share the label mesh."""
        return self.mass.comm.tompi4py()

    def sum(self, parts: Array) -> Array:
        """The sum over the ranks."""
        return sum_over(self.comm, parts)


@dataclass(frozen=True)
class Linearisation:
    """How `D^p b` changes at every Gauss point: by inertia, `stiffness da + rate da'`; and its second-order part."""

    force: Array
    stiffness: Array
    rate: Array | None
    curvature: Array | None


class LeastForce:
    """The functional of the amplitudes (size, r).

    For p = 0 the curvature is exact, for p = 1 it is that of Gauss and Newton.

    Args:
        statement: what pushes the labels.
        elements: B-splines in s.
        nodes: (K,) pseudo-times of the states.
        order: p, from -1 to 1; -1 acts as 0 on elements that may break at the inner states.
        vectors: (D, r) slow modes, orthonormal in M; this rank's rows.
        rest: (size, D) coefficients of the motion outside them.
    """

    def __init__(
        self, statement: Statement, elements: StateElements, nodes: Array, order: int, vectors: Array, rest: Array
    ) -> None:
        self._statement, self._vectors, self._rest = statement, vectors, rest
        self._columns = Columns(vectors, statement.mass.comm)
        self.order = max(order, 0)
        self.points, self.weights = elements.quadrature()
        self.shapes = [elements.basis(self.points, derivative) for derivative in range(self.order + 3)]
        self.inertia = self.shapes[self.order + 2] + statement.damping * self.shapes[self.order + 1]
        self.particular, self.free = through_states(elements, nodes)

    def coefficients(self, amplitudes: Array) -> Array:
        """(size, D) coefficients of the whole motion."""
        return np.asarray(amplitudes @ self._vectors.T + self._rest)

    def value(self, amplitudes: Array) -> float:
        """The functional at amplitudes (size, r)."""
        return 0.5 * float(self.weights @ np.sum(self._forces(amplitudes) ** 2, axis=1))

    def linearise(self, amplitudes: Array) -> Linearisation:
        """The functional about amplitudes (size, r)."""
        force = self._forces(amplitudes)
        coefficients, count = self.coefficients(amplitudes), self._vectors.shape[1]
        internal, known = self._statement.internal, self._statement.known_force
        stiffness = np.zeros((len(self.points), count, count))
        curved = internal is not None and not internal.is_linear
        rate = np.zeros_like(stiffness) if self.order else None
        curvature = np.zeros_like(stiffness) if curved and not self.order else None
        for q, s in enumerate(self.points):
            displacement = self.shapes[0][q] @ coefficients
            if internal is not None:
                tangent = self._columns.project(internal.tangent(displacement))
                if rate is None:
                    stiffness[q] = tangent
                else:
                    rate[q] = tangent
                    if curved:
                        velocity = self.shapes[1][q] @ coefficients
                        stiffness[q] = self._columns.project(internal.tangent_change(displacement, velocity))
                if curvature is not None:
                    along = self._vectors @ force[q]
                    curvature[q] = self._columns.project(internal.tangent_change(displacement, along))
            if known is not None:
                stiffness[q] -= self._columns.project(self._weighted(known.slope(displacement, float(s))))
        total = self._statement.sum
        return Linearisation(
            force,
            total(stiffness),
            None if rate is None else total(rate),
            None if curvature is None else total(curvature),
        )

    def gradient(self, about: Linearisation) -> Array:
        """(free, r) gradient with respect to the free amplitudes."""
        return self._transposed(about, about.force)

    def bend(self, about: Linearisation, change: Array) -> Array:
        """(free, r) second derivative applied to a change (free, r) of the free amplitudes."""
        change = self.free @ change
        moved = self.shapes[0] @ change
        product = self.inertia @ change + np.einsum("qij,qj->qi", about.stiffness, moved)
        if about.rate is not None:
            product += np.einsum("qij,qj->qi", about.rate, self.shapes[1] @ change)
        result = self._transposed(about, product)
        if about.curvature is not None:
            extra = np.einsum("qij,qj->qi", about.curvature, moved)
            result += self.free.T @ (self.shapes[0].T @ (self.weights[:, None] * extra))
        return result

    def _forces(self, amplitudes: Array) -> Array:
        """(Q, r) values of `D^p b` at the Gauss points."""
        inertia = self.inertia @ amplitudes
        coefficients, forces = self.coefficients(amplitudes), np.zeros_like(inertia)
        internal, known, mass = self._statement.internal, self._statement.known_force, self._statement.mass
        for q, s in enumerate(self.points):
            displacement = self.shapes[0][q] @ coefficients
            if internal is not None and self.order == 0:
                forces[q] += internal.force(displacement) @ self._vectors
            elif internal is not None:
                velocity = self.shapes[1][q] @ coefficients
                forces[q] += products(internal.tangent(displacement), velocity[None])[0] @ self._vectors
            if known is not None:
                forces[q] -= products(mass, known(displacement, float(s))[None])[0] @ self._vectors
        return np.asarray(inertia + self._statement.sum(forces))

    def _weighted(self, factors: Array) -> PETSc.Mat:
        """The mass matrix with its columns times (D,) factors."""
        matrix: Any = self._statement.mass.copy()
        right = matrix.createVecRight()
        right.array[:] = factors
        matrix.diagonalScale(None, right)
        return matrix

    def _transposed(self, about: Linearisation, forces: Array) -> Array:
        weighted = self.weights[:, None] * forces
        result = self.inertia.T @ weighted
        result += self.shapes[0].T @ np.einsum("qji,qj->qi", about.stiffness, weighted)
        if about.rate is not None:
            result += self.shapes[1].T @ np.einsum("qji,qj->qi", about.rate, weighted)
        return np.asarray(self.free.T @ result)


class RestOperator:
    """The functional's curvature at rest, one small problem in s for each eigenmode, inverted.

    Args:
        functional: the functional.
        eigenvalues: (r,) eigenvalues of the slow modes.
    """

    def __init__(self, functional: LeastForce, eigenvalues: Array) -> None:
        self._functional, self._eigenvalues = functional, eigenvalues
        root = np.sqrt(functional.weights)[:, None]
        self._inertia, self._slope = root * functional.inertia, root * functional.shapes[functional.order]
        left, right = self._inertia @ functional.free, self._slope @ functional.free
        # (A + lam B)^T (A + lam B) for every eigenvalue at once.
        lam = eigenvalues[:, None, None]
        cross = left.T @ right
        self._inverse = np.linalg.inv(left.T @ left + lam * (cross + cross.T) + lam**2 * (right.T @ right))

    def solve(self, right: Array) -> Array:
        """Apply the inverse to (free, r)."""
        return np.einsum("jab,bj->aj", self._inverse, right)

    def motion(self, states: Array) -> Array:
        """Amplitudes (size, r) of the least-force motion at rest through modal states (K, r)."""
        free = self._functional.free
        start = self._functional.particular @ states
        rows = self._inertia @ start + self._eigenvalues * (self._slope @ start)
        pulled = (self._inertia @ free).T @ rows + self._eigenvalues * ((self._slope @ free).T @ rows)
        return np.asarray(start - free @ self.solve(pulled))


def through_states(elements: StateElements, nodes: Array) -> tuple[Array, Array]:
    """B-spline coefficients through the states: `particular @ values + free @ anything`."""
    orthogonal, triangular = linalg.qr(elements.basis(nodes).T)
    count = len(nodes)
    particular = orthogonal[:, :count] @ linalg.solve_triangular(triangular[:count], np.eye(count), trans="T")
    return particular, orthogonal[:, count:]


Reorder = Callable[[Array], Array]


@dataclass(frozen=True)
class ForceOnDofs:
    """A known force of label values as one of degrees of freedom."""

    force: KnownForce
    to_dofs: Reorder
    to_labels: Reorder

    def __call__(self, displacement: Array, s: float) -> Array:
        """Force (D,) at a displacement (D,)."""
        return self.to_dofs(self.force(self.to_labels(displacement), s))

    def slope(self, displacement: Array, s: float) -> Array:
        """Its derivative (D,), entry by entry."""
        return self.to_dofs(self.force.slope(self.to_labels(displacement), s))


def force_on_dofs(problem: Problem, to_dofs: Reorder, to_labels: Reorder) -> ForceOnDofs | None:
    """The known force of a problem on degrees of freedom; None if it has none."""
    return None if problem.known_force is None else ForceOnDofs(problem.known_force, to_dofs, to_labels)
