"""The study of fields that move: its cases, and the whole of it in quick mode."""

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.study.run import Options, run_study

FOLDER = studies_folder() / "moving-fields"
cases, heated = study_module(FOLDER, "cases"), study_module(FOLDER, "heated")


@pytest.mark.parametrize("name", cases.CASES)
def test_fields_change_and_are_finite(name: str) -> None:
    labels = cases.body_of(name)(0.1)
    first, last = (cases.CASES[name](labels.points, s) for s in (0.5, 1.0))
    assert np.all(np.isfinite(first))
    assert np.abs(last - first).max() > 0.5


@pytest.mark.parametrize("name", cases.HEATED)
def test_heat_in_is_heat_out_and_moves(name: str) -> None:
    labels, field = heated.heated(name, 0.05)
    first, last = (field(labels.points, s) for s in (0.2, 0.8))
    warmest = [labels.points[one.argmax()] for one in (first, last)]
    assert np.linalg.norm(warmest[1] - warmest[0]) > 0.3
    if name != "source_on_a_plate":
        # What is lost is what comes in; half of the spot lies beside the block.
        loss = heated.BROAD_LOSS if name == "broad_source" else heated.BLOCK_LOSS
        spot = 0.5 * 300.0 * (2.0 * np.pi * 0.09**2) ** 1.5
        assert loss * (labels.weights @ field(labels.points, 0.5)) == pytest.approx(spot, rel=0.1)


def test_the_torus_is_closed() -> None:
    body = LabelBody.of(cases.torus(0.06))
    assert body.is_surface
    assert not len(body.boundary.cells)
    assert body.volume == pytest.approx(4.0 * np.pi**2 * cases.RING * cases.TUBE, rel=0.02)


def test_a_case_that_is_not_there_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="there is no 'tide'"):
        run_study("moving-fields", Options(overrides=('cases=["tide"]',)), print)


@pytest.mark.medium
def test_quick_study(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    found, folder = run_study("moving-fields", Options(quick=True, overrides=('cases=["oblique_pulse"]',)), print)
    assert found.passed
    assert (folder / "oblique_pulse.png").stat().st_size > 1000
    assert {row["case"] for row in found.rows} == {"oblique pulse"}


@pytest.mark.medium
def test_a_block_in_three_dimensions(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    # On the study's own mesh: a coarser one does not resolve the source.
    found, _ = run_study("moving-fields", Options(overrides=('cases=["source_in_a_block"]',)), print)
    assert found.passed
