"""Field studies of two coordinates from their file to their results folder, on fields that are known exactly."""

import csv
import json
import re

import numpy as np
import pytest
from results_folders import AnyBody
from test_study_file import SEVERAL, load, write

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.cli import main
from cmgai_fem.generate import Networks
from cmgai_fem.states.labels import labels_on_mesh
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Field, States
from cmgai_fem.study import fields as pipeline
from cmgai_fem.study import generation
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.generation import generate_fields
from cmgai_fem.study.names import method_name

TEXT = (
    SEVERAL
    + """rival_floor = 1.0

[[tolerances]]
name = "networks"
methods = ["pinn"]
splits = ["interpolation", "extrapolation"]
against = "fem"
nrmse = 2e-3

[mesh]
file = "cantilever.geo"
size = 0.016
"""
)
RIVALS = ["linear", "thin_plate_spline", "response_surface"]


def exact_states(study: FieldStudy) -> States:
    """Stresses on a strip of triangles, smooth in both coordinates."""
    points = np.array([[x, y] for x in np.linspace(0.0, 1.0, 9) for y in (0.0, 0.5)])
    cells = np.array([[2 * i + a, 2 * i + b, 2 * i + c] for i in range(8) for a, b, c in ((0, 2, 1), (1, 2, 3))])
    t, f = (np.array(study.points) / [700.0, 8.0]).T[:, :, None]
    x = points[:, 0]
    columns = [np.sin(2.0 * t + (k + 1) * x) * (1.0 + f) + f**2 * x * t for k in range(6)]
    field = Field(1e8 * np.stack(columns, axis=2), "Pa", SYMMETRIC_TENSOR)
    labels = labels_on_mesh(points, {"triangle": cells})
    return States(labels, study.axes, np.array(study.points), {"stress": field})


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.fixture
def small(monkeypatch):
    """Exact states in place of the reference solves, and few choices: what is tested is the way, not the choice."""
    monkeypatch.setattr(
        pipeline, "solve_states", lambda study, ranks, folder, report: (exact_states(study), {"ranks": ranks})
    )
    monkeypatch.setattr(pipeline, "load_model", lambda kind, parameters, folder: AnyBody())
    search = Search(ratios=(1.0,), tensions=(0.0,))
    monkeypatch.setattr(generation, "search_of", lambda study, name: search)
    for module in (pipeline, generation):
        monkeypatch.setattr(module, "rivals_for", lambda values: RIVALS)


