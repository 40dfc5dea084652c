"""Optimal transport: its cases on small sizes, and the whole study in quick mode."""

import json

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import Tools, load_pipeline, study_module
from cmgai_fem.study.run import Options, run_study

FOLDER = studies_folder() / "optimal-transport"
pipeline = load_pipeline(FOLDER)
moving_fields, pull = study_module(FOLDER, "moving_fields"), study_module(FOLDER, "pull")


def failures(findings):
    return [verdict for verdict in findings.verdicts if not verdict.passed]


@pytest.fixture
def tools(tmp_path):
    return Tools(tmp_path, print)


@pytest.mark.parametrize("name", pipeline.PAIRS)
def test_gaussian_clouds(name):
    found = pipeline.gaussian_clouds(name, *pipeline.PAIRS[name], 200)
    assert len(found.verdicts) == 4
    assert not failures(found)


def test_gaussian_density_and_pictures(tools):
    assert not failures(pipeline.gaussian_density(21, tools))
    assert (tools.folder / "gaussian_density.png").stat().st_size > 1000


def test_one_gaussian_to_eight(tools):
    assert not failures(pipeline.one_to_eight(160, 5, tools))
    assert (tools.folder / "one_to_eight.gif").read_bytes()[:3] == b"GIF"


def test_known_pull(tools):
    found = pipeline.known_pull(tools, (1.0,))
    assert {row["method"] for row in found.rows} == {"fem", "pinn"}
    assert not failures(found)


def test_moments_under_the_pull_keep_their_equations():
    q, weights = pull.hermite_labels(5)
    exact = pull.QuadraticPull(q)
    s = np.linspace(0.3, 0.7, 401)
    mean, spread = exact.exact_moments(s)
    h = s[1] - s[0]
    for values, centre in ((mean, 3.0), (spread, 0.5)):
        acceleration = (values[2:] - 2 * values[1:-1] + values[:-2]) / h**2
        np.testing.assert_allclose(acceleration, exact.strength(s[1:-1]) * (values[1:-1] - centre), atol=2e-3)
    np.testing.assert_allclose(weights @ q**2, 1.0, rtol=1e-12)


def test_moving_fields_are_carried_better_than_the_best_rival(tools):
    asked = moving_fields.MovingFields(line=31, square=21, rivals=["linear", "pchip"])
    found = moving_fields.compare(asked, tools)
    assert len(found.verdicts) == 2 * len(moving_fields.CASES)
    assert not failures(found)
    assert (tools.folder / "moving_fields.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("samples=3", "samples: Input should be greater than or equal to 64"),
        ('moving.rivals=["kriging"]', "moving.rivals: no rival 'kriging'; there are: linear"),
        ("clouds=3", "clouds: unknown key"),
    ],
)
def test_sizes_that_cannot_be_are_refused(tmp_path, override, message):
    with pytest.raises(InputError, match=message):
        run_study("optimal-transport", Options(tmp_path, overrides=[override]), print)


@pytest.mark.slow
def test_quick_study(tmp_path):
    found, folder = run_study("optimal-transport", Options(tmp_path, quick=True), print)
    assert not failures(found)
    assert {path.name for path in folder.iterdir()} >= {
        "metrics.csv",
        "run.json",
        "report.html",
        "one_to_eight.gif",
        "moving_fields.png",
    }
    assert json.loads((folder / "run.json").read_text())["provenance"]["quick"] is True
