from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
import pytest
from mpi4py import MPI

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.heat import Convection, SteadyConduction
from cmgai_fem.mechanics.meshing import Body, mark_boundaries


@pytest.fixture(scope="module")
def slab() -> Body:
    mesh = dolfinx.mesh.create_interval(MPI.COMM_SELF, 50, [0.0, 1.0])
    return mark_boundaries(mesh, {"left": lambda x: np.isclose(x[0], 0.0), "right": lambda x: np.isclose(x[0], 1.0)})


def test_kirchhoff_transform_holds_at_every_node_and_every_state(slab: Body) -> None:
    heat = SteadyConduction(slab, lambda temperature: 1.0 + 0.01 * temperature, {"left": 0.0, "right": 0.0}, degree=2)
    for hot in (100.0, 40.0):
        temperature = heat.solve(f"{hot:g} degC", {"right": hot})
        x = temperature.function_space.tabulate_dof_coordinates()[:, 0]
        theta = x * (hot + 0.005 * hot**2)
        np.testing.assert_allclose(temperature.x.array, (np.sqrt(1.0 + 0.02 * theta) - 1.0) / 0.01, atol=2e-5 * hot)


def test_a_state_does_not_depend_on_the_state_before(slab: Body) -> None:
    heat = SteadyConduction(slab, lambda temperature: 1.0 + 0.01 * temperature, {"left": 0.0, "right": 0.0})
    alone = heat.solve("alone", {"right": 80.0}).x.array.copy()
    heat.solve("between", {"right": 300.0})
    np.testing.assert_array_equal(heat.solve("again", {"right": 80.0}).x.array, alone)


def test_convection_balances_conduction(slab: Body) -> None:
    heat = SteadyConduction(
        slab, lambda temperature: 2.0 + 0.0 * temperature, {"right": 100.0}, {"left": Convection(3.0, 20.0)}
    )
    assert heat.solve("slab").x.array.min() == pytest.approx(52.0, rel=1e-10)


def test_nothing_flows_at_a_uniform_temperature(slab: Body) -> None:
    heat = SteadyConduction(
        slab, lambda temperature: 13.0 + 0.01 * temperature, {"right": 20.0}, {"left": Convection(200.0, 20.0)}
    )
    np.testing.assert_array_equal(heat.solve("cold slab").x.array, 20.0)


def test_failure_names_the_state(slab: Body) -> None:
    heat = SteadyConduction(slab, lambda temperature: 0.0 * temperature, {"left": 0.0}, {"right": Convection(1.0, 5.0)})
    with pytest.raises(ConvergenceError, match="state hot slab: heat conduction did not converge"):
        heat.solve("hot slab")
