"""Distributions of fields at states never solved: what the main job asks for when the material scatters.

Specimens at known pulls are learnt from; at unseen pulls the methods draw fields, which are compared with a Monte Carlo
of reference solves: the law of the coefficients (W2 of each, and joint) and the 5, 50 and 95 % fields, point by point.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pydantic import Field

from cmgai_fem.distributions.measures import wasserstein
from cmgai_fem.metrics import field_error
from cmgai_fem.study.file import Table
from cmgai_fem.study.findings import TextTable
from cmgai_fem.study.measurements import Measurement, Quantity, seeds_table

from .fields_figures import fields_figure
from .figures import law_figure
from .fit import Setup, draw_each_way, draw_split
from .fits import fit_all, methods_for
from .known_state_methods import CARRIED, CMGAI, NORMALS, ROWS, fit_carried, fit_normals, fit_transport
from .law_comparison import OF_LAWS, OURS, TRUTH, Part, Reference, asked_alone, judge, quantities
from .problems.strip_fields import StripFields

Array = NDArray[np.float64]

LEVELS = (0.05, 0.5, 0.95)
QUANTITIES = ("plastic strain", "von Mises")
INSIDE, OUTSIDE = "strip_fields", "strip_fields, outside"
COEFFICIENTS = [f"W2 {name}" for name in StripFields.card.value_names]
QUANTILES = [f"{100 * level:.0f} % {quantity}" for quantity in QUANTITIES for level in LEVELS]
# Of training sets; a fifth of each is kept back.
Sizes = Annotated[list[Annotated[int, Field(ge=10)]], Field(min_length=1)]


class FieldsPlan(Table):
    """`[full.fields]`: sizes of the part on fields.

    Args:
        samples: sizes of the training set.
        specimens: reference solves at each unseen pull.
        known: pulls at which specimens were loaded [MPa].
        unseen: pulls at which the law of the fields is asked for [MPa].
    """

    samples: Sizes
    specimens: int = Field(ge=20)
    known: list[float] = Field(min_length=4)
    unseen: list[float] = Field(min_length=1)

    def groups(self) -> dict[str, list[int]]:
        """Rows of the unseen pulls between the known ones, and of those outside."""
        inside = [row for row, pull in enumerate(self.unseen) if min(self.known) <= pull <= max(self.known)]
        outside = [row for row in range(len(self.unseen)) if row not in inside]
        return {name: rows for name, rows in ((INSIDE, inside), (OUTSIDE, outside)) if rows}

    def quantities(self) -> list[Quantity]:
        """What this part measures."""
        problem, measures = StripFields(), (*OF_LAWS, *COEFFICIENTS, *QUANTILES)
        methods = [*methods_for(problem), NORMALS, CMGAI, ROWS, CARRIED]
        return [item for name in self.groups() for item in quantities(problem, name, self.samples, methods, measures)]


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
    from .perforated_strip import von_mises

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
    for axis, name in enumerate(COEFFICIENTS):
        ratios = [
            wasserstein(values[:, [axis]], law[:, [axis]]).second / law[:, axis].std()
            for values, law in zip(drawn, reference.laws, strict=True)
        ]
        measures[name] = float(np.mean(ratios))
    errors = np.array([
        [
            [field_error(made, true, problem.strip.volumes).nrmse for made, true in zip(*pair, strict=True)]
            for pair in zip(field_quantiles(problem, problem.unseen[row], values), truth.fields[row], strict=True)
        ]
        for row, values in zip(rows, drawn, strict=True)
    ]).mean(axis=0)  # fmt: skip
    return measures | dict(zip(QUANTILES, errors.ravel().tolist(), strict=True))


def field_quantiles(problem: StripFields, pull: float, values: Array) -> Array:
    """5, 50 and 95 % fields (2, 3, P) of plastic strain and von Mises stress of coefficients (N, d) at a pull [MPa]."""
    plastic, residual = problem.basis.fields(values)
    return quantiles(scalar_fields(plastic, problem.stress(pull, residual)).transpose(1, 0, 2)).transpose(1, 0, 2)


def study_fields(plan: FieldsPlan, setup: Setup) -> Part:
    """All methods on the fields of the strip, at all sample sizes."""
    problem, seed = StripFields(tuple(plan.known), tuple(plan.unseen)), setup.seeds[0]
    truth = run_monte_carlo(problem, plan.specimens, np.random.default_rng([seed, 7919]))
    groups = plan.groups()
    found: dict[str, list[Measurement]] = {name: [] for name in groups}
    lines, drawn = [], {TRUTH: truth.reference.fresh}
    for size in plan.samples:
        for name, rows in groups.items():
            floor = judge_fields(problem, truth, rows, truth.reference.only(rows).fresh)
            found[name] += [Measurement(name, size, TRUTH, seed, key, value) for key, value in floor.items()]
        split = draw_split(problem, size, setup)
        known = (fit_normals(split), *fit_transport(problem, split), fit_carried(problem, split))
        for fit in (*fit_all(problem, split, setup), *known):
            lines.append(f"strip_fields: {size} samples, {fit.method}: {fit.seconds:.1f} s a seed")
            for item in draw_each_way(problem, fit, truth.reference.conditions, plan.specimens, setup):
                for name, rows in groups.items():
                    costs = asked_alone(item, truth.reference.only(rows), setup)
                    for one, values, alone in zip(setup.seeds, item.values, costs, strict=True):
                        measures = judge_fields(problem, truth, rows, [values[row] for row in rows]) | alone
                        found[name] += [Measurement(name, size, item.method, one, k, v) for k, v in measures.items()]
                drawn |= {} if item.moved else {item.method: list(item.values[0])}
    figures = {
        "strip_fields": _picture(problem, truth, groups, drawn, plan.samples[-1]),
        "strip_laws": law_figure(problem.card, truth.reference.conditions, drawn, plan.samples[-1]),
    }
    rows_of_all = [row for rows in found.values() for row in rows]
    return Part(problem.card.title, rows_of_all, _tables(problem, groups, found, plan), figures, lines)


def _picture(
    problem: StripFields, truth: MonteCarlo, groups: dict[str, list[int]], drawn: dict[str, list[Array]], samples: int
) -> Figure:
    """Plastic strain at the last pull inside, or at the first outside where none is inside."""
    shown = groups[INSIDE][-1] if INSIDE in groups else groups[OUTSIDE][0]
    pull = problem.unseen[shown]
    fields = {"Monte Carlo": truth.fields[shown, 0]}
    fields |= {name: field_quantiles(problem, pull, laws[shown])[0] for name, laws in drawn.items()}
    nodal = {name: np.stack([problem.strip.nodal(field) for field in levels]) for name, levels in fields.items()}
    title = f"Plastic strain at {pull:g} MPa, a pull never seen, from {samples} specimens"
    return fields_figure(title, *problem.strip.triangulation(), nodal)


def _tables(
    problem: StripFields, groups: dict[str, list[int]], found: dict[str, list[Measurement]], plan: FieldsPlan
) -> list[TextTable]:
    tables = []
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
        tables.append(seeds_table(f"{where}: laws", laws, found[name], note, names, OURS))
        note = "W2 of each coefficient over its standard deviation in the Monte Carlo."
        values = problem.card.value_names
        tables.append(seeds_table(f"{where}: coefficients", COEFFICIENTS, found[name], note, values, OURS))
        note = "NRMSE of the fields below which 5, 50 and 95 % of the specimens lie, point by point."
        tables.append(seeds_table(f"{where}: 5, 50 and 95 % fields", QUANTILES, found[name], note, ours=OURS))
    return tables
