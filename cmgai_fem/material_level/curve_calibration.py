"""Choice of feature, pseudo-time, order and softness by leaving known states out, from the known states alone.

Few states are left out, and which choice errs least depends on the scatter of just these. So the left-out states are
drawn anew, with repetition, and every choice that errs least in some draws gets a share of the generated curve.

Source: L. Breiman, Machine Learning 24 (1996) 123-140 (bagging).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cmgai_fem.calibration.calibrate import extrapolation_trials, interpolation_trials
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.material_level.choices import Choice, axes_for, candidates, stretch
from cmgai_fem.material_level.curve_transport import Line, assemble, assemble_noise, parts_of, place
from cmgai_fem.states.states import Array, IntArray, States, labels_on_points

DRAWS = 100
# Weight of the scatter that a choice would carry to the targets beside its left-out error, which holds much of it
# already. 0, 1/4, 1/2, 3/4 and 1 were tried on eleven metals that no study holds.
SCATTER_WEIGHT = 0.25
# A choice with a smaller share is left out: it costs a solve and moves little.
LEAST_SHARE = 0.05


@dataclass(frozen=True)
class CurveCalibration:
    """What was chosen along one coordinate.

    Args:
        chosen: the choice that errs least.
        shares: every choice that counts with its share of the generated curve, greatest first, adding up to one.
        error: their left-out error, root mean square of the NRMSE of the left-out curves and of the choices by share.
        table: every candidate with its left-out error and the scatter that it carries to the targets, best first.
        trials: left-out values of the coordinate, one tuple a trial.
        worst: (value, NRMSE) of the left-out state where the choice errs most.
    """

    chosen: Choice
    shares: tuple[tuple[Choice, float], ...]
    error: float
    table: tuple[tuple[Choice, float, float], ...]
    trials: tuple[tuple[float, ...], ...]
    worst: tuple[float, float]

    def describe(self) -> dict[str, Any]:
        """The calibration as plain data."""
        shares = dict(self.shares)
        return {
            "chosen": self.chosen.describe(),
            "left_out_error": self.error,
            "left_out_states": [list(values) for values in self.trials],
            "candidates": [
                choice.describe()
                | {"left_out_error": error, "carried_scatter": scatter, "share": shares.get(choice, 0.0)}
                for choice, error, scatter in self.table
                if np.isfinite(error)
            ],
        }


def curve_error(generated: Array, reference: Array, weights: Array, plastic: bool) -> float:
    """NRMSE of a curve: root mean square over the strain / range of the reference (from zero stress if total strain).

    Labels where either is not known are left out. Against a curve without any stress every error is infinite.
    """
    both = np.isfinite(generated) & np.isfinite(reference)
    if not both.any():
        raise InputError("two curves without a common strain have no error")
    wanted = reference[both] if plastic else np.append(reference[both], 0.0)
    spread = float(np.ptp(wanted)) or float(np.max(np.abs(wanted)))
    if spread == 0.0:
        return float(np.inf)
    share = weights[both] / weights[both].sum()
    return float(np.sqrt(share @ (generated[both] - reference[both]) ** 2) / spread)


def calibrate_lines(
    lines: Sequence[Line],
    targets: Sequence[float],
    highest_order: int = 1,
    scatter_weight: float = SCATTER_WEIGHT,
) -> CurveCalibration:
    """Choose for one or more lines along the same coordinate together.

    Args:
        lines: lines with at least three states each.
        targets: values that will be asked for, all between the known states or all beyond the same end.
        highest_order: highest order of the force to try.
        scatter_weight: of the scatter that a choice carries to the targets beside its left-out error.
    """
    name = lines[0].coordinate.name
    every = np.concatenate([line.values for line in lines])
    axes = axes_for(name, np.concatenate([every, np.asarray(targets, dtype=float)]))
    trials = [
        (line, rows, line.only(np.setdiff1d(np.arange(len(line.values)), rows)))
        for line in lines
        for rows in _trials(line, axes[0], targets)
    ]
    fewest = min(len(kept.values) for _, _, kept in trials)
    soft = all(line.curves.scatter > 0.0 for line in lines)
    results = {choice: _left_out(choice, trials) for choice in candidates(axes, fewest, soft, highest_order)}
    rows = []
    for choice, errors in results.items():
        left_out = float(np.sqrt(np.mean([e**2 for _, e in errors])))
        scatter = _carried_scatter(choice, lines, targets) if np.isfinite(left_out) else np.inf
        rows.append((choice, left_out, scatter))
    table = sorted(rows, key=lambda row: float(np.hypot(row[1], scatter_weight * row[2])))
    chosen = table[0][0]
    shares = _shares([(choice, [e for _, e in results[choice]], scatter_weight * size) for choice, _, size in table])
    alone = {choice: size for choice, size, _ in table}
    error = float(np.sqrt(sum(share * alone[choice] ** 2 for choice, share in shares)))
    worst = max(results[chosen], key=lambda item: item[1])
    dropped = tuple(tuple(float(v) for v in line.values[rows]) for line, rows, _ in trials)
    return CurveCalibration(chosen, shares, error, tuple(table), dropped, worst)


def _shares(rows: Sequence[tuple[Choice, Sequence[float], float]]) -> tuple[tuple[Choice, float], ...]:
    """How often each choice errs least when the left-out states are drawn anew.

    Args:
        rows: choices, best first, with their left-out errors and what the scatter that they carry adds.
    """
    finite = [row for row in rows if np.all(np.isfinite(row[1]))]
    if not finite:
        return ((rows[0][0], 1.0),)
    squares = np.array([np.square(errors) for _, errors, _ in finite])
    scatter = np.array([row[2] for row in finite])
    states = squares.shape[1]
    drawn = np.random.default_rng(0).integers(0, states, (DRAWS, states))
    total = squares[:, drawn].mean(axis=2) + scatter[:, None] ** 2
    share = np.bincount(np.argmin(total, axis=0), minlength=len(finite)) / DRAWS
    share = np.where(share >= LEAST_SHARE, share, 0.0)
    order = [int(row) for row in np.argsort(-share, kind="stable") if share[row] > 0.0]
    return tuple((finite[row][0], float(share[row] / share.sum())) for row in order)


def side(line: Line, value: float) -> int:
    """-1 below the known states, 0 between them, 1 beyond."""
    return int(value > line.values[-1]) - int(value < line.values[0])


def _trials(line: Line, axis: str, targets: Sequence[float]) -> list[IntArray]:
    """Rows to leave out. Beyond the known states, both ends count: one law rules the whole range, and what continues it
    well at one end by chance alone fails at the other."""
    bare = States.of(labels_on_points(np.zeros((1, 1))), line.coordinate, stretch(axis, line.values), {})
    if all(side(line, value) == 0 for value in targets):
        return interpolation_trials(bare)
    places = stretch(axis, np.asarray(targets, dtype=float))
    reach = max(bare.values[0] - places.min(), places.max() - bare.values[-1])
    return extrapolation_trials(bare, [float(bare.values[0] - reach), float(bare.values[-1] + reach)])


def _left_out(choice: Choice, trials: Sequence[tuple[Line, IntArray, Line]]) -> list[tuple[float, float]]:
    """(value, NRMSE) of every left-out state; infinite where the transport cannot be solved."""
    errors = []
    for line, rows, kept in trials:
        reached = np.flatnonzero(np.isin(line.curves.strain, kept.curves.strain))
        try:
            parts = parts_of(kept, choice, [float(value) for value in line.values[rows]])
            for row in rows:
                value = float(line.values[row])
                generated = np.full(len(line.curves.strain), np.nan)
                features = [part.feature(place(choice, value)) for part in parts]
                generated[reached] = assemble(kept, choice, parts, features)
                known = line.curves.stress[row]
                errors.append((value, curve_error(generated, known, line.curves.weights, line.curves.plastic)))
        except (ConvergenceError, InputError):
            errors += [(float(line.values[row]), np.inf) for row in rows]
    return errors


def _carried_scatter(choice: Choice, lines: Sequence[Line], targets: Sequence[float]) -> float:
    """Root mean square over lines and targets of the scatter that the known states bring to the generated curve.

    In units of NRMSE. The left-out states tell how well a choice continues the known motion; how much it magnifies
    the scatter of the tests on its way to the targets is known without them.
    """
    squares = []
    for line in lines:
        parts = parts_of(line, choice, targets)
        for value in targets:
            stress = assemble(line, choice, parts, [part.feature(place(choice, value)) for part in parts])
            error = np.sqrt(np.sum(assemble_noise(line, choice, parts, value) ** 2, axis=1)) * stress
            squares.append(curve_error(stress + error, stress, line.curves.weights, line.curves.plastic) ** 2)
    return float(np.sqrt(np.mean(squares)))
