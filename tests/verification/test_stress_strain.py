"""The stress-strain study: its file, verdicts and, at length, the whole run."""

import csv
import json
from pathlib import Path

import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.pinn.checkpoint import Checkpoint
from cmgai_fem.study.file import read_study, studies_folder, validated
from cmgai_fem.study.findings import Row
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.study.run import Options, run_study

FOLDER = studies_folder() / "stress-strain"
pipeline, tables, truth = (study_module(FOLDER, name) for name in ("pipeline", "tables", "truth"))
CaseTable, TestsTable, ToleranceTable = tables.CaseTable, tables.TestsTable, tables.ToleranceTable
judge, run_case = study_module(FOLDER, "tolerances").judge, study_module(FOLDER, "cases").run_case
leave_states_out, MATERIALS = study_module(FOLDER, "measured_points").leave_states_out, truth.MATERIALS
STUDY = validated(pipeline.Study, FOLDER, read_study(FOLDER / "study.toml"))
TOLERANCES = ToleranceTable(every_state=0.04, share_of_fpca_gpr=0.5, share_of_best_rival=1.0, pinn_against_fem=0.002)


def row(method: str, nrmse: float, against: str = "reference") -> Row:
    return {
        "material": "m", "split": "temperature", "temperature": 300.0, "strain_rate": 1.0,
        "method": method, "against": against, "nrmse": nrmse,
    }  # fmt: skip


def rows(fem: float, pinn: float, cross: float) -> list[Row]:
    rivals = {"linear": 0.05, "natural_spline": 0.06, "pod_gpr": 0.04, "fpca_gpr": 0.05}
    made = [row(name, value) for name, value in rivals.items()]
    return [*made, row("fem", fem), row("pinn", pinn), row("pinn", cross, "fem")]


@pytest.mark.parametrize(
    ("figures", "failing"),
    [
        ((0.02, 0.02, 1e-4), []),
        ((0.02, 0.03, 1e-4), ["mean against FPCA-GPR"]),
        ((0.02, 0.02, 3e-3), ["PINN against finite elements"]),
        (
            (0.045, 0.02, 1e-4),
            ["every held-out curve", "mean against FPCA-GPR",
             "mean against the best of linear, spline and POD-GPR (pod_gpr)"],
        ),
    ],
)  # fmt: skip
def test_each_tolerance_fails_by_itself(figures: tuple[float, float, float], failing: list[str]) -> None:
    assert [verdict.name for verdict in judge(TOLERANCES, rows(*figures)) if not verdict.passed] == failing


def test_shipped_study_file_covers_both_metals_and_all_splits() -> None:
    assert {(case.material, case.split) for case in STUDY.cases} == {
        (material, split) for material in MATERIALS for split in ("temperature", "strain_rate", "corner")
    }
    for case in STUDY.cases:
        axis = 1 if case.split == "strain_rate" else 0
        known = [state[axis] for state in case.known]
        asked = [state[axis] for state in case.asked]
        assert max(asked) > max(known)
        assert case.split == "corner" or min(asked) < min(known)
        assert case.split != "corner" or min(state[1] for state in case.asked) > max(case.rates)


def test_wrong_keys_are_named(tmp_path: Path) -> None:
    path, shipped = tmp_path / "study.toml", (FOLDER / "study.toml").read_text()
    path.write_text(shipped.replace("noise =", "nois ="))
    with pytest.raises(InputError, match=r"tests\.noise"):
        validated(pipeline.Study, path, read_study(path))
    path.write_text(shipped.replace("[77.0, 0.001]", "[200.0, 0.001]"))
    with pytest.raises(InputError, match="is a known one"):
        validated(pipeline.Study, path, read_study(path))
    path.write_text(shipped.replace("[77.0, 0.001]", "[77.0]"))
    with pytest.raises(InputError, match="at least 2 items"):
        validated(pipeline.Study, path, read_study(path))


def test_truth_is_asked_for_after_everything_is_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    steel = MATERIALS["steel_4340"]
    asked: list[float] = []
    lines: list[str] = []
    calibrated_before: list[bool] = []
    original = type(steel).stress

    def spy(self, strain, temperature, rate):  # type: ignore[no-untyped-def]
        asked.append(temperature)
        if temperature == 800.0:
            calibrated_before.append(any("beyond the known states" in line for line in lines))
        return original(self, strain, temperature, rate)

    monkeypatch.setattr(type(steel), "stress", spy)
    case = CaseTable(
        material="steel_4340", split="temperature", temperatures=[300.0, 400.0, 500.0, 600.0, 700.0], rates=[1.0],
        held_out=[[800.0, 1.0]],
    )  # fmt: skip
    tests = TestsTable(points=20, repeats=2, noise=0.02, largest_strain=0.3)
    result = run_case(case, tests, "cpu", 1, lines.append)
    # Once for the true curve and once for each test made later.
    assert calibrated_before == [True] * 3
    assert asked[-3:] == [800.0] * 3
    figures = {(item["method"], item["against"]): item["nrmse"] for item in result.rows}
    assert figures["fem", "reference"] < 0.06
    assert figures["pinn", "fem"] < 0.002
    assert {item["method"] for item in result.rows if "mean_covered" in item} == {"fem", "pinn"}


