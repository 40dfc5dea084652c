"""Internal force of a law on the label mesh: energy, force, tangent and the tangent's own derivative.

Displacements are this rank's degrees of freedom of the label space (flat, components fastest) in the field's unit.
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

from functools import cached_property

import numpy as np
import ufl
from dolfinx import fem, la
from dolfinx.fem import petsc as fem_petsc
from petsc4py import PETSc

from cmgai_fem.fem.spaces import FAST, LabelSpace
from cmgai_fem.fem.ufl_ops import stored_energy
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.laws import Law


class InternalForce:
    """`E(u) = ∫ W(∇u) dX` and its derivatives.

    Forms are compiled once, here; each call assembles only. The matrices are PETSc's and are overwritten by the next
    call of the same method.

    Args:
        space: the label space.
        law: any law that fits its components and dimension.
    """

    def __init__(self, space: LabelSpace, law: Law) -> None:
        self._space = space
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
        """Stored energy at a displacement (D,)."""
        self._set(self._displacement, displacement)
        return float(self._space.sum(np.array([fem.assemble_scalar(self._energy)]))[0])

    def force(self, displacement: Array) -> Array:
        """Internal force (D,) `∂E/∂u`; nothing on fixed labels."""
        self._set(self._displacement, displacement)
        self._vector.array[:] = 0.0
        fem.assemble_vector(self._vector.array, self._force)
        self._vector.scatter_reverse(la.InsertMode.add)
        return self._space.without_reactions(self._vector.array[: self._space.size])

    def tangent(self, displacement: Array) -> PETSc.Mat:
        """Tangent stiffness `∂²E/∂u²`."""
        self._set(self._displacement, displacement)
        return self._assembled(self._matrix, self._tangent, FAST)

    def tangent_change(self, displacement: Array, direction: Array) -> PETSc.Mat:
        """`∂³E/∂u³` in one direction (D,): how the tangent changes along it; not for linear laws."""
        self._set(self._displacement, displacement)
        self._set(self._direction, direction)
        form, matrix = self._change
        return self._assembled(matrix, form, 0.0)

    def _assembled(self, matrix: PETSc.Mat, form: fem.Form, held: float) -> PETSc.Mat:
        matrix.zeroEntries()
        fem_petsc.assemble_matrix(matrix, form, bcs=self._space.supports, diag=held)
        matrix.assemble()
        return matrix

    def _set(self, function: fem.Function, values: Array) -> None:
        function.x.array[: self._space.size] = values
        function.x.scatter_forward()


def quadrature_degree(law: Law, space: LabelSpace) -> int:
    """Degree of the quadrature: exact for a linear law on affine cells, two more for the others."""
    degree = space.space.element.basix_element.degree
    return (
        max(2 * (degree - 1), 0) if law.is_linear and "quad" not in str(space.mesh.topology.cell_type) else 2 * degree
    )