@pytest.mark.medium
def test_a_study_leaves_a_results_folder(tmp_path, small, capsys):
    out = tmp_path / "results"
    assert run("verify", str(write(tmp_path, TEXT)), "--out", str(out), "--ablate", "order", "--seed", "4") == 0
    said = capsys.readouterr().out
    assert "holds  mean" in said
    assert "450:5" in said and "750:5*" in said and "mean inside" in said
    assert "one part changed at a time" in said
    with (out / "metrics.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["method"] for row in rows} == {"fem", "pinn", *RIVALS}
    assert {row["field"] for row in rows} == {"stress", "von_mises"}
    assert {row["split"] for row in rows} == {"known", "interpolation", "extrapolation"}
    facts = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert facts["study"]["coordinates"][1]["parameter"] == "tip_force"
    assert all(item["passed"] for item in facts["tolerances"])
    assert "members" in next(iter(facts["calibration"].values()))
    assert {item["state"] for item in facts["admissibility"]} == {"450:5", "750:5"}
    assert facts["provenance"]["seed"] == 4
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 4 and "Ablation" in page
    assert not re.search(r"(src|href)=.https?:", page)
    (honest,) = [
        table for section in facts["sections"] for table in section["tables"] if table["title"].endswith("all methods")
    ]
    assert [row[0] for row in honest["rows"]] == [method_name(name) for name in ("fem", *RIVALS)]
    assert all(float(row[1]) > 0.0 and row[4] in ("0 of 2", "1 of 2", "2 of 2") for row in honest["rows"])
    assert (out / "paraview" / "small.pvd").exists()
    assert (out / "ablation.csv").exists()
    fem = States.load(out / "fields" / "fem.npz")
    assert fem.index([450.0, 5.0]) == 10


@pytest.mark.medium
def test_a_state_without_a_range_may_be_known_and_not_held_out(tmp_path, small, monkeypatch, capsys):
    def flat(state):
        def solved(study, ranks, folder, report):
            states = exact_states(study)
            states.field("stress").values[states.index(state)] = 0.0
            return states, {"ranks": ranks}

        return solved

    text = TEXT.replace("rival_factor = 1.0\n", "nrmse = 100.0\n")
    for state, code in (((100.0, 2.0), 0), ((750.0, 5.0), 2)):
        monkeypatch.setattr(pipeline, "solve_states", flat(state))
        out = tmp_path / f"results {code}"
        assert run("verify", str(write(tmp_path, text)), "--out", str(out)) == code
    said = capsys.readouterr().err
    assert "von_mises is constant at temperature = 750 degC, load = 5 kN" in said
    rows = (tmp_path / "results 0" / "metrics.csv").read_text(encoding="utf-8")
    assert "stress,700:2,known" in rows and "stress,100:2,known" not in rows


def test_a_tolerance_that_breaks_ends_with_exit_code_1(tmp_path, small, capsys):
    path = write(tmp_path, TEXT.replace("rival_factor = 1.0", "nrmse = 1e-9"))
    assert run("verify", str(path), "--out", str(tmp_path / "results")) == 1
    assert "FAILS  mean" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ("fields = ['von_mises', 'strain']", [], "'networks' fits no figure: fields: no 'strain'"),
        ("states = [[450.0, 6.0]]", [], "'networks' fits no figure: states: 450:6 is none"),
        ("", ["--ablate", "law"], "--ablate law: 'small' has several state coordinates"),
        ("", ["--quick"], "--quick: "),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_solved(tmp_path, monkeypatch, capsys, change, arguments, message):
    def never(*_):
        raise AssertionError("a reference solve was started")

    monkeypatch.setattr(pipeline, "solve_states", never)
    path = write(tmp_path, TEXT.replace('against = "fem"', f'against = "fem"\n{change}'))
    assert run("verify", str(path), "--out", str(tmp_path / "results"), *arguments) == 2
    said = capsys.readouterr().err
    assert message in said and said.strip().count("\n") == 0


def test_held_out_states_are_not_read_before_they_are_compared(tmp_path, small):
    study = load(write(tmp_path, TEXT))
    reference = exact_states(study)
    field = reference.field("stress")
    poisoned = field.values.copy()
    poisoned[len(study.states.known) :] = np.nan
    bad = States(
        reference.labels, reference.coordinates, reference.values, {"stress": Field(poisoned, "Pa", field.components)}
    )
    made = [
        generate_fields(states.at(study.states.known), study, Networks(), lambda line: None)
        for states in (reference, bad)
    ]
    for method, states in made[0].states.items():
        np.testing.assert_array_equal(states.field("stress").values, made[1].states[method].field("stress").values)


@pytest.mark.slow
def test_reference_states_are_solved_run_by_run(tmp_path):
    text = TEXT.replace("[550.0, 5.5], [200.0, 6.0], [650.0, 4.5],", "[550.0, 2.0],")
    study = load(write(tmp_path, text))
    states, info = pipeline.solve_states(study, 1, tmp_path / "reference", lambda line: None)
    np.testing.assert_array_equal(states.values, np.array(study.points))
    assert info["runs"] == len({load for _, load in study.points})
    # The elastic stress is linear in the load.
    stress = states.field("stress").values
    low, high = states.index([100.0, 2.0]), states.index([100.0, 8.0])
    assert np.abs(stress[high] - stress[low]).max() > 1e6
