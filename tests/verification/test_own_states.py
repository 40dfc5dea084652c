"""The scripts on a user's own states run as their README says."""

import numpy as np
import pytest

from cmgai_fem import Coordinate, Field, Labels, States
from cmgai_fem.states.states import SYMMETRIC_TENSOR
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module


def test_ten_sensors_correct_a_state_that_the_known_ones_do_not_show(tmp_path) -> None:
    script = study_module(studies_folder() / "own-states", "sensors")
    x = np.linspace(0.0, 1.0, 60)
    at = np.array([50.0, 100.0, 250.0, 400.0, 550.0, 700.0, 775.0])
    heat = at[:, None, None] / 700.0
    modes = np.stack([np.sin((k + 1.0) * x) for k in range(6)], axis=1)
    stress = 1e8 * (heat * modes + 0.4 * np.exp(-3.0 * heat) * modes[:, ::-1])
    labels = Labels(x[:, None], np.full(60, 1.0 / 60.0), {})
    field = Field(stress, "Pa", SYMMETRIC_TENSOR)
    States(labels, Coordinate("temperature", "degC"), at, {"stress": field}).save(tmp_path / "reference.npz")
    found = script.run(tmp_path / "reference.npz", 775.0)
    assert found["error with sensors [Pa]"] < 0.5 * found["error as generated [Pa]"]
    assert found["largest sensor misfit after [tolerances]"] <= 1.0
    assert found["temperature found [degC]"] == pytest.approx(775.0, abs=1.0)
