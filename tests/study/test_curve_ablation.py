"""Ablation of curves: what is changed, that the rows are the curves without a part, and where they are shown."""

import csv
import json

import numpy as np
import pytest

from cmgai_fem.cli import main
from cmgai_fem.commands.curves import generate_from_table
from cmgai_fem.curves.calibrate import curve_error
from cmgai_fem.curves.choice import EVERYTHING, Choice, Offer
from cmgai_fem.curves.layout import StateLayout
from cmgai_fem.curves.mean import mean_curves
from cmgai_fem.curves.motion import EXACT
from cmgai_fem.curves.table import CurveState, CurveTests, Test
from cmgai_fem.errors import InputError
from cmgai_fem.states.states import Coordinate, Coordinates
from cmgai_fem.study.ablation_rows import AblationRow, ablation_lines, ablation_tables
from cmgai_fem.study.curve_ablation import PARTS, ablate_curves, curve_variants
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.run import Options, run_study

STRAIN = np.linspace(0.02, 0.3, 8)
TEMPERATURES = (300.0, 400.0, 500.0, 600.0, 700.0)
RATES = (0.1, 1.0, 10.0, 100.0)
NAMES = Coordinates((Coordinate("temperature", "K"), Coordinate("strain_rate", "1/s")))


def line(stress, scatter: float = 0.0) -> StateLayout:
    """Two tests at each temperature of a law `stress(temperature, strain)`."""
    random = np.random.default_rng(0)

    def test(temperature: float) -> Test:
        return Test(STRAIN, stress(temperature, STRAIN) * (1.0 + scatter * random.standard_normal(len(STRAIN))))

    states = tuple(CurveState((t,), (test(t), test(t))) for t in TEMPERATURES)
    return StateLayout.of(mean_curves(CurveTests(Coordinates(NAMES.each[:1]), states, plastic=True)))


def exponential(temperature: float, strain: np.ndarray) -> np.ndarray:
    """A metal whose log stress falls straight with the temperature."""
    return 1e9 * np.exp(-2e-3 * temperature) * (0.5 + strain**0.4)


def silent(_: object) -> None:
    """Progress nobody looks at."""


def ablated(layout: StateLayout, parts, target: float = 800.0, hardening: bool = True):
    return ablate_curves(layout, [(target,)], hardening, parts, ("stress", f"{target:g} K"), silent)


def test_every_part_of_a_line_is_changed() -> None:
    found = list(curve_variants(line(exponential, 0.02), [(800.0,)], True, PARTS))
    names = {part: [one.choice for one in found if one.part == part] for part in PARTS}
    assert names["order"] == ["least(-1)", "least(0)", "least(1)"]
    assert names["feature"] == ["stress", "root of stress", "log stress"]
    assert names["force"] == [f"{kind} pseudo-time of temperature" for kind in ("linear", "log")]
    assert names["noise"] == ["states held exactly", "all modes carried", "both"]
    assert names["superposition"] == ["the best choice and way alone"]
    assert names["fits"] == ["without Johnson-Cook and Zerilli-Armstrong"]
    assert names["constraint"] == ["curves rise", "curves may fall"]
    assert [one.hardening for one in found if one.part == "constraint"] == [True, False]


def test_what_is_exact_errs_by_nothing_and_is_marked() -> None:
    rows = {one.row.choice: one.row for one in ablated(line(exponential), ["feature"])}
    assert rows["everything"].chosen and rows["log stress"].chosen
    assert rows["log stress"].left_out == pytest.approx(0.0, abs=1e-9)
    assert not rows["stress"].chosen and rows["stress"].left_out > rows["root of stress"].left_out > 1e-3


def test_a_row_is_the_left_out_error_of_its_curves() -> None:
    """By hand: the stress itself, of order -1 over the linear pseudo-time, at both ends."""
    layout = line(exponential)
    only = Choice(1.0, ("linear",), -1)
    offer = Offer(lambda choice: choice if choice == only else None, superposed=False, fits=False)
    targets = [(800.0,)]
    trials = layout.trials(targets)
    generator = layout.generator(targets, trials, True, offer)
    errors = []
    for known, made in generator.superposed(trials):
        errors.append(curve_error(made, known, layout.curves))
    # Straight between neighbours, and straight on beyond the last two.
    first, second, third = layout.curves.stress[:3]
    assert errors[0] == pytest.approx(curve_error(2.0 * second - third, first, layout.curves), rel=1e-9)
    assert generator.mixed.error == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-9)


def test_a_constraint_counts_in_the_left_out_error() -> None:
    """Known curves that rise by a hair and scatter: the projection is nearer to them."""
    flat = line(lambda t, e: 1e9 * (1.0 - 5e-4 * t) * (1.0 + 0.02 * e), 0.02)
    rows = {one.row.choice: one for one in ablated(flat, ["constraint"])}
    assert rows["curves rise"].row.chosen
    (curve,) = rows["curves may fall"].curves.values()
    assert np.any(np.diff(curve.stress) < 0.0)
    assert rows["curves rise"].row.left_out != rows["curves may fall"].row.left_out


def grid() -> StateLayout:
    states = tuple(
        CurveState((t, r), (Test(STRAIN, exponential(t, STRAIN) * (1.0 + 0.02 * np.log(r)) + 2e4 * t * STRAIN),))
        for t in TEMPERATURES
        for r in RATES
    )
    return StateLayout.of(mean_curves(CurveTests(NAMES, states, plastic=True)))


