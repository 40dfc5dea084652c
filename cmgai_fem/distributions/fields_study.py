"""Distributions of fields at states never solved: what the main job asks for when the material scatters.

Specimens at known pulls are learnt from; at unseen pulls the methods draw fields, which are compared with a Monte Carlo
of reference solves: the law of the coefficients (W2 of each, and joint) and the 5, 50 and 95 % fields, point by point.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from cmgai_fem.distributions.fields_figures import FieldsPicture
from cmgai_fem.distributions.findings import Findings, Picture
from cmgai_fem.distributions.known_state_methods import fit_normals, fit_transport
from cmgai_fem.distributions.law_comparison import TRUTH, Reference, cost_of, judge, likelihoods, summary
from cmgai_fem.distributions.measures import wasserstein
from cmgai_fem.distributions.multimodal_figures import LawPicture
from cmgai_fem.distributions.multimodal_fits import draw_split, fit_all
from cmgai_fem.distributions.problems.strip_fields import StripFields
from cmgai_fem.distributions.results import Grid, Measurement
from cmgai_fem.distributions.training import Budget
from cmgai_fem.metrics import field_error

Array = NDArray[np.float64]

LEVELS = (0.05, 0.5, 0.95)
QUANTITIES = ("plastic strain", "von Mises")
INSIDE, OUTSIDE = "strip_fields", "strip_fields, outside"


class FieldsPlan(BaseModel):
    """Sizes of the part on fields."""

    model_config = ConfigDict(extra="forbid")

    samples: list[int]
    specimens: int = Field(ge=20)
    known: list[float] = Field(min_length=4)
    unseen: list[float] = Field(min_length=1)


@dataclass(frozen=True)
class MonteCarlo:
    """Reference solves at the unseen pulls, never shown to a method.

    Args:
        reference: the law of the coefficients, and as many fresh specimens.
        fields: (C, 2, 3, P) 5, 50 and 95 % values of plastic strain and von Mises stress [MPa] at every point, from
            the fields themselves, not from their modes.
    """

    reference: Reference
    fields: Array


def run_monte_carlo(problem: StripFields, count: int, rng: np.random.Generator) -> MonteCarlo:
    """Pull `count` specimens, and `count` fresh ones, through the unseen pulls."""
    conditions = problem.test_conditions(0)
    read, fields = [], []
    for fresh in (False, True):
        strength, modulus, _ = problem.specimens(count, rng)
        for constants in zip(strength, modulus, strict=True):
            response = problem.respond(conditions[:, 0], *constants)
            read.append(problem.read(conditions[:, 0], response, rng))
            if not fresh:
                fields.append(scalar_fields(response.plastic_strain, response.stress))
    laws, fresh_laws = np.array(read).reshape(2, count, len(conditions), -1).transpose(0, 2, 1, 3)
    x = np.repeat(conditions, count, axis=0)
    reference = Reference(conditions, list(laws), list(fresh_laws), x, laws.reshape(len(x), -1))
    return MonteCarlo(reference, quantiles(np.array(fields)).transpose(2, 1, 0, 3))


def scalar_fields(plastic_strain: Array, stress: Array) -> Array:
    """Size of the plastic strain, sqrt(2/3 e:e), and von Mises stress [MPa] of fields (n, P, 4): (2, n, P)."""
    from cmgai_fem.mechanics.perforated_strip import von_mises

    square = (plastic_strain[..., :3] ** 2).sum(axis=-1) + 2.0 * plastic_strain[..., 3] ** 2
    return np.stack([np.sqrt(2.0 / 3.0 * square), von_mises(stress) / 1e6])


def quantiles(fields: Array) -> Array:
    """5, 50 and 95 % values (3, ...) over the first axis."""
    return np.asarray(np.quantile(fields, LEVELS, axis=0))


def judge_fields(
    problem: StripFields, truth: MonteCarlo, rows: Sequence[int], drawn: Sequence[Array]
) -> dict[str, float]:
    """Measures of samples (C of (N, d)) at some of the unseen pulls.

    Returns:
        Those of `law_comparison.judge`; W2 of each coefficient over its true standard deviation; NRMSE of the 5, 50
        and 95 % fields of plastic strain and von Mises stress.
    """
    reference = truth.reference.only(rows)
    measures = judge(problem, reference, drawn)
    for axis, name in enumerate(problem.card.value_names):
        ratios = [
            wasserstein(values[:, [axis]], law[:, [axis]]).second / law[:, axis].std()
            for values, law in zip(drawn, reference.laws, strict=True)
        ]
        measures[f"W2 {name}"] = float(np.mean(ratios))
    errors = np.array([
        [
            [field_error(made, true, problem.strip.volumes).nrmse for made, true in zip(*pair, strict=True)]
            for pair in zip(field_quantiles(problem, problem.unseen[row], values), truth.fields[row], strict=True)
        ]
        for row, values in zip(rows, drawn, strict=True)
    ]).mean(axis=0)  # fmt: skip
    for quantity, by_level in zip(QUANTITIES, errors, strict=True):
        measures |= {field_measure(quantity, level): float(e) for level, e in zip(LEVELS, by_level, strict=True)}
    return measures


def field_measure(quantity: str, level: float) -> str:
    """Name of the NRMSE of a quantile field, e.g. "5 % plastic strain"."""
    return f"{100 * level:.0f} % {quantity}"


def field_quantiles(problem: StripFields, pull: float, values: Array) -> Array:
    """5, 50 and 95 % fields (2, 3, P) of plastic strain and von Mises stress of coefficients (N, d) at a pull [MPa]."""
    plastic, residual = problem.basis.fields(values)
    return quantiles(scalar_fields(plastic, problem.stress(pull, residual)).transpose(1, 0, 2)).transpose(1, 0, 2)


def study_fields(
    plan: FieldsPlan,
    seed_count: int,
    hidden: tuple[int, ...],
    budget: Budget,
    weights: tuple[float, ...],
    seed: int,
    device: torch.device,
) -> Findings:
    """All methods on the fields of the strip, at all sample sizes."""
    problem = StripFields(tuple(plan.known), tuple(plan.unseen))
    truth = run_monte_carlo(problem, plan.specimens, np.random.default_rng([seed, 7919]))
    seeds = [seed + index for index in range(seed_count)]
    low, high = min(problem.known), max(problem.known)
    inner = [row for row, pull in enumerate(problem.unseen) if low <= pull <= high]
    outer = [row for row in range(len(problem.unseen)) if row not in inner]
    groups = {name: rows for name, rows in ((INSIDE, inner), (OUTSIDE, outer)) if rows}
    found: dict[str, list[Measurement]] = {name: [] for name in groups}
    lines, drawn = [], {TRUTH: truth.reference.fresh}
    for size in plan.samples:
        for name, rows in groups.items():
            floor = judge_fields(problem, truth, rows, truth.reference.only(rows).fresh)
            found[name] += [Measurement(name, size, TRUTH, seed, key, value) for key, value in floor.items()]
        split = draw_split(problem, size, seeds, device)
        fits = fit_all(problem, split, seeds, hidden, budget, weights)
        for fit in (*fits, fit_normals(problem, split, seeds), fit_transport(problem, split, seeds)):
            lines.append(f"strip_fields: {size} samples, {fit.method}: {fit.seconds:.1f} s a seed")
            values, seconds = fit.sample(truth.reference.conditions, plan.specimens, seed, device)
            for name, rows in groups.items():
                likely = likelihoods(fit, truth.reference.only(rows), len(seeds), device)
                for index, one in enumerate(seeds):
                    measures = judge_fields(problem, truth, rows, [values[index][row] for row in rows])
                    measures |= likely[index] | cost_of(fit, index, seconds)
                    found[name] += [Measurement(name, size, fit.method, one, key, v) for key, v in measures.items()]
            drawn[fit.method] = list(values[0])
    shown = inner[-1] if inner else outer[0]
    pictures: dict[str, Picture] = {
        "strip_fields": FieldsPicture(
            f"Plastic strain at {problem.unseen[shown]:g} MPa, a pull never seen, from {plan.samples[-1]} specimens",
            *problem.strip.triangulation(),
            {
                "Monte Carlo": _nodal(problem, truth.fields[shown, 0]),
                **{
                    name: _nodal(problem, field_quantiles(problem, problem.unseen[shown], law[shown])[0])
                    for name, law in drawn.items()
                },
            },
        ),
        "strip_laws": LawPicture(problem.card, truth.reference.conditions, drawn, plan.samples[-1]),
    }
    return Findings(
        [row for rows in found.values() for row in rows], _grids(problem, groups, found, plan), pictures, lines
    )


def _nodal(problem: StripFields, fields: Array) -> Array:
    return np.stack([problem.strip.nodal(field) for field in fields])


def _grids(
    problem: StripFields,
    groups: dict[str, list[int]],
    found: dict[str, list[Measurement]],
    plan: FieldsPlan,
) -> list[Grid]:
    grids = []
    laws = ("W1", "W2", "negative log likelihood", "share error", "residual", "training seconds", "sampling seconds")
    names = ("W1", "W2", "NLL", "share error", "residual", "train s", "sample s")
    for name, rows in groups.items():
        pulls = " and ".join(f"{problem.unseen[row]:g}" for row in rows) + " MPa"
        where = f"{problem.card.title.split(',')[0]}, {pulls} ({'inside' if name == INSIDE else 'outside'})"
        note = (
            f"Known pulls: {', '.join(f'{pull:g}' for pull in problem.known)} MPa; {plan.specimens} reference solves a "
            f"pull, and as many fresh ones for the floor ({TRUTH}). Distances in 1e-4 of plastic strain and 10 MPa of "
            f"stress, root mean square over the strip. Residual: {problem.card.residual_name}."
        )
        grids.append(summary(f"{where}: laws", laws, found[name], note, names))
        coefficients = [f"W2 {value}" for value in problem.card.value_names]
        note = "W2 of each coefficient over its standard deviation in the Monte Carlo."
        grids.append(summary(f"{where}: coefficients", coefficients, found[name], note, problem.card.value_names))
        levels = [field_measure(quantity, level) for quantity in QUANTITIES for level in LEVELS]
        note = "NRMSE of the fields below which 5, 50 and 95 % of the specimens lie, point by point."
        grids.append(summary(f"{where}: 5, 50 and 95 % fields", levels, found[name], note))
    return grids
