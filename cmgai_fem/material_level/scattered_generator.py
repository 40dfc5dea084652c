"""Curves from known states that lie anyhow over two coordinates, or make a cross.

They are carried in several ways: as one surface over both coordinates, along one path of which both are a combination
(a slow test is like a hot one), and along the arms of a cross. What each way gets wrong of known states that are left
out says how much it counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cmgai_fem.calibration.stacking import stack_globally
from cmgai_fem.errors import InputError
from cmgai_fem.material_level.cross import Arms, Cross
from cmgai_fem.material_level.curve_calibration import curve_error
from cmgai_fem.material_level.curve_transport import Line, assemble, assemble_noise, parts_of, place
from cmgai_fem.material_level.curves import CurveTable
from cmgai_fem.material_level.generator import GeneratedCurve, finish
from cmgai_fem.material_level.mean_curves import MeanCurves
from cmgai_fem.material_level.pair_trials import Trial, trial_errors
from cmgai_fem.material_level.scattered import PathTransport, generate_without, path_line
from cmgai_fem.material_level.surfaces import Surface, calibrate_surface
from cmgai_fem.states.states import Array, IntArray

State = tuple[float, float]

# Ways that err less than this many times the best are told apart by nothing that is known.
ALIKE = 2.0


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


def generate_scattered(
    known: Known, targets: Sequence[State], trials: Sequence[Trial], report: Callable[[str], None], hardens: bool
) -> dict[State, GeneratedCurve]:
    """The superposition of all ways, by what each gets wrong of the states that are left out.

    Args:
        known: the known states.
        targets: states that lie alike to them.
        trials: (rows that stay, row to generate) of the states that are left out.
        report: takes lines of progress.
        hardens: generated curves must harden.

    Raises:
        InputError: no strain is known at enough states to reach a target.
    """
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
