"""Curves from tables with two state columns, against laws that they must reproduce, and from the command line."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.cli import main
from cmgai_fem.curves.calibrate import Trial
from cmgai_fem.curves.generate import JudgedCurve, generate_curves
from cmgai_fem.curves.mean import mean_curves
from cmgai_fem.curves.motion import EXACT
from cmgai_fem.curves.table import CurveState, CurveTests, Test
from cmgai_fem.curves.trials import beyond, reaches, scattered_trials
from cmgai_fem.curves.ways.arms import ArmsWay, Cross
from cmgai_fem.curves.ways.line import _variance
from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate, Coordinates
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

truth = study_module(studies_folder() / "stress-strain", "truth")
MATERIALS, TEMPERATURE, make_tests = truth.MATERIALS, truth.TEMPERATURE, truth.make_tests
STRAIN = np.linspace(0.0, 0.3, 9)
COORDINATES = Coordinates((TEMPERATURE, Coordinate("strain_rate", "1/s")))
State = tuple[float, float]
GRID = [(t, r) for t, r in product((300.0, 400.0, 500.0, 600.0, 700.0), (0.1, 1.0, 10.0, 100.0))]
CROSS = [(t, 0.1) for t in (300.0, 400.0, 500.0, 600.0, 700.0)] + [(300.0, r) for r in (1.0, 10.0, 100.0)]
SCATTERED = [
    (300.0, 0.1), (340.0, 20.0), (410.0, 0.5), (430.0, 80.0), (500.0, 3.0), (520.0, 0.2), (590.0, 40.0),
    (610.0, 1.0), (680.0, 0.3), (700.0, 100.0), (360.0, 2.0), (640.0, 9.0),
]  # fmt: skip


def factors(states: Array) -> Array:
    """(K, L) stresses of Johnson-Cook's kind: a factor for the temperature and one for the rate."""
    temperature, rate = states[:, :1], np.log(states[:, 1:])
    return 1e9 * np.exp(-0.8e-3 * temperature + 0.015 * rate) * (0.5 + STRAIN**0.4)


def linear(states: Array) -> Array:
    """(K, L) stresses linear in temperature and in log rate, each with a curve of its own."""
    temperature, rate = states[:, :1], np.log(states[:, 1:])
    return 1e9 * (1.0 + STRAIN**0.5) - 5e5 * temperature * (1.0 + STRAIN) + 1e7 * rate * (1.0 - STRAIN)


def table_of(states: Sequence[State], law: Callable[[Array], Array]) -> CurveTests:
    known = sorted(states)
    tests = (CurveState(state, (Test(STRAIN, row),)) for state, row in zip(known, law(np.array(known)), strict=True))
    return CurveTests(COORDINATES, tuple(tests), plastic=True)


def made(states: Sequence[State], law: Callable[[Array], Array], targets: Sequence[State]) -> dict[State, JudgedCurve]:
    return generate_curves(mean_curves(table_of(states, law)), targets, lambda _: None)


@pytest.mark.medium
@pytest.mark.parametrize("law", [factors, linear], ids=["factors", "linear"])
@pytest.mark.parametrize("states", [GRID, SCATTERED], ids=["grid", "scattered"])
@pytest.mark.parametrize("target", [(550.0, 5.0), (750.0, 5.0), (760.0, 300.0)], ids=["between", "hot", "corner"])
def test_a_law_that_is_linear_in_a_feature_comes_back_between_and_beyond(law, states, target) -> None:
    found = made(states, law, [target])[target]
    np.testing.assert_allclose(found.curve.stress, law(np.array([target]))[0], rtol=1e-3)


def test_on_a_cross_the_arms_are_factors() -> None:
    curves, cross = mean_curves(table_of(CROSS, factors)), Cross.of(np.array(sorted(CROSS)))
    assert cross is not None
    assert cross.centre == (300.0, 0.1)
    target = (620.0, 40.0)
    arrived = ArmsWay.fit(curves, cross, [target]).carry(target, EXACT)
    np.testing.assert_allclose(arrived.stress, factors(np.array([target]))[0], rtol=1e-8)
    assert np.all(arrived.error == 0.0)
    found = made(CROSS, factors, [target])[target]
    np.testing.assert_allclose(found.curve.stress, factors(np.array([target]))[0], rtol=1e-3)


def test_off_the_lines_of_a_cross_nothing_is_trusted_and_on_them_it_is() -> None:
    off, on = (620.0, 40.0), (650.0, 0.1)
    found = made(CROSS, factors, [off, on])
    assert not found[off].curve.trusted
    assert "no known state lies off the two lines" in found[off].remark
    assert found[on].curve.trusted
    assert found[on].remark == ""


def test_states_off_both_lines_make_no_cross() -> None:
    assert Cross.of(np.array(SCATTERED)) is None
    assert Cross.of(np.array([*CROSS, (400.0, 10.0)])) is None


