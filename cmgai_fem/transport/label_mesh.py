"""Linear finite elements on the label mesh: mass, stiffness of a law, and the modes that a stiff law needs.

Lines, triangles and tetrahedra, also as curves and surfaces in more dimensions, where gradients lie in the tangent
plane. The PINN's spatial features come from here, independent of the finite-element transport.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import factorial

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import splu

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array, BoolArray, IntArray, Labels
from cmgai_fem.transport.laws import Law, Membrane, NumpyOperations

SIMPLEX_DIMENSION = {"line": 1, "triangle": 2, "tetra": 3}
# Part of half a period between two states at which a mode feels no law any more.
SWING = 0.8


@dataclass(frozen=True)
class LabelMesh:
    """Simplices that carry one linear shape function a label.

    Args:
        points: (L, g) label positions.
        cells: (C, d + 1) labels of each simplex.
        density: (L,) rho0 at the labels.
        fixed: (L,) True where a label does not move; None where all do.
    """

    points: Array
    cells: IntArray
    density: Array
    fixed: BoolArray | None = None

    @classmethod
    def of(cls, labels: Labels, density: Array | None = None, fixed: BoolArray | None = None) -> "LabelMesh":
        """The mesh of point labels.

        Raises:
            InputError: the labels are not the nodes of one block of lines, triangles or tetrahedra.
        """
        kinds = list(labels.cells)
        if labels.location != "point" or len(kinds) != 1 or kinds[0] not in SIMPLEX_DIMENSION:
            raise InputError(
                "a law with stiffness needs point labels on a mesh of lines, triangles or tetrahedra; these labels are "
                f"{labels.location} data on {', '.join(kinds) or 'bare points'}: use the law 'none'"
            )
        weighed = np.ones(labels.count) if density is None else density
        return cls(labels.points, labels.cells[kinds[0]], weighed, fixed)

    def moving(self, components: int) -> IntArray:
        """Rows of the degrees of freedom, component fastest, that are not fixed."""
        free = np.ones(len(self.points), dtype=bool) if self.fixed is None else ~self.fixed
        return np.flatnonzero(np.repeat(free, components))

    @cached_property
    def volumes(self) -> Array:
        """(C,) length, area or volume of each simplex."""
        edges = self._edges
        gram = edges @ np.swapaxes(edges, 1, 2)
        return np.sqrt(np.linalg.det(gram)) / factorial(edges.shape[1])

    @cached_property
    def gradients(self) -> Array:
        """(C, d + 1, g) constant gradients of the shape functions, in the tangent plane."""
        edges = self._edges
        dual = np.linalg.solve(edges @ np.swapaxes(edges, 1, 2), edges)
        return np.concatenate([-dual.sum(axis=1, keepdims=True), dual], axis=1)

    @cached_property
    def mass(self) -> sparse.csr_matrix:
        """(L, L) consistent mass matrix with the density linear in each simplex."""
        corners = self.cells.shape[1]
        # Integral of three linear shape functions over a simplex: d! a! b! c! / (d + a + b + c)! times its volume.
        triple = np.empty((corners, corners, corners))
        for index in product(range(corners), repeat=3):
            powers = np.bincount(index, minlength=corners)
            triple[index] = np.prod([factorial(int(power)) for power in powers])
        triple *= factorial(corners - 1) / factorial(corners + 2)
        local = np.einsum("c,ck,ijk->cij", self.volumes, self.density[self.cells], triple)
        return self._assemble(local[:, :, None, :, None])

    def stiffness(self, law: Law, components: int) -> sparse.csr_matrix:
        """(L n, L n) stiffness matrix of the law at rest, component fastest.

        Raises:
            InputError: the law needs as many components as label directions.
        """
        self.check(law, components)
        tangent = rest_tangent(law, components, self.points.shape[1])
        local = np.einsum("c,cva,iajb,cwb->cviwj", self.volumes, self.gradients, tangent, self.gradients, optimize=True)
        return self._assemble(local)

    def displacement_gradients(self, values: Array) -> Array:
        """(..., C, n, g) gradients of label values (..., L, n) in each simplex."""
        return np.einsum("...cvi,cva->...cia", values[..., self.cells, :], self.gradients)

    def check(self, law: Law, components: int) -> None:
        """Refuse a law that needs square gradients where they are not."""
        if law.needs_square and components != self.points.shape[1]:
            raise InputError(
                f"law {law.name!r} needs as many components as label directions, not {components} in "
                f"{self.points.shape[1]}-D: use the law 'membrane'"
            )

    @cached_property
    def _edges(self) -> Array:
        corners = self.points[self.cells]
        return corners[:, 1:] - corners[:, :1]

    def _assemble(self, local: Array) -> sparse.csr_matrix:
        """Sparse matrix of local ones (C, v, n, v, n)."""
        components = local.shape[2]
        unknowns = (self.cells[:, :, None] * components + np.arange(components)).reshape(len(self.cells), -1)
        size = unknowns.shape[1]
        rows, columns = np.repeat(unknowns, size, axis=1), np.tile(unknowns, (1, size))
        total = len(self.points) * components
        entries = local.reshape(len(self.cells), -1)
        return sparse.coo_matrix((entries.ravel(), (rows.ravel(), columns.ravel())), shape=(total, total)).tocsr()


def rest_tangent(law: Law, components: int, directions: int) -> Array:
    """(n, g, n, g) second derivative of a law's energy at rest, by central differences of the energy.

    For a linear law, a quadratic form, they are exact.
    """
    size = components * directions
    step = 1.0 if law.is_linear else 1e-3
    unit = step * np.eye(size).reshape(size, components, directions)
    operations = NumpyOperations()
    pairs = (unit[:, None] + unit[None, :], unit[:, None] - unit[None, :])
    plus, minus = (0.5 * (law.energy(pair, operations) + law.energy(-pair, operations)) for pair in pairs)
    tangent = 0.5 * (plus - minus) / step**2
    return np.asarray(tangent).reshape(components, directions, components, directions)


@dataclass(frozen=True)
class StiffModes:
    """Modes in which a stiff law moves the known displacements, each by itself.

    Args:
        eigenvalues: (r,) stiffness of each mode per mass.
        shapes: (r, L, n) mode shapes, orthonormal in the mass matrix.
        amplitudes: (K, r) coordinates of the known displacements.
    """

    eigenvalues: Array
    shapes: Array
    amplitudes: Array


def stiff_modes(mesh: LabelMesh, law: Law, displacements: Array, gap: float, blocks: int) -> StiffModes:
    """Ritz modes of `M^-1 K` in the Krylov space of `(M + gap² K)^-1 M` on the known displacements.

    What a linear law makes of the states is a function of `M^-1 K` applied to them, and this space holds such functions
    to many digits in a few blocks.

    Args:
        mesh: the label mesh.
        law: the law; one that is not linear is taken at rest.
        displacements: (K, L, n) known displacements.
        gap: pseudo-time between states: modes that swing in it are resolved best.
        blocks: blocks of the Krylov space; 1 is the states alone.
    """
    count, labels, components = displacements.shape
    free = mesh.moving(components)
    mass, stiffness = _moving_part(mesh, law, components)
    flat = displacements.reshape(count, -1).T[free]
    block = _orthonormal(mass, flat, np.zeros((len(flat), 0)), 1e-14)
    basis = block
    if block.shape[1] and blocks > 1:
        factor = splu((mass + gap**2 * stiffness).tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    for _ in range(blocks - 1):
        if block.shape[1] == 0:
            break
        block = _orthonormal(mass, factor.solve(mass @ block), basis, 1e-10)
        basis = np.hstack([basis, block])
    values, rotation = linalg.eigh(basis.T @ (stiffness @ basis))
    basis = basis @ rotation
    shapes = np.zeros((basis.shape[1], labels * components))
    shapes[:, free] = basis.T
    return StiffModes(np.maximum(values, 0.0), shapes.reshape(-1, labels, components), flat.T @ (mass @ basis))


def slow_limit(nodes: Array) -> float:
    """The eigenvalue (stiffness per mass) below which a mode feels the law.

    Args:
        nodes: (K,) pseudo-times of the states.
    """
    return float((SWING * np.pi / np.diff(nodes).max()) ** 2)


def felt(eigenvalues: Array, nodes: Array) -> Array:
    """The stiffness that eigenmodes of a linear law feel: `lam (1 - (lam / limit)^4)^3` below the limit, 0 above.

    Twice continuously differentiable, so that a Krylov space holds the motion in few vectors; within one per cent of
    the whole stiffness up to a quarter of the limit, where a mode swings through 0.4 of half a period.

    Args:
        eigenvalues: (r,) eigenvalues, not negative.
        nodes: (K,) pseudo-times of the states.
    """
    part = np.minimum(eigenvalues / slow_limit(nodes), 1.0)
    return eigenvalues * (1.0 - part**4) ** 3


def slow_eigenmodes(mesh: LabelMesh, law: Law, components: int, limit: float, most: int) -> tuple[Array, Array]:
    """Eigenmodes of the label mesh under a law at rest, up to a stiffness.

    Args:
        mesh: the label mesh.
        law: the law.
        components: number of feature components n.
        limit: largest eigenvalue of `M^-1 K`.
        most: number of eigenmodes after which the search ends.

    Returns:
        Eigenvalues (r,), increasing and not negative, and shapes (r, L, n) orthonormal in the mass matrix; r is at most
        `most + 1`.

    Raises:
        ConvergenceError: the eigensolver failed.
    """
    from cmgai_fem.transport.eigenmodes import eigenmodes_below, to_petsc

    mass, stiffness = _moving_part(mesh, law, components)
    values, vectors = eigenmodes_below(to_petsc(stiffness), to_petsc(mass), limit, most)
    shapes = np.zeros((len(values), len(mesh.points) * components))
    shapes[:, mesh.moving(components)] = vectors
    return values, shapes.reshape(-1, len(mesh.points), components)


def _moving_part(mesh: LabelMesh, law: Law, components: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Mass and stiffness of the degrees of freedom that are not fixed."""
    free = mesh.moving(components)
    mass = sparse.kron(mesh.mass, sparse.identity(components), format="csr")
    return mass[free][:, free], mesh.stiffness(law, components)[free][:, free]


