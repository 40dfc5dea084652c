import csv
import json
import shutil

import numpy as np
import pytest
import torch

from cmgai_fem.distributions.networks import parameter_count
from cmgai_fem.errors import InputError
from cmgai_fem.study.file import find_study, read_study, studies_folder, validated
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.study.run import Options, run_study
from cmgai_fem.writing import write_table

STUDY = studies_folder() / "multimodal"
pipeline, law_comparison = study_module(STUDY, "pipeline"), study_module(STUDY, "law_comparison")
PROBLEMS = study_module(STUDY, "problems").PROBLEMS
fit, fits = study_module(STUDY, "fit"), study_module(STUDY, "fits")
project = fit.project
strongest_within_error = fits.strongest_within_error

TINY = """
name = "tiny"
title = "A tiny study"

[full]
seeds = 2
samples = { pitchfork = [120] }
steps = 60
hidden = [12, 12]
penalty_weights = [0.1, 1.0]
conditions = 4
draws_1d = 200
draws = 40
test_samples = 100
workers = 1

[[tolerances]]
case = "pitchfork"
samples = 120
method = "mixture, priors"
measure = "W1"
at_most = 10.0
"""


@pytest.fixture
def tiny(tmp_path):
    """A study file of one's own, beside the study's modules, somewhere else."""
    folder = tmp_path / "tiny"
    shutil.copytree(STUDY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "study.toml").write_text(TINY)
    return folder / "study.toml"


def shipped(*overrides: str, quick: bool = False):
    path = find_study("multimodal")
    return validated(pipeline.Study, path, read_study(path, overrides, quick))


def test_the_shipped_study_file_is_valid_and_states_the_targets():
    study, quick = shipped(), shipped(quick=True)
    assert set(study.full.samples) == set(PROBLEMS) == set(quick.full.samples)
    assert all({60, 500} <= set(sizes) for sizes in study.full.samples.values())
    assert any(tolerance.measure == "W1" and tolerance.at_most == 0.02 for tolerance in study.tolerances)
    assert all(len(sizes) == 1 for sizes in quick.full.samples.values()) and quick.full.workers == 2
    assert {tolerance.samples for tolerance in quick.tolerances} == {300}


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("full.samples.pitchfork=[60]", "tolerance 1 .* no samples 2000 where it looks, but 60"),
        ("full.samples={duffing=[60]}", "no case 'pitchfork' where it looks, but 'strip_fields'"),
        ("full.fields.unseen=[140.0]", "tolerance 5 .* no case 'strip_fields'"),
        ("full.samples.wave=[60]", "no problem 'wave'; there are pitchfork"),
        ("full.samples.pitchfork=[]", "full.samples.pitchfork: .*at least 1 item"),
        ("full.steps=0", "full.steps: .*greater than or equal to 1"),
    ],
)
def test_what_fits_no_figure_is_refused_before_anything_is_trained(override, problem, tmp_path):
    with pytest.raises(InputError, match=problem):
        run_study("multimodal", Options(out=tmp_path / "out", overrides=[override]), lambda line: None)
    assert not (tmp_path / "out").exists()


def test_true_samples_are_judged_to_be_near_the_law():
    problem = PROBLEMS["pitchfork"]
    plan = shipped("full.conditions=4", "full.draws_1d=200", "full.draws=40", "full.test_samples=100").full
    reference = pipeline.make_reference(problem, plan, np.random.default_rng(0))
    truth, one_sided, hilltop = (
        law_comparison.judge(problem, reference, [change(values) for values in reference.fresh])
        for change in (np.copy, np.abs, np.zeros_like)
    )
    assert truth["W1"] < 0.06 and truth["lost modes"] == 0.0 and truth["trapped share"] < 0.01
    assert one_sided["lost modes"] == 2.0 and one_sided["share error"] == pytest.approx(0.38, abs=0.06)
    assert hilltop["trapped share"] == 1.0 and hilltop["W1"] > 5.0 * truth["W1"]
    assert set(truth) == set(law_comparison.law_measures(problem, reference.conditions))


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_measures_are_planned_as_they_are_measured(name):
    """One early condition, where no mode is apart, and ten."""
    problem, rng = PROBLEMS[name], np.random.default_rng(1)
    for count in (1, 10):
        conditions = problem.test_conditions(count)
        laws = [problem.conditional(at, 60, rng) for at in conditions]
        reference = law_comparison.Reference(conditions, laws, laws, conditions, np.stack([law[0] for law in laws]))
        measured = law_comparison.judge(problem, reference, laws)
        assert set(measured) == set(law_comparison.law_measures(problem, conditions))