def test_over_a_grid_each_way_stands_alone() -> None:
    layout, target = grid(), (800.0, 1000.0)
    rows = {one.row.choice: one for one in ablate_curves(layout, [target], True, ["force"], ("stress", ""), silent)}
    assert {"both paths alone", "surface alone"} < set(rows)
    trials = layout.trials([target])
    generator = layout.generator([target], trials, True)
    assert len(generator.ways) >= 2
    for kind, way in zip(("both paths", "surface"), generator.ways, strict=False):
        alone = layout.generator([target], trials, True, Offer(ways=(kind,), fits=False))
        np.testing.assert_array_equal(alone.at(target).stress, rows[f"{kind} alone"].curves[target].stress)
        np.testing.assert_allclose(alone.at(target).stress, way.carry(target, EXACT).stress, rtol=1e-12)


def test_held_out_curves_are_measured_after_all_is_generated() -> None:
    rows = ablated(line(exponential), ["feature"])
    assert all(one.row.mean is None and one.row.worst is None for one in rows)
    assert ablation_tables([one.row for one in rows])[0].columns == ("part", "choice", "left out", "time [s]")
    measured = [one.measured(lambda state, curve: float(state[0])) for one in rows]
    assert {row.mean for row in measured} == {800.0}
    assert ablation_tables(measured)[0].columns[2:5] == ("left out", "mean", "worst")


def test_a_way_that_knows_no_such_choice_keeps_its_own() -> None:
    choices = [Choice(), Choice(0.0)]
    assert Offer(lambda choice: None).of(choices) == EVERYTHING.of(choices) == choices
    assert Offer(lambda choice: Choice() if choice.power else None).of(choices) == [Choice()]


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def test_generate_tells_it_on_terminal_page_and_in_the_provenance(tmp_path, capsys) -> None:
    path, out, page = tmp_path / "t.csv", tmp_path / "o.csv", tmp_path / "p.html"
    rows = [f"{t},{e},{s / 1e6}" for t in TEMPERATURES for e, s in zip(STRAIN, exponential(t, STRAIN), strict=True)]
    path.write_text("\n".join(["temperature [K],plastic_strain,stress [MPa]", *rows, ""]))
    asked = ("generate", path, "--at", 800, "--out", out, "--page", page)
    assert run(*asked, "--ablate", "feature", "--ablate", "fits") == 0
    said = capsys.readouterr().out
    facts = json.loads((tmp_path / "o.provenance.json").read_text())
    made = [(row["part"], row["choice"], row["chosen"]) for row in facts["ablation"]]
    assert made[0] == ("calibrated", "everything", True)
    assert ("feature", "log stress", True) in made and ("feature", "stress", False) in made
    assert all(one in said for one in ablation_lines([AblationRow(**row) for row in facts["ablation"]]))
    assert "One part of the method left out" in page.read_text()
    plain = out.read_bytes()
    assert run("generate", path, "--at", 800, "--out", out) == 0
    assert out.read_bytes() == plain and "ablation" not in json.loads((tmp_path / "o.provenance.json").read_text())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ("generate", "t.csv", "--at", "800", "--out", "o.csv", "--ablate", "law"),
            "--ablate law: no part of the method of",
        ),
        (
            ("verify", "stress-strain", "--ablate", "law"),
            "--ablate law: no part of the study 'stress-strain'",
        ),
        (("verify", "thermal-stress", "--ablate", "fits"), "--ablate fits: no part of the study 'thermal-stress'"),
        (("verify", "moving-fields", "--ablate", "order"), "--ablate order: no part of the study 'moving-fields'"),
    ],
)
def test_parts_that_are_not_there_are_one_line(tmp_path, monkeypatch, capsys, words, text) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("temperature [K],plastic_strain,stress [MPa]\n")
    assert run(*words) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert text in said
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]


def test_the_study_measures_what_each_part_is_worth_at_held_out_states(tmp_path) -> None:
    overrides = [
        "tests.points=12", "tests.repeats=2", "measured=none.csv",
        'cases=[{material="steel_4340", split="temperature", temperatures=[300.0, 400.0, 500.0, 600.0], rates=[1.0], '
        "held_out=[[700.0, 1.0], [250.0, 1.0]]}]",
    ]  # fmt: skip
    options = Options(tmp_path, overrides=overrides, ablate=("feature", "superposition"))
    found, folder = run_study(str(studies_folder() / "stress-strain"), options, silent)
    table = list(csv.DictReader((folder / "ablation.csv").read_text().splitlines()))
    assert [row["part"] for row in table] == ["calibrated", *["feature"] * 3, "superposition"]
    own = [row["nrmse"] for row in found.rows if row["method"] == "fem"]
    assert float(table[0]["mean"]) == pytest.approx(np.mean(own), rel=1e-8)
    assert float(table[0]["worst"]) == pytest.approx(np.max(own), rel=1e-8)
    assert "Ablation" in [section.title for section in found.sections]
    assert len(json.loads((folder / "run.json").read_text())["ablation"]) == len(table)


def test_an_unknown_part_from_python(tmp_path) -> None:
    with pytest.raises(InputError, match="--ablate spell: no part of the method of curves; there are: order"):
        generate_from_table(tmp_path / "t.csv", (), ["800"], tmp_path / "o.csv", silent, ablate=["spell"])
