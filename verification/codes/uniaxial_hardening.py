"""A cube pulled in one direction past yield: stress on the bilinear curve."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
import ufl
from dolfinx import fem, mesh
from mpi4py import MPI

from cmgai_fem.mechanics.hardening import LinearHardening
from cmgai_fem.mechanics.quasi_static import QuasiStaticPlasticity
from cmgai_fem.study.findings import Figure

YOUNG, TANGENT, YIELD, STRAIN = 100e9, 10e9, 100e6, 0.01
SOURCE = "bilinear curve, exact"


def pulled_cube(steps: int) -> QuasiStaticPlasticity:
    """A cube free to contract sideways, pulled to `STRAIN` in equal steps."""
    domain = mesh.create_unit_cube(MPI.COMM_SELF, 2, 2, 2, mesh.CellType.hexahedron)
    space = fem.functionspace(domain, ("Lagrange", 1, (3,)))
    pull = fem.Constant(domain, 0.0)
    planes = [(0, 0.0, fem.Constant(domain, 0.0)), (1, 0.0, fem.Constant(domain, 0.0))]
    planes += [(2, 0.0, fem.Constant(domain, 0.0)), (0, 1.0, pull)]
    conditions = []
    for component, position, value in planes:
        part = space.sub(component)
        facets = mesh.locate_entities_boundary(domain, 2, lambda x, i=component, p=position: np.isclose(x[i], p))
        conditions.append(fem.dirichletbc(value, fem.locate_dofs_topological(part, 2, facets), part))
    nothing = fem.Constant(domain, np.zeros(3))
    law = LinearHardening(YIELD, YOUNG * TANGENT / (YOUNG - TANGENT))
    body = QuasiStaticPlasticity(space, conditions, lambda test: ufl.inner(nothing, test) * ufl.dx, 0.3, law)
    body.young[:] = YOUNG
    for strain in np.linspace(0.0, STRAIN, steps + 1)[1:]:
        pull.value = strain
        body.solve(f"strain = {strain:g}")
    return body


def run() -> list[Figure]:
    """Row: the axial stress."""
    stress = pulled_cube(steps=3).stress.x.array.reshape(-1, 6)[:, 0]
    target = YIELD + TANGENT * (STRAIN - YIELD / YOUNG)
    return [
        Figure.equals("uniaxial-hardening", "stress at 1 % strain [Pa]", "", float(stress.mean()), target, 1e-8, SOURCE)
    ]
