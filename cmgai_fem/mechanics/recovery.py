"""Nodal fields from a finite element solution.

Stress is discontinuous between cells. It is recovered by the L2 projection onto continuous linear elements, whose
nodes are the labels. Why that one: it is linear in the stress (so recovering and transporting commute), it keeps the
volume integral of each component, it needs no patches and is the same on any number of ranks, and it is the best
approximation in the norm that the errors are measured in.
"""

from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from petsc4py import PETSc

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.meshing import NodeGather, compile_form
from cmgai_fem.states.labels import Array


class NodalProjection:
    """L2 projection of a UFL expression onto continuous linear elements, gathered on rank 0.

    Args:
        mesh: the mesh.
        expressions: scalar UFL expressions, one a component; they read functions that change between calls.
        quadrature_degree: degree of the quadrature of the right-hand side.
        weight: weight of the inner product (the radius, say).
    """

    def __init__(
        self, mesh: dolfinx.mesh.Mesh, expressions: tuple[Any, ...], quadrature_degree: int, weight: Any = 1.0
    ) -> None:
        count = len(expressions)
        self._space = fem.functionspace(mesh, ("Lagrange", 1, (count,)))
        scalar = fem.functionspace(mesh, ("Lagrange", 1))
        dx = ufl.dx(mesh, metadata={"quadrature_degree": quadrature_degree})
        trial, test = ufl.TrialFunction(scalar), ufl.TestFunction(scalar)
        mass = fem_petsc.assemble_matrix(fem.form(trial * test * weight * dx))
        mass.assemble()
        tests = ufl.TestFunction(self._space)
        self._load = compile_form(ufl.inner(ufl.as_vector(expressions), tests) * weight * dx)
        self._right = fem_petsc.create_vector(self._space)
        self._one, self._result = mass.createVecs()
        self.values = fem.Function(self._space)
        self.gather = NodeGather(self._space)
        self._solver = PETSc.KSP().create(mesh.comm)
        self._solver.setOperators(mass)
        self._solver.setType(PETSc.KSP.Type.CG)
        self._solver.getPC().setType(PETSc.PC.Type.JACOBI)
        self._solver.setTolerances(rtol=1e-13, atol=1e-300, max_it=500)
        self._count = count

    def __call__(self, state: str) -> Array | None:
        """Project the present values of the expressions. Collective.

        Args:
            state: name of the state, for messages.

        Returns:
            (N, n) nodal values on rank 0 in gmsh's order of nodes, None elsewhere.

        Raises:
            ConvergenceError: the mass matrix was not solved to 1e-13.
        """
        with self._right.localForm() as local:
            local.set(0.0)
        fem_petsc.assemble_vector(self._right, self._load)
        self._right.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        loads = self._right.array.reshape(-1, self._count)
        owned = np.zeros_like(loads)
        for component in range(self._count):
            self._one.array[:] = loads[:, component]
            self._solver.solve(self._one, self._result)
            if not self._solver.is_converged:
                raise ConvergenceError(f"state {state}: the nodal projection did not converge")
            owned[:, component] = self._result.array
        self.values.x.array[: owned.size] = owned.ravel()
        self.values.x.scatter_forward()
        return self.gather(self.values.x.array)


def symmetric_components(tensor: Any) -> tuple[Any, ...]:
    """Components xx, yy, zz, xy, yz, xz of a 3x3 UFL tensor, the order of `states.SYMMETRIC_TENSOR`."""
    return tuple(tensor[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2)))