def laplace_beltrami_modes(mesh: LabelMesh, count: int) -> tuple[Array, Array]:
    """The lowest Laplace-Beltrami eigenfunctions of the label mesh: spectral features of its labels.

    On a curve or surface in more dimensions gradients lie in the tangent plane, so that the features follow geodesic
    distances and not the space around.

    Args:
        mesh: the label mesh; its density weighs the orthogonality.
        count: number of eigenfunctions.

    Returns:
        Eigenvalues (count,) [1 / label unit squared], increasing from 0, and functions (count, L), orthonormal in the
        mass matrix.

    Raises:
        ConvergenceError: fewer converged.
    """
    from cmgai_fem.transport.eigenmodes import lowest_eigenmodes, to_petsc

    # The eigenvalue of a wave as long as the mesh is wide.
    scale = (np.pi / np.linalg.norm(np.ptp(mesh.points, axis=0))) ** 2
    return lowest_eigenmodes(to_petsc(mesh.stiffness(Membrane(), 1)), to_petsc(mesh.mass), count, float(scale))


def _orthonormal(mass: sparse.csr_matrix, vectors: Array, against: Array, tolerance: float) -> Array:
    """Columns orthonormal in the mass matrix that `vectors` add to the columns of `against`."""
    size = np.sqrt(np.einsum("ij,ij->j", vectors, mass @ vectors)).max(initial=0.0)
    kept: list[Array] = []
    for vector in vectors.T:
        fresh = vector
        so_far = np.column_stack([against, *kept]) if kept else against
        for _ in range(2):  # twice is enough
            fresh = fresh - so_far @ (so_far.T @ (mass @ fresh))
        length = float(np.sqrt(fresh @ (mass @ fresh)))
        if length > tolerance * size:
            kept.append(fresh / length)
    return np.column_stack(kept) if kept else np.zeros((len(vectors), 0))
