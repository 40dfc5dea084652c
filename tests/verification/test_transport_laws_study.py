"""Constitutive laws: the cases of the study on small sizes, and the whole study in quick mode."""

import json

import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import Tools, load_pipeline
from cmgai_fem.study.run import Options, run_study

pipeline = load_pipeline(studies_folder() / "transport-laws")


def test_free_flight():
    found = pipeline.free_flight(4)
    assert len(found.verdicts) == 3
    assert found.passed


@pytest.mark.slow
def test_manufactured_orders(tmp_path):
    found = pipeline.manufactured_orders(["membrane"], [1], Tools(tmp_path, print))
    assert len(found.verdicts) == 4
    assert found.passed
    assert (tmp_path / "orders.png").stat().st_size > 1000


def test_quadratic_mesh_fills_its_domain():
    assert pipeline.quadratic_line_mesh(5).weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('laws=["rubber"]', "laws: 'rubber' is none of none, membrane"),
        ("dimensions=[3]", "dimensions: 3 is none of 1, 2"),
    ],
)
def test_laws_and_dimensions_that_are_not_there_are_refused(tmp_path, override, message):
    with pytest.raises(InputError, match=message):
        run_study("transport-laws", Options(tmp_path, overrides=[override]), print)


@pytest.mark.slow
def test_quick_study_writes_its_verdicts(tmp_path):
    found, folder = run_study("transport-laws", Options(tmp_path, quick=True), print)
    verdicts = json.loads((folder / "run.json").read_text())["tolerances"]
    assert found.passed == all(verdict["passed"] for verdict in verdicts)
    assert (folder / "neo_hookean_density.gif").read_bytes()[:3] == b"GIF"
