"""The multimodal study: conditional laws with several modes, by mixtures with physics, flow matching and its rivals.

Data are made here; the laws that samples are compared with are drawn afresh from each problem and never trained on.
"""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Self

import numpy as np
import torch
from pydantic import Field, field_validator, model_validator

from cmgai_fem.distributions.training import Budget
from cmgai_fem.study.file import StudyFile, Table
from cmgai_fem.study.findings import Findings, Section
from cmgai_fem.study.measurements import Measurement, Quantity, SeedTolerance, refuse_unmeasured, seeds_table
from cmgai_fem.study.pipelines import Tools, register

from .fields_study import FieldsPlan, Sizes, study_fields
from .figures import law_figure
from .fit import Setup, draw_each_way, draw_split
from .fits import fit_all, methods_for
from .law_comparison import OURS, TRUTH, Part, Reference, asked_alone, judge, law_measures, quantities
from .problems import PROBLEMS, Problem

TAKES = frozenset({"device", "seed", "quick"})
# Copies of a one-dimensional sample's size in the law it is compared with, so that the law's own noise is small.
FINENESS = 25
# Looks at the validation samples without improvement after which a network is done; the weights kept are the best.
PATIENCE = 10
MEASURES = (
    "W1", "W2", "negative log likelihood", "share error", "lost modes", "trapped share", "residual",
    "training seconds", "sampling seconds",
)  # fmt: skip
NAMES = ("W1", "W2", "NLL", "share error", "lost", "trapped", "residual", "train s", "sample s")


class Plan(Table):
    """`[full]`: sizes of the study.

    Args:
        seeds: of data and weights.
        samples: sizes of the training set, by problem.
        steps: most optimiser steps of a network.
        hidden: units of each hidden layer.
        penalty_weights: weights of the priors to try, in increasing order.
        conditions: at which laws are compared.
        draws_1d: values drawn at each, in one dimension.
        draws: values drawn at each, in more.
        test_samples: for the likelihood.
        workers: processes.
        fields: the part on fields; none where it is left out.
    """

    seeds: int = Field(ge=1)
    samples: dict[str, Sizes] = Field(min_length=1)
    steps: int = Field(ge=1)
    hidden: list[int] = Field(min_length=1)
    penalty_weights: list[float] = Field(min_length=1)
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

    def quantities(self) -> list[Quantity]:
        """What the study measures."""
        measured = [] if self.fields is None else self.fields.quantities()
        for name, sizes in self.samples.items():
            problem = PROBLEMS[name]
            measures = law_measures(problem, problem.test_conditions(self.conditions))
            measured += quantities(problem, name, sizes, methods_for(problem), measures)
        return measured

    def setup(self, seed: int, device: str, trainings: Path) -> Setup:
        """What every method is fitted with; trainings are kept in a folder."""
        return Setup(
            tuple(seed + index for index in range(self.seeds)), tuple(self.hidden),
            Budget(self.steps, patience=PATIENCE, folder=trainings), tuple(self.penalty_weights), torch.device(device),
        )  # fmt: skip


class Study(StudyFile):
    """What the study file says."""

    full: Plan
    tolerances: list[SeedTolerance]

    @model_validator(mode="after")
    def _measured(self) -> Self:
        refuse_unmeasured(self.tolerances, self.full.quantities())
        return self


def run(study: Study, tools: Tools) -> Findings:
    """Fit every method to every problem and judge what they draw."""
    rows: list[Measurement] = []
    sections = [Section("How they are compared", introduction(study.full))]
    trainings = tools.folder / "training"
    if trainings.is_dir():
        tools.say("the trainings of an interrupted run go on where they were")
    for part in study_all(study.full, study.full.setup(tools.seed or 0, tools.device, trainings)):
        for line in part.lines:
            tools.say(line)
        rows += part.rows
        pictures = [tools.picture(figure, name) for name, figure in part.figures.items()]
        sections.append(Section(part.title, pictures=pictures, tables=part.tables))
    verdicts = [tolerance.verdict(rows) for tolerance in study.tolerances]
    shutil.rmtree(trainings, ignore_errors=True)
    return Findings([vars(row) for row in rows], verdicts, sections)


