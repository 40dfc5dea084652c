import csv
import json

import numpy as np
import pytest
import torch

from cmgai_fem.distributions import study_run
from cmgai_fem.distributions.law_comparison import judge
from cmgai_fem.distributions.multimodal_fits import strongest_within_error
from cmgai_fem.distributions.multimodal_study import Plan, make_reference, run_multimodal
from cmgai_fem.distributions.problems import PROBLEMS
from cmgai_fem.distributions.results import Check, Measurement, read_study
from cmgai_fem.distributions.study_run import Study
from cmgai_fem.errors import InputError

TINY = {
    "seeds": 2, "samples": {"pitchfork": [120]}, "steps": 60, "hidden": [12, 12], "penalty_weights": [0.1, 1.0],
    "conditions": 4, "draws_1d": 200, "draws": 40, "test_samples": 100, "workers": 1,
}  # fmt: skip


def tiny_plan(*checks: dict[str, object]) -> Plan:
    return Plan.model_validate(TINY | {"checks": list(checks)})


def test_the_shipped_study_file_is_valid_and_states_the_targets():
    study, digest = read_study("multimodal", Study[Plan])
    assert len(digest) == 64
    assert set(study.full.samples) == set(PROBLEMS) == set(study.quick.samples)
    assert all({60, 500, 5000} <= set(sizes) for sizes in study.full.samples.values())
    assert any(check.measure == "W1" and check.at_most == 0.02 for check in study.full.checks)


def test_true_samples_are_judged_to_be_near_the_law():
    problem = PROBLEMS["pitchfork"]
    reference = make_reference(problem, tiny_plan(), np.random.default_rng(0))
    truth = judge(problem, reference, reference.fresh)
    one_sided = judge(problem, reference, [np.abs(values) for values in reference.fresh])
    hilltop = judge(problem, reference, [0.0 * values for values in reference.fresh])
    assert truth["W1"] < 0.06 and truth["lost modes"] == 0.0 and truth["trapped share"] < 0.01
    assert one_sided["lost modes"] == 2.0 and one_sided["share error"] == pytest.approx(0.38, abs=0.06)
    assert hilltop["trapped share"] == 1.0 and hilltop["W1"] > 5.0 * truth["W1"]


def test_run_writes_its_folder_and_succeeds_where_all_tolerances_hold(tmp_path, monkeypatch):
    pytest.importorskip("torchcfm")
    pytest.importorskip("torchdiffeq")
    check = {"case": "pitchfork", "samples": 120, "method": "mixture, priors", "measure": "W1", "at_most": 10.0}
    plan = tiny_plan(check)
    study = Study(title="A tiny study", full=plan, quick=plan)
    monkeypatch.setattr(study_run, "read_study", lambda name, model: (study, "0" * 64))
    state = torch.get_rng_state()
    lines: list[object] = []
    assert run_multimodal(tmp_path / "out", True, "cpu", 4, lines.append) == 0
    assert torch.equal(state, torch.get_rng_state())
    with (tmp_path / "out" / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    methods = {row["method"] for row in rows}
    assert methods == {
        "fresh samples", "mixture", "mixture, priors", "mixture, priors, regimes", "flow matching"
    }  # fmt: skip
    sizes = {row["method"]: float(row["value"]) for row in rows if row["measure"] == "parameters"}
    assert sizes["flow matching"] == pytest.approx(sizes["mixture"], rel=0.1)
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["seed"] == 4 and len(record["tolerances"]) == 1
    page = (tmp_path / "out" / "report.html").read_text()
    assert "data:image/png;base64," in page and "FAILS" not in page
    assert any(str(line).startswith("holds:") for line in lines)


def test_strongest_prior_within_one_error_is_taken():
    rng = np.random.default_rng(0)
    best = torch.tensor(rng.normal(size=200))
    wobble = torch.tensor(rng.normal(size=200)) * 0.5
    wobble = wobble - wobble.mean()
    clearly_worse = best - 1.0 + wobble
    assert strongest_within_error(torch.stack([best, best + wobble - 0.001, clearly_worse])) == 1
    assert strongest_within_error(torch.stack([best, clearly_worse, clearly_worse])) == 0


def test_checks_compare_with_numbers_and_with_methods():
    figures = {"a": (0.1, 0.3), "b": (0.4, 0.4)}
    rows = [Measurement("p", 60, name, seed, "W1", figures[name][seed]) for name in figures for seed in (0, 1)]
    base = {"case": "p", "samples": 60, "method": "a", "measure": "W1"}
    assert Check.model_validate(base | {"at_most": 0.2000001}).evaluate(rows)[0]
    assert not Check.model_validate(base | {"at_most": 0.2, "kind": "worst"}).evaluate(rows)[0]
    assert not Check.model_validate(base | {"not_above": "b", "times": 0.4}).evaluate(rows)[0]
    with pytest.raises(InputError, match="was not measured"):
        Check.model_validate(base | {"samples": 61, "at_most": 1.0}).evaluate(rows)


@pytest.mark.slow
def test_quick_study_holds_its_tolerances(tmp_path):
    pytest.importorskip("torchcfm")
    pytest.importorskip("torchdiffeq")
    assert run_multimodal(tmp_path, True, "cpu", 0, lambda line: None) == 0
