"""Ablation of curves: one part of the method is left out or held at one choice, the rest is chosen anew without it.

What is worth how much known states say that are left out: the left-out error is that of the curves as they are
generated, superposed by shares and made rising where they must rise.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgai_fem.curves.calibrate import curve_error
from cmgai_fem.curves.choice import EVERYTHING, FEATURES, POWERS, Choice, Offer, axes_for
from cmgai_fem.curves.generated import CurveGenerator, GeneratedCurve, rising
from cmgai_fem.curves.layout import StateLayout
from cmgai_fem.curves.motion import State
from cmgai_fem.curves.ways.constitutive import constitutive_ways
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.generate import Report
from cmgai_fem.progress import steps
from cmgai_fem.states.labels import Array
from cmgai_fem.study.ablation_rows import AblationRow

PARTS = ("order", "feature", "force", "noise", "superposition", "fits", "constraint")
TEXT = (
    "One part of the method left out or held at one choice, all else chosen anew by the states left out; a way that "
    "knows no such choice keeps its own. The left-out error is that of the curves as they are generated."
)


@dataclass(frozen=True)
class CurveVariant:
    """One row to be.

    Args:
        part: which part is changed.
        choice: what it is changed to.
        offer: what calibration may choose from.
        hardening: generated curves rise with strain.
    """

    part: str
    choice: str
    offer: Offer
    hardening: bool


@dataclass(frozen=True)
class AblatedCurves:
    """A row without what it gets wrong of held-out states, and the curves to measure that with.

    Args:
        row: the row.
        curves: by state; empty where none could be generated.
    """

    row: AblationRow
    curves: Mapping[State, GeneratedCurve]

    def measured(self, error: Callable[[State, GeneratedCurve], float]) -> AblationRow:
        """The row with the errors of its curves."""
        if not self.curves:
            return self.row
        errors = [error(state, curve) for state, curve in self.curves.items()]
        return replace(self.row, mean=float(np.mean(errors)), worst=float(np.max(errors)))


def ablate_curves(
    layout: StateLayout,
    targets: Sequence[State],
    hardening: bool,
    parts: Sequence[str],
    name: tuple[str, str],
    report: Report,
) -> list[AblatedCurves]:
    """The rows of an ablation, from the known states alone.

    Args:
        layout: the known states.
        targets: states that are asked for.
        hardening: generated curves rise with strain.
        parts: of `PARTS`, which to change.
        name: what the rows are called, `field` and `split` of theirs.
        report: takes lines of progress.
    """
    if not parts:
        return []
    whole = CurveVariant("calibrated", "everything", EVERYTHING, hardening)
    rows = [_ablated(layout, targets, whole, name)]
    for variant in steps(list(curve_variants(layout, targets, hardening, parts)), f"ablation of {' '.join(name)}"):
        report(f"ablation: {name[0]}, {name[1]}: {variant.part}, {variant.choice}")
        made = _ablated(layout, targets, variant, name)
        rows.append(replace(made, row=replace(made.row, chosen=_alike(made.curves, rows[0].curves))))
    return rows


def curve_variants(
    layout: StateLayout, targets: Sequence[State], hardening: bool, parts: Sequence[str]
) -> Iterator[CurveVariant]:
    """What is changed, one part at a time."""
    curves, offers = layout.curves, dict[tuple[str, str], Offer]()
    line = len(curves.coordinates) == 1
    # Over two coordinates no surface, and no path, is of the lowest order.
    for order in range(-1 if line or layout.grid or layout.cross else 0, _highest(layout, targets) + 1):
        offers["order", f"least({order})"] = Offer(_only("order", order))
    for power in reversed(POWERS):
        offers["feature", FEATURES[power]] = Offer(_only("power", power))
    first = curves.coordinates.each[0]
    asked = np.array([target[0] for target in targets])
    kinds = axes_for(first, np.append(curves.values[:, 0], asked))
    for kind in kinds if len(kinds) > 1 else ():
        offers["force", f"{kind} pseudo-time of {first.name}"] = Offer(_on_axis(kind))
    for way in layout.ways if len(layout.ways) > 1 else ():
        offers["force", f"{way} alone"] = Offer(ways=(way,))
    if curves.scatter > 0.0:
        offers["noise", "states held exactly"] = Offer(lambda choice: replace(choice, soft=False))
        offers["noise", "all modes carried"] = Offer(lambda choice: replace(choice, filtered=False))
        offers["noise", "both"] = Offer(lambda choice: replace(choice, soft=False, filtered=False))
    offers["superposition", "the best choice and way alone"] = Offer(superposed=False)
    if constitutive_ways(curves):
        offers["fits", "without Johnson-Cook and Zerilli-Armstrong"] = Offer(fits=False)
    for (part, choice), offer in offers.items():
        if part in parts:
            yield CurveVariant(part, choice, offer, hardening)
    if "constraint" in parts:
        for rises, choice in ((True, "curves rise"), (False, "curves may fall")):
            yield CurveVariant("constraint", choice, EVERYTHING, rises)


def left_out_errors(generator: CurveGenerator, trials: Sequence[tuple[Array, Array]]) -> list[float]:
    """NRMSE of each left-out curve as it is generated.

    Args:
        generator: whose labels and constraint these are.
        trials: the known and the generated stress (L,) of each.
    """
    curves = generator.curves
    admitted = [(known, rising(curves, made) if generator.hardening else made) for known, made in trials]
    return [curve_error(made, known, curves) for known, made in admitted]


def _ablated(
    layout: StateLayout, targets: Sequence[State], variant: CurveVariant, name: tuple[str, str]
) -> AblatedCurves:
    start = time.perf_counter()
    row = AblationRow(*name, variant.part, variant.choice, variant.part == "calibrated")
    errors: list[float] = []
    found: dict[State, GeneratedCurve] = {}
    try:
        for group in layout.alike(targets):
            trials = layout.trials(group)
            generator = layout.generator(group, trials, variant.hardening, variant.offer)
            errors += left_out_errors(generator, generator.superposed(trials))
            found |= {state: generator.at(state) for state in group}
    except (ConvergenceError, InputError) as error:
        return AblatedCurves(replace(row, note=str(error)), {})
    left_out = float(np.sqrt(np.mean(np.square(errors)))) if errors else None
    row = replace(row, left_out=left_out, seconds=time.perf_counter() - start)
    return AblatedCurves(row, {state: found[state] for state in targets})


def _highest(layout: StateLayout, targets: Sequence[State]) -> int:
    """Highest order that a motion through the states that stay may have."""
    if len(layout.curves.coordinates) > 1:
        return 1
    stay = [len(trial.stay) for group in layout.alike(targets) for trial in layout.trials(group)]
    return min(1, min(stay) - 2)


def _only(key: str, value: float) -> Callable[[Choice], Choice | None]:
    return lambda choice: choice if getattr(choice, key) == value else None


def _on_axis(kind: str) -> Callable[[Choice], Choice | None]:
    return lambda choice: choice if choice.axes[0] == kind else None


def _alike(one: Mapping[State, GeneratedCurve], other: Mapping[State, GeneratedCurve]) -> bool:
    """Whether the same curves were generated: what was changed is what calibration had chosen."""
    return one.keys() == other.keys() and all(
        np.array_equal(curve.stress, other[state].stress) for state, curve in one.items()
    )
