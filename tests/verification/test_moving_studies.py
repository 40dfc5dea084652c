"""The studies that are said in one file alone: they solve what their text says."""

import numpy as np
from mpi4py import MPI

from cmgai_fem.mechanics.reference import load_model
from cmgai_fem.metrics import von_mises
from cmgai_fem.states.states import States
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.file import read_study, studies_folder, validated


def solved(name: str, states: list[float]) -> States:
    path = studies_folder() / name / "study.toml"
    study = validated(FieldStudy, path, read_study(path, quick=True))
    found = load_model(study.kind, study.parameters((states[0],)), study.folder).solve(MPI.COMM_SELF, states, print)
    assert found is not None
    return found


def test_the_heat_is_where_the_torch_is() -> None:
    states = solved("moving-source", [0.05, 0.08])
    for state, temperature in zip(states.scalars, states.field("temperature").values[:, :, 0], strict=True):
        hottest = states.labels.points[np.argmax(temperature)]
        torch = [state, 0.068 + 0.014 * np.sin(21.428 * (state - 0.03))]
        # The heat lags behind by a diffusion length.
        assert np.hypot(*(hottest - torch)) < 0.008
        assert 300.0 < temperature.max() < 500.0 and temperature.min() > 19.0


def test_the_contact_carries_the_force_of_hertz() -> None:
    states = solved("moving-contact", [0.04, 0.05])
    stress = states.field("stress").values
    x = states.labels.points[:, 0]
    np.testing.assert_allclose(x[np.argmax(von_mises(stress), axis=1)], states.scalars, atol=0.006)
    base = np.flatnonzero(states.labels.points[:, 1] < 1e-9)
    base = base[np.argsort(x[base])]
    # The base carries the roller's force, pi a p0 / 2 a length.
    carried = -np.trapezoid(stress[:, base, 1], x[base], axis=1)
    np.testing.assert_allclose(carried, 0.5 * np.pi * 0.006 * 500e6, rtol=0.02)
