"""Curves at any state of one coordinate or two, from known states on a line, that fill a grid, make a cross or lie
anyhow.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from cmgai_fem.curves.calibrate import Trial
from cmgai_fem.curves.cheap import CheapCurves, CurveGuidance, guide
from cmgai_fem.curves.generated import CurveGenerator, GeneratedCurve
from cmgai_fem.curves.layout import StateLayout
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import EXACT, State
from cmgai_fem.curves.readings import CurveReadings, complete_curve
from cmgai_fem.curves.trials import reaches
from cmgai_fem.errors import InputError
from cmgai_fem.solve import Solver

# States of a motion that bends, a surface of second degree; fewer do not show whether it does.
BENDING = 6
# States whose tests end before this share of the median of all states' are incomplete.
SHORT = 0.75

Report = Callable[[str], None]


@dataclass(frozen=True)
class JudgedCurve:
    """A generated curve, and what is known of the way to it.

    Args:
        curve: the curve.
        reached: whether known states that were left out lay as far from the others as the state does.
        remark: what is to be said of it; empty if nothing.
    """

    curve: GeneratedCurve
    reached: bool
    remark: str


@dataclass(frozen=True)
class CurveModel:
    """What generates the curves of states that lie alike to the known ones.

    Args:
        layout: the known states.
        generator: calibrated to them.
        trials: the states that were left out.
        targets: states that it was calibrated for.
        guidance: what cheap models gave.
    """

    layout: StateLayout
    generator: CurveGenerator
    trials: tuple[Trial, ...]
    targets: tuple[State, ...]
    guidance: tuple[CurveGuidance, ...] = ()

    @classmethod
    def fit(cls, layout: StateLayout, targets: Sequence[State], hardening: bool) -> Self:
        """Calibrate for targets that lie alike."""
        trials = layout.trials(targets)
        return cls(layout, layout.generator(targets, trials, hardening), tuple(trials), tuple(targets))

    def at(self, state: State, solver: Solver = EXACT) -> GeneratedCurve:
        """The curve at a state."""
        return self.generator.at(state, solver)

    def judged(self, state: State, curve: GeneratedCurve) -> JudgedCurve:
        """What may be said of a curve at a state; see `judged`."""
        return judged(self.layout, self.trials, state, curve)


def generate_curves(
    curves: MeanCurves,
    targets: Sequence[State],
    report: Report,
    hardening: bool | None = None,
    solver: Solver = EXACT,
    readings: CurveReadings | None = None,
    cheap: Sequence[tuple[str, MeanCurves]] = (),
) -> dict[State, JudgedCurve]:
    """Curves at states of one coordinate or two.

    Args:
        curves: mean curves of the known tests.
        targets: states (m,) to generate.
        report: takes lines of progress.
        hardening: whether generated curves must harden; as the known curves do if None.
        solver: by which method the motions are solved; networks along a line or on a grid alone.
        readings: points that were measured of the curve, where one is asked for.
        cheap: names and mean curves of cheap models, at the known states and at the targets.

    Raises:
        InputError: too few states, states on one line, networks where states are scattered, or points or cheap models
            that cannot be used.
    """
    made: dict[State, JudgedCurve] = {}
    layout = lay_out(curves, report)
    models = [CheapCurves.of(name, model, layout.curves, targets) for name, model in cheap]
    for model in fit_models(layout, targets, report, hardening, solver, models):
        made |= curves_of(model, report, solver, readings)
    return {state: made[state] for state in targets}


def lay_out(curves: MeanCurves, report: Report) -> StateLayout:
    """How the known states lie, on the strains that they are carried on, and a line that says it.

    Raises:
        InputError: too few states, or states on one line.
    """
    layout = StateLayout.of(to_common_strain(curves, report) if len(curves.coordinates) > 1 else curves)
    report(str(layout))
    return layout


def fit_models(
    layout: StateLayout,
    targets: Sequence[State],
    report: Report,
    hardening: bool | None,
    solver: Solver = EXACT,
    cheap: Sequence[CheapCurves] = (),
) -> Iterator[CurveModel]:
    """A model for each group of targets that lie alike, and lines that say what was chosen; see `generate_curves`."""
    if layout.path and solver.method != "fem":
        raise InputError(
            f"--method {solver.method}: states that fill no grid are carried by finite elements alone, leave it out"
        )
    hardens = layout.curves.hardens if hardening is None else hardening
    for group in layout.alike(targets):
        report(f"for {'; '.join(layout.curves.coordinates.label(state) for state in group)}:")
        model = CurveModel.fit(layout, group, hardens)
        for line in model.generator.lines():
            report(line)
        if cheap:
            generator, told = guide(layout, model.generator, group, model.trials, cheap)
            model = replace(model, generator=generator, guidance=tuple(told))
            for line in (*map(str, told), *(generator.lines() if generator.cheap else ())):
                report(line)
        yield model


def curves_of(
    model: CurveModel, report: Report, solver: Solver = EXACT, readings: CurveReadings | None = None
) -> dict[State, JudgedCurve]:
    """The curves of a model's targets; see `generate_curves`."""
    made = {}
    for state in model.targets:
        curve = model.at(state, solver)
        if readings is not None:
            found = complete_curve(model.generator, curve, readings)
            for line in found.lines(len(readings.strain), "points", "at these strains", "%", "curve"):
                report(line)
            curve = found.made
        made[state] = model.judged(state, curve)
    return made


def judged(layout: StateLayout, trials: Sequence[Trial], state: State, curve: GeneratedCurve) -> JudgedCurve:
    """The curve with what may be said of it: trusted only where states as far out were left out and met."""
    curves, several = layout.curves, len(layout.curves.coordinates) > 1
    reached, doubt = True, ""
    if layout.cross and not layout.cross.holds(state):
        reached, doubt = False, (
            "no known state lies off the two lines of the cross: what both coordinates do together is taken as a "
            "product and was not tested, and the standard error does not count it"
        )  # fmt: skip
    elif not reaches(curves, trials, state):
        reached, doubt = False, (
            "it lies farther beyond the known states than any that was left out: extrapolation as far was not tested"
        )  # fmt: skip
    elif several and len(curves.values) < BENDING:
        count = len(curves.values)
        doubt = f"{count} states do not show whether the motion bends: give at least {BENDING}"
    elif not curve.trusted:
        doubt = "no choice continues the known states to it with a small left-out error"
    remark = f"{curves.coordinates.label(state)}: not to be trusted, {doubt}" if doubt else ""
    return JudgedCurve(replace(curve, trusted=not doubt), reached, remark)


def to_common_strain(curves: MeanCurves, report: Report) -> MeanCurves:
    """The curves up to the strain that the states reach together.

    Where tests end at strains of their own, another set of states knows each strain beyond the shortest, and what they
    generate jumps from one to the next. States far shorter than most do not count: they are incomplete.
    """
    last = np.array([curves.strain[known][-1] for known in curves.known])
    common = float(np.min(last[last >= SHORT * np.median(last)]))
    stay = curves.strain <= common
    if not stay.all():
        report(
            f"curves end at strain {common:.3g}, which {int(np.sum(last >= common))} of {len(last)} states reach; "
            f"{int(np.sum(last > common))} go on, to {float(last.max()):.3g} at most: what they measured beyond is not "
            "used"
        )
    return curves.up_to(stay)
