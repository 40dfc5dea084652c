"""Curves at any state of two coordinates, from known states that fill a grid, make a cross or lie anyhow.

A grid is carried by `CornerGenerator`. Other states are carried in several ways: as one surface over both coordinates,
along one path of which both are a combination (a slow test is like a hot one), and along the arms of a cross. What each
way gets wrong of known states that are left out says how much it counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.corner_generator import CornerGenerator, corner_trials
from cmgai_fem.material_level.corners import Grid
from cmgai_fem.material_level.cross import Arms, Cross
from cmgai_fem.material_level.curve_calibration import curve_error
from cmgai_fem.material_level.curve_transport import Line, assemble, assemble_noise, parts_of, place
from cmgai_fem.material_level.curves import CurveTable
from cmgai_fem.material_level.generator import GeneratedCurve, finish
from cmgai_fem.material_level.mean_curves import MeanCurves
from cmgai_fem.material_level.pair_trials import Trial, places_of, reaches, scattered_trials, trial_errors
from cmgai_fem.material_level.scattered import PathTransport, generate_without, path_line
from cmgai_fem.material_level.surfaces import Surface, calibrate_surface
from cmgai_fem.solvers import solve
from cmgai_fem.stacking import stack_globally
from cmgai_fem.state_space import highest_order
from cmgai_fem.state_space.transport import solve_space
from cmgai_fem.states import Array, IntArray

State = tuple[float, float]

# Values of each coordinate from which lines of a grid can be calibrated.
LEAST_VALUES = 3
# States that leave a plane to the others when one is left out.
LEAST_STATES = 4
# States of a motion that bends, a surface of second degree; fewer do not show whether it does.
BENDING = 6
# States whose tests end before this share of the median of all states' are incomplete.
SHORT = 0.75
# Ways that err less than this many times the best are told apart by nothing that is known.
ALIKE = 2.0


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


@dataclass(frozen=True)
class Way:
    """One calibrated way to carry scattered states.

    Args:
        name: text for it.
        left_out: (L,) curve of each state that was left out.
        carry: stress (L,) [Pa] at a state, and its standard error relative to it (L,).
    """

    name: str
    left_out: tuple[Array, ...]
    carry: Callable[[State], tuple[Array, Array]]


@dataclass(frozen=True)
class Known:
    """Known states that fill no grid, and what does not depend on the states asked for.

    Args:
        table: the tests.
        curves: their mean curves.
        cross: the cross that they make, if any.
        path: the path through all of them.
    """

    table: CurveTable
    curves: MeanCurves
    cross: Cross | None
    path: PathTransport


def generate_pairs(
    table: CurveTable,
    curves: MeanCurves,
    targets: Sequence[State],
    report: Callable[[str], None],
    hardening: bool | None = None,
) -> dict[State, PairCurve]:
    """Curves at states of two coordinates.

    Args:
        table: the known tests.
        curves: their mean curves.
        targets: states to generate.
        report: takes lines of progress.
        hardening: whether generated curves must harden; as the known curves do if None.

    Raises:
        InputError: too few states, or states on one line.
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
    hardens = curves.hardens if hardening is None else hardening
    made: dict[State, PairCurve] = {}
    known = None if grid else Known(table, curves, cross, PathTransport.fit(curves))
    for group in _alike(curves.states, targets, grid is not None):
        report(f"for {'; '.join(table.label(state) for state in group)}:")
        if known is None:
            assert grid is not None
            trials = corner_trials(grid, group)
            generator = CornerGenerator.fit(grid, group, {"fem": solve}, {"fem": solve_space}, report, hardens)
            found = {state: generator.at(state)[0] for state in group}
        else:
            trials = scattered_trials(table.coordinates, curves, group)
            found = _scattered(known, group, trials, report, hardens)
        for state in group:
            made[state] = _judged(table, curves, cross, trials, state, found[state])
    return {state: made[state] for state in targets}


