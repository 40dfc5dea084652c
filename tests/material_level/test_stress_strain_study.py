"""The stress-strain study: its file, verdicts and, at length, the whole run."""

import json
from pathlib import Path

import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.measured_points import leave_states_out
from cmgai_fem.material_level.study import judge, run_stress_strain
from cmgai_fem.material_level.study_cases import Row, run_case
from cmgai_fem.material_level.study_data import MATERIALS
from cmgai_fem.material_level.study_tables import CaseTable, MeasurementTable, ToleranceTable, load_stress_strain
from cmgai_fem.study.file import find_study, studies_folder

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
    study = load_stress_strain(find_study("stress-strain"))
    assert {(case.material, case.split) for case in study.cases} == {
        (material, split) for material in MATERIALS for split in ("temperature", "strain_rate", "corner")
    }
    for case in study.cases:
        axis = 1 if case.split == "strain_rate" else 0
        known = [state[axis] for state in case.known]
        asked = [state[axis] for state in case.asked]
        assert max(asked) > max(known)
        assert case.split == "corner" or min(asked) < min(known)
        assert case.split != "corner" or min(state[1] for state in case.asked) > max(case.rates)


def test_wrong_keys_are_named(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(find_study("stress-strain").read_text().replace("noise =", "nois ="))
    with pytest.raises(InputError, match=r"tests\.noise"):
        load_stress_strain(path)
    text = find_study("stress-strain").read_text().replace("[77.0, 0.001]", "[200.0, 0.001]")
    path.write_text(text)
    with pytest.raises(InputError, match="is a known one"):
        load_stress_strain(path)


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
    tests = MeasurementTable(points=20, repeats=2, noise=0.02, largest_strain=0.3)
    result = run_case(case, tests, "cpu", 1, lines.append)
    # Once for the true curve and once for each test made later.
    assert calibrated_before == [True] * 3
    assert asked[-3:] == [800.0] * 3
    figures = {(item["method"], item["against"]): item["nrmse"] for item in result.rows}
    assert figures["fem", "reference"] < 0.06
    assert figures["pinn", "fem"] < 0.002
    assert {item["method"] for item in result.rows if "mean_covered" in item} == {"fem", "pinn"}


def measured_file() -> Path:
    return studies_folder().parent / load_stress_strain(find_study("stress-strain")).measured


@pytest.mark.slow
@pytest.mark.skipif(not measured_file().is_file(), reason="the measured points are not beside the project")
def test_every_measured_state_is_left_out() -> None:
    table, left_out = leave_states_out(measured_file(), lambda line: None)
    assert len(left_out) == len(table) == 10
    assert all(state.points >= 2 for state in left_out)
    assert all(0.0 < error < 0.25 for state in left_out for error in state.errors.values())


@pytest.mark.slow
def test_the_whole_study(tmp_path: Path) -> None:
    lines: list[str] = []
    code = run_stress_strain(tmp_path, "cpu", 0, lines.append)
    run = json.loads((tmp_path / "run.json").read_text())
    held = {item["name"]: item["passed"] for item in run["tolerances"]}
    assert code == (0 if all(held.values()) else 1)
    assert held["mean against the best of linear, spline and POD-GPR (pod_gpr)"]
    assert held["PINN against finite elements"]
    page = (tmp_path / "report.html").read_text()
    assert "http" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    ).replace("https://matplotlib.org", "")
