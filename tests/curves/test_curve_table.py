"""The reader of curve tables: units, repeats, notes, and one clear line for every malformed file."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.cli import main
from cmgai_fem.commands.curves import generate_from_table
from cmgai_fem.curves.mean import mean_curves
from cmgai_fem.errors import InputError
from cmgai_fem.files.curve_table import read_curves
from cmgai_fem.pinn.checkpoint import Checkpoint

MALFORMED = sorted((Path(__file__).parent / "malformed").glob("*.csv"))
# Files whose fault is no single row's.
WITHOUT_ROW = {"empty.csv", "header_only.csv", "two_states.csv", "latin_one.csv"}
# Files whose fault is no single column's.
WITHOUT_COLUMN = {"empty.csv", "header_only.csv", "latin_one.csv"}


def test_there_are_at_least_twenty_malformed_files() -> None:
    assert len(MALFORMED) >= 20


@pytest.mark.parametrize("path", MALFORMED, ids=lambda path: path.stem)
def test_malformed_file_is_one_clear_line(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "generated.csv"
    with pytest.raises(InputError) as caught:
        generate_from_table(path, ["temperature"], [(450.0,)], out, lambda line: None)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    assert path.name in WITHOUT_ROW or re.search(r"row \d+", message)
    assert path.name in WITHOUT_COLUMN or "column" in message
    assert not out.exists()


def test_row_of_the_fault_is_the_row_in_the_file() -> None:
    path = next(path for path in MALFORMED if path.name == "text_in_number.csv")
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "3o7" in text)
    with pytest.raises(InputError, match=f"row {line}, column 'stress"):
        read_curves(path)


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def table(path: Path, header: str = "temperature [degC],strain [%],stress [ksi]") -> Path:
    rows = [f"{t},{e},{0 if e == 0 else 50 - 0.01 * t + e}" for t in (20, 100, 200) for e in (3, 0, 1, 2, 4)]
    return write(path, header, rows)


def test_units_become_si_and_strains_increase(tmp_path: Path) -> None:
    curves = read_curves(table(tmp_path / "t.csv"))
    assert [state.coordinates[0] for state in curves.states] == pytest.approx([293.15, 373.15, 473.15])
    test = curves.states[0].tests[0]
    np.testing.assert_allclose(test.strain, [0.0, 0.01, 0.02, 0.03, 0.04])
    np.testing.assert_allclose(test.stress[1], (50 - 0.2 + 1) * 6894757.0)
    assert not curves.plastic


def test_comments_blank_lines_and_unused_columns_are_noted(tmp_path: Path) -> None:
    rows = ["# measured in May", ""]
    rows += [f"{r},{e},{300 + 10 * e},x" for r in (0.1, 1, 10) for e in (0.0, 0.1, 0.2, 0.3)]
    path = write(tmp_path / "t.csv", "strain_rate [1/s],plastic_strain,stress [MPa],operator", rows)
    curves = read_curves(path)
    assert curves.plastic
    assert len(curves) == 3
    assert "column 'operator' is not used" in curves.notes


def test_strain_that_starts_anew_is_a_repeat(tmp_path: Path) -> None:
    strains = (0.0, 0.1, 0.2, 0.3)
    rows = [f"{t},{e},{300 + e}" for t in (300, 400, 500) for _ in range(2) for e in strains]
    curves = read_curves(write(tmp_path / "t.csv", "temperature [K],plastic_strain,stress [MPa]", rows))
    assert [len(state.tests) for state in curves.states] == [2, 2, 2]
    assert sum("2 tests kept as repeats" in note for note in curves.notes) == 3


def test_states_in_separate_blocks_are_repeats_too(tmp_path: Path) -> None:
    strains = (0.0, 0.1, 0.2, 0.3)
    rows = [f"{t},{e},{300 + e}" for _ in range(2) for t in (300, 400, 500) for e in strains]
    curves = read_curves(write(tmp_path / "t.csv", "temperature [K],plastic_strain,stress [MPa]", rows))
    assert [len(state.tests) for state in curves.states] == [2, 2, 2]


def test_column_test_tells_interleaved_repeats_apart(tmp_path: Path) -> None:
    strains = (0.0, 0.1, 0.2, 0.3)
    rows = [f"{t},{name},{e},{300 + e}" for t in (300, 400, 500) for e in strains for name in "ab"]
    curves = read_curves(write(tmp_path / "t.csv", "temperature [K],test,plastic_strain,stress [MPa]", rows))
    assert [len(state.tests) for state in curves.states] == [2, 2, 2]


def test_generated_file_holds_the_asked_states(tmp_path: Path) -> None:
    out = tmp_path / "generated.csv"
    lines: list[str] = []
    generate_from_table(table(tmp_path / "t.csv"), ["temperature"], [(320.0,), (500.0,)], out, lines.append)
    text = out.read_text().splitlines()
    assert text[0].startswith("temperature [degC],strain [%],stress [ksi],standard_error [ksi]")
    assert {row.split(",")[0] for row in text[1:]} == {"320", "500"}
    first = text[1].split(",")
    assert float(first[1]) == 0.0
    assert float(first[2]) == 0.0
    beside = json.loads((tmp_path / "generated.provenance.json").read_text())
    assert (beside["table"], beside["coordinate"], beside["unit"]) == ("t.csv", "temperature", "degC")
    assert [entry["value"] for entry in beside["generated"]] == [320.0, 500.0]
    # Everything that was said while the curves were made, but for the closing line, stands there too.
    assert beside["said"] == lines[:-1]


def test_coordinate_that_tests_differ_in_needs_no_name(tmp_path: Path) -> None:
    path, named, unnamed = table(tmp_path / "t.csv"), tmp_path / "named.csv", tmp_path / "unnamed.csv"
    generate_from_table(path, ["temperature"], [(320.0,)], named, lambda line: None)
    generate_from_table(path, (), [(320.0,)], unnamed, lambda line: None)
    assert unnamed.read_bytes() == named.read_bytes()
    with pytest.raises(InputError, match="give 1 value, for temperature"):
        generate_from_table(path, (), [(320.0, 1.0)], tmp_path / "o.csv", lambda line: None)


def test_missing_file_and_unknown_coordinate(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_curves(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="no state coordinate 'pressure'"):
        generate_from_table(table(tmp_path / "t.csv"), ["pressure"], [(1.0,)], tmp_path / "o.csv", lambda line: None)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--lower", "0"], "--lower: leave it out; "),
        (["--field", "stress"], "--field: leave it out; "),
        (["--rivals"], "--rivals: leave it out; "),
    ],
)
def test_an_option_that_a_table_of_tests_does_not_take_is_refused(tmp_path: Path, capsys, option, message) -> None:
    path, out = table(tmp_path / "t.csv"), tmp_path / "o.csv"
    with pytest.raises(SystemExit) as ended:
        main(["generate", str(path), "--coordinate", "temperature", "--at", "320", "--out", str(out), *option])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_networks_generate_the_curve_of_the_finite_elements(tmp_path: Path, capsys) -> None:
    path, curves = table(tmp_path / "t.csv"), {}
    for method in ("fem", "pinn"):
        out = tmp_path / f"{method}.csv"
        arguments = ["--coordinate", "temperature", "--at", "320", "--method", method, "--out", str(out)]
        with pytest.raises(SystemExit) as ended:
            main(["generate", str(path), *arguments])
        assert ended.value.code == 0, capsys.readouterr().err
        curves[method] = np.genfromtxt(out, delimiter=",", skip_header=1, usecols=2)
        assert json.loads(out.with_name(f"{method}.provenance.json").read_text())["method"] == method
    assert curves["pinn"] == pytest.approx(curves["fem"], rel=1e-3)


def test_a_killed_training_goes_on_to_the_same_digits(tmp_path: Path, monkeypatch, capsys) -> None:
    path, out, whole = table(tmp_path / "t.csv"), tmp_path / "killed.csv", tmp_path / "whole.csv"
    asked = ["generate", str(path), "--at", "100", "--at", "320", "--method", "pinn", "--resume", "--out"]
    trained: list[int] = []
    finish = Checkpoint.finish

    def killed(self: Checkpoint, *state) -> None:
        finish(self, *state)
        trained.append(1)
        raise KeyboardInterrupt

    def run(file: Path) -> int:
        trained.clear()
        with pytest.raises(SystemExit) as ended:
            main([*asked, str(file)])
        return int(ended.value.code or 0)

    monkeypatch.setattr(Checkpoint, "finish", killed)
    assert run(out) == 130 and not out.exists()
    trainings = tmp_path / "killed.training"
    assert list(trainings.iterdir()) and len(trained) == 1
    monkeypatch.setattr(Checkpoint, "finish", lambda self, *state: (finish(self, *state), trained.append(1)))
    capsys.readouterr()
    assert run(out) == 0 and "the trainings of an interrupted run go on" in capsys.readouterr().out
    rest = len(trained)
    assert run(whole) == 0 and len(trained) > rest
    assert out.read_bytes() == whole.read_bytes()
    assert not trainings.exists()


def test_resume_keeps_a_table_that_is_finished_and_no_other(tmp_path: Path, capsys) -> None:
    path, out = table(tmp_path / "t.csv"), tmp_path / "o.csv"

    def made(*options: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["generate", str(path), "--out", str(out), "--resume", *options])
        assert ended.value.code == 0
        return capsys.readouterr().out

    assert "finished before" not in made("--at", "320")
    assert made("--at", "320").strip() == "o.csv: finished before, kept"
    assert "finished before" not in made("--at", "500")
    out.write_text(out.read_text().replace("1", "2"))
    assert "finished before" not in made("--at", "500")
    path.write_text(path.read_text() + "\n")
    assert "finished before" not in made("--at", "500")


def test_the_user_says_whether_a_curve_hardens(tmp_path: Path, capsys) -> None:
    strain = np.linspace(0.0, 0.2, 9)
    rows = [
        f"{temperature},{point:g},{400.0 - 0.2 * temperature - 300.0 * point:g}"
        for temperature in (300.0, 350.0, 400.0)
        for point in strain
    ]
    path = write(tmp_path / "soft.csv", "temperature [K],plastic_strain,stress [MPa]", rows)
    ends = {}
    for option in ("--hardening", "--no-hardening"):
        out = tmp_path / "o.csv"
        with pytest.raises(SystemExit):
            main(["generate", str(path), "--coordinate", "temperature", "--at", "375", option, "--out", str(out)])
        stress = np.genfromtxt(out, delimiter=",", skip_header=1, usecols=2)
        ends[option] = stress[-1] - stress[0]
    assert ends["--hardening"] >= 0.0
    assert ends["--no-hardening"] < -40.0


def law(temperature: float, strain: np.ndarray) -> np.ndarray:
    """Stress [MPa] of a metal that hardens by the root of the strain."""
    return np.minimum(70e3 * strain, 300.0 + 400.0 * np.sqrt(strain) - 0.2 * (temperature - 293.0))


TEMPERATURES = (293.0, 373.0, 473.0, 573.0)
STRAINS = np.r_[0.0, np.geomspace(0.0005, 0.1, 40)]


def export(
    path: Path, head: str = "strain,stress [MPa],temperature [K]", separator: str = ",", encoding: str = "utf-8",
    show: Callable[[float], str] = repr, points: Sequence[tuple[float, float, float]] = (),
) -> Path:  # fmt: skip
    """A table of four tests as an instrument exports it."""
    points = points or [(e, s, t) for t in TEMPERATURES for e, s in zip(STRAINS, law(t, STRAINS), strict=True)]
    rows = [separator.join(show(float(number)) for number in point) for point in points]
    path.write_bytes("\n".join([head, *rows, ""]).encode(encoding))
    return path


def comma(number: float) -> str:
    return f"{number:.6f}".replace(".", ",")


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ({}, None),
        ({"encoding": "utf-8-sig"}, None),
        ({"head": "strain;stress [MPa];temperature [K]", "separator": ";", "show": comma}, "decimal commas"),
        ({"head": "strain\tstress [MPa]\ttemperature [K]", "separator": "\t"}, "separated by tabs"),
        ({"head": "strain,stress,temperature\n-,MPa,K"}, "row 2 holds the units"),
        ({"head": "Strain (-),Stress (MPa),Temperature (K)"}, None),
        ({"head": "strain,stress [N/mm²],temperature [K]", "encoding": "latin-1"}, "Latin-1"),
    ],
)
def test_exports_of_instruments(tmp_path: Path, options, note) -> None:
    curves = read_curves(export(tmp_path / "t.csv", **options))
    assert [state.coordinates[0] for state in curves.states] == list(TEMPERATURES)
    for state, temperature in zip(curves.states, TEMPERATURES, strict=True):
        (test,) = state.tests
        np.testing.assert_allclose(test.strain, STRAINS, atol=1e-6)
        np.testing.assert_allclose(test.stress, 1e6 * law(temperature, STRAINS), rtol=1e-5, atol=1.0)
    assert note is None or any(note in one for one in curves.notes)


def test_decimal_commas_between_commas_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row 2, column .*: 6 cells stand under 3 headings; where commas are decimal"):
        read_curves(export(tmp_path / "t.csv", show=comma))
    with pytest.raises(InputError, match=r"'293,000\.0' is not a number"):
        read_curves(export(tmp_path / "t.csv", show=lambda number: f'"{1000 * number:,}"' if number > 100 else "0"))


def test_unloading_is_left_out_and_not_sorted_through(tmp_path: Path) -> None:
    points = []
    for t in TEMPERATURES:
        first = STRAINS[STRAINS <= 0.02]
        top = law(t, first)[-1]
        down = first[-1] - np.linspace(0.0, 0.9 * top / 70e3, 12)[1:]
        up = down[::-1][1:]
        branch = [(e, top - 70e3 * (first[-1] - e)) for e in (*down, *up)]
        rest = STRAINS[STRAINS > 0.02]
        both = [*zip(first, law(t, first), strict=True), *branch, *zip(rest, law(t, rest), strict=True)]
        points += [(e, s, t) for e, s in both]
    curves = read_curves(export(tmp_path / "t.csv", points=points))
    for state, temperature in zip(curves.states, TEMPERATURES, strict=True):
        np.testing.assert_array_equal(state.tests[0].strain, STRAINS)
        np.testing.assert_allclose(state.tests[0].stress, 1e6 * law(temperature, STRAINS))
    assert sum("21 points of unloading and reloading are left out" in note for note in curves.notes) == 4


def test_noise_before_loading_and_strains_that_repeat(tmp_path: Path) -> None:
    points = [(e, s, t) for t in TEMPERATURES for e, s in [(-2e-5, -0.5), *zip(STRAINS, law(t, STRAINS), strict=True)]]
    curves = read_curves(export(tmp_path / "noise.csv", points=points))
    assert len(curves.states[0].tests[0].strain) == len(STRAINS)
    assert any("4 points before loading (row 2, 44, 86, 128) are left out" in note for note in curves.notes)
    fine = np.linspace(0.0, 0.1, 300)
    points = [(e, s, t) for t in TEMPERATURES for e, s in zip(fine.round(3), law(t, fine), strict=True)]
    (test,) = read_curves(export(tmp_path / "steps.csv", points=points)).states[0].tests
    assert len(test.strain) == 101
    np.testing.assert_allclose(test.stress[3:], 1e6 * law(293.0, test.strain)[3:], rtol=0.1)


@pytest.mark.parametrize("kind", ["export", "semicolons", "coarse strains"])
def test_generated_curves_keep_the_yield_point(tmp_path: Path, kind: str) -> None:
    fine = np.linspace(0.0, 0.1, 300)
    points = [(e, s, t) for t in TEMPERATURES for e, s in zip(fine.round(3), law(t, fine), strict=True)]
    options: dict = {
        "export": {},
        "semicolons": {"head": "strain;stress [MPa];temperature [K]", "separator": ";", "show": comma},
        "coarse strains": {"points": points},
    }[kind]
    generate_from_table(export(tmp_path / "t.csv", **options), (), ["450 K"], tmp_path / "o.csv", lambda line: None)
    strain, stress = np.genfromtxt(tmp_path / "o.csv", delimiter=",", skip_header=1, usecols=(1, 2)).T
    # Coarse strains place the yield point to half their step.
    tolerance = 0.01 if kind == "coarse strains" else 1e-3
    np.testing.assert_allclose(stress[strain > 0.001], law(450.0, strain[strain > 0.001]), rtol=tolerance)


@pytest.mark.parametrize("repeats", [1, 3])
def test_what_scatters_is_smoothed_and_what_does_not_keeps_its_strains(tmp_path: Path, repeats: int) -> None:
    random = np.random.default_rng(1)
    scatter = {}
    for noise in (0.002, 0.03):
        rows = [
            f"{e},{s * (1.0 + noise * random.standard_normal())},{t},{test}"
            for t in TEMPERATURES
            for test in range(repeats)
            for e, s in zip(STRAINS[1:], law(t, STRAINS[1:]), strict=True)
        ]
        curves = mean_curves(read_curves(write(tmp_path / "t.csv", "strain,stress [MPa],temperature [K],test", rows)))
        scatter[len(curves.strain)] = curves.scatter
    assert scatter == {40: pytest.approx(0.002, rel=0.2), 41: pytest.approx(0.03, rel=0.2)}


def test_a_smoothed_curve_does_not_swing_where_points_are_sparse(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows = [
        f"{e},{s * (1.0 + 0.02 * random.standard_normal())},{t},{test}"
        for t in TEMPERATURES
        for test in range(3)
        for e, s in zip(STRAINS[1:], law(t, STRAINS[1:]), strict=True)
    ]
    curves = mean_curves(read_curves(write(tmp_path / "t.csv", "strain,stress [MPa],temperature [K],test", rows)))
    for temperature, stress in zip(TEMPERATURES, curves.stress, strict=True):
        np.testing.assert_allclose(stress, 1e6 * law(temperature, curves.strain), rtol=0.1)


def test_a_toe_is_said(tmp_path: Path) -> None:
    toe = STRAINS + 0.002 * (1.0 - np.exp(-STRAINS / 0.001))
    points = [(e, s, t) for t in TEMPERATURES for e, s in zip(toe, law(t, STRAINS), strict=True)]
    assert any("starts with a toe" in note for note in read_curves(export(tmp_path / "t.csv", points=points)).notes)
    assert not any("toe" in note for note in read_curves(export(tmp_path / "t.csv")).notes)


@pytest.mark.parametrize(("asked", "value"), [("325", 325.0), ("598.15 K", 325.0), ("617 degF", 325.0)])
def test_states_are_asked_in_the_units_of_the_table(tmp_path: Path, asked: str, value: float) -> None:
    points = [(e, s, t - 273.15) for t in TEMPERATURES for e, s in zip(STRAINS, law(t, STRAINS), strict=True)]
    path = export(tmp_path / "t.csv", "strain,stress [MPa],temperature [degC]", points=points)
    generate_from_table(path, ["temperature"], [asked], tmp_path / "o.csv", lambda line: None)
    header, *rows = (tmp_path / "o.csv").read_text().splitlines()
    assert header == "temperature [degC],strain,stress [MPa],standard_error [MPa],scatter [MPa],trusted"
    numbers = np.array([row.split(",")[:3] for row in rows], dtype=float)
    assert set(numbers[:, 0]) == {value}
    np.testing.assert_allclose(numbers[1:, 2], law(value + 273.15, numbers[1:, 1]), rtol=0.02)
    with pytest.raises(InputError, match="--at 3 MPa: '3 MPa': MPa is no unit of what is in degC"):
        generate_from_table(path, ["temperature"], ["3 MPa"], tmp_path / "o.csv", lambda line: None)
