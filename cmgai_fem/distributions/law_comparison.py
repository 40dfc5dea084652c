"""Samples of a method against the true law at the same conditions: distances, modes, physics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from cmgai_fem.distributions.measures import Wasserstein, mode_shares, wasserstein
from cmgai_fem.distributions.multimodal_fits import Fit
from cmgai_fem.distributions.problems import Problem
from cmgai_fem.distributions.results import Grid, Measurement

Array = NDArray[np.float64]

TRUTH = "fresh samples"
SECONDS = ("training seconds", "sampling seconds")


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


def cost_of(fit: Fit, index: int, sampling_seconds: float) -> dict[str, float]:
    """What the network number `index` of a fit cost and was chosen to be."""
    found = {"training seconds": fit.seconds, "sampling seconds": sampling_seconds}
    found |= {"parameters": float(fit.parameters)} if fit.parameters else {}
    return found | ({"penalty weight": fit.weights[index]} if fit.weights else {})


def likelihoods(fit: Fit, reference: Reference, seeds: int, device: torch.device) -> list[dict[str, float]]:
    """Negative log likelihood of the test samples for each seed; empty for a method without a density."""
    found = fit.negative_log_likelihood(reference.x, reference.u, device)
    return [{} if found is None else {"negative log likelihood": float(found[index])} for index in range(seeds)]


def summary(
    title: str, measures: Sequence[str], rows: Sequence[Measurement], note: str, names: Sequence[str] = ()
) -> Grid:
    """Mean and spread over the seeds of some measures, a line for each size and method.

    Args:
        title: heading.
        measures: what the columns show.
        rows: figures of one case.
        note: what the reader must know.
        names: headings of the columns; the measures themselves by default.
    """
    lines = []
    for size, method in dict.fromkeys((row.samples, row.method) for row in rows):
        cells = [f"{size}", method]
        for measure in measures:
            values = [row.value for row in rows if (row.samples, row.method, row.measure) == (size, method, measure)]
            if not values:
                cells.append("")
            elif len(values) == 1 or measure in SECONDS:
                cells.append(f"{np.mean(values):.2g}" if measure in SECONDS else f"{values[0]:.3g}")
            else:
                cells.append(f"{np.mean(values):.3g} ± {np.std(values, ddof=1):.2g}")
        lines.append(cells)
    return Grid(title, ["samples", "method", *(names or measures)], lines, note)
