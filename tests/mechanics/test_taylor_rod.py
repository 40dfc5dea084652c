from pathlib import Path

import numpy as np
import pytest

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
from mpi4py import MPI

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.mechanics.reference import load_model
from cmgai_fem.mechanics.taylor_rod import TaylorRod, TaylorRodTime
from cmgai_fem.states.states import States

COARSE = {"file": "taylor_rod.geo", "numbers": {"radial_cells": 2.0, "axial_cells": 12.0}}
PARAMETERS = {"mesh": COARSE, "end_time": 8e-6, "history_times": [2e-6, 8e-6]}


def velocity_model(parameters: dict[str, object]) -> TaylorRod:
    model = load_model("taylor-rod", parameters)
    assert isinstance(model, TaylorRod)
    return model


def solve(model: TaylorRod | TaylorRodTime, values: list[float]) -> States:
    states = model.solve(MPI.COMM_SELF, values, lambda line: None)
    assert states is not None
    return states.check_finite()


def test_states_over_velocity() -> None:
    states = solve(velocity_model(PARAMETERS), [130.0, 230.0])
    assert states.coordinates.label(130.0) == "velocity = 130 m/s"
    assert states.labels.points.shape == (39, 2)
    assert set(states.labels.cells) == {"quad"}
    assert states.labels.weights.sum() == pytest.approx(np.pi * 3.2e-3**2 * 32.4e-3, rel=1e-9)
    plastic, history = states.field("equivalent_plastic_strain"), states.field("equivalent_plastic_strain_history")
    assert history.components == ("t=2us", "t=8us")
    np.testing.assert_array_equal(history.values[..., 1], plastic.values[..., 0])
    assert np.all(np.diff(history.values, axis=2) >= 0.0)
    assert np.all(plastic.values >= 0.0)
    assert plastic.values[1].max() > plastic.values[0].max() > 0.05
    assert states.field("temperature").values.min() >= 293.0
    axis = np.abs(states.labels.points[:, 0]) < 1e-9
    np.testing.assert_array_equal(states.field("displacement").values[:, axis, 0], 0.0)
    # Shear vanishes on the axis; hoop and radial stress agree there, but for the half cell of the recovery.
    assert np.all(states.field("stress").values[..., 4:] == 0.0)


def test_states_over_time_are_those_of_one_run() -> None:
    model = load_model("taylor-rod-time", {"mesh": COARSE, "impact_velocity": 200.0})
    assert isinstance(model, TaylorRodTime)
    states = solve(model, [1.0, 4.0])
    plastic = states.field("equivalent_plastic_strain").values[..., 0]
    assert np.all(np.diff(plastic, axis=0) >= 0.0)
    far = states.labels.points[:, 1] > 0.025
    # The pressure wave runs 4.7 mm in a microsecond.
    assert np.all(plastic[0, far] == 0.0)
    figures = model.admissibility()(4.0, {"equivalent_plastic_strain": plastic[1][:, None]})
    assert figures == {"negative_equivalent_plastic_strain": 0.0}


def test_admissibility_sees_negative_and_decreasing_plastic_strain() -> None:
    check = TaylorRod().admissibility()
    history = np.array([[0.1, 0.2], [0.3, 0.25], [-0.01, 0.0]])
    figures = check(130.0, {"equivalent_plastic_strain_history": history})
    assert figures["negative_equivalent_plastic_strain_history"] == pytest.approx(0.01)
    assert figures["decreasing_equivalent_plastic_strain_history"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("changes", "values", "message"),
    [
        ({}, [-5.0, 100.0], "must be above zero"),
        ({}, [130.0, 130.0], "must increase"),
        ({"history_times": [2e-6, 9e-6]}, [130.0], "not after end_time"),
    ],
)
def test_bad_input_is_refused(changes: dict[str, object], values: list[float], message: str) -> None:
    model = load_model("taylor-rod", PARAMETERS | changes)
    with pytest.raises(InputError, match=message):
        model.solve(MPI.COMM_SELF, values, lambda line: None)


def test_unknown_material_key_is_named() -> None:
    with pytest.raises(InputError, match="stiffness"):
        load_model("taylor-rod", {"material": {"stiffness": 1.0}})


def test_mesh_of_the_other_dimension_is_refused() -> None:
    with pytest.raises(InputError, match="dimension = 3, not 2"):
        load_model("taylor-rod", {"mesh": {"file": "taylor_rod_3d.geo"}})


def test_broken_run_names_its_state() -> None:
    model = load_model("taylor-rod", PARAMETERS | {"allowed_drift": 1e-7})
    with pytest.raises(ConvergenceError, match=r"velocity = 150 m/s.*energy balance"):
        model.solve(MPI.COMM_SELF, [150.0], lambda line: None)


def test_restart_ends_with_the_same_fields_to_the_bit(tmp_path: Path) -> None:
    whole = solve(velocity_model(PARAMETERS), [150.0])
    kept = {"checkpoint_folder": str(tmp_path), "checkpoint_steps": 10}
    # The first run ends at 2 us, where the whole one is looked at too, so their steps are the same.
    solve(velocity_model(PARAMETERS | kept | {"end_time": 2e-6, "history_times": [2e-6]}), [150.0])
    assert (tmp_path / "run_150_at_2e-06.npz").exists()
    resumed = solve(velocity_model(PARAMETERS | kept), [150.0])
    for name, field in whole.fields.items():
        np.testing.assert_array_equal(resumed.field(name).values, field.values)


def test_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    kept = {"checkpoint_folder": str(tmp_path), "end_time": 1e-6, "history_times": [1e-6]}
    solve(velocity_model(PARAMETERS | kept), [150.0])
    finer = {"mesh": {"file": "taylor_rod.geo", "numbers": {"radial_cells": 3.0, "axial_cells": 12.0}}}
    with pytest.raises(InputError, match="belongs to another run"):
        load_model("taylor-rod", PARAMETERS | kept | finer).solve(MPI.COMM_SELF, [150.0], lambda line: None)


def test_quarter_rod_deforms_like_the_axisymmetric_one() -> None:
    shape = {}
    for dimension, file, numbers in (
        (2, "taylor_rod.geo", {"radial_cells": 4.0, "axial_cells": 30.0}),
        (3, "taylor_rod_3d.geo", {"core_cells": 2.0, "ring_cells": 2.0, "axial_cells": 30.0}),
    ):
        mesh = {"file": file, "numbers": numbers}
        changes = {"mesh": mesh, "dimension": dimension, "end_time": 15e-6, "history_times": [15e-6]}
        states = solve(velocity_model(changes), [200.0])
        points = states.labels.points + states.field("displacement").values[0]
        plastic = states.field("equivalent_plastic_strain").values[0, :, 0]
        mean = float(states.labels.weights @ plastic / states.labels.weights.sum())
        shape[dimension] = (points[:, 0].max(), points[:, -1].max(), mean)
        assert points[:, -1].min() > -1e-12
    radius, length, plastic = (shape[3][i] / shape[2][i] for i in range(3))
    assert radius == pytest.approx(1.0, abs=0.02)
    assert length == pytest.approx(1.0, abs=0.002)
    assert plastic == pytest.approx(1.0, abs=0.01)
