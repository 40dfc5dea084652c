"""Thermo-elasticity against scikit-fem on the same mesh and order, where it is installed."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
import pytest
from mpi4py import MPI

from cmgai_fem.mechanics.body import mark_boundaries
from cmgai_fem.mechanics.conditions import Fixed, Temperature, Traction
from cmgai_fem.mechanics.material_card import MaterialCard
from cmgai_fem.mechanics.problem import BodyProblem

skfem = pytest.importorskip("skfem")

YOUNG, POISSON, EXPANSION, PULL = 200e9, 0.3, 1.2e-5, 2e7


def test_thermo_elastic_displacement_equals_scikit_fem() -> None:
    from skfem.helpers import ddot, div, dot, sym_grad

    corners = [[0.0, 0.0], [2.0, 1.0]]
    mesh = dolfinx.mesh.create_rectangle(MPI.COMM_SELF, corners, [8, 4])
    places = {"left": lambda x: np.isclose(x[0], 0.0), "right": lambda x: np.isclose(x[0], 2.0)}
    body = mark_boundaries(mesh, places)
    card = MaterialCard(young=YOUNG, poisson=POISSON, expansion=EXPANSION, reference_temperature=20.0)
    problem = BodyProblem(body, card, "plane strain").add(
        Fixed(on="left"), Temperature(on="body", value="20 + 100*x - 60*y"), Traction(on="right", y=PULL)
    )
    states = problem.solve([0.0])
    assert states is not None
    triangles = skfem.MeshTri(states.labels.points.T, states.labels.cells["triangle"].T)
    basis = skfem.Basis(triangles, skfem.ElementVector(skfem.ElementTriP2()), intorder=4)
    mu = YOUNG / (2.0 * (1.0 + POISSON))
    lame = YOUNG * POISSON / ((1.0 + POISSON) * (1.0 - 2.0 * POISSON))

    @skfem.BilinearForm
    def stiffness(u, v, w):
        return 2.0 * mu * ddot(sym_grad(u), sym_grad(v)) + lame * div(u) * div(v)

    @skfem.LinearForm
    def heat(v, w):
        return (3.0 * lame + 2.0 * mu) * EXPANSION * (100.0 * w.x[0] - 60.0 * w.x[1]) * div(v)

    @skfem.LinearForm
    def pull(v, w):
        return PULL * dot(np.array([0.0 * w.x[0], 0.0 * w.x[0] + 1.0]), v)

    right = basis.boundary(triangles.facets_satisfying(lambda x: np.isclose(x[0], 2.0)))
    load = heat.assemble(basis) + pull.assemble(right)
    held = basis.get_dofs(lambda x: np.isclose(x[0], 0.0))
    moved = skfem.solve(*skfem.condense(stiffness.assemble(basis), load, D=held))
    found = states.field("displacement").values[0]
    np.testing.assert_allclose(found, moved[basis.nodal_dofs].T, atol=1e-8 * np.abs(found).max())
