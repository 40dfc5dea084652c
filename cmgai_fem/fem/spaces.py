"""Finite-element spaces on the label mesh: mass and stiffness of a law, in the order of the labels."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

import atexit
from functools import cached_property, lru_cache
from typing import Any

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem, mesh
from dolfinx.cpp.io import perm_vtk
from dolfinx.fem import petsc as fem_petsc
from mpi4py import MPI
from petsc4py import PETSc

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.fem.ufl_ops import stored_energy
from cmgai_fem.states.labels import Array, BoolArray, Labels
from cmgai_fem.transport.eigenmodes import factor_with_mumps
from cmgai_fem.transport.laws import Law

# meshio's cell names, as (basix cell, degree of the geometry and of the space).
CELLS = {
    "line": ("interval", 1),
    "line3": ("interval", 2),
    "triangle": ("triangle", 1),
    "triangle6": ("triangle", 2),
    "quad": ("quadrilateral", 1),
    "quad9": ("quadrilateral", 2),
    "tetra": ("tetrahedron", 1),
    "tetra10": ("tetrahedron", 2),
    "hexahedron": ("hexahedron", 1),
    "hexahedron27": ("hexahedron", 2),
}
# Stiffness per mass of a fixed label: so fast that no mode of it is ever asked for.
FAST = 1e12


class LabelSpace:
    """Lagrange elements whose degrees of freedom are the labels.

    Under MPI every rank gives the same labels and holds a part of the mesh; its vectors are the degrees of freedom that
    it owns, component fastest.

    Args:
        labels: point labels on a mesh of one kind of cell; curves and surfaces in 2-D and 3-D are meant too.
        components: number of feature components n.
        density: (L,) rho0 at the labels; None for 1.
        fixed: (L,) True where a label does not move; None where all do.
        comm: MPI communicator over which the mesh is dealt out; this process alone by default.

    Raises:
        InputError: the labels have no such mesh.
    """

    def __init__(
        self,
        labels: Labels,
        components: int,
        density: Array | None = None,
        comm: MPI.Comm | None = None,
        fixed: BoolArray | None = None,
    ) -> None:
        if labels.location != "point" or len(labels.cells) != 1 or next(iter(labels.cells)) not in CELLS:
            raise InputError(
                "a law with stiffness needs point labels on a mesh of one kind of cell "
                f"({', '.join(CELLS)}); these labels are {labels.location} data on "
                f"{', '.join(labels.cells) or 'bare points'}: use the law 'none'"
            )
        self.comm, self.labels, self.components = comm or MPI.COMM_SELF, labels.count, components
        ((kind, cells),) = labels.cells.items()
        cell, degree = CELLS[kind]
        geometry = basix.ufl.element("Lagrange", cell, degree, shape=(labels.points.shape[1],))
        order = perm_vtk(mesh.to_type(cell), cells.shape[1])
        # DOLFINx reads a mesh that lies in pieces on the ranks and deals it out anew.
        own_cells, own_points = (_piece(len(whole), self.comm) for whole in (cells, labels.points))
        connectivity = np.ascontiguousarray(cells[own_cells][:, order], dtype=np.int64)
        self.mesh = mesh.create_mesh(self.comm, connectivity, geometry, np.ascontiguousarray(labels.points[own_points]))
        self.space = fem.functionspace(self.mesh, basix.ufl.element("Lagrange", cell, degree, shape=(components,)))
        scalar = fem.functionspace(self.mesh, ("Lagrange", degree))
        nodes = self.mesh.geometry.input_global_indices[self.mesh.geometry.dofmaps[0]]
        map_of_nodes = self.space.dofmap.index_map
        labels_of_dofs = np.empty(map_of_nodes.size_local + map_of_nodes.num_ghosts, dtype=np.int64)
        labels_of_dofs[self.space.dofmap.list] = nodes
        self.local_labels = labels_of_dofs
        self._own_labels = labels_of_dofs[: map_of_nodes.size_local]
        self.supports: list[fem.DirichletBC] = []
        self._free = np.ones(self.size)
        if fixed is not None:
            still = np.flatnonzero(fixed[labels_of_dofs]).astype(np.int32)
            # A field of one component is a vector of length one, which a constant does not fit: a function does.
            self.supports = [fem.dirichletbc(fem.Function(self.space), still)]
            self._free = np.repeat(np.where(fixed[self._own_labels], 0.0, 1.0), components)
        self._stiffness: tuple[Law, PETSc.Mat] | None = None
        self.density = fem.Function(scalar)
        self.density.x.array[scalar.dofmap.list] = 1.0 if density is None else density[nodes]

    @property
    def size(self) -> int:
        """Number of degrees of freedom that this rank owns."""
        return len(self._own_labels) * self.components

    def to_dofs(self, values: Array) -> Array:
        """This rank's degrees of freedom (D,) of label values (L, n)."""
        return values[self._own_labels].ravel()

    def to_labels(self, dofs: Array) -> Array:
        """Label values (L, n), the same on every rank, of each rank's degrees of freedom (D,)."""
        values = np.zeros((self.labels, self.components))
        values[self._own_labels] = dofs.reshape(-1, self.components)
        return values if self.comm.size == 1 else self.sum(values)

    def sum(self, parts: Array) -> Array:
        """The sum over the ranks of what each of them holds, the same to the last digit on every rank."""
        return sum_over(self.comm, parts)

    def without_reactions(self, force: Array) -> Array:
        """A force (D,) with nothing on the fixed labels, which only hold it."""
        return force * self._free

    @cached_property
    def mass(self) -> PETSc.Mat:
        """Mass matrix, weighted by the density."""
        trial, test = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        return self._assemble(self.density * ufl.inner(trial, test) * ufl.dx, 1.0)

    def stiffness(self, law: Law) -> PETSc.Mat:
        """Stiffness matrix `d2W/du2` at rest; the whole operator where the law is linear. The last one is kept."""
        if self._stiffness is None or self._stiffness[0] is not law:
            self._stiffness = (law, self._assembled_stiffness(law))
        return self._stiffness[1]

    def _assembled_stiffness(self, law: Law) -> PETSc.Mat:
        rest = fem.Function(self.space)
        energy = stored_energy(law, rest) * ufl.dx
        residual = ufl.derivative(energy, rest, ufl.TestFunction(self.space))
        return self._assemble(ufl.derivative(residual, rest, ufl.TrialFunction(self.space)), FAST)

    def _assemble(self, form: ufl.Form, held: float) -> PETSc.Mat:
        matrix = fem_petsc.assemble_matrix(fem.form(form), bcs=self.supports, diag=held)
        matrix.assemble()
        matrix.setOption(PETSc.Mat.Option.SYMMETRIC, True)
        return matrix


