"""The multimodal study: conditional laws with several modes, by mixtures with and without physics and by flow matching.

Data are made here; the laws that samples are compared with are drawn afresh from each problem and never trained on.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from pydantic import Field, field_validator

from cmgai_fem.distributions.fields_study import FieldsPlan, study_fields
from cmgai_fem.distributions.findings import Findings
from cmgai_fem.distributions.law_comparison import TRUTH, Reference, cost_of, judge, likelihoods, summary
from cmgai_fem.distributions.multimodal_figures import LawPicture
from cmgai_fem.distributions.multimodal_fits import draw_split, fit_all
from cmgai_fem.distributions.problems import PROBLEMS, Problem
from cmgai_fem.distributions.results import Measurement
from cmgai_fem.distributions.study_run import BasePlan, Report, Study, StudyRun
from cmgai_fem.distributions.training import Budget

# Copies of a one-dimensional sample's size in the law it is compared with, so that the law's own noise is small.
FINENESS = 25
MEASURES = (
    "W1", "W2", "negative log likelihood", "share error", "lost modes", "trapped share", "residual",
    "training seconds", "sampling seconds",
)  # fmt: skip
NAMES = ("W1", "W2", "NLL", "share error", "lost", "trapped", "residual", "train s", "sample s")


class Plan(BasePlan):
    """Sizes of one run of the study."""

    seeds: int = Field(ge=1)
    samples: dict[str, list[int]]
    steps: int = Field(ge=1)
    hidden: list[int]
    penalty_weights: list[float]
    conditions: int = Field(ge=1)
    draws_1d: int = Field(ge=10)
    draws: int = Field(ge=10)
    test_samples: int = Field(ge=10)
    workers: int = Field(ge=1)
    fields: FieldsPlan | None = None

    @field_validator("samples")
    @classmethod
    def _known(cls, samples: dict[str, list[int]]) -> dict[str, list[int]]:
        for name in samples:
            if name not in PROBLEMS:
                raise ValueError(f"no problem {name!r}; there are {', '.join(PROBLEMS)}")
        return samples


def run_multimodal(out: Path, quick: bool, device: str, seed: int, report: Report) -> int:
    """Run the study and write its results folder.

    Args:
        out: results folder; made if missing.
        quick: the small plan of the study file.
        device: torch device for the networks, e.g. "cpu".
        seed: first seed of data and weights; the others follow it.
        report: takes progress lines and rich tables.

    Returns:
        0 if every tolerance stated in verification/multimodal/study.toml holds, else 1.

    Raises:
        InputError: the study file is wrong, or an optional package is missing.
    """
    run = StudyRun.start("multimodal", Study[Plan], out, quick, device, seed, report)
    for found in study_all(run.plan, seed, run.device):
        for line in found.lines:
            report(line)
        run.add(found.rows)
        for index, grid in enumerate(found.grids):
            pictures = [run.save(item.figure(), name) for name, item in found.pictures.items()] if index == 0 else []
            run.show(grid, pictures)
    return run.finish(introduction(run.plan))


def study_all(plan: Plan, seed: int, device: torch.device) -> Iterator[Findings]:
    """Findings of every problem in the plan's order, from as many processes of one thread as the plan says."""
    tasks = [partial(study_problem, name, plan, seed, device) for name in plan.samples]
    if plan.fields is not None:
        budget, weights = Budget(plan.steps), tuple(plan.penalty_weights)
        tasks.append(partial(study_fields, plan.fields, plan.seeds, tuple(plan.hidden), budget, weights, seed, device))
    if plan.workers == 1:
        yield from (task() for task in tasks)
        return
    with ProcessPoolExecutor(plan.workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        # The longest, the last, is begun first.
        last: Future[Findings] = pool.submit(tasks[-1])
        waiting = [pool.submit(task) for task in tasks[:-1]]
        yield from (item.result() for item in (*waiting, last))


def make_reference(problem: Problem, plan: Plan, rng: np.random.Generator) -> Reference:
    """Draw the true laws at the test conditions, by a source of chance of their own."""
    one = len(problem.card.value_names) == 1
    count = plan.draws_1d if one else plan.draws
    conditions = problem.test_conditions(plan.conditions)
    laws = [problem.conditional(at, count * FINENESS if one else count, rng) for at in conditions]
    fresh = [problem.conditional(at, count, rng) for at in conditions]
    x, u, _ = problem.sample(plan.test_samples, rng)
    return Reference(conditions, laws, fresh, x, u)


def study_problem(name: str, plan: Plan, seed: int, device: torch.device) -> Findings:
    """All methods on one problem at all sample sizes."""
    problem, sizes = PROBLEMS[name], plan.samples[name]
    reference = make_reference(problem, plan, np.random.default_rng([seed, 7919]))
    dimension = len(problem.card.value_names)
    count = plan.draws_1d if dimension == 1 else plan.draws
    floor = judge(problem, reference, reference.fresh)
    seeds = [seed + index for index in range(plan.seeds)]
    rows, lines, drawn = [], [], {TRUTH: reference.fresh}
    for size in sizes:
        rows += [Measurement(name, size, TRUTH, seed, measure, value) for measure, value in floor.items()]
        split = draw_split(problem, size, seeds, device)
        fits = fit_all(problem, split, seeds, tuple(plan.hidden), Budget(plan.steps), plan.penalty_weights)
        for fit in fits:
            lines.append(f"{name}: {size} samples, {fit.method}: {len(seeds)} networks in {fit.seconds:.1f} s each")
            values, seconds = fit.sample(reference.conditions, count, seed, device)
            likely = likelihoods(fit, reference, len(seeds), device)
            for index, one in enumerate(seeds):
                measures = judge(problem, reference, list(values[index])) | likely[index] | cost_of(fit, index, seconds)
                rows += [Measurement(name, size, fit.method, one, key, value) for key, value in measures.items()]
            drawn[fit.method] = list(values[0])
    parameters = {row.method: int(row.value) for row in rows if row.measure == "parameters"}
    note = (
        f"{TRUTH}: the sampling floor. Residual: {problem.card.residual_name}. Lost: conditions at which a mode is "
        "missing. Trapped: share of the samples on an unstable branch. Train s: of one network, with its sweep of "
        f"penalty weights. Parameters: {', '.join(f'{method} {count}' for method, count in parameters.items())}."
    )
    grid = summary(problem.card.title, MEASURES, rows, note, NAMES)
    return Findings(rows, [grid], {name: LawPicture(problem.card, reference.conditions, drawn, sizes[-1])}, lines)


def introduction(plan: Plan) -> list[str]:
    """What the page says before its tables."""
    return [
        f"Mean ± standard deviation over {plan.seeds} seeds, each with its own data and weights; every method of a row "
        f"saw the same samples, a fifth of which chose the weights kept. {plan.steps} optimiser steps at most for all.",
        f"Laws are compared at {plan.conditions} conditions by samples of {plan.draws_1d} values (one dimension, "
        f"against a law {FINENESS} times finer) or {plan.draws} values (more dimensions, where the floor is high).",
        "Penalty weights are swept and the strongest is taken that validation samples do not speak against (paired "
        "one-standard-error rule). 'regimes': component k is tied to regime k, whose label each sample carries.",
        "The last part asks for the law of fields at pulls where no specimen was loaded: a Monte Carlo of reference "
        "solves is the truth, and two methods without networks stand beside: CM-GAI, which couples the clouds of the "
        "known states by optimal transport and carries them as one motion, and a normal law a state, interpolated.",
    ]
