"""How far a nodal stress field is from equilibrium with its loads."""

from collections.abc import Mapping, Sequence
from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.meshing import NodeGather
from cmgai_fem.mechanics.thermoelastic import strain, thermoelastic_stress
from cmgai_fem.states.labels import Array


class EquilibriumCheck:
    """Weak equilibrium residual of a nodal stress field, relative to the load.

    The residual R(v) = int sigma : eps(v) dV - int t . v dA is a functional on the displacements v that vanish at the
    clamp, where the reaction is unknown. Its size is its norm dual to the energy of the isothermal body,
    |R| = sup R(v)/|v|_E = sqrt(r . K^-1 r), with r = R on the basis of continuous linear displacements on the label
    mesh and K their stiffness matrix at the reference temperature. Relative to the same norm of the load alone: 0 is
    equilibrium, 1 is as bad as no stress at all. It is the energy norm of the displacement that the unbalanced forces
    would cause, over that of the displacement that the load causes; so it does not depend on units, nor (in the limit)
    on the mesh.

    Args:
        body: the meshed body, on one process.
        young: Young's modulus of the isothermal body [Pa].
        poisson: Poisson's ratio [-].
        clamp: name of the boundary where test displacements vanish.
        tractions: traction [Pa] by boundary name.
    """

    def __init__(
        self, body: Body, young: float, poisson: float, clamp: str, tractions: Mapping[str, Sequence[float]]
    ) -> None:
        mesh = body.mesh
        if mesh.comm.size != 1:
            raise InputError("the equilibrium check works on one process")
        space = fem.functionspace(mesh, ("Lagrange", 1, (3,)))
        trial, test = ufl.TrialFunction(space), ufl.TestFunction(space)
        dx = ufl.dx(mesh)
        energy = thermoelastic_stress(strain(trial, "solid"), 0.0, young, poisson, "solid")
        load: Any = sum(
            ufl.inner(ufl.as_vector(list(traction)), test) * body.ds(name) for name, traction in tractions.items()
        )
        held = fem.locate_dofs_topological(space, mesh.topology.dim - 1, body.facets_of(clamp))
        free = np.ones((space.dofmap.index_map.size_local, 3), dtype=bool)
        free[held] = False
        self._free = np.flatnonzero(free.ravel())
        stiffness = _matrix(ufl.inner(energy, strain(test, "solid")) * dx)
        self._factor = scipy.sparse.linalg.splu(stiffness[self._free][:, self._free].tocsc())
        self._load = fem.assemble_vector(fem.form(load)).array[self._free]
        self._load_norm = self._norm(self._load)
        nodal = fem.functionspace(mesh, ("Lagrange", 1, (6,)))
        xx, yy, zz, xy, yz, xz = ufl.split(ufl.TrialFunction(nodal))
        stress = ufl.as_tensor([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        self._internal_force = _matrix(ufl.inner(stress, strain(test, "solid")) * dx)[self._free]
        self._label_of_node = NodeGather(nodal).label_of_node

    def residual(self, stress: Array) -> float:
        """Relative residual of a stress field.

        Args:
            stress: (N, 6) nodal stress xx, yy, zz, xy, yz, xz [Pa], in gmsh's order of nodes.

        Returns:
            |R| / |load|, 0 for equilibrium.
        """
        return self._norm(self._internal_force @ stress[self._label_of_node].ravel() - self._load) / self._load_norm

    def _norm(self, functional: Array) -> float:
        return float(np.sqrt(functional @ self._factor.solve(functional)))


def _matrix(form: Any) -> scipy.sparse.csr_matrix:
    matrix = fem_petsc.assemble_matrix(fem.form(form))
    matrix.assemble()
    starts, columns, values = matrix.getValuesCSR()
    return scipy.sparse.csr_matrix((values, columns, starts), shape=matrix.getSize())
