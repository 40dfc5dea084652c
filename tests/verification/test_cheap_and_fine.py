"""The study of cheap models: its moving source against an exact balance, what it refuses, and it in quick mode."""

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.study.run import Options, run_study

source = study_module(studies_folder() / "cheap-and-fine", "moving_source")


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
