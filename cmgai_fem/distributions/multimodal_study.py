"""The multimodal study: conditional laws with several modes, by mixtures with and without physics and by flow matching.

Data are made here; the laws that samples are compared with are drawn afresh from each problem and never trained on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from cmgai_fem.distributions.flow_matching import optional_module
from cmgai_fem.distributions.measures import Wasserstein, mode_shares, wasserstein
from cmgai_fem.distributions.multimodal_figures import LawPicture, picture_laws
from cmgai_fem.distributions.multimodal_fits import (
    Fit,
    draw_split,
    fit_flow,
    fit_mixture,
    fit_mixture_with_priors,
)
from cmgai_fem.distributions.problems import PROBLEMS, Problem
from cmgai_fem.distributions.results import (
    Check,
    Grid,
    Measurement,
    figure_data,
    read_study,
    write_measurements,
    write_page,
    write_provenance,
)
from cmgai_fem.distributions.training import Budget

Array = NDArray[np.float64]
Report = Callable[[object], None]

TRUTH = "fresh samples"
# Copies of a one-dimensional sample's size in the law it is compared with, so that the law's own noise is small.
FINENESS = 25


class Plan(BaseModel):
    """Sizes of one run of the study."""

    model_config = ConfigDict(extra="forbid")

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
    checks: list[Check]

    @field_validator("samples")
    @classmethod
    def _known(cls, samples: dict[str, list[int]]) -> dict[str, list[int]]:
        for name in samples:
            if name not in PROBLEMS:
                raise ValueError(f"no problem {name!r}; there are {', '.join(PROBLEMS)}")
        return samples


class MultimodalStudy(BaseModel):
    """The study file."""

    model_config = ConfigDict(extra="forbid")

    title: str
    full: Plan
    quick: Plan


@dataclass(frozen=True)
class Reference:
    """What a problem's samples are judged by.

    Args:
        conditions: (C, p) where laws are compared.
        laws: C samples of the true law.
        fresh: C further samples of the size that methods draw, for the sampling floor.
        x: (T, p) conditions of test samples.
        u: (T, d) their values.
    """

    conditions: Array
    laws: list[Array]
    fresh: list[Array]
    x: Array
    u: Array


def make_reference(problem: Problem, plan: Plan, rng: np.random.Generator) -> Reference:
    """Draw the true laws at the test conditions, by a source of chance of their own."""
    one = len(problem.card.value_names) == 1
    count = plan.draws_1d if one else plan.draws
    conditions = problem.test_conditions(plan.conditions)
    laws = [problem.conditional(at, count * FINENESS if one else count, rng) for at in conditions]
    fresh = [problem.conditional(at, count, rng) for at in conditions]
    x, u, _ = problem.sample(plan.test_samples, rng)
    return Reference(conditions, laws, fresh, x, u)


def judge(problem: Problem, reference: Reference, drawn: Sequence[Array]) -> dict[str, float]:
    """Measures of samples (C of (N, d)) against the true laws, averaged over the conditions.

    Returns:
        W1, W2; share error (half the sum of absolute errors of mode shares, where modes are apart), lost modes
        (conditions at which a mode of share above a tenth has less than a quarter of it), trapped share (on
        unstable branches), physics residual (root mean square).
    """
    distances: list[Wasserstein] = []
    errors, lost, trapped, residuals = [], 0.0, [], []
    for at, law, values in zip(reference.conditions, reference.laws, drawn, strict=True):
        units = np.array(problem.card.units or (1.0,))
        distances.append(wasserstein(values / units, law / units))
        x, x_law = np.tile(at, (len(values), 1)), np.tile(at, (len(law), 1))
        residuals.append(float((problem.residual(x, values) ** 2).mean()))
        trap = problem.trapped(x, values)
        if trap is not None and (trap >= 0).all():
            trapped.append(float(trap.mean()))
        count = len(problem.card.regimes)
        true = mode_shares(problem.modes(x_law, law), count)
        found = mode_shares(problem.modes(x, values), count)
        if true is not None and found is not None:
            errors.append(0.5 * float(np.abs(true - found).sum()))
            lost += float(np.any((true > 0.1) & (found < 0.25 * true)))
    measures = {
        "W1": float(np.mean([item.first for item in distances])),
        "W2": float(np.mean([item.second for item in distances])),
        "share error": float(np.mean(errors)),
        "lost modes": lost,
        "residual": float(np.sqrt(np.mean(residuals))),
    }
    return measures | ({"trapped share": float(np.mean(trapped))} if trapped else {})


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
    started = time.time()
    study, digest = read_study("multimodal", MultimodalStudy)
    plan = study.quick if quick else study.full
    # Asked for first: better to stop here than after half of the run.
    for name in ("torchcfm", "torchdiffeq"):
        optional_module(name)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Measurement] = []
    grids, pictures = [], {}
    for name, (found, picture, lines) in zip(plan.samples, study_problems(plan, seed, device), strict=True):
        problem = PROBLEMS[name]
        for line in lines:
            report(line)
        rows += found
        grid = summary_grid(problem, found)
        grids.append(grid)
        report(grid.rich())
        figure = picture_laws(problem, picture)
        pictures[grid.title] = [figure_data(figure, out / f"{name}.png")]
    verdicts = [check.evaluate(rows) for check in plan.checks]
    for _, line in verdicts:
        report(line)
    write_measurements(out / "metrics.csv", rows)
    facts: dict[str, Any] = {
        "study": "multimodal", "study_hash": digest, "quick": quick, "seed": seed, "device": device,
        "threads": torch.get_num_threads(), "tolerances": [line for _, line in verdicts],
    }  # fmt: skip
    write_provenance(out / "run.json", facts, started)
    write_page(out / "report.html", study.title, introduction(plan), verdicts, grids, pictures)
    return 0 if all(holds for holds, _ in verdicts) else 1


def study_problems(plan: Plan, seed: int, device: str) -> Iterator[tuple[list[Measurement], LawPicture, list[str]]]:
    """Results of `study_problem` in the plan's order, from as many processes of one thread as the plan says."""
    if plan.workers == 1:
        yield from (study_problem(name, plan, seed, device) for name in plan.samples)
        return
    with ProcessPoolExecutor(plan.workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        waiting = [pool.submit(study_problem, name, plan, seed, device) for name in plan.samples]
        yield from (item.result() for item in waiting)


def study_problem(
    name: str, plan: Plan, seed: int, device_name: str
) -> tuple[list[Measurement], LawPicture, list[str]]:
    """All methods on one problem at all sample sizes.

    Returns:
        Figures, a picture of the largest size, and lines that tell what was done.
    """
    problem, sizes, device = PROBLEMS[name], plan.samples[name], torch.device(device_name)
    reference = make_reference(problem, plan, np.random.default_rng([seed, 7919]))
    dimension = len(problem.card.value_names)
    count = plan.draws_1d if dimension == 1 else plan.draws
    floor = judge(problem, reference, reference.fresh)
    seeds = [seed + index for index in range(plan.seeds)]
    rows, lines, drawn = [], [], {"truth": reference.fresh}
    for size in sizes:
        rows += [Measurement(name, size, TRUTH, seed, measure, value) for measure, value in floor.items()]
        for fit in fit_all(problem, size, seeds, plan, device):
            lines.append(f"{name}: {size} samples, {fit.method}: {len(seeds)} networks in {fit.seconds:.1f} s each")
            values, seconds = fit.sample(reference.conditions, count, seed, device)
            likelihood = fit.negative_log_likelihood(reference.x, reference.u, device)
            for index, one in enumerate(seeds):
                measures = judge(problem, reference, list(values[index])) | {
                    "negative log likelihood": float(likelihood[index]),
                    "training seconds": fit.seconds,
                    "sampling seconds": seconds,
                    "parameters": float(fit.parameters),
                }
                if fit.weights:
                    measures["penalty weight"] = fit.weights[index]
                rows += [Measurement(name, size, fit.method, one, key, value) for key, value in measures.items()]
            drawn[fit.method] = list(values[0])
    return rows, LawPicture(reference.conditions, drawn, sizes[-1]), lines


def fit_all(problem: Problem, size: int, seeds: Sequence[int], plan: Plan, device: torch.device) -> list[Fit]:
    """Every method on the same samples, with the same steps and batches."""
    split = draw_split(problem, size, seeds, device)
    hidden, budget, weights = tuple(plan.hidden), Budget(plan.steps), plan.penalty_weights
    return [
        fit_mixture(problem, split, seeds, hidden, budget),
        fit_mixture_with_priors(problem, split, seeds, hidden, budget, weights),
        fit_mixture_with_priors(problem, split, seeds, hidden, budget, weights, regimes=True),
        fit_flow(problem, split, seeds, hidden, budget),
    ]


MEASURES = (
    "W1", "W2", "negative log likelihood", "share error", "lost modes", "trapped share", "residual",
    "penalty weight", "parameters", "training seconds", "sampling seconds",
)  # fmt: skip


def summary_grid(problem: Problem, rows: Sequence[Measurement]) -> Grid:
    """Mean and spread over the seeds of every measure, a line for each size and method."""
    lines = []
    for size, method in dict.fromkeys((row.samples, row.method) for row in rows):
        cells = [f"{size}", method]
        for measure in MEASURES:
            values = [row.value for row in rows if (row.samples, row.method, row.measure) == (size, method, measure)]
            if not values:
                cells.append("")
            elif len(values) == 1 or measure in ("parameters", "training seconds", "sampling seconds"):
                cells.append(f"{np.mean(values):.3g}" if measure != "parameters" else f"{values[0]:.0f}")
            else:
                cells.append(f"{np.mean(values):.3g} ± {np.std(values, ddof=1):.2g}")
        lines.append(cells)
    note = (
        f"{TRUTH}: the sampling floor. Residual: {problem.card.residual_name}. Lost modes: conditions at which a mode "
        "is missing. Training seconds: of one network, with its sweep of penalty weights."
    )
    return Grid(problem.card.title, ["samples", "method", *MEASURES], lines, note)


def introduction(plan: Plan) -> list[str]:
    """What the page says before its tables."""
    return [
        f"Mean ± standard deviation over {plan.seeds} seeds, each with its own data and weights; every method of a row "
        f"saw the same samples, a fifth of which chose the weights kept. {plan.steps} optimiser steps at most for all.",
        f"Laws are compared at {plan.conditions} conditions by samples of {plan.draws_1d} values (one dimension, "
        f"against a law {FINENESS} times finer) or {plan.draws} values (more dimensions, where the floor is high).",
        "Penalty weights are swept and the strongest is taken that validation samples do not speak against (paired "
        "one-standard-error rule). 'regimes': component k is tied to regime k, whose label each sample carries.",
    ]