def test_extrapolation_farther_than_any_left_out_state_is_not_trusted() -> None:
    near, far = (750.0, 5.0), (2000.0, 5.0)
    found = made(GRID, factors, [near, far])
    # The exact law does not help: what counts is what the left-out states can tell.
    assert found[near].reached
    assert not found[far].reached
    assert not found[far].curve.trusted
    assert "extrapolation as far was not tested" in found[far].remark


def test_along_a_line_the_error_grows_with_the_distance_and_none_is_trusted_farther_than_tested() -> None:
    """Six temperatures with a softening that none of the six shows: what a copper does above its last test."""
    states = [(t, 0.1) for t in (300.0, 400.0, 500.0, 600.0, 700.0, 800.0)]
    law = lambda s: 1e9 * (1.0 + STRAIN) * (1.0 - 1e-7 * (s[:, :1] - 200.0) ** 2)  # noqa: E731
    line = mean_curves(table_of(states, law).along("temperature"))
    found = generate_curves(line, [(850.0,), (900.0,), (1000.0,)], lambda _: None)
    near, tested, far = (found[value,] for value in (850.0, 900.0, 1000.0))
    assert near.reached and tested.reached and not far.reached
    assert not far.curve.trusted
    assert far.curve.error.max() > 1.5 * tested.curve.error.max() >= 1.4 * near.curve.error.max()


def test_the_error_of_straight_pieces_grows_as_their_variance_does() -> None:
    known = np.linspace(0.0, 5.0, 6)
    ratio = _variance("linear", 1, known, 7.0) / _variance("linear", 1, known[:-1], 5.0)
    # h + h^2 / a, two gaps beyond against one.
    assert ratio == pytest.approx(3.0)


def test_distance_beyond_states_is_that_of_box_and_hull() -> None:
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(beyond(corners, np.array([1.0, 1.0])), [0.0, 0.0, np.sqrt(0.5)])
    np.testing.assert_allclose(beyond(corners, np.array([1.5, 0.0]))[:2], [0.5, 0.0])
    assert not beyond(corners, np.array([0.3, 0.3])).any()
    curves = mean_curves(table_of(GRID, factors))
    rows = np.flatnonzero(curves.values[:, 0] < 650.0)
    hottest = int(np.flatnonzero(np.all(curves.values == (700.0, 10.0), axis=1))[0])
    trial = Trial(rows, hottest)
    assert reaches(curves, [trial], (800.0, 10.0))
    assert not reaches(curves, [trial], (801.0, 10.0))
    assert not reaches(curves, [trial], (700.0, 101.0))


def test_inside_the_hull_its_inner_states_are_left_out_and_outside_all() -> None:
    curves = mean_curves(table_of(SCATTERED, factors))
    inside = [row for _, row in scattered_trials(curves, [(520.0, 3.0)])]
    assert 3 <= len(inside) < len(SCATTERED)
    assert len(scattered_trials(curves, [(900.0, 3.0)])) == len(SCATTERED)


def test_states_that_do_not_show_whether_the_motion_bends_are_not_trusted() -> None:
    few, target = [(300.0, 0.1), (600.0, 0.2), (400.0, 10.0), (700.0, 50.0)], (500.0, 3.0)
    found = made(few, factors, [target])[target]
    assert "4 states do not show whether the motion bends" in found.remark
    assert not found.curve.trusted


def test_too_few_states_and_states_on_one_line_are_refused() -> None:
    with pytest.raises(InputError, match="too few to leave one out"):
        made([(300.0, 0.1), (400.0, 1.0), (500.0, 0.1)], factors, [(450.0, 1.0)])
    with pytest.raises(InputError, match="all lie on a line"):
        made([(300.0 + 100.0 * k, 10.0**k) for k in range(5)], factors, [(450.0, 1.0)])


@pytest.mark.medium
@pytest.mark.parametrize("states", [GRID, CROSS, SCATTERED], ids=["grid", "cross", "scattered"])
def test_noisy_copper_stays_within_its_band(states) -> None:
    copper, target = MATERIALS["ofhc_copper"], (550.0, 0.1) if states is CROSS else (550.0, 5.0)
    table = make_tests(copper, states, points=30, largest_strain=0.3, repeats=2, noise=0.02, seed=3)
    curves = mean_curves(table)
    curve = generate_curves(curves, [target], lambda _: None)[target].curve
    truth = copper.stress(curve.strain[1:], *target)
    assert (curve.strain[0], curve.stress[0]) == (0.0, 0.0)
    assert np.all(np.diff(curve.stress) >= 0.0)
    assert np.mean(np.abs(curve.stress[1:] - truth) <= 3.0 * curve.error[1:]) > 0.9


