"""Samples of a method against the true law at the same conditions: distances, modes, physics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cmgai_fem.distributions.measures import Wasserstein, wasserstein
from cmgai_fem.study.findings import TextTable
from cmgai_fem.study.measurements import Measurement, Quantity

from .fit import PROJECTED, Drawn, Setup
from .fits import CONSTRAINED, FLOW, INFORMED, INTERPOLANT, MIXTURE, PRIORS, REGIMES
from .known_state_methods import CARRIED, CMGAI, NORMALS, ROWS
from .problems import Problem

Array = NDArray[np.float64]

TRUTH = "fresh samples"
OURS = tuple(name for method in (PRIORS, REGIMES, CMGAI, ROWS, CARRIED) for name in (method, PROJECTED.format(method)))
COSTS = ("training seconds", "sampling seconds")
OF_DENSITIES = (*COSTS, "parameters", "negative log likelihood")
# What is measured of a method beside the laws that it draws.
OF_METHODS = {
    TRUTH: (), MIXTURE: OF_DENSITIES, PRIORS: (*OF_DENSITIES, "penalty weight"),
    REGIMES: (*OF_DENSITIES, "penalty weight"), FLOW: OF_DENSITIES, NORMALS: OF_DENSITIES, CMGAI: COSTS,
    ROWS: COSTS, CARRIED: OF_DENSITIES,
    CONSTRAINED.method: (*COSTS, "parameters"), INTERPOLANT.method: (*COSTS, "parameters"),
    **{rival.method: OF_DENSITIES if rival.has_density else (*COSTS, "parameters") for rival in INFORMED},
}  # fmt: skip
OF_LAWS = ("W1", "W2", "lost modes", "residual", "share error")


@dataclass(frozen=True)
class Part:
    """What one part of the study found, in whatever process it ran.

    Args:
        title: heading.
        rows: figures.
        tables: of the page.
        figures: pictures by the name of their file.
        lines: what was done, for the terminal.
    """

    title: str
    rows: Sequence[Measurement]
    tables: Sequence[TextTable]
    figures: Mapping[str, Figure]
    lines: Sequence[str]


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

    def only(self, rows: Sequence[int]) -> Self:
        """The reference at some of the conditions, with the test samples that were drawn there."""
        there = (self.x[:, None] == self.conditions[list(rows)]).all(axis=2).any(axis=1)
        laws, fresh = ([part[row] for row in rows] for part in (self.laws, self.fresh))
        return type(self)(self.conditions[list(rows)], laws, fresh, self.x[there], self.u[there])


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
        units = problem.card.unit_sizes
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
        "lost modes": lost,
        "residual": float(np.sqrt(np.mean(residuals))),
    }
    where_there_are = {"share error": errors, "trapped share": trapped}
    return measures | {name: float(np.mean(found)) for name, found in where_there_are.items() if found}


def law_measures(problem: Problem, conditions: Array) -> list[str]:
    """What `judge` measures at conditions (C, p).

    Whether modes are apart, and whether there is a trap, is the conditions' alone: any value will do to ask.
    """
    values = np.zeros((len(conditions), len(problem.card.value_names)))
    trapped = problem.trapped(conditions, values)
    measures = [name for name in OF_LAWS if name != "share error" or (problem.modes(conditions, values) >= 0).any()]
    return measures + (["trapped share"] if trapped is not None and (trapped >= 0).any() else [])


def quantities(
    problem: Problem, case: str, sizes: Sequence[int], methods: Sequence[str], measures: Sequence[str]
) -> list[Quantity]:
    """What is measured on a case of every size: its laws by all methods, and what is asked of a method alone."""
    asked = {TRUTH: OF_METHODS[TRUTH]} | {method: OF_METHODS[method] for method in methods}
    if problem.constraint() is not None:
        asked |= {PROJECTED.format(method): COSTS for method in methods if method != CONSTRAINED.method}
    return [
        Quantity(case, size, method, measure)
        for size in sizes
        for method, alone in asked.items()
        for measure in (*measures, *alone)
    ]


def asked_alone(drawn: Drawn, reference: Reference, setup: Setup) -> list[dict[str, float]]:
    """What each network (S,) of a method cost and was chosen to be, and how likely it finds the test samples."""
    fit = drawn.fit
    found = [{"training seconds": fit.seconds, "sampling seconds": drawn.seconds} for _ in setup.seeds]
    if drawn.moved:
        return found
    likely = fit.negative_log_likelihood(reference.x, reference.u, setup.device)
    for index, one in enumerate(found):
        one |= {"parameters": float(fit.parameters)} if fit.parameters else {}
        one |= {"penalty weight": fit.weights[index]} if fit.weights else {}
        one |= {} if likely is None else {"negative log likelihood": float(likely[index])}
    return found


def mode_shares(modes: NDArray[np.int64], count: int) -> Array | None:
    """Share (count,) of each mode among labels (n,), or None where the modes cannot be told apart (-1)."""
    if np.any(modes < 0):
        return None
    return np.bincount(modes, minlength=count)[:count] / len(modes)
