from typing import Any

import numpy as np
import pytest
from mpi4py import MPI

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.meshing import MeshParameters
from cmgai_fem.mechanics.thermal_stress_plastic import YIELD_STRESS, ThermalStressPlastic, heating_path
from cmgai_fem.states.states import States

MODEL = ThermalStressPlastic(mesh=MeshParameters(file="cantilever.geo", size=0.014), heating_step=300.0)
STATES = [300.0, 700.0]


@pytest.fixture(scope="module")
def solved() -> States:
    states = MODEL.solve(MPI.COMM_SELF, STATES, print)
    assert states is not None
    return states


def fields_at(states: States, index: int) -> dict[str, Any]:
    return {name: field.values[index].copy() for name, field in states.fields.items()}


def test_yield_stress_meets_its_end_values() -> None:
    np.testing.assert_allclose([YIELD_STRESS(20.0), YIELD_STRESS(800.0)], [205e6, 110e6], rtol=1e-14)
    assert np.all(np.diff(YIELD_STRESS(np.linspace(20.0, 800.0, 100))) < 0.0)


def test_path_is_the_same_whatever_states_are_asked_for() -> None:
    assert heating_path(20.0, [50.0, 100.0], 25.0) == [25.0, 50.0, 75.0, 100.0]
    assert heating_path(20.0, [100.0], 25.0) == [25.0, 50.0, 75.0, 100.0]
    assert heating_path(20.0, [60.0], 25.0) == [25.0, 50.0, 60.0]


def test_the_reference_is_admissible(solved: States) -> None:
    check = MODEL.admissibility()
    for index, value in enumerate(solved.scalars):
        figures = check(value, fields_at(solved, index))
        assert figures["yield_violation"] < 1e-9
        assert figures["negative_plastic_strain"] == 0.0
        assert 0.0 < figures["equilibrium_residual"] < 0.2


def test_what_is_not_admissible_is_measured(solved: States) -> None:
    check = MODEL.admissibility()
    fields = fields_at(solved, 1)
    fields["stress"] *= 1.05
    tip = int(np.argmax(solved.labels.points[:, 0]))
    fields["equivalent_plastic_strain"][tip] = -1e-4
    figures = check(700.0, fields)
    # The clamp yields at 700 degC, so that its stress lies on the yield surface but for the averaging.
    assert 0.02 < figures["yield_violation"] <= 0.05
    assert figures["negative_plastic_strain"] == pytest.approx(1e-4)


def test_plastic_strain_grows_and_softens_the_stress(solved: States) -> None:
    plastic = solved.field("equivalent_plastic_strain").values[:, :, 0]
    assert plastic.min() >= 0.0 and plastic.max() > 1e-3
    assert np.all(np.diff(plastic, axis=0) >= -1e-12)
    x, y = solved.labels.points[:, 0], solved.labels.points[:, 1]
    assert plastic[:, x > 0.15].max() == 0.0
    hole = np.hypot(x - 0.06, y - 0.02) < 0.00801
    assert plastic[1, hole].max() > 0.0


def test_a_state_outside_the_card_is_refused() -> None:
    with pytest.raises(InputError, match="state hot-face temperature = 900 degC: 900 degC is outside"):
        MODEL.solve(MPI.COMM_SELF, [100.0, 900.0], print)