MEASURED = FOLDER / STUDY.measured


@pytest.mark.slow
@pytest.mark.skipif(not MEASURED.is_file(), reason="the measured points are not beside the project")
def test_every_measured_state_is_left_out() -> None:
    table, left_out = leave_states_out(MEASURED, lambda line: None)
    assert len(left_out) == len(table) == 10
    assert all(state.points >= 2 for state in left_out)
    assert all(0.0 < error < 0.25 for state in left_out for error in state.errors.values())


def test_one_case_from_file_to_page(tmp_path: Path) -> None:
    overrides = [
        "tests.points=12", "tests.repeats=2", "measured=none.csv",
        'cases=[{material="steel_4340", split="temperature", temperatures=[300.0, 400.0, 500.0, 600.0], rates=[1.0], '
        "held_out=[[700.0, 1.0], [250.0, 1.0], [720.0, 1.0]]}]",
    ]  # fmt: skip
    found, folder = run_study(str(FOLDER), Options(tmp_path, seed=3, overrides=overrides), lambda line: None)
    run = json.loads((folder / "run.json").read_text())
    assert run["provenance"]["seed"] == 3
    assert run["notes"][-1] == "measured points: no file none.csv, their table is left out"
    assert [section.title for section in found.sections] == ["steel 4340 temperature", "Bands of 95 %", "Notes"]
    table = found.sections[0].tables[0]
    assert table.columns[1:] == ("700 K, 1 /s", "250 K, 1 /s", "720 K, 1 /s")
    errors = {row["temperature"]: row["nrmse"] for row in found.rows if row["method"] == "fem"}
    assert ("FEM transport", *(f"{100 * errors[value]:.2f}" for value in (700.0, 250.0, 720.0))) in table.rows
    assert {table.rows[row][0] for row in table.marked} == {
        "FEM transport", "PINN transport", "PINN transport against FEM"
    }  # fmt: skip
    assert "http:" not in (page := (folder / "report.html").read_text())
    assert "https:" not in page
    generated = list(csv.DictReader((folder / "generated.csv").read_text().splitlines()))
    assert {(row["method"], float(row["temperature"])) for row in generated} == {
        (method, value) for method in ("fem", "pinn") for value in (700.0, 250.0, 720.0)
    }


def test_ranks_mean_nothing_here() -> None:
    with pytest.raises(InputError, match="--ranks: means nothing"):
        run_study(str(FOLDER), Options(ranks=2), lambda line: None)


@pytest.mark.slow
def test_the_whole_study(tmp_path: Path) -> None:
    found, _ = run_study(str(FOLDER), Options(tmp_path), lambda line: None)
    held = {verdict.name: verdict.passed for verdict in found.verdicts}
    assert held["mean against the best of linear, spline and POD-GPR (pod_gpr)"]
    assert held["PINN against finite elements"]


def test_a_killed_study_goes_on_to_the_same_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = [
        "tests.points=12", "tests.repeats=2", "measured=none.csv",
        'cases=[{material="steel_4340", split="temperature", temperatures=[300.0, 400.0, 500.0, 600.0], rates=[1.0], '
        "held_out=[[700.0, 1.0]]}]",
    ]  # fmt: skip
    finish, trained = Checkpoint.finish, list[int]()

    def killed(self: Checkpoint, *state) -> None:  # type: ignore[no-untyped-def]
        finish(self, *state)
        trained.append(1)
        raise KeyboardInterrupt

    def run(folder: Path) -> list[tuple[str, float]]:
        found, _ = run_study(str(FOLDER), Options(folder, overrides=overrides), lambda line: None)
        return [(row["method"], row["nrmse"]) for row in found.rows]

    monkeypatch.setattr(Checkpoint, "finish", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed")
    assert len(list((tmp_path / "killed" / "training").iterdir())) == len(trained) == 1
    monkeypatch.setattr(Checkpoint, "finish", finish)
    assert run(tmp_path / "killed") == run(tmp_path / "whole")
    assert not (tmp_path / "killed" / "training").exists()
