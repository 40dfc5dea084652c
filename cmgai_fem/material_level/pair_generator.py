"""Curves at any state of two coordinates, from known states that fill a grid, make a cross or lie anyhow.

A grid is carried by `CornerGenerator`, other states by `generate_scattered`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.corner_generator import CornerGenerator, corner_trials
from cmgai_fem.material_level.corners import Grid
from cmgai_fem.material_level.cross import Cross
from cmgai_fem.material_level.curve_solver import BY_ELEMENTS, CurveSolver
from cmgai_fem.material_level.curves import CurveTable
from cmgai_fem.material_level.generator import GeneratedCurve
from cmgai_fem.material_level.mean_curves import MeanCurves
from cmgai_fem.material_level.pair_trials import Trial, places_of, reaches, scattered_trials
from cmgai_fem.material_level.scattered import PathTransport
from cmgai_fem.material_level.scattered_generator import Known, generate_scattered
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.states.states import Array

State = tuple[float, float]

# Values of each coordinate from which lines of a grid can be calibrated.
LEAST_VALUES = 3
# States that leave a plane to the others when one is left out.
LEAST_STATES = 4
# States of a motion that bends, a surface of second degree; fewer do not show whether it does.
BENDING = 6
# States whose tests end before this share of the median of all states' are incomplete.
SHORT = 0.75
# Missing states with which scattered ones are still told to be nearly a grid.
MOST_HOLES = 2


@dataclass(frozen=True)
class PairCurve:
    """A generated curve, and what is known of the way to it.

    Args:
        curve: the curve.
        reached: whether known states that were left out lay as far from the others as the state does.
        remark: what is to be said of it; empty if nothing.
    """

    curve: GeneratedCurve
    reached: bool
    remark: str


def generate_pairs(
    table: CurveTable,
    curves: MeanCurves,
    targets: Sequence[State],
    report: Callable[[str], None],
    hardening: bool | None = None,
    solver: CurveSolver = BY_ELEMENTS,
) -> dict[State, PairCurve]:
    """Curves at states of two coordinates.

    Args:
        table: the known tests.
        curves: their mean curves.
        targets: states to generate.
        report: takes lines of progress.
        hardening: whether generated curves must harden; as the known curves do if None.
        solver: by which method the motions are solved; networks on a grid alone.

    Raises:
        InputError: too few states, states on one line, or networks where no grid is.
    """
    names = " and ".join(coordinate.name for coordinate in table.coordinates)
    if len(curves.states) < LEAST_STATES:
        raise InputError(
            f"columns {names}: {len(curves.states)} states of two coordinates are too few to leave one out: give at "
            f"least {LEAST_STATES}"
        )
    try:
        highest_order(places_of(table.coordinates, curves.states, curves.states))
    except InputError as error:
        raise InputError(f"columns {names}: {error}") from error
    curves = to_common_strain(curves, report)
    grid = Grid.of(table, curves) if _fills_grid(curves.states) else None
    cross = None if grid else Cross.of(table.coordinates, curves.states)
    report(_layout(table, curves, grid, cross))
    if grid is None and solver.method != "fem":
        raise InputError(
            f"--method {solver.method}: states that fill no grid are carried by finite elements alone, leave it out"
        )
    hardens = curves.hardens if hardening is None else hardening
    made: dict[State, PairCurve] = {}
    known = None if grid else Known(table, curves, cross, PathTransport.fit(curves))
    line, space = {solver.method: solver.line}, {solver.method: solver.space}
    for group in _alike(curves.states, targets, grid is not None):
        report(f"for {'; '.join(table.label(state) for state in group)}:")
        if known is None:
            assert grid is not None
            trials = corner_trials(grid, group)
            generator = CornerGenerator.fit(grid, group, line, space, report, hardens)
            found = {state: generator.at(state, solver.method)[0] for state in group}
        else:
            trials = scattered_trials(table.coordinates, curves, group)
            found = generate_scattered(known, group, trials, report, hardens)
        for state in group:
            made[state] = _judged(table, curves, cross, trials, state, found[state])
    return {state: made[state] for state in targets}


def _judged(
    table: CurveTable,
    curves: MeanCurves,
    cross: Cross | None,
    trials: Sequence[Trial],
    state: State,
    curve: GeneratedCurve,
) -> PairCurve:
    """The curve with what may be said of it: trusted only where states as far out were left out and met."""
    where = table.label(state)
    if cross is not None and not cross.holds(state):
        remark = (
            f"{where}: not to be trusted, no known state lies off the two lines of the cross: what both coordinates do "
            "together is taken as a product and was not tested, and the standard error does not count it"
        )
        return PairCurve(replace(curve, trusted=False), False, remark)
    if not reaches(table.coordinates, curves, trials, np.array(state)):
        remark = (
            f"{where}: not to be trusted, it lies farther beyond the known states than any that could be left out: "
            "extrapolation as far was not tested, and the standard error does not count it"
        )
        return PairCurve(replace(curve, trusted=False), False, remark)
    if len(curves.states) < BENDING:
        remark = (
            f"{where}: not to be trusted, {len(curves.states)} states do not show whether the motion bends: give at "
            f"least {BENDING}"
        )
        return PairCurve(replace(curve, trusted=False), True, remark)
    if not curve.trusted:
        remark = f"{where}: not to be trusted, no choice continues the known states to it with a small left-out error"
        return PairCurve(curve, True, remark)
    return PairCurve(curve, True, "")


def to_common_strain(curves: MeanCurves, report: Callable[[str], None]) -> MeanCurves:
    """The curves up to the strain that the states reach together.

    Where tests end at strains of their own, another set of states knows each strain beyond the shortest, and what they
    generate jumps from one to the next. States far shorter than most do not count: they are incomplete.
    """
    last = np.array([curves.strain[known][-1] for known in curves.known])
    common = float(np.min(last[last >= SHORT * np.median(last)]))
    stay = curves.strain <= common
    if stay.all():
        return curves
    farther = int(np.sum(last > common))
    report(
        f"curves end at strain {common:.3g}, which {int(np.sum(last >= common))} of {len(last)} states reach; "
        f"{farther} go on, to {float(last.max()):.3g} at most: what they measured beyond is not used"
    )
    return replace(
        curves, strain=curves.strain[stay], weights=curves.weights[stay], stress=curves.stress[:, stay],
        noise=curves.noise[:, stay],
    )  # fmt: skip


def _fills_grid(states: Array) -> bool:
    sizes = [len(np.unique(column)) for column in states.T]
    return sizes[0] * sizes[1] == len(states) and min(sizes) >= LEAST_VALUES


def _layout(table: CurveTable, curves: MeanCurves, grid: Grid | None, cross: Cross | None) -> str:
    ranges = ", ".join(
        f"{coordinate.name} {column.min():g} to {column.max():g} {coordinate.unit}"
        for coordinate, column in zip(table.coordinates, curves.states.T, strict=True)
    )
    if grid is not None:
        shape = f"a grid of {len(grid.axes[0])} x {len(grid.axes[1])} values"
    elif cross is not None:
        shape = f"a cross through {table.label(cross.centre)}"
    else:
        sizes = [len(np.unique(column)) for column in curves.states.T]
        lacking = sizes[0] * sizes[1] - len(curves.states)
        holes = f", a grid of {sizes[0]} x {sizes[1]} values but for {lacking}" if lacking <= MOST_HOLES else ""
        shape = f"scattered{holes}"
    return f"{len(curves.states)} known states, {shape}: {ranges}"


def _alike(states: Array, targets: Sequence[State], grid: bool) -> list[list[State]]:
    """Targets in groups that lie alike to the known states in each coordinate: below, between, beyond or on a value."""
    groups: dict[tuple[int, ...], list[State]] = {}
    for target in targets:
        key = []
        for column, value in zip(states.T, target, strict=True):
            outside = int(value > column.max()) - int(value < column.min())
            key.append(2 if grid and value in column else outside)
        groups.setdefault(tuple(key), []).append(target)
    return list(groups.values())
