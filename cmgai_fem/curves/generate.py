"""Curves at any state of one coordinate or two, from known states on a line, that fill a grid, make a cross or lie
anyhow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgai_fem.curves.calibrate import Trial, mix
from cmgai_fem.curves.generated import CurveGenerator, GeneratedCurve
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import EXACT, State
from cmgai_fem.curves.readings import CurveReadings, complete_curve
from cmgai_fem.curves.trials import LEAST_VALUES, grid_trials, places_of, reaches, scattered_trials
from cmgai_fem.curves.ways import TriedWay
from cmgai_fem.curves.ways.arms import ArmsWay, Cross
from cmgai_fem.curves.ways.constitutive import constitutive_ways
from cmgai_fem.curves.ways.line import LineWay, line_trials
from cmgai_fem.curves.ways.nested import CurveGrid, NestedWay
from cmgai_fem.curves.ways.path import PathWay
from cmgai_fem.curves.ways.surface import SurfaceWay
from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array

# States of two coordinates that leave a plane to the others when one is left out.
LEAST_STATES = 4
# States of a motion that bends, a surface of second degree; fewer do not show whether it does.
BENDING = 6
# States whose tests end before this share of the median of all states' are incomplete.
SHORT = 0.75
# Missing states with which scattered ones are still told to be nearly a grid.
MOST_HOLES = 2

# Left-out error of a constitutive model, of the least of the transports', from which it joins them.
FAR_BETTER = 0.5

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
class StateLayout:
    """How the known states lie.

    Args:
        curves: the known states.
        grid: the grid of two coordinates that they fill, if any.
        cross: the cross that they make, if any.
        path: the path through all of them, where they neither fill a grid nor lie on a line.
    """

    curves: MeanCurves
    grid: CurveGrid | None = None
    cross: Cross | None = None
    path: PathWay | None = None

    @classmethod
    def of(cls, curves: MeanCurves) -> "StateLayout":
        """The layout of the known states.

        Raises:
            InputError: too few states of two coordinates, or all on one line.
        """
        if len(curves.coordinates) == 1:
            return cls(curves)
        names = " and ".join(coordinate.name for coordinate in curves.coordinates)
        if len(curves.values) < LEAST_STATES:
            raise InputError(
                f"columns {names}: {len(curves.values)} states of two coordinates are too few to leave one out: give "
                f"at least {LEAST_STATES}"
            )
        try:
            highest_order(places_of(curves, curves.values))
        except InputError as error:
            raise InputError(f"columns {names}: {error}") from error
        sizes = [len(np.unique(column)) for column in curves.values.T]
        if sizes[0] * sizes[1] == len(curves.values) and min(sizes) >= LEAST_VALUES:
            return cls(curves, CurveGrid.of(curves))
        return cls(curves, None, Cross.of(curves.values), PathWay.fit(curves))

    def trials(self, targets: Sequence[State]) -> list[Trial]:
        """The states to leave out for targets that lie alike."""
        if len(self.curves.coordinates) == 1:
            return line_trials(self.curves, [target[0] for target in targets])
        return grid_trials(self.grid, targets) if self.grid else scattered_trials(self.curves, targets)

    def generator(self, targets: Sequence[State], trials: Sequence[Trial], hardening: bool) -> CurveGenerator:
        """Calibrate for targets that lie alike to the known states, by the states that are left out."""
        curves = self.curves
        if len(curves.coordinates) == 1:
            line = LineWay.fit(curves, targets)
            alone = CurveGenerator.alone(curves, line, line.calibration.error, hardening)
            return _with_models(alone, [line.calibration.left_out], trials)
        ways: list[TriedWay] = []
        if self.grid:
            nested = NestedWay.fit(self.grid, targets)
            if not trials:
                return CurveGenerator.alone(curves, nested, nested.error, hardening)
            ways.append(nested)
        ways.append(SurfaceWay.fit(curves, targets, trials))
        if self.path:
            ways.append(self.path)
        if self.cross:
            ways.append(ArmsWay.fit(curves, self.cross, targets))
        made = [way.left_out(trials) for way in ways]
        known = [curves.stress[trial.row] for trial in trials]
        told = [
            row
            for row, left_out in enumerate(made)
            if all(np.any(np.isfinite(one) & np.isfinite(truth)) for one, truth in zip(left_out, known, strict=True))
        ]
        mixed = mix(curves, [made[row] for row in told], trials)
        mixture = CurveGenerator(curves, tuple(ways[row] for row in told), mixed, hardening, self.grid is None)
        return _with_models(mixture, [made[row] for row in told], trials)

    def alike(self, targets: Sequence[State]) -> list[list[State]]:
        """Targets in groups that lie alike to the known states: below, between, beyond or on a value of a grid."""
        groups: dict[tuple[int, ...], list[State]] = {}
        for target in targets:
            key = []
            for column, value in zip(self.curves.values.T, target, strict=True):
                outside = int(value > column.max()) - int(value < column.min())
                key.append(2 if self.grid and value in column else outside)
            groups.setdefault(tuple(key), []).append(target)
        return list(groups.values())

    def __str__(self) -> str:
        values = self.curves.values
        ranges = ", ".join(
            f"{coordinate.name} {column.min():g} to {column.max():g} {coordinate.unit}"
            for coordinate, column in zip(self.curves.coordinates, values.T, strict=True)
        )
        sizes = [len(np.unique(column)) for column in values.T]
        size = " x ".join(map(str, sizes))
        if self.grid:
            shape = f"a grid of {size} values"
        elif self.cross:
            shape = f"a cross through {self.curves.coordinates.label(self.cross.centre)}"
        elif len(sizes) == 1:
            shape = "a line"
        else:
            lacking = int(np.prod(sizes)) - len(values)
            holes = f", a grid of {size} values but for {lacking}" if lacking <= MOST_HOLES else ""
            shape = f"scattered{holes}"
        return f"{len(values)} known states, {shape}: {ranges}"


def _with_models(
    generator: CurveGenerator, left_out: Sequence[Sequence[Array]], trials: Sequence[Trial]
) -> CurveGenerator:
    """With the constitutive models among the ways that err far less at the states left out than any of these does.

    Args:
        generator: the ways.
        left_out: for each of them the curves (L,) of the states that are left out.
        trials: these.
    """
    if not trials:
        return generator
    curves, least = generator.curves, float(generator.mixed.alone.min())
    tried = [(way, way.left_out(trials)) for way in constitutive_ways(curves)]
    better = [(way, made) for way, made in tried if mix(curves, [made], trials).alone[0] <= FAR_BETTER * least]
    every = [*left_out, *(made for _, made in better)]
    if better:
        ways = (*generator.ways, *(way for way, _ in better))
        generator = replace(generator, ways=ways, mixed=mix(curves, every, trials))
    shares = generator.mixed.shares
    together = [
        sum((share * one for share, one in zip(shares, each, strict=True) if share > 0.0), np.zeros(len(curves.strain)))
        for each in zip(*every, strict=True)
    ]
    known = [curves.stress[trial.row] for trial in trials]
    return replace(generator, left_out=tuple(zip(known, together, strict=True)))


def generate_curves(
    curves: MeanCurves,
    targets: Sequence[State],
    report: Report,
    hardening: bool | None = None,
    solver: Solver = EXACT,
    readings: CurveReadings | None = None,
) -> dict[State, JudgedCurve]:
    """Curves at states of one coordinate or two.

    Args:
        curves: mean curves of the known tests.
        targets: states (m,) to generate.
        report: takes lines of progress.
        hardening: whether generated curves must harden; as the known curves do if None.
        solver: by which method the motions are solved; networks along a line or on a grid alone.
        readings: points that were measured of the curve, where one is asked for.

    Raises:
        InputError: too few states, states on one line, networks where states are scattered, or points that cannot be
            used.
    """
    if len(curves.coordinates) > 1:
        curves = to_common_strain(curves, report)
    layout = StateLayout.of(curves)
    report(str(layout))
    if layout.path and solver.method != "fem":
        raise InputError(
            f"--method {solver.method}: states that fill no grid are carried by finite elements alone, leave it out"
        )
    hardens = curves.hardens if hardening is None else hardening
    made: dict[State, JudgedCurve] = {}
    for group in layout.alike(targets):
        report(f"for {'; '.join(curves.coordinates.label(state) for state in group)}:")
        trials = layout.trials(group)
        generator = layout.generator(group, trials, hardens)
        for line in generator.lines():
            report(line)
        for state in group:
            curve = generator.at(state, solver)
            if readings is not None:
                found = complete_curve(generator, curve, readings)
                for line in found.lines(len(readings.strain), "points", "at these strains", "%", "curve"):
                    report(line)
                curve = found.made
            made[state] = judged(layout, trials, state, curve)
    return {state: made[state] for state in targets}


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