@pytest.mark.medium
def test_curves_end_where_the_states_reach_together_and_a_short_test_is_incomplete() -> None:
    copper, said = MATERIALS["ofhc_copper"], list[str]()
    table = make_tests(copper, GRID, points=30, largest_strain=0.3, repeats=1, noise=0.02, seed=3)
    ends = {GRID[0]: 0.05, GRID[5]: 0.26, GRID[9]: 0.28}

    def cut(state: CurveState) -> CurveState:
        end = ends.get((state.coordinates[0], state.coordinates[1]), 0.3)
        kept = state.tests[0].strain <= end
        return CurveState(state.coordinates, (Test(state.tests[0].strain[kept], state.tests[0].stress[kept]),))

    table = replace(table, states=tuple(cut(state) for state in table.states))
    curve = generate_curves(mean_curves(table), [(550.0, 5.0)], said.append)[550.0, 5.0].curve
    shortest = sorted(state.reach for state in table.states)[1]
    assert shortest - 0.012 < curve.strain[-1] <= shortest
    assert any("which 19 of 20 states reach" in line for line in said)
    truth = copper.stress(curve.strain[1:], 550.0, 5.0)
    assert np.max(np.abs(curve.stress[1:] - truth)) < 0.1 * np.ptp(truth)


def write_table(path: Path, states: Sequence[State]) -> Path:
    rows = ["temperature [K],strain_rate [1/s],plastic_strain,stress [MPa]"]
    for state, stress in zip(states, factors(np.array(states)) / 1e6, strict=True):
        rows += [f"{state[0]},{state[1]},{e},{s:.12g}" for e, s in zip(STRAIN, stress, strict=True)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


PAIRS = sorted((Path(__file__).parent / "malformed" / "pairs").glob("*.csv"))
BOTH = ["--coordinate", "temperature", "--coordinate", "strain_rate"]


def test_both_columns_from_the_command_line_in_either_order(tmp_path, capsys) -> None:
    path, out, swapped = write_table(tmp_path / "t.csv", GRID), tmp_path / "g.csv", tmp_path / "s.csv"
    assert run("generate", str(path), *BOTH, "--at", "550:5", "--at", "750:5", "--out", str(out)) == 0
    said = capsys.readouterr().out
    assert "20 known states, a grid of 5 x 4 values" in said
    other = ["--coordinate", "strain_rate", "--coordinate", "temperature"]
    assert run("generate", str(path), *other, "--at", "5:550", "--at", "5:750", "--out", str(swapped)) == 0
    assert swapped.read_text() == out.read_text()
    with out.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0])[:4] == ["temperature [K]", "strain_rate [1/s]", "plastic_strain", "stress [MPa]"]
    assert {(row["temperature [K]"], row["strain_rate [1/s]"]) for row in rows} == {("550", "5"), ("750", "5")}
    first = [1e6 * float(row["stress [MPa]"]) for row in rows if row["temperature [K]"] == "550"]
    np.testing.assert_allclose(first, factors(np.array([[550.0, 5.0]]))[0], rtol=1e-3)
    facts = json.loads((tmp_path / "g.provenance.json").read_text())
    assert facts["coordinate"] == ["temperature", "strain_rate"]
    assert facts["generated"][0] == {"value": [550.0, 5.0], "trusted": True, "tested_as_far": True}
    assert facts["said"] == said.splitlines()[:-1]


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_malformed_tables_of_two_columns_get_one_line(path: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "g.csv"
    assert run("generate", str(path), *BOTH, "--at", "450:2", "--out", str(out)) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith(f"cmgai-fem: {path}: columns temperature and strain_rate: ")
    assert "\n" not in said
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--coordinate", "temperature", "--at", "550"], "t.csv: column strain_rate takes 4 values"),
        (["--coordinate", "temperature", "--at", "550"], "write --coordinate temperature --coordinate strain_rate"),
        ([*BOTH, "--at", "550"], "--at 550: give 2 values, for temperature, strain_rate"),
        ([*BOTH, "--at", "550:0"], "strain_rate = 0 1/s is not positive"),
        ([*BOTH, "--at", "nan:2"], "--at nan:2: not a finite number"),
        ([*BOTH, "--at", "550:1", "--at", "550:1"], "--at 550:1 was given twice"),
        (BOTH, "e.g. --at 620:1000"),
        (["--coordinate", "temperature", "--coordinate", "temperature", "--at", "1:2"], "was given twice"),
        (["--coordinate", "temperature", "--coordinate", "load", "--at", "1:2"], "no state coordinate 'load'"),
    ],
)
def test_malformed_requests_get_one_line(tmp_path, capsys, arguments, text) -> None:
    out = tmp_path / "g.csv"
    assert run("generate", str(write_table(tmp_path / "t.csv", GRID)), *arguments, "--out", str(out)) == 2
    said = capsys.readouterr().err.strip()
    assert text in said
    assert "\n" not in said
    assert not out.exists()
