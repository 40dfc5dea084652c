"""Internal force of a law on the label mesh: energy, force, tangent and the tangent's own derivative.

Displacements are degrees of freedom of the label space (flat, components fastest) in the unit of the field.
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

from functools import cached_property

import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from petsc4py import PETSc
from scipy import sparse

from cmgai_fem.constitutive import Law
from cmgai_fem.fem.spaces import LabelSpace
from cmgai_fem.fem.ufl_ops import stored_energy
from cmgai_fem.states import Array


class InternalForce:
    """`E(u) = ∫ W(∇u) dX` and its derivatives.

    Forms are compiled once, here; each call assembles only.

    Args:
        space: the label space.
        law: any law that fits its components and dimension.
    """

    def __init__(self, space: LabelSpace, law: Law) -> None:
        self._displacement = fem.Function(space.space)
        self._direction = fem.Function(space.space)
        test, trial = ufl.TestFunction(space.space), ufl.TrialFunction(space.space)
        energy = stored_energy(law, self._displacement) * ufl.dx(degree=quadrature_degree(law, space))
        force = ufl.derivative(energy, self._displacement, test)
        tangent = ufl.derivative(force, self._displacement, trial)
        self.is_linear = law.is_linear
        self._tangent_form = tangent
        self._energy, self._force, self._tangent = fem.form(energy), fem.form(force), fem.form(tangent)
        self._vector = fem.assemble_vector(self._force)
        self._matrix = fem_petsc.create_matrix(self._tangent)

    @cached_property
    def _change(self) -> tuple[fem.Form, PETSc.Mat]:
        # Compiled on first use: the march does not need it, and it is the longest form.
        form = fem.form(ufl.derivative(self._tangent_form, self._displacement, self._direction))
        return form, fem_petsc.create_matrix(form)

    def energy(self, displacement: Array) -> float:
        """Stored energy at a displacement (L n,)."""
        self._displacement.x.array[:] = displacement
        return float(fem.assemble_scalar(self._energy))

    def force(self, displacement: Array) -> Array:
        """Internal force (L n,) `∂E/∂u`."""
        self._displacement.x.array[:] = displacement
        self._vector.array[:] = 0.0
        fem.assemble_vector(self._vector.array, self._force)
        return np.array(self._vector.array)

    def tangent(self, displacement: Array) -> sparse.csr_matrix:
        """Tangent stiffness `∂²E/∂u²`."""
        self._displacement.x.array[:] = displacement
        return _assembled(self._matrix, self._tangent)

    def tangent_change(self, displacement: Array, direction: Array) -> sparse.csr_matrix:
        """`∂³E/∂u³` in one direction (L n,): how the tangent changes along it; not for linear laws."""
        self._displacement.x.array[:] = displacement
        self._direction.x.array[:] = direction
        form, matrix = self._change
        return _assembled(matrix, form)


def quadrature_degree(law: Law, space: LabelSpace) -> int:
    """Degree of the quadrature: exact for a linear law on affine cells, two more for the others."""
    degree = space.space.element.basix_element.degree
    return (
        max(2 * (degree - 1), 0) if law.is_linear and "quad" not in str(space.mesh.topology.cell_type) else 2 * degree
    )


def to_scipy(matrix: PETSc.Mat) -> sparse.csr_matrix:
    """A copy of a serial PETSc matrix."""
    rows, columns, values = matrix.getValuesCSR()
    return sparse.csr_matrix((values, columns, rows), shape=matrix.getSize())


def _assembled(matrix: PETSc.Mat, form: fem.Form) -> sparse.csr_matrix:
    matrix.zeroEntries()
    fem_petsc.assemble_matrix(matrix, form)
    matrix.assemble()
    return to_scipy(matrix)
