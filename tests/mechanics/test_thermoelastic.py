from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
import pytest
import ufl
from dolfinx import fem
from mpi4py import MPI

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.body import Body, mark_boundaries
from cmgai_fem.mechanics.conditions import Fixed, Foundation, Symmetry, Traction
from cmgai_fem.mechanics.thermoelastic import Setting, ThermoElasticity
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

evaluate = study_module(studies_folder() / "codes", "probes").evaluate

YOUNG, POISSON = 200e9, 0.3
SLIDING = [Symmetry(on=name) for name in ("left", "front", "bottom")]


@pytest.fixture(scope="module")
def block() -> Body:
    mesh = dolfinx.mesh.create_box(MPI.COMM_SELF, [[0.0] * 3, [1.0, 0.5, 0.5]], [3, 2, 2])
    return mark_boundaries(
        mesh,
        {
            "left": lambda x: np.isclose(x[0], 0.0),
            "right": lambda x: np.isclose(x[0], 1.0),
            "front": lambda x: np.isclose(x[1], 0.0),
            "bottom": lambda x: np.isclose(x[2], 0.0),
        },
    )


def largest(expression: Any, mesh: dolfinx.mesh.Mesh) -> float:
    space = fem.functionspace(mesh, ("DG", 1))
    values = fem.Function(space)
    values.interpolate(fem.Expression(expression, space.element.interpolation_points))
    return float(np.abs(values.x.array).max())


def test_free_expansion_is_free_of_stress(block: Body) -> None:
    x = ufl.SpatialCoordinate(block.mesh)
    # Compatible without stress: a thermal strain that is linear in the coordinates.
    thermal = 1e-3 * (1.0 + 2.0 * x[0] - x[1] + 0.5 * x[2])
    solid = ThermoElasticity(
        block,
        YOUNG * (1.0 - 0.3 * x[0]),
        POISSON,
        thermal,
        conditions=[Foundation(on="left", stiffness=1e3)],
        tolerance=1e-13,
    )
    solid.solve("free")
    for i in range(3):
        for j in range(3):
            assert largest(solid.stress[i, j], block.mesh) < 1e-6 * YOUNG * 1e-3


def test_elastic_foundation_carries_the_traction(block: Body) -> None:
    solid = ThermoElasticity(
        block,
        YOUNG,
        0.0,
        tolerance=1e-13,
        conditions=[Foundation(on="left", stiffness=1e12), Traction(on="right", x=3e6)],
    )
    solid.solve("pulled")
    # The foundation gives t/k everywhere, the bar stretches by t L/E.
    assert evaluate(solid.displacement[0], block.mesh, [0.0, 0.2, 0.2]) == pytest.approx(3e6 / 1e12, rel=1e-6)
    assert evaluate(solid.displacement[0], block.mesh, [1.0, 0.2, 0.2]) == pytest.approx(
        3e6 / 1e12 + 3e6 / YOUNG, rel=1e-6
    )
    assert evaluate(solid.stress[0, 0], block.mesh, [0.5, 0.2, 0.2]) == pytest.approx(3e6, rel=1e-6)


@pytest.mark.parametrize(
    ("setting", "in_plane", "through"),
    [
        ("plane stress", -YOUNG * 1e-3 / (1.0 - POISSON), 0.0),
        ("plane strain", -YOUNG * 1e-3 / (1.0 - 2.0 * POISSON), -YOUNG * 1e-3 / (1.0 - 2.0 * POISSON)),
    ],
)
def test_plate_held_all_round(setting: Setting, in_plane: float, through: float) -> None:
    mesh = dolfinx.mesh.create_unit_square(MPI.COMM_SELF, 2, 2)
    body = mark_boundaries(mesh, {"all": lambda x: np.full(x.shape[1], True)})
    plate = ThermoElasticity(body, YOUNG, POISSON, 1e-3, setting=setting, conditions=[Fixed(on="all")])
    plate.solve("held")
    for component, value in (
        (plate.stress[0, 0], in_plane),
        (plate.stress[1, 1], in_plane),
        (plate.stress[2, 2], through),
    ):
        assert evaluate(component, mesh, [0.3, 0.6]) == pytest.approx(value, rel=1e-9, abs=1e-3)


def test_sweep_equals_single_solves(block: Body) -> None:
    temperature = fem.Function(fem.functionspace(block.mesh, ("Lagrange", 1)))

    def problem() -> ThermoElasticity:
        return ThermoElasticity(
            block, YOUNG * (1.0 - 4e-4 * temperature), POISSON, 1e-5 * temperature**2 / 100.0, conditions=SLIDING
        )

    sweep = problem()
    for value in (100.0, 300.0, 500.0, 700.0):
        temperature.interpolate(lambda x, value=value: value * (1.0 + x[0] * x[1] - x[2]))
        sweep.solve(f"{value:g}")
    single = problem()
    single.solve("700")
    scale = np.abs(single.displacement.x.array).max()
    np.testing.assert_allclose(sweep.displacement.x.array, single.displacement.x.array, atol=1e-9 * scale)


def test_failure_names_the_state(block: Body) -> None:
    young = fem.Constant(block.mesh, np.nan)
    broken = ThermoElasticity(block, young, POISSON, conditions=[*SLIDING, Traction(on="right", x=1.0)])
    with pytest.raises(ConvergenceError, match="state T = 55 degC: the elasticity solve"):
        broken.solve("T = 55 degC")
