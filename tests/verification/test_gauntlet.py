"""The gauntlet: what its cases are, that nobody sees the truth before all have answered, its measures, its bounds."""

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.states.label_meshes import line_mesh
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import load_pipeline, study_module
from cmgai_fem.study.run import Options, run_study

FOLDER = studies_folder() / "gauntlet"
pipeline = load_pipeline(FOLDER)
answers, bounds, cases, measures, physics, standing = (
    study_module(FOLDER, name) for name in ("answers", "bounds", "cases", "measures", "physics", "standing")
)
SOLVED = ("rod over velocity", "rod over time")


def posed(values, formula=lambda points, s: points[:, 0] * s, asked=(0.5, 1.5)):
    return cases.along(line_mesh(11), formula, values, asked)


def target(error, estimate, zone="inside", word="", covered=1.0):
    return measures.Target("case", zone, "0", {"cmgai-fem": error, "linear": 0.01}, estimate, covered, word)


@pytest.mark.parametrize("name", [name for name in pipeline.CASES if name not in SOLVED])
def test_cases_are_posed_by_their_seed(name):
    one, truth = pipeline.CASES[name].posed(0)
    again, other = pipeline.CASES[name].posed(0)[0], pipeline.CASES[name].posed(1)[0]
    (values,), (same,), (another,) = ([field.values for field in q.known.fields.values()] for q in (one, again, other))
    np.testing.assert_array_equal(values, same)
    assert not np.array_equal(values, another)
    assert {"inside", "beyond"} == set(one.zones)
    exact = truth(one.asked)
    assert exact.shape == (len(one.asked), *values.shape[1:])
    assert np.all(np.isfinite(exact))
    if name not in ("noisy", "curves"):
        np.testing.assert_allclose(truth(one.known.values), values)
    assert pipeline.CASES[name].about


def test_answers_have_no_truth_in_their_hands(monkeypatch):
    told = []
    question, _ = posed((0.0, 0.25, 0.75, 1.0))
    case = cases.Case("spied", lambda draw: (question, lambda points: told.append("truth") or np.zeros((2, 11, 1))))
    monkeypatch.setitem(pipeline.CASES, "spied", case)
    monkeypatch.setattr(pipeline, "answer", lambda *given: told.append(given) or answers.answer(*given))
    pipeline.run_case("spied", 0, ["linear"])
    assert told == [(question, ["linear"]), "truth"]


def test_zones_errors_and_ratio_of_a_known_case():
    question, truth = posed((0.0, 1.0), lambda points, s: points[:, 0] * s**2)
    exact = truth(question.asked)
    fields = {"cmgai-fem": exact + 0.02, "linear": exact + 0.01, "pchip": exact - 0.04}
    made = answers.Answers(fields, np.full(exact.shape, 0.02), ("", ""), 1.0, 2.0)
    result = measures.measure("case", "", question, made, exact)
    assert [t.zone for t in result.targets] == ["inside", "beyond"]
    assert result.targets[0].errors == pytest.approx({"cmgai-fem": 0.02, "linear": 0.01, "pchip": 0.04})
    assert (result.targets[0].estimate, result.targets[0].covered) == pytest.approx((0.02, 1.0))
    (bout,) = measures.bouts([result], "inside")
    assert (bout.best_rival, bout.ratio) == ("linear", pytest.approx(2.0))
    profile = measures.ratios_to_best([bout, measures.Bout("other", "inside", {"cmgai-fem": 0.1, "pchip": 0.2})])
    np.testing.assert_allclose(profile["cmgai-fem"], [2.0, 1.0])
    np.testing.assert_allclose(profile["linear"], [1.0, np.inf])


def test_a_method_that_breaks_loses_its_case_alone(monkeypatch):
    def broken(*given, **options):
        raise ValueError("expected square matrix")

    monkeypatch.setattr(answers, "generate", broken)
    question, truth = posed((0.0, 0.5, 1.0), lambda points, s: points[:, 0] * s**2, (0.25, 1.5))
    made = answers.answer(question, ["linear"])
    assert made.failure == "ValueError: expected square matrix"
    result = measures.measure("case", "", question, made, truth(question.asked))
    (bout,) = measures.bouts([result], "inside")
    assert (bout.ratio, bout.best_rival) == (np.inf, "linear")
    assert not any(one.answered for one in result.targets)
    assert measures.geometric_mean([2.0, 8.0, np.inf]) == pytest.approx(4.0)


def test_honesty_counts_what_is_missed_and_what_is_too_wide():
    targets = [target(0.01, 0.01), target(0.04, 0.01), target(0.001, 0.02, covered=0.5), target(0.02, np.nan)]
    found = measures.Honesty.of(targets)
    assert (found.count, found.missed, found.loose) == (3, 0.5, 0.25)
    assert found.covered == pytest.approx((1.0 + 1.0 + 0.5) / 4)
    assert measures.Honesty.of([target(e, e) for e in (1e-3, 1e-2, 1e-1)]).rank == pytest.approx(1.0)


