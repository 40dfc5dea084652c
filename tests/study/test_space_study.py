"""A study of two coordinates, from its file to its results folder, on fields that are known exactly."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.calibration import space as calibration
from cmgai_fem.cli import main
from cmgai_fem.errors import InputError
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Field, States, labels_on_mesh
from cmgai_fem.study import space_run as studies
from cmgai_fem.study.file import find_study
from cmgai_fem.study.space_file import SpaceStudy, load_space_study
from cmgai_fem.study.space_run import generate_states

TEXT = """
name = "small"
title = "A small study"
kind = "thermal-stress"

[[coordinates]]
name = "temperature"
unit = "degC"

[[coordinates]]
name = "load"
unit = "kN"
parameter = "tip_force"
scale = 1000.0

[states]
known = [
    [100.0, 2.0], [700.0, 2.0], [100.0, 8.0], [700.0, 8.0], [300.0, 4.0],
    [500.0, 3.0], [400.0, 7.0], [550.0, 5.5], [200.0, 6.0], [650.0, 4.5],
]
interpolation = [[450.0, 5.0]]
extrapolation = [[750.0, 5.0]]

[mesh]
file = "cantilever.geo"
size = 0.016

[fields.stress]
derived = ["von_mises"]

[[tolerances]]
name = "mean"
mean = true
rival_factor = 1.0
rival_floor = {floor}

