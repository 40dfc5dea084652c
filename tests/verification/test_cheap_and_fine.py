"""The study of cheap models: its moving source against an exact balance, what it refuses, and it in quick mode."""

import numpy as np
import pytest

from cmgai_fem.calibration.cheap import CheapModels
from cmgai_fem.errors import InputError
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.study.run import Options, run_study

source, rival = (study_module(studies_folder() / "cheap-and-fine", name) for name in ("moving_source", "smt_rival"))


def test_the_plate_keeps_all_heat_of_the_source() -> None:
    states, _ = source.plate(40, 200, [0.4])
    total = states.labels.weights @ states.field("temperature").values[0, :, 0]
    # The source is a Gaussian that lies within the plate for its most part; the plate loses nothing.
    assert total == pytest.approx(0.4 * source.STRENGTH * 2.0 * np.pi * source.WIDTH**2, rel=0.02)


def test_the_plate_converges_in_space_and_time() -> None:
    (coarse, _), (middle, _), (fine, _) = (source.plate(10 * size, 40 * size, [0.5]) for size in (1, 2, 4))

    def heat(states, size):
        side = 10 * size + 1
        return states.field("temperature").values[0, :, 0].reshape(side, side)[::size, ::size]

    first, second = (np.abs(heat(one, size) - heat(fine, 4)).max() for one, size in ((coarse, 1), (middle, 2)))
    assert second < 0.5 * first


def test_the_kriging_of_two_fidelities_makes_a_scaled_model_nearly_exact() -> None:
    pytest.importorskip("smt")
    known, asked, places = np.linspace(0.0, 1.0, 5)[:, None], np.array([[0.375], [0.6]]), np.linspace(0.0, 1.0, 20)
    truth = lambda s: np.sin(3.0 * s * places) + 0.3 * places  # noqa: E731
    points = np.unique(np.vstack([known, asked]), axis=0)
    fields = np.array([0.6 * truth(s) for s in points[:, 0]])[None, ..., None]
    models = CheapModels(("coarse",), points, fields)
    made = rival.MultiFidelityKriging(models).fit(known, np.array([truth(s) for s in known[:, 0]]))(asked)
    np.testing.assert_allclose(made, [truth(s) for s in asked[:, 0]], atol=2e-3)


def test_a_case_that_is_not_there_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="there is no 'tide'"):
        run_study("cheap-and-fine", Options(overrides=('cases=["tide"]',)), print)


@pytest.mark.medium
@pytest.mark.parametrize("case", [pytest.param("rod_over_time", marks=pytest.mark.slow), "moving_source"])
def test_quick_study(case, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = (f'cases=["{case}"]', "moving_source.fine=[20, 80]", "moving_source.cheap=[12, 30]")
    found, _ = run_study("cheap-and-fine", Options(quick=True, ranks=1, overrides=overrides), print)
    assert found.passed