def label_space(
    labels: Labels,
    components: int,
    density: Array | None = None,
    comm: MPI.Comm | None = None,
    fixed: BoolArray | None = None,
) -> LabelSpace:
    """The label space of a transport problem; arguments as for `LabelSpace`.

    A calibration solves hundreds of problems on the same labels: where nothing but these matters, the space is kept.
    """
    if density is None and fixed is None and (comm is None or comm.size == 1):
        return _kept(labels, components)
    return LabelSpace(labels, components, density, comm, fixed)


@lru_cache(maxsize=2)
def _kept(labels: Labels, components: int) -> LabelSpace:
    return LabelSpace(labels, components)


# Meshes and matrices must be gone before MPI ends.
atexit.register(_kept.cache_clear)


def sum_over(comm: MPI.Comm, parts: Array) -> Array:
    """The sum over the ranks of `parts`, the same to the last digit on every rank."""
    if comm.size == 1:
        return parts
    parts = np.ascontiguousarray(parts)
    total = np.empty_like(parts)
    comm.Reduce(parts, total)
    comm.Bcast(total)
    return total


def _piece(count: int, comm: MPI.Comm) -> slice:
    """The rows of `count` that this rank reads."""
    return slice(count * comm.rank // comm.size, count * (comm.rank + 1) // comm.size)


class Factorised:
    """The inverse of a symmetric positive definite matrix of the label mesh, by one sparse Cholesky factorisation."""

    def __init__(self, matrix: Any) -> None:
        matrix.setOption(PETSc.Mat.Option.SPD, True)
        self._solver: Any = PETSc.KSP().create(matrix.comm)
        self._solver.setOperators(matrix)
        factor_with_mumps(self._solver)
        self._solution = matrix.createVecRight()
        self._right = matrix.createVecRight()

    def __call__(self, right: Array) -> Array:
        """Solve for one right-hand side (D,)."""
        self._right.array[:] = right
        self._solver.solve(self._right, self._solution)
        if self._solver.getConvergedReason() < 0:
            raise ConvergenceError(f"label mesh: the factorisation failed ({self._solver.getConvergedReason()})")
        return self._solution.array.copy()


def shifted(mass: PETSc.Mat, stiffness: PETSc.Mat, shift: float) -> Factorised:
    """`(M + shift K)^-1`."""
    matrix: Any = mass.copy()
    matrix.axpy(shift, stiffness, structure=PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
    return Factorised(matrix)


class Columns:
    """Vectors as the columns of one dense matrix, for products with all of them at once.

    Args:
        vectors: (D, r) this rank's part of the vectors.
        comm: PETSc communicator of the matrices to come.
    """

    def __init__(self, vectors: Array, comm: PETSc.Comm) -> None:
        self._vectors = vectors
        count = vectors.shape[1]
        size = ((len(vectors), PETSc.DETERMINE), (PETSc.DECIDE, count))
        create: Any = PETSc.Mat().createDense
        self._dense = create(size, array=np.asfortranarray(vectors), comm=comm)
        self._dense.assemble()

    def project(self, matrix: PETSc.Mat) -> Array:
        """(r, r) this rank's part of `V^T A V`: the sum over the ranks is the whole."""
        product: Any = matrix.matMult(self._dense)
        projected = self._vectors.T @ product.getDenseArray()
        product.destroy()
        return np.asarray(projected)


def products(matrix: PETSc.Mat, vectors: Array) -> Array:
    """`matrix @ v` for each row v of `vectors` (r, D)."""
    pair: Any = matrix.createVecs()
    right, result = pair
    results = np.empty_like(vectors)
    for row, vector in enumerate(vectors):
        right.array[:] = vector
        matrix.mult(right, result)
        results[row] = result.array
    return results