[[tolerances]]
name = "networks"
methods = ["pinn"]
splits = ["interpolation", "extrapolation"]
against = "fem"
nrmse = 2e-3
"""


def exact_states(study: SpaceStudy) -> States:
    """Stresses on a strip of triangles, smooth in both coordinates."""
    points = np.array([[x, y] for x in np.linspace(0.0, 1.0, 9) for y in (0.0, 0.5)])
    cells = np.array([[2 * i + a, 2 * i + b, 2 * i + c] for i in range(8) for a, b, c in ((0, 2, 1), (1, 2, 3))])
    t, f = (study.points / [700.0, 8.0]).T[:, :, None]
    x = points[:, 0]
    columns = [np.sin(2.0 * t + (k + 1) * x) * (1.0 + f) + f**2 * x * t for k in range(6)]
    field = Field(1e8 * np.stack(columns, axis=2), "Pa", SYMMETRIC_TENSOR)
    return States(labels_on_mesh(points, {"triangle": cells}), study.axes, study.points, {"stress": field})


def write(folder: Path, text: str = TEXT, floor: float = 1.0) -> Path:
    path = folder / "study.toml"
    path.write_text(text.replace("{floor}", str(floor)), encoding="utf-8")
    return path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.fixture
def quick(monkeypatch):
    """Exact states in place of the reference solves, and few choices: what is tested is the way, not the choice."""
    monkeypatch.setattr(studies, "solve_reference_states", lambda study, ranks, folder, report: exact_states(study))
    monkeypatch.setattr(calibration, "RATIOS", (1.0,))
    monkeypatch.setattr(calibration, "TENSIONS", (0.0,))
    monkeypatch.setattr(calibration, "HIGHEST_ORDER", 1)
    monkeypatch.setattr(studies, "rivals_for", lambda values: ["linear", "thin_plate_spline", "response_surface"])


def test_a_study_leaves_a_results_folder(tmp_path, quick, capsys):
    out = tmp_path / "results"
    assert run("verify", str(write(tmp_path)), "--out", str(out)) == 0
    said = capsys.readouterr().out
    assert "holds  mean" in said
    assert "450:5" in said and "750:5*" in said and "mean inside" in said
    with (out / "metrics.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    rivals = {"linear", "thin_plate_spline", "response_surface"}
    assert {row["method"] for row in rows} == {"fem", "pinn"} | rivals
    assert {row["field"] for row in rows} == {"stress", "von_mises"}
    facts = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert facts["study"]["coordinates"][1]["parameter"] == "tip_force"
    assert all(item["passed"] for item in facts["tolerances"])
    assert "members" in next(iter(facts["calibration"].values()))
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page and "data:image/png" in page
    assert not re.search(r"(src|href)=.https?:", page)
    assert (out / "paraview" / "small.pvd").exists()
    fem = States.load(out / "fields" / "fem.npz")
    assert fem.index([450.0, 5.0]) == 0


def test_a_tolerance_that_breaks_ends_with_exit_code_1(tmp_path, quick, capsys):
    path = write(tmp_path, TEXT.replace("rival_factor = 1.0", "nrmse = 1e-9"))
    assert run("verify", str(path), "--out", str(tmp_path / "results")) == 1
    assert "FAILS  mean" in capsys.readouterr().out


def test_held_out_states_are_not_read_before_they_are_compared(tmp_path, quick):
    study = load_space_study(write(tmp_path))
    assert study is not None
    reference = exact_states(study)
    field = reference.field("stress")
    poisoned = field.values.copy()
    poisoned[len(study.states.known) :] = np.nan
    bad = States(
        reference.labels, reference.coordinate, reference.values, {"stress": Field(poisoned, "Pa", field.components)}
    )
    made = [generate_states(states.at(study.states.known), study, lambda line: None) for states in (reference, bad)]
    for method, states in made[0].states.items():
        np.testing.assert_array_equal(states.field("stress").values, made[1].states[method].field("stress").values)


def test_the_shipped_study_is_valid():
    study = load_space_study(find_study("two-coordinates"), ["reference.heating_step=25.0"])
    assert study is not None
    assert study.parameters([100.0, 2.5]) == {
        "heating_step": 25.0, "mesh": {"file": "cantilever.geo", "size": 0.012}, "tip_force": 2500.0,
    }  # fmt: skip
    assert load_space_study(find_study("thermal-stress")) is None


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            "interpolation = [[450.0, 5.0]]",
            "interpolation = [[750.0, 5.5]]",
            "interpolation state 750:5.5 lies outside",
        ),
        ("extrapolation = [[750.0, 5.0]]", "extrapolation = [[500.0, 5.0]]", "extrapolation state 500:5 lies inside"),
        ("interpolation = [[450.0, 5.0]]", "interpolation = [[300.0, 4.0]]", "held out and known more than once"),
        ("interpolation = [[450.0, 5.0]]", "interpolation = [[450.0]]", "state 450: give 2 values"),
        ('parameter = "tip_force"\n', "", "each further one sets a parameter"),
        ('derived = ["von_mises"]', 'monotone = ["speed"]', "no coordinate 'speed'"),
        ("mean = true", "mean = 3", "tolerances.0.mean"),
        ('unit = "kN"', 'units = "kN"', "coordinates.1.units: unknown key"),
    ],
)
def test_malformed_study_files_get_one_line(tmp_path, old, new, text):
    assert old in TEXT
    with pytest.raises(InputError, match=text) as caught:
        load_space_study(write(tmp_path, TEXT.replace(old, new)))
    assert "\n" not in str(caught.value)


def test_known_states_on_one_line_are_refused(tmp_path):
    known = ", ".join(f"[{100.0 * k}, {k}.0]" for k in range(1, 8))
    start, end = TEXT.index("known = ["), TEXT.index("interpolation")
    with pytest.raises(InputError, match="all lie on a line"):
        load_space_study(write(tmp_path, TEXT[:start] + f"known = [{known}]\n" + TEXT[end:]))


@pytest.mark.slow
def test_reference_states_are_solved_run_by_run(tmp_path):
    text = TEXT.replace("[550.0, 5.5], [200.0, 6.0], [650.0, 4.5],", "[550.0, 2.0],")
    study = load_space_study(write(tmp_path, text))
    assert study is not None
    states = studies.solve_reference_states(study, 1, tmp_path / "reference", lambda line: None)
    np.testing.assert_array_equal(states.values, study.points)
    # The elastic stress is linear in the load.
    stress = states.field("stress").values
    low, high = states.index([100.0, 2.0]), states.index([100.0, 8.0])
    assert np.abs(stress[high] - stress[low]).max() > 1e6
