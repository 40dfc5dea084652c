"""Finite-element spaces on the label mesh: mass and stiffness of a law, in the order of the labels."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

from functools import cached_property
from typing import Any

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem, mesh
from dolfinx.cpp.io import perm_vtk
from dolfinx.fem import petsc as fem_petsc
from mpi4py import MPI
from petsc4py import PETSc

from cmgai_fem.constitutive import Law, NoLaw
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.fem.ufl_ops import stored_energy
from cmgai_fem.states import Array, Labels

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


class LabelSpace:
    """Lagrange elements whose degrees of freedom are the labels.

    Args:
        labels: point labels on a mesh of one kind of cell; curves and surfaces in 2-D and 3-D are meant too.
        components: number of feature components n.
        density: (L,) rho0 at the labels; None for 1.

    Raises:
        InputError: the labels have no such mesh.
    """

    def __init__(self, labels: Labels, components: int, density: Array | None = None) -> None:
        if labels.location != "point" or len(labels.cells) != 1 or next(iter(labels.cells)) not in CELLS:
            raise InputError(
                "a law with stiffness needs point labels on a mesh of one kind of cell "
                f"({', '.join(CELLS)}); these labels are {labels.location} data on "
                f"{', '.join(labels.cells) or 'bare points'}: use the law 'none'"
            )
        ((kind, cells),) = labels.cells.items()
        cell, degree = CELLS[kind]
        geometry = basix.ufl.element("Lagrange", cell, degree, shape=(labels.points.shape[1],))
        order = perm_vtk(mesh.to_type(cell), cells.shape[1])
        connectivity = np.ascontiguousarray(cells[:, order], dtype=np.int64)
        self.mesh = mesh.create_mesh(MPI.COMM_SELF, connectivity, geometry, np.ascontiguousarray(labels.points))
        self.components = components
        self.space = fem.functionspace(self.mesh, basix.ufl.element("Lagrange", cell, degree, shape=(components,)))
        scalar = fem.functionspace(self.mesh, ("Lagrange", degree))
        nodes = self.mesh.geometry.input_global_indices[self.mesh.geometry.dofmaps[0]]
        self._labels_of_dofs = np.empty(labels.count, dtype=np.int64)
        self._labels_of_dofs[self.space.dofmap.list] = nodes
        self.density = fem.Function(scalar)
        self.density.x.array[scalar.dofmap.list] = 1.0 if density is None else density[nodes]

    def to_dofs(self, values: Array) -> Array:
        """Degrees of freedom (L n,) of label values (L, n)."""
        return values[self._labels_of_dofs].ravel()

    def to_labels(self, dofs: Array) -> Array:
        """Label values (L, n) of degrees of freedom (L n,)."""
        values = np.empty((len(self._labels_of_dofs), self.components))
        values[self._labels_of_dofs] = dofs.reshape(-1, self.components)
        return values

    @cached_property
    def mass(self) -> PETSc.Mat:
        """Mass matrix, weighted by the density."""
        trial, test = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        return self._assemble(self.density * ufl.inner(trial, test) * ufl.dx)

    def stiffness(self, law: Law) -> PETSc.Mat:
        """Stiffness matrix `d2W/du2` at rest; the whole operator where the law is linear."""
        rest = fem.Function(self.space)
        energy = stored_energy(law, rest) * ufl.dx
        residual = ufl.derivative(energy, rest, ufl.TestFunction(self.space))
        return self._assemble(ufl.derivative(residual, rest, ufl.TrialFunction(self.space)))

    @staticmethod
    def _assemble(form: ufl.Form) -> PETSc.Mat:
        matrix = fem_petsc.assemble_matrix(fem.form(form))
        matrix.assemble()
        matrix.setOption(PETSc.Mat.Option.SYMMETRIC, True)
        return matrix


class ShiftedSolver:
    """`(M + shift K)^-1` by one sparse Cholesky factorisation of the label mesh."""

    def __init__(self, mass: PETSc.Mat, stiffness: PETSc.Mat, shift: float) -> None:
        matrix: Any = mass.copy()
        matrix.axpy(shift, stiffness, structure=PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
        matrix.setOption(PETSc.Mat.Option.SPD, True)
        self._solver: Any = PETSc.KSP().create(matrix.comm)
        self._solver.setOperators(matrix)
        self._solver.setType(PETSc.KSP.Type.PREONLY)
        self._solver.getPC().setType(PETSc.PC.Type.CHOLESKY)
        self._solver.getPC().setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
        self._solution = matrix.createVecRight()
        self._right = matrix.createVecRight()

    def __call__(self, right: Array) -> Array:
        """Solve for one right-hand side (L n,)."""
        self._right.array[:] = right
        self._solver.solve(self._right, self._solution)
        if self._solver.getConvergedReason() < 0:
            raise ConvergenceError(f"label mesh: the factorisation failed ({self._solver.getConvergedReason()})")
        return self._solution.array.copy()


def times(matrix: PETSc.Mat, vectors: Array) -> Array:
    """`matrix @ v` for each row v of `vectors` (r, L n)."""
    pair: Any = matrix.createVecs()
    right, result = pair
    products = np.empty_like(vectors)
    for row, vector in enumerate(vectors):
        right.array[:] = vector
        matrix.mult(right, result)
        products[row] = result.array
    return products


def has_stiffness(law: Law) -> bool:
    """Whether the law couples the labels at all."""
    return not isinstance(law, NoLaw) and law.stiffness > 0.0
