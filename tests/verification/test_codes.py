"""The code checks: each passes, and the study file chooses among them."""

import shutil

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.study.file import read_study, studies_folder, validated
from cmgai_fem.study.pipelines import Tools, load_pipeline, study_module
from cmgai_fem.study.run import Options, run_study

FOLDER = studies_folder() / "codes"
pipeline = load_pipeline(FOLDER)


def study(*overrides, quick=False):
    path = FOLDER / "study.toml"
    return validated(pipeline.Study, path, read_study(path, overrides, quick))


def found(name, folder):
    return pipeline.run(study(f'checks=["{name}"]'), Tools(folder, print))


needs_calculix = pytest.mark.skipif(not shutil.which("ccx"), reason="CalculiX (ccx) is not installed")


@pytest.mark.parametrize(
    "name",
    [
        "kirchhoff-slab",
        "thick-cylinder",
        "constrained-bar",
        "nafems-le11",
        "nafems-t1",
        "nafems-le1",
        "uniaxial-hardening",
        "elastic-bar",
        "nafems-t4",
        "cooks-membrane",
        "heated-cylinder",
        "nafems-t3",
        pytest.param("calculix", marks=[pytest.mark.slow, needs_calculix]),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("nafems-le10", "nafems-r0049", "bonded-rod")),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("hill-cylinder", "plane-wave", "taylor-bar")),
    ],
)
def test_check_passes(name, tmp_path):
    findings = found(name, tmp_path)
    assert findings.rows
    assert all(row["case"] == name and row["source"] for row in findings.rows)
    assert [row for row in findings.rows if not row["passed"]] == []


@pytest.mark.slow
def test_manufactured_orders(tmp_path):
    findings = found("manufactured-elasticity", tmp_path)
    assert len(findings.rows) == 12
    assert findings.passed


@needs_calculix
@pytest.mark.parametrize("load", ["pulled", "heated"])
def test_a_coarse_plate_moves_as_calculix_s(load):
    displacement, stress = study_module(FOLDER, "calculix").compared(load, 0.5)
    assert displacement.value < 1e-4
    assert stress.value < 0.1


def test_calculix_is_left_out_with_a_word_where_it_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    said = []
    findings = pipeline.run(study('checks=["calculix"]'), Tools(tmp_path, said.append))
    assert findings.rows == [] and findings.passed
    assert said == ["check 1/1: calculix, left out: ccx is not on the path"]


def test_all_checks_run_unless_some_are_chosen():
    assert study().checks == list(pipeline.CHECKS)
    assert set(study(quick=True).checks) < set(pipeline.CHECKS)


def test_unknown_check_is_refused(tmp_path):
    with pytest.raises(InputError, match="no code check 'le99'; there are: kirchhoff-slab"):
        run_study("codes", Options(tmp_path, overrides=['checks=["le99"]']), print)
    assert not list(tmp_path.iterdir())


def test_coarse_hill_cylinder_is_near_the_formula():
    hill_cylinder, pressures = study_module(FOLDER, "hill_cylinder"), [0.08, 0.14, 0.16]
    exact = [hill_cylinder.exact_displacement(pressure) for pressure in pressures]
    np.testing.assert_allclose(hill_cylinder.cylinder(6, 24, pressures), exact, rtol=3e-3)


def test_plane_wave_approaches_the_exact_plateau():
    plane_wave = study_module(FOLDER, "plane_wave")
    limit, speed, plateau = plane_wave.exact_stresses()
    assert limit == pytest.approx(700.0e6, rel=1e-9)
    assert plateau == pytest.approx(3774.43e6, rel=1e-6)
    x, stress, time = plane_wave.wave_profile(150)
    behind = (x > 0.3 * speed * time) & (x < 0.8 * speed * time)
    assert stress[behind].mean() == pytest.approx(plateau, rel=1.5e-2)