def _scattered(
    known: Known, targets: Sequence[State], trials: Sequence[Trial], report: Callable[[str], None], hardens: bool
) -> dict[State, GeneratedCurve]:
    """The superposition of all ways, by what each gets wrong of the states that are left out."""
    table, curves = known.table, known.curves
    truth = [curves.stress[row] for _, row in trials]
    ways = [way for way in _ways(known, targets, trials) if _covers(way, truth)]
    errors = np.array([trial_errors(curves, way.left_out, truth) for way in ways])
    rows, shares = stack_globally(errors.reshape(len(ways), -1))
    alone = np.sqrt(np.sum(errors**2, axis=(1, 2)) / len(trials))
    mixed = float(np.sqrt(np.sum(np.tensordot(shares, errors[rows], axes=1) ** 2) / len(trials)))
    weight = np.zeros(len(ways))
    weight[rows] = shares
    for way, share, error in zip(ways, weight, alone, strict=True):
        report(f"  {100 * share:.0f} % {way.name} (left-out error {100 * error:.2f} %)")
    report(f"  together: left-out error {100 * mixed:.2f} % over {len(trials)} states left out in turn")
    line = Line(table.coordinates[0], curves.states[:, 0], curves)
    found = {}
    for state in targets:
        each = [way.carry(state) for way in ways]
        stress = sum(weight[row] * each[row][0] for row in rows)
        # All carry the scatter of the same tests: their errors go together.
        carried = sum(weight[row] * each[row][1] for row in rows)
        if not np.any(np.isfinite(stress)):
            raise InputError(f"{table.label(state)}: no strain is known at enough states to generate a curve")
        near = [row for row in range(len(ways)) if alone[row] <= ALIKE * alone.min()]
        parting = max(_parting(curves, each[row][0], stress) for row in near)
        found[state] = finish(line, stress, carried, float(np.hypot(mixed, parting)), hardens)
    return found


def _ways(known: Known, targets: Sequence[State], trials: Sequence[Trial]) -> list[Way]:
    table, curves, cross = known.table, known.curves, known.cross
    chosen = calibrate_surface(table.coordinates, curves, targets, trials)
    surface = Surface.of(table.coordinates, curves, chosen.chosen)
    ways = [Way(f"surface: {chosen.chosen}", chosen.left_out, surface.at), _path_way(known.path, trials)]
    if cross is not None:
        arms = Arms.fit(cross, curves, targets)
        left_out = tuple(_widened(curves, rows, arms, curves.states[row]) for rows, row in trials)
        name = f"arms of the cross as factors: {arms.choices[0]}; {arms.choices[1]}"
        ways.append(Way(name, left_out, lambda state: arms.at(curves, state)))
    return ways


def _path_way(transport: PathTransport, trials: Sequence[Trial]) -> Way:
    curves, path, choice = transport.curves, transport.path, transport.choice

    def carry(state: State) -> tuple[Array, Array]:
        value = float(path(np.array([state]))[0])
        line = path_line(curves, path)
        labels = np.isin(curves.strain, line.curves.strain)
        parts = parts_of(line, choice, [value])
        stress, error = np.full((2, len(curves.strain)), np.nan)
        stress[labels] = assemble(line, choice, parts, [part.feature(place(choice, value)) for part in parts])
        error[labels] = np.sqrt(np.sum(assemble_noise(line, choice, parts, value) ** 2, axis=1))
        return stress, error

    left_out = tuple(generate_without(curves, path, choice, row) for _, row in trials)
    return Way(f"path {path}: {choice}", left_out, carry)


def _widened(curves: MeanCurves, rows: IntArray, arms: Arms, state: Array) -> Array:
    """(L,) stress along the arms from the states at `rows`, on all labels."""
    kept = curves.only(rows)
    stress = np.full(len(curves.strain), np.nan)
    stress[np.isin(curves.strain, kept.strain)] = arms.at(kept, (float(state[0]), float(state[1])))[0]
    return stress


def _covers(way: Way, known: Sequence[Array]) -> bool:
    return all(np.any(np.isfinite(made) & np.isfinite(truth)) for made, truth in zip(way.left_out, known, strict=True))


def _parting(curves: MeanCurves, one: Array, other: Array) -> float:
    """How far two generated curves part (NRMSE); 0 without a common strain."""
    if not np.any(np.isfinite(one) & np.isfinite(other)):
        return 0.0
    return curve_error(one, other, curves.weights, curves.plastic)


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
        shape = "scattered"
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
