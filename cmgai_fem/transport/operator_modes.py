"""Eigenmodes of the label mesh's operator, in which a field that diffuses or swings moves mode by mode.

The operator is that of the weak Laplacian, with labels held where their value never changes, and exchange with what is
around on the rest of the boundary: `int grad v . grad u + h int_boundary v u` (Robin). The lowest eigenmodes are joined
by what they leave of the known states, so that every state is held exactly.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import SuperLU, splu

from cmgai_fem.features.body import simplices_of
from cmgai_fem.motions.modal_law import Amplitudes
from cmgai_fem.states.labels import Array, BoolArray, IntArray, Labels
from cmgai_fem.states.location import faces_of
from cmgai_fem.transport.eigenmodes import lowest_eigenmodes, to_petsc
from cmgai_fem.transport.label_mesh import LabelMesh
from cmgai_fem.transport.laws import Membrane

MOST = 160
# Parts of the known states below this share of their norm are rounding.
ROUNDING = 1e-12
# Extent of a plane body across its plane, in that along it.
FLAT = 1e-9
# Squared norm of directions, in that of the largest, that one pass finds; and the passes.
NEARLY, PASSES = 1e-8, 3


@dataclass(frozen=True, eq=False)
class MeshOperator:
    """The operator of a label mesh.

    Args:
        mesh: the simplices.
        held: (L,) labels whose value never changes.
        exchange: h [1/m], on the boundary that is not held.
    """

    mesh: LabelMesh
    held: BoolArray
    exchange: float = 0.0

    power: ClassVar[int] = 1
    """Of K in the operator, for what its eigenmodes leave."""

    @classmethod
    def of(cls, labels: Labels, held: BoolArray | None = None, exchange: float = 0.0) -> "MeshOperator":
        """The operator of point labels; `exchange` is in the inverse of the body's longest side.

        Raises:
            InputError: the labels are no nodes of a mesh.
        """
        points = labels.points
        mesh = LabelMesh(points, simplices_of(labels), np.ones(len(points)))
        held = np.zeros(len(points), dtype=bool) if held is None else held
        return cls(mesh, held, exchange / float(np.ptp(points, axis=0).max()))

    @cached_property
    def stiffness(self) -> sparse.csr_matrix:
        """(L, L) K."""
        found = self.mesh.stiffness(Membrane(), 1)
        if self.exchange:
            faces = boundary_of(self.mesh)
            faces = faces[~np.all(self.held[faces], axis=1)]
            found = found + self.exchange * LabelMesh(self.mesh.points, faces, self.mesh.density).mass
        return found

    @cached_property
    def mass(self) -> sparse.csr_matrix:
        """(L, L) M: the mean of consistent and lumped mass, whose errors in the eigenvalues have unlike signs."""
        consistent = self.mesh.mass
        return 0.5 * (consistent + sparse.diags(np.asarray(consistent.sum(axis=1)).ravel())).tocsr()

    @cached_property
    def eigenmodes(self) -> tuple[Array, Array]:
        """The lowest eigenvalues (M,) [1/m²] and eigenmodes (M, F) of the F labels that are not held.

        Raises:
            ConvergenceError: fewer converged.
        """
        free = ~self.held
        size = float(np.linalg.norm(np.ptp(self.mesh.points, axis=0)))
        count = min(MOST, int(free.sum()) // 2)
        stiffness, mass = (to_petsc(matrix[free][:, free]) for matrix in (self.stiffness, self.mass))
        return lowest_eigenmodes(stiffness, mass, count, (np.pi / size) ** 2)

    def rest(self, known: Array) -> Array:
        """(L,) the field at rest that held labels of known states (K, L) ask for; zero where none is held."""
        field = np.where(self.held, known.mean(axis=0), 0.0)
        if self.held.any():
            free = ~self.held
            pull = -self.stiffness[free][:, self.held] @ field[self.held]
            field[free] = self._at_rest.solve(pull)
        return field

    @cached_property
    def _at_rest(self) -> SuperLU:
        free = ~self.held
        return splu(self.stiffness[free][:, free].tocsc())


@dataclass(frozen=True, eq=False)
class PlateOperator(MeshOperator):
    """The operator of a plate of triangles: K for what holds its rim, the eigenmodes those that bend.

    Args:
        clamped: whether the plate may not turn where its rim is held, either.
    """

    clamped: bool = False

    power: ClassVar[int] = 2

    @cached_property
    def eigenmodes(self) -> tuple[Array, Array]:
        """See `MeshOperator.eigenmodes`; eigenvalues in 1/m⁴."""
        from cmgai_fem.mechanics.plate_bending import bend

        plate = bend(flat(self.mesh.points), self.mesh.cells, self.held, self.clamped)
        size = float(np.linalg.norm(np.ptp(self.mesh.points, axis=0)))
        count = min(MOST, int((~self.held).sum()) // 2)
        stiffness, mass = to_petsc(plate.stiffness), to_petsc(plate.mass)
        eigenvalues, shapes = lowest_eigenmodes(stiffness, mass, count, (np.pi / size) ** 4)
        return eigenvalues, np.ascontiguousarray((plate.sampled[~self.held] @ shapes.T).T)


@dataclass(frozen=True, eq=False)
class OperatorModes:
    """Known states in the modes of an operator.

    Args:
        known: their amplitudes.
        shapes: (M, L) modes.
        rest: (L,) what is added to them.
    """

    known: Amplitudes
    shapes: Array
    rest: Array

    @classmethod
    def of(cls, operator: MeshOperator, times: Array, values: Array) -> "OperatorModes":
        """The modes of known states (K, L) at pseudo-times (K,)."""
        free, rest = ~operator.held, operator.rest(values)
        mass = operator.mass[free][:, free]
        eigenvalues, shapes = operator.eigenmodes
        moved = (values - rest)[:, free]
        # In exchange with what is around, all of the body goes to its value, wherever that is.
        one = np.ones((int(operator.exchange > 0.0), moved.shape[1]))
        moved = np.vstack([moved, one])
        projected = mass @ shapes.T
        # Modes of another space than that of the labels are not quite orthonormal at the labels.
        amplitudes = np.linalg.solve(shapes @ projected, (moved @ projected).T).T
        own = _directions((moved - amplitudes @ shapes).T, mass, ROUNDING**2 * float(np.sum(amplitudes**2)))
        noisy = np.ones(len(eigenvalues))
        if own.size:
            stiffness = operator.stiffness[free][:, free]
            more, rotation = linalg.eigh(own.T @ (stiffness @ own), own.T @ (mass @ own))
            own = own @ rotation
            amplitudes = np.hstack([amplitudes, moved @ (mass @ own)])
            eigenvalues, shapes = np.append(eigenvalues, more**operator.power), np.vstack([shapes, own.T])
            many = max(1.0, (free.sum() - len(noisy)) / len(more))
            noisy = np.append(noisy, np.full(len(more), many))
        every = np.zeros((len(shapes), len(free)))
        every[:, free] = shapes
        amplitudes, steady = np.split(amplitudes, [len(times)])
        known = Amplitudes.of(times, amplitudes, np.maximum(eigenvalues, 0.0), noisy, *steady)
        return cls(known, every, rest)


def _directions(left: Array, mass: sparse.csr_matrix, least: float) -> Array:
    """(F, r) directions, orthonormal in the mass, of (F, C) fields: down to `least` of their squared norms."""
    found = np.zeros((len(left), 0))
    # The small ones of a Gram matrix are rounding beside the large ones: those are taken off first.
    for _ in range(PASSES):
        gram = left.T @ (mass @ left)
        sizes, turned = linalg.eigh(0.5 * (gram + gram.T))
        kept = sizes > max(least, NEARLY * sizes.max(initial=0.0))
        own = left @ (turned[:, kept] / np.sqrt(sizes[kept]))
        found = np.hstack([found, own])
        left = left - found @ (found.T @ (mass @ left))
    return found


def boundary_of(mesh: LabelMesh) -> IntArray:
    """(B, d) nodes of the faces that belong to one simplex."""
    faces, count = np.unique(faces_of(mesh.cells)[0], axis=0, return_counts=True)
    return faces[count == 1]


def flat(points: Array) -> Array:
    """(L, 2) points of a plane body; (L, 0) of another one."""
    wide = np.ptp(points, axis=0) > FLAT * float(np.ptp(points))
    return points[:, wide] if int(wide.sum()) == 2 else points[:, :0]
