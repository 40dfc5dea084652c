"""The studies of laws of motion: their truths against series and equations, and the clouds in quick mode."""

import numpy as np
import pytest

from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.study.run import Options, run_study

bodies = study_module(studies_folder() / "heat-soak", "bodies")
sheets = study_module(studies_folder() / "vibrating-plate", "pipeline")


def test_heat_solved_on_a_mesh_is_that_of_a_series() -> None:
    body = bodies.Soak(2, 0.1, lambda points: np.cos(np.pi * points[:, 0]))
    labels, found = body.solve(0.05, np.array([0.0, 0.5, 1.0]), 200)
    for field, time in zip(found, (0.0, 0.5, 1.0), strict=True):
        exact = np.exp(-0.1 * np.pi**2 * time) * np.cos(np.pi * labels.points[:, 0])
        assert np.abs(field - exact).max() < 2e-3


def test_a_block_comes_to_the_temperature_around_it() -> None:
    body = bodies.Soak(3, 1.0, bodies.tilted, exchange=3.0, around=0.5)
    _, found = body.solve(0.3, np.array([0.0, 5.0]), 200)
    np.testing.assert_allclose(found[-1], 0.5, atol=1e-3)


def test_a_membrane_obeys_the_wave_equation() -> None:
    step, time, stiffness = 1e-3, 0.4, 0.05
    middle = np.array([0.31, 0.47])
    points = middle + step * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
    before, now, after = (sheets.deflection(points, time + part * step, stiffness, "membrane") for part in (-1, 0, 1))
    inertia = (after[0] - 2.0 * now[0] + before[0]) / step**2
    friction = sheets.DAMPING * (after[0] - before[0]) / (2.0 * step)
    laplacian = (now[1:].sum() - 4.0 * now[0]) / step**2
    assert inertia + friction == pytest.approx(stiffness * laplacian, rel=1e-3)


def test_quick_clouds(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    found, _ = run_study("clouds", Options(quick=True, overrides=("known=[0.0, 2.0, 4.0, 6.0]", "unseen=[3.0]")), print)
    assert {row["case"] for row in found.rows} == {"vortex", "splitting", "two species"}