def study_all(plan: Plan, setup: Setup) -> Iterator[Part]:
    """Every problem in the plan's order, from as many processes of one thread as the plan says."""
    tasks: list[Callable[[], Part]] = [partial(study_problem, name, plan, setup) for name in plan.samples]
    if plan.fields is not None:
        tasks.append(partial(study_fields, plan.fields, setup))
    if plan.workers == 1:
        yield from (task() for task in tasks)
        return
    folder = str(Path(__file__).parent)
    with ProcessPoolExecutor(plan.workers, get_context("spawn"), register, (folder,)) as pool:
        # The longest, the last, is begun first.
        last: Future[Part] = pool.submit(on_one_thread, tasks[-1])
        waiting = [pool.submit(on_one_thread, task) for task in tasks[:-1]]
        yield from (item.result() for item in (*waiting, last))


def on_one_thread(task: Callable[[], Part]) -> Part:
    """Run a task in a worker process, beside which others run."""
    torch.set_num_threads(1)
    return task()


def make_reference(problem: Problem, plan: Plan, rng: np.random.Generator) -> Reference:
    """Draw the true laws at the test conditions, by a source of chance of their own."""
    one = len(problem.card.value_names) == 1
    count = plan.draws_1d if one else plan.draws
    conditions = problem.test_conditions(plan.conditions)
    laws = [problem.conditional(at, count * FINENESS if one else count, rng) for at in conditions]
    fresh = [problem.conditional(at, count, rng) for at in conditions]
    x, u, _ = problem.sample(plan.test_samples, rng)
    return Reference(conditions, laws, fresh, x, u)


def study_problem(name: str, plan: Plan, setup: Setup) -> Part:
    """All methods on one problem at all sample sizes."""
    problem, sizes, seed = PROBLEMS[name], plan.samples[name], setup.seeds[0]
    reference = make_reference(problem, plan, np.random.default_rng([seed, 7919]))
    count = plan.draws_1d if len(problem.card.value_names) == 1 else plan.draws
    floor = judge(problem, reference, reference.fresh)
    rows, lines, drawn = [], [], {TRUTH: reference.fresh}
    for size in sizes:
        rows += [Measurement(name, size, TRUTH, seed, measure, value) for measure, value in floor.items()]
        for fit in fit_all(problem, draw_split(problem, size, setup), setup):
            for item in draw_each_way(problem, fit, reference.conditions, count, setup):
                for one, values, alone in zip(
                    setup.seeds, item.values, asked_alone(item, reference, setup), strict=True
                ):
                    measures = judge(problem, reference, list(values)) | alone
                    rows += [Measurement(name, size, item.method, one, key, value) for key, value in measures.items()]
                drawn |= {} if item.moved else {item.method: list(item.values[0])}
            lines.append(f"{name}: {size} samples, {fit.method}: {plan.seeds} networks in {fit.seconds:.1f} s each")
    parameters = {row.method: int(row.value) for row in rows if row.measure == "parameters"}
    note = (
        f"{TRUTH}: the sampling floor. Residual: {problem.card.residual_name}. Lost: conditions at which a mode is "
        "missing. Trapped: share of the samples on an unstable branch. Train s: of one network, with its sweep of "
        f"penalty weights. Parameters: {', '.join(f'{method} {count}' for method, count in parameters.items())}."
    )
    table = seeds_table("", MEASURES, rows, note, NAMES, OURS)
    figures = {name: law_figure(problem.card, reference.conditions, drawn, sizes[-1])}
    return Part(problem.card.title, rows, [table], figures, lines)


def introduction(plan: Plan) -> list[str]:
    """What the page says before its tables."""
    return [
        f"Mean ± standard deviation over {plan.seeds} seeds, each with its own data and weights; every method of a row "
        f"saw the same samples, a fifth of which chose the weights kept. {plan.steps} optimiser steps at most for all.",
        f"Laws are compared at {plan.conditions} conditions by samples of {plan.draws_1d} values (one dimension, "
        f"against a law {FINENESS} times finer) or {plan.draws} values (more dimensions, where the floor is high).",
        "Penalty weights are swept and the strongest is taken that validation samples do not speak against (paired "
        "one-standard-error rule). 'regimes': component k is tied to regime k, whose label each sample carries.",
        "'projected': samples moved onto the constraint that every single state satisfies, by the shortest way in the "
        "units of W2, and read again with the gauge's error where the law is that of readings. PBFM, PIDM, interpolant "
        "and projection during sampling are published rivals; their papers stand in the study's README.",
        "The last part asks for the law of fields at pulls where no specimen was loaded: a Monte Carlo of reference "
        "solves is the truth, and methods without networks stand beside: CM-GAI, which couples the clouds of the known "
        "states by optimal transport, row by row and in bundles, and carries them as one motion; its parts; and a "
        "normal law a state, interpolated.",
    ]
