"""Figures of methods that draw at random, measured for several seeds: their tolerances and their tables."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import model_validator

from cmgai_fem.study.file import Table
from cmgai_fem.study.findings import TextTable, Verdict


class Quantity(NamedTuple):
    """What is measured once for each seed.

    Args:
        case: what it is measured on.
        samples: size of the training set.
        method: who produced it.
        measure: what is measured.
    """

    case: str
    samples: int
    method: str
    measure: str


@dataclass(frozen=True)
class Measurement:
    """One measured figure.

    Args:
        case: what it was measured on.
        samples: size of the training set.
        method: who produced it.
        seed: seed of data and weights.
        measure: what was measured.
        value: the figure.
    """

    case: str
    samples: int
    method: str
    seed: int
    measure: str
    value: float

    @property
    def quantity(self) -> Quantity:
        """What it is one seed's figure of."""
        return Quantity(self.case, self.samples, self.method, self.measure)


class SeedTolerance(Table):
    """`[[tolerances]]` of such a study: a measure stays below a number, or below another method's.

    Args:
        case: what it is measured on.
        samples: size of the training set.
        method: whose figures.
        measure: which figures.
        at_most: the number.
        not_above: the other method; its figure is taken `times`.
        times: factor of the other method's figure.
        kind: of the seeds' figures their mean, or the worst.
    """

    case: str
    samples: int
    method: str
    measure: str
    at_most: float | None = None
    not_above: str | None = None
    times: float = 1.0
    kind: Literal["mean", "worst"] = "mean"

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_most is None) == (self.not_above is None):
            raise ValueError("give one of at_most and not_above")
        return self

    def quantities(self) -> list[Quantity]:
        """What it compares."""
        methods = [self.method] if self.not_above is None else [self.method, self.not_above]
        return [Quantity(self.case, self.samples, method, self.measure) for method in methods]

    def verdict(self, rows: Sequence[Measurement]) -> Verdict:
        """Hold figures against it."""
        found, *other = (self._figure(rows, quantity) for quantity in self.quantities())
        limit, text = (self.times * other[0], f" ({self.times:g} x {self.not_above})") if other else (self.at_most, "")
        assert limit is not None
        name = f"{self.case}, {self.samples} samples, {self.method}: {self.kind} {self.measure}"
        holds = found <= limit
        return Verdict(name, holds, f"at most {limit:.4g}{text}", f"{found:.4g}", () if holds else (f"{found:.4g}",))

    def _figure(self, rows: Sequence[Measurement], quantity: Quantity) -> float:
        values = [row.value for row in rows if row.quantity == quantity]
        return max(values) if self.kind == "worst" else sum(values) / len(values)


def refuse_unmeasured(tolerances: Sequence[SeedTolerance], planned: Collection[Quantity]) -> None:
    """Refuse a tolerance on what a study will not measure, before it starts.

    Raises:
        ValueError: the text names the key that fits nothing, and what would fit.
    """
    for number, tolerance in enumerate(tolerances, start=1):
        for quantity in tolerance.quantities():
            fitting = list(planned)
            for index, (key, wanted) in enumerate(zip(Quantity._fields, quantity, strict=True)):
                known = dict.fromkeys(item[index] for item in fitting)
                fitting = [item for item in fitting if item[index] == wanted]
                if not fitting:
                    raise ValueError(
                        f"tolerance {number} fits no figure of this study: there is no {key} {wanted!r} where "
                        f"it looks, but {', '.join(map(repr, known))}"
                    )


def seeds_table(
    title: str,
    measures: Sequence[str],
    rows: Sequence[Measurement],
    note: str,
    names: Sequence[str] = (),
    ours: Collection[str] = (),
) -> TextTable:
    """Mean and standard deviation over the seeds of some measures, a line for each size and method.

    Args:
        title: heading.
        measures: what the columns show.
        rows: figures of one case.
        note: what the reader must know.
        names: headings of the columns; the measures themselves by default.
        ours: methods that are no rivals.
    """
    values: dict[tuple[int, str, str], list[float]] = {}
    for row in rows:
        values.setdefault((row.samples, row.method, row.measure), []).append(row.value)
    lines = list(dict.fromkeys((row.samples, row.method) for row in rows))
    cells = [
        (f"{size}", method, *(_spread(values.get((size, method, measure), ()), measure) for measure in measures))
        for size, method in lines
    ]
    marked = frozenset(index for index, (_, method) in enumerate(lines) if method in ours)
    return TextTable(title, ("samples", "method", *(names or measures)), cells, note, marked, text_columns=2)


def _spread(values: Sequence[float], measure: str) -> str:
    if not values:
        return ""
    if measure.endswith("seconds"):
        return f"{np.mean(values):.2g}"
    if min(values) == max(values):
        return f"{values[0]:.4g}" if float(values[0]).is_integer() else f"{values[0]:.3g}"
    return f"{np.mean(values):.3g} ± {np.std(values, ddof=1):.2g}"