def test_a_fall_beyond_a_bound_fails():
    zone = {"geometric_mean": 1.5, "worst": 1.5, "lost": 0.9, "missed": 0.1, "loose": 0.1, "rank": 0.9, "outside": 0.1}
    limits = bounds.Bounds(unanswered=0, inside=zone, beyond=zone, trusted={"missed": 0.1, "error": 0.05})

    def failed(*targets):
        found = bounds.verdicts(limits, [measures.Result("case", "", 5, 11, targets, 1.0, 2.0)])
        return [verdict.name for verdict in found if not verdict.passed]

    assert failed(target(0.009, 0.009, word="trusted"), target(0.01, 0.01), target(0.012, 0.012)) == []
    assert failed(target(0.0105, 0.003)) == ["inside: share of states whose error is above 3 estimates"]
    assert failed(target(0.1, 0.1, word="trusted")) == [
        "inside: error over the best rival's, geometric mean",
        "inside: error over the best rival's, worst case (case)",
        "inside: share of cases that are lost",
        "trusted: largest error over the range",
    ]
    assert failed(target(0.001, 0.02, "beyond")) == ["beyond: share of states whose estimate is above 10 errors"]


def test_kirsch_keeps_equilibrium_and_the_free_hole():
    angle = np.linspace(0.0, 2.0 * np.pi, 9)
    normal = np.column_stack([np.cos(angle), np.sin(angle)])
    xx, yy, _, xy, _, _ = standing.kirsch(standing.HOLE * normal, 0.3, 0.2).T
    traction = np.column_stack([xx * normal[:, 0] + xy * normal[:, 1], xy * normal[:, 0] + yy * normal[:, 1]])
    np.testing.assert_allclose(traction, 0.0, atol=1e-12)
    step, at = 1e-5, np.array([[0.4, 0.3]])
    right, left, up, down = (
        standing.kirsch(at + step * np.array(way), 0.3, 0.2)[0] for way in ((1, 0), (-1, 0), (0, 1), (0, -1))
    )
    np.testing.assert_allclose((right - left)[[0, 3]] + (up - down)[[3, 1]], 0.0, atol=1e-12)


def test_two_like_materials_conduct_linearly():
    temperature = physics.TwoMaterials(0.5)(2.0, 2.0)
    np.testing.assert_allclose(temperature, (1.0 - physics.square().points[:, 0]) / 2.0, atol=1e-12)


def test_burgers_wave_obeys_burgers_equation():
    _, truth = pipeline.CASES["Burgers shock"].posed(0)
    question, _ = pipeline.CASES["Burgers shock"].posed(0)
    x, step = question.known.labels.points[:, 0], 1e-4
    before, now, after = truth(np.array([[0.2 - step], [0.2], [0.2 + step]]))[:, :, 0]
    h = x[1] - x[0]
    slope, bend = (now[2:] - now[:-2]) / (2.0 * h), (now[2:] - 2.0 * now[1:-1] + now[:-2]) / h**2
    left = (after - before)[1:-1] / (2.0 * step) + now[1:-1] * slope
    np.testing.assert_allclose(left, 0.02 * bend, atol=0.01 * np.abs(left).max())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('cases=["smoth"]', "cases: no 'smoth'; there are: smooth"),
        ('rivals=["kriging"]', "rivals: no 'kriging'; there are: linear"),
        ("bounds.inside.rank=2.0", "bounds.inside.rank: Input should be less than or equal to 1"),
    ],
)
def test_what_cannot_be_asked_is_refused(tmp_path, override, message):
    with pytest.raises(InputError, match=message):
        run_study("gauntlet", Options(tmp_path, overrides=[override]), print)


@pytest.mark.medium
def test_quick_study_keeps_its_bounds(tmp_path):
    found, folder = run_study("gauntlet", Options(tmp_path, quick=True), print)
    assert [verdict.name for verdict in found.verdicts if not verdict.passed] == []
    assert {path.name for path in folder.iterdir()} >= {"metrics.csv", "report.html", "profile.png", "honesty.png"}


@pytest.mark.slow
def test_solved_cases_and_worker_processes(tmp_path):
    """The rods, by two processes; their truth is solved after the answers."""
    asked = ['cases=["rod over velocity", "rod over time"]', 'rivals=["linear", "pchip"]']
    found, _ = run_study("gauntlet", Options(tmp_path, seed=1, overrides=asked), print)
    assert {row["case"] for row in found.rows} == set(SOLVED)
    assert all(row["nrmse"] < 0.2 for row in found.rows)
