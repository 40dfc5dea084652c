from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
import pytest
from dolfinx import fem
from mpi4py import MPI

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.body import Body, mark_boundaries
from cmgai_fem.mechanics.conditions import Condition, Convection, Temperature
from cmgai_fem.mechanics.heat import Conduction


@pytest.fixture(scope="module")
def slab() -> Body:
    mesh = dolfinx.mesh.create_interval(MPI.COMM_SELF, 50, [0.0, 1.0])
    return mark_boundaries(mesh, {"left": lambda x: np.isclose(x[0], 0.0), "right": lambda x: np.isclose(x[0], 1.0)})


COLD, HOT = Temperature(on="left", value=0.0), Temperature(on="right", value="state")


def conduction(body: Body, conductivity: Any, *conditions: Condition, degree: int = 1) -> Conduction:
    return Conduction(body, {"": conductivity}, conditions, degree=degree)


def solved(heat: Conduction, state: float) -> fem.Function:
    heat.inputs.begin(state)
    return heat.solve(f"{state:g} degC")


def test_kirchhoff_transform_holds_at_every_node_and_every_state(slab: Body) -> None:
    heat = conduction(slab, lambda temperature: 1.0 + 0.01 * temperature, COLD, HOT, degree=2)
    for hot in (100.0, 40.0):
        temperature = solved(heat, hot)
        x = temperature.function_space.tabulate_dof_coordinates()[:, 0]
        theta = x * (hot + 0.005 * hot**2)
        np.testing.assert_allclose(temperature.x.array, (np.sqrt(1.0 + 0.02 * theta) - 1.0) / 0.01, atol=2e-5 * hot)


def test_a_state_does_not_depend_on_the_state_before(slab: Body) -> None:
    heat = conduction(slab, lambda temperature: 1.0 + 0.01 * temperature, COLD, HOT)
    alone = solved(heat, 80.0).x.array.copy()
    solved(heat, 300.0)
    np.testing.assert_array_equal(solved(heat, 80.0).x.array, alone)


def test_convection_balances_conduction(slab: Body) -> None:
    air = Convection(on="left", coefficient=3.0, ambient=20.0)
    heat = conduction(slab, lambda temperature: 2.0 + 0.0 * temperature, HOT, air)
    assert solved(heat, 100.0).x.array.min() == pytest.approx(52.0, rel=1e-10)


def test_nothing_flows_at_a_uniform_temperature(slab: Body) -> None:
    air = Convection(on="left", coefficient=200.0, ambient=20.0)
    heat = conduction(slab, lambda temperature: 13.0 + 0.01 * temperature, HOT, air)
    np.testing.assert_array_equal(solved(heat, 20.0).x.array, 20.0)


def test_failure_names_the_state(slab: Body) -> None:
    air = Convection(on="right", coefficient=1.0, ambient=5.0)
    heat = conduction(slab, lambda temperature: 0.0 * temperature, COLD, air)
    with pytest.raises(ConvergenceError, match="state hot slab: heat conduction did not converge"):
        heat.solve("hot slab")
