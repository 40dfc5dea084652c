import numpy as np
import pytest

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
from dolfinx import mesh
from mpi4py import MPI

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.explicit import ExplicitDynamics, RigidWall, Support
from cmgai_fem.mechanics.finite_strain import FiniteStrainJ2
from cmgai_fem.mechanics.hardening import LinearHardening
from cmgai_fem.mechanics.kinematics import Kinematics
from cmgai_fem.mechanics.plasticity import Metal

COPPER = Metal(117e9, 0.35, 8930.0, LinearHardening(400e6, 100e6))


def rod(velocity: float, cells: tuple[int, int] = (2, 12), **options: float) -> ExplicitDynamics:
    domain = mesh.create_rectangle(
        MPI.COMM_SELF, [[0.0, 0.0], [3.2e-3, 32.4e-3]], list(cells), mesh.CellType.quadrilateral
    )
    kinematics = Kinematics(domain, axisymmetric=True)
    axis = Support(0, lambda x: x[:, 0] < 1e-9)
    model = FiniteStrainJ2(COPPER, kinematics.layout)
    return ExplicitDynamics(kinematics, model, [0.0, -velocity], [axis], RigidWall(1), **options)


def test_free_flight_bears_no_stress_and_keeps_its_velocity() -> None:
    body = rod(227.0)
    body.displacement.array[1::2] = 1e-2
    body.advance(2e-5)
    np.testing.assert_allclose(body.velocity.reshape(-1, 2), [[0.0, -227.0]] * 39, atol=1e-6)
    assert np.all(body.state.plastic_strain == 0.0)
    np.testing.assert_allclose(body.displacement.array[1::2], 1e-2 - 227.0 * 2e-5, rtol=1e-9)


def test_impact_keeps_the_energy_balance_and_the_wall() -> None:
    body = rod(227.0)
    body.advance(3e-5)
    energies = body.energies()
    assert abs(energies.drift) < 5e-3
    assert body.largest_drift < 5e-3
    assert energies.dissipated > 0.4 * energies.initial
    height = body.kinematics.nodes[:, 1] + body.displacement.array[1::2]
    assert height.min() > -1e-12
    assert body.time == 3e-5


def test_shorter_steps_change_little_and_drift_less() -> None:
    coarse, fine = rod(150.0, courant=0.8), rod(150.0, courant=0.2)
    for body in (coarse, fine):
        body.advance(2e-5)
    assert fine.steps > 3 * coarse.steps
    assert fine.largest_drift < 0.5 * coarse.largest_drift
    largest = np.abs(fine.displacement.array).max()
    np.testing.assert_allclose(coarse.displacement.array, fine.displacement.array, atol=5e-3 * largest)


def test_stress_vanishes_on_the_free_end_before_the_wave_arrives() -> None:
    body = rod(150.0, (2, 24))
    body.advance(0.4 * 32.4e-3 / COPPER.wave_speed)
    state, full, centre = body.synchronised()
    far = body.kinematics.nodes[body.kinematics.cell_nodes, 1].min(axis=1) > 0.7 * 32.4e-3
    assert np.all(state.plastic_strain.reshape(-1, body.kinematics.cells)[:, far] == 0.0)
    centres = np.tile(centre, (1, 4))
    stress = body.parts[0].model.cauchy_stress(full, centres, state).reshape(6, 4, -1)
    assert np.abs(stress[..., far]).max() < 1e-2 * np.abs(stress).max()


def test_looking_at_a_run_does_not_change_it() -> None:
    looked, left = rod(200.0), rod(200.0)
    looked.advance(1e-5)
    looked.synchronised()
    looked.advance(2e-5)
    left.advance(1e-5)
    left.advance(2e-5)
    np.testing.assert_array_equal(looked.displacement.array, left.displacement.array)


def test_drift_above_the_bound_stops_the_run() -> None:
    with pytest.raises(ConvergenceError, match="energy balance drifts"):
        rod(227.0, allowed_drift=1e-6).advance(2e-5)


def test_unstable_step_stops_the_run() -> None:
    with pytest.raises(ConvergenceError, match=r"energy balance|Jacobian"):
        rod(227.0, courant=4.0).advance(5e-5)