@pytest.mark.parametrize("name", sorted(name for name, problem in PROBLEMS.items() if problem.constraint()))
def test_states_moved_onto_the_constraint_and_read_again_scatter_as_readings_do(name):
    """From readings with three times the gauge's errors: nearer to the law, with the residual of a reading."""
    problem, rng = PROBLEMS[name], np.random.default_rng(3)
    conditions = problem.test_conditions(5)
    laws = [problem.conditional(at, 200, rng) for at in conditions]
    errors = np.array(problem.card.gauge_errors)
    rough = np.stack([law + 2.8 * errors * rng.normal(size=law.shape) for law in laws])
    moved = project(problem, conditions, rough[None], rng)[0]
    reference = law_comparison.Reference(conditions, laws, laws, conditions, np.stack([law[0] for law in laws]))
    before, after, own = (law_comparison.judge(problem, reference, list(values)) for values in (rough, moved, laws))
    assert after["W1"] < before["W1"]
    assert after["residual"] == pytest.approx(own["residual"], rel=0.15)


@pytest.mark.medium
@pytest.mark.parametrize("workers", [1, 2])
def test_run_by_path_writes_its_folder_and_succeeds_where_all_tolerances_hold(tiny, tmp_path, workers):
    state = torch.get_rng_state()
    lines: list[object] = []
    options = Options(out=tmp_path / "out", seed=4, overrides=[f"full.workers={workers}"])
    found, folder = run_study(str(tiny), options, lines.append)
    assert found.passed and folder == tmp_path / "out"
    assert torch.equal(state, torch.get_rng_state())
    assert sum(str(line).startswith("pitchfork: 120 samples") for line in lines) == 9
    with (folder / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    methods = {row["method"] for row in rows}
    fitted = fits.methods_for(PROBLEMS["pitchfork"])
    moved = {f"{method}, projected" for method in fitted if method != "projection during sampling"}
    assert len(fitted) == 9 and methods == {"fresh samples", *fitted, *moved}
    measured = {(row["case"], int(row["samples"]), row["method"], row["measure"]) for row in rows}
    assert measured == set(validated(pipeline.Study, tiny, read_study(tiny)).full.quantities())
    sizes = {row["method"]: float(row["value"]) for row in rows if row["measure"] == "parameters"}
    assert sizes["flow matching"] == pytest.approx(sizes["mixture"], rel=0.1)
    record = json.loads((folder / "run.json").read_text())
    assert record["provenance"]["seed"] == 4 and len(record["tolerances"]) == 1
    page = (folder / "report.html").read_text()
    assert "data:image/png;base64," in page and "the stated tolerance holds" in page


def test_strongest_prior_within_one_error_is_taken():
    rng = np.random.default_rng(0)
    best = torch.tensor(rng.normal(size=200))
    wobble = torch.tensor(rng.normal(size=200)) * 0.5
    wobble = wobble - wobble.mean()
    clearly_worse = best - 1.0 + wobble
    assert strongest_within_error(torch.stack([best, best + wobble - 0.001, clearly_worse])) == 1
    assert strongest_within_error(torch.stack([best, clearly_worse, clearly_worse])) == 0


@pytest.mark.slow
def test_quick_study_holds_its_tolerances(tmp_path):
    assert run_study("multimodal", Options(out=tmp_path, quick=True), lambda line: None)[0].passed


def test_shares_of_modes():
    assert law_comparison.mode_shares(np.array([0, 1, 1, 1]), 3).tolist() == [0.25, 0.75, 0.0]
    assert law_comparison.mode_shares(np.array([0, -1]), 2) is None


def test_equal_width_gives_nearly_equal_parameters():
    goal = parameter_count([1, 32, 32, 6])
    width = fit.width_for(goal, 3, 1, 2)
    assert abs(parameter_count([3, width, width, 1]) - goal) < 0.04 * goal


def test_tables_of_the_readme_are_means_over_seeds_of_a_run(tmp_path) -> None:
    made = study_module(STUDY, "readme_tables")
    rows = [
        {"case": case, "samples": 500, "method": method, "seed": seed, "measure": measure, "value": value + 0.1 * seed}
        for case in ("pitchfork", "strip_fields")
        for method, value in (("fresh samples", 0.01), ("mixture", 0.3), ("mixture, projected", 0.2))
        for measure in ("W1", "W2", "residual", "training seconds")
        for seed in (0, 1)
    ]
    write_table(tmp_path / "metrics.csv", rows, list(rows[0]))
    found = made.read(tmp_path)
    assert "| mixture |  |  | 0.350 > 0.250 ± 0.07 | 0.350 |  | 0.350 > 0.250 |\n" in made.fields_table(found, found)
    assert "| pitchfork, 500 | 0.060 | 0.350 > 0.250 |" in made.distances_table(found)
    assert "| pitchfork | training [s] | 0.1 | 0.3 |" in made.measures_table(found)
    page = "a\n<!-- one: made by readme_tables.py -->\nold\n<!-- end of one -->\nb\n"
    assert made.with_tables(page, {"one": "new\n"}) == page.replace("old", "new")
    with pytest.raises(InputError, match="no marks of the table two"):
        made.with_tables(page, {"two": ""})
    with pytest.raises(InputError, match="no such file"):
        made.read(tmp_path / "elsewhere")
