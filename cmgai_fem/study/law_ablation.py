"""Ablation of laws from specimens: one part of the method is changed, the rest made anew, judged by clouds left out."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cmgai_fem.distributions.cloud_laws import CMGAI, GRAINS, grains
from cmgai_fem.distributions.random_fields import JudgedLaws, RandomFields, judge_laws
from cmgai_fem.generate import Report
from cmgai_fem.generate_distribution import GeneratedDistribution
from cmgai_fem.progress import steps
from cmgai_fem.study.ablation_rows import AblationRow

PARTS = ("order", "superposition", "modes", "constraint")
TEXT = (
    "One part of the method changed, the rest made anew. The left-out error is the distance W2 to the clouds left out, "
    "relative to the scatter of their specimens; the true law itself would not come to nothing, see the floor above."
)
MEASURE = "W2 in % of the scatter"
# Highest order of the motion of clouds that is tried.
HIGHEST_ORDER = 1


@dataclass(frozen=True)
class LawVariant:
    """One row to be.

    Args:
        part: which part is changed.
        choice: what it is changed to.
        random: the specimens, with what their fields keep.
        options: of `judge_laws`.
        law: whose distance counts, of `METHODS`.
    """

    part: str
    choice: str
    random: RandomFields
    options: dict[str, Any] = field(default_factory=dict)
    law: str = CMGAI


def ablate_laws(made: GeneratedDistribution, parts: Sequence[str], report: Report) -> list[AblationRow]:
    """The rows of an ablation of CM-GAI, for each side of the known states where states were asked for.

    Args:
        made: what was generated.
        parts: of `PARTS`, which to change.
        report: takes lines of progress.
    """
    rows = []
    for inside, judged in made.judged.items() if parts else ():
        name = (made.specimens.field, "between" if inside else "beyond")
        rows.append(AblationRow(*name, "calibrated", "everything", True, judged.errors[CMGAI] / judged.scatter))
        for variant in steps(list(law_variants(made.random, parts)), f"ablation of {name[0]}"):
            report(f"ablation: {name[0]}, {name[1]}: {variant.part}, {variant.choice}")
            rows.append(_ablated(variant, judged, made.seed, name))
    return rows


def law_variants(random: RandomFields, parts: Sequence[str]) -> Iterator[LawVariant]:
    """What is changed, one part at a time."""
    if "order" in parts:
        # A cloud less carries an order less.
        for order in range(-1, min(HIGHEST_ORDER, len(np.unique(random.values)) - 4) + 1):
            yield LawVariant("order", f"least({order})", random, {"grains": grains(order)})
    if "superposition" in parts:
        for grain in GRAINS:
            yield LawVariant("superposition", f"{grain} alone", random, law=grain)
        yield LawVariant("superposition", "equal weights", random, {"power": 0.0})
    if "modes" in parts:
        yield LawVariant("modes", "the first alone", random, {"modes": 1})
        yield LawVariant("modes", "all of them", random, {"modes": len(random.values)})
    # Bounds act label by label on what is drawn, and do not enter the distance between laws.
    if "constraint" in parts and random.constraints:
        yield LawVariant("constraint", "nothing is held", replace(random, constraints=()))


def _ablated(variant: LawVariant, judged: JudgedLaws, seed: int, name: tuple[str, str]) -> AblationRow:
    start = time.perf_counter()
    # A grain alone has been judged with the others.
    found = judge_laws(variant.random, judged.left_out, seed, **variant.options) if variant.law == CMGAI else judged
    error = found.errors[variant.law]
    row = AblationRow(*name, variant.part, variant.choice, error == judged.errors[CMGAI])
    if not np.isfinite(error):
        return replace(row, note="the clouds that stay make no such law")
    return replace(row, left_out=error / judged.scatter, seconds=time.perf_counter() - start)
