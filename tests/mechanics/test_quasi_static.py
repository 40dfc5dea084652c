from collections.abc import Callable

import numpy as np
import pytest

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import ufl
from dolfinx import fem, mesh
from mpi4py import MPI

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.hardening import LinearHardening
from cmgai_fem.mechanics.quasi_static import QuasiStaticPlasticity

EXPANSION = 1.5e-5


def young_at(temperature: np.ndarray) -> np.ndarray:
    return 200e9 - 1e8 * temperature


def yield_at(temperature: np.ndarray) -> np.ndarray:
    return 205e6 - 1e5 * temperature


def heated_bar(law: LinearHardening) -> tuple[QuasiStaticPlasticity, Callable[[float], None]]:
    """A bar held between its ends and free sideways, and how to heat it."""
    domain = mesh.create_box(MPI.COMM_SELF, [[0.0, 0.0, 0.0], [3.0, 1.0, 1.0]], [2, 1, 1])
    space = fem.functionspace(domain, ("Lagrange", 2, (3,)))
    conditions = []
    for component, position in ((0, 0.0), (0, 3.0), (1, 0.0), (2, 0.0)):
        part = space.sub(component)
        facets = mesh.locate_entities_boundary(domain, 2, lambda x, i=component, p=position: np.isclose(x[i], p))
        dofs = fem.locate_dofs_topological(part, 2, facets)
        conditions.append(fem.dirichletbc(fem.Constant(domain, 0.0), dofs, part))
    nothing = fem.Constant(domain, np.zeros(3))
    bar = QuasiStaticPlasticity(space, conditions, lambda test: ufl.inner(nothing, test) * ufl.dx, 0.3, law)

    def heat(temperature: float) -> None:
        bar.temperature[:] = temperature
        bar.young[:] = young_at(bar.temperature)
        bar.thermal_strain[:] = EXPANSION * (temperature - 20.0)
        bar.solve(f"{temperature:g} degC")

    return bar, heat


def test_heated_bar_is_elastic_and_then_follows_the_yield_stress_of_its_temperature() -> None:
    bar, heat = heated_bar(LinearHardening(yield_at))
    for temperature in (60.0, 200.0, 500.0, 800.0):
        heat(temperature)
        elastic = float(young_at(np.array(temperature))) * EXPANSION * (temperature - 20.0)
        expected = -min(elastic, float(yield_at(np.array(temperature))))
        stress = bar.stress.x.array.reshape(-1, 6)
        np.testing.assert_allclose(stress[:, 0], expected, rtol=1e-9)
        np.testing.assert_allclose(stress[:, 1:], 0.0, atol=1e-6 * abs(expected))
        plastic = EXPANSION * (temperature - 20.0) + expected / float(young_at(np.array(temperature)))
        np.testing.assert_allclose(bar.equivalent_plastic_strain, max(plastic, 0.0), rtol=1e-8, atol=1e-14)


def test_unloading_is_elastic_and_leaves_the_plastic_strain() -> None:
    bar, heat = heated_bar(LinearHardening(yield_at, 1e9))
    heat(300.0)
    plastic = bar.equivalent_plastic_strain.copy()
    assert plastic.min() > 0.0
    heat(280.0)
    np.testing.assert_array_equal(bar.equivalent_plastic_strain, plastic)


def test_recovered_plastic_strain_keeps_constants() -> None:
    bar, heat = heated_bar(LinearHardening(yield_at, 1e9))
    heat(400.0)
    nodal = bar.recover(bar.equivalent_plastic_strain[:, None])
    np.testing.assert_allclose(nodal, bar.equivalent_plastic_strain[0], rtol=1e-10)
    x = ufl.SpatialCoordinate(bar.displacement.function_space.mesh)
    assert bar.at_points(x[0]).shape == bar.temperature.shape


def test_load_above_the_limit_is_an_error_that_names_the_state() -> None:
    domain = mesh.create_unit_cube(MPI.COMM_SELF, 1, 1, 1, mesh.CellType.hexahedron)
    space = fem.functionspace(domain, ("Lagrange", 1, (3,)))
    conditions = []
    for component in range(3):
        part = space.sub(component)
        facets = mesh.locate_entities_boundary(domain, 2, lambda x, i=component: np.isclose(x[i], 0.0))
        dofs = fem.locate_dofs_topological(part, 2, facets)
        conditions.append(fem.dirichletbc(fem.Constant(domain, 0.0), dofs, part))
    traction = fem.Constant(domain, np.zeros(3))
    normal = ufl.FacetNormal(domain)
    # The supported faces take no traction into the equations, so it may stand on all faces.
    cube = QuasiStaticPlasticity(
        space,
        conditions,
        lambda test: traction[0] * normal[0] * test[0] * ufl.ds,
        0.3,
        LinearHardening(100e6),
    )
    cube.young[:] = 100e9
    traction.value[0] = 99e6
    cube.solve("99 MPa")
    np.testing.assert_allclose(cube.stress.x.array[::6], 99e6, rtol=1e-9)
    kept = cube.displacement.x.array.copy()
    traction.value[0] = 110e6
    with pytest.raises(ConvergenceError, match="plasticity at 110 MPa"):
        cube.solve("110 MPa")
    np.testing.assert_array_equal(cube.displacement.x.array, kept)
    np.testing.assert_array_equal(cube.equivalent_plastic_strain, 0.0)
