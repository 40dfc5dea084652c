"""Choice among motions, and the shares of several ways, by known states that are left out; from known states alone.

Few states are left out, and which choice errs least depends on the scatter of just these. So the left-out states may be
drawn anew, with repetition, and every choice that errs least in some draws gets a share of the generated curve.

Source: L. Breiman, Machine Learning 24 (1996) 123-140 (bagging), 49-64 (stacking, for the ways).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from cmgai_fem.calibration.stacking import stack_globally
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import CurveMotion
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.states.labels import Array, IntArray

DRAWS = 100
# A choice with a smaller share is left out: it costs a solve and moves little.
LEAST_SHARE = 0.05


class Trial(NamedTuple):
    """A known state to generate from some of the others.

    Args:
        stay: rows of the states that stay known.
        row: row of the state to generate.
    """

    stay: IntArray
    row: int


class Moving(Protocol):
    """Curves carried by a choice; see `motion.CurveMotion`."""

    def stress(self, state: Sequence[float]) -> Array:
        """(L,) stress [Pa] at a state; NaN where nothing is known."""

    def error(self, state: Sequence[float]) -> Array:
        """(L,) standard error that the known states bring to it, relative to it."""


class Described(Protocol):
    """What is chosen; its text is its name."""

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""


@dataclass(frozen=True)
class CurveCalibration[C: Described]:
    """What was chosen.

    Args:
        table: every choice with its left-out error and the scatter that it carries to the targets, best first.
        shares: every choice that counts with its share of the generated curve, greatest first, adding up to one.
        left_out: the curves (L,) that the best choice generates of the left-out states, one a trial.
        states: the left-out states.
    """

    table: tuple[tuple[C, float, float], ...]
    shares: tuple[tuple[C, float], ...]
    left_out: tuple[Array, ...]
    states: tuple[tuple[float, ...], ...]

    @property
    def chosen(self) -> C:
        """The choice that errs least."""
        return self.table[0][0]

    @property
    def error(self) -> float:
        """Left-out error: root mean square of the left-out curves' errors, and of the choices' by share."""
        alone = {choice: error for choice, error, _ in self.table}
        return float(np.sqrt(sum(share * alone[choice] ** 2 for choice, share in self.shares)))

    def describe(self) -> dict[str, Any]:
        """The calibration as plain data."""
        shares = dict(self.shares)
        return {
            "chosen": self.chosen.describe(),
            "left_out_error": self.error,
            "left_out_states": [list(state) for state in self.states],
            "candidates": [
                choice.describe()
                | {"left_out_error": error, "carried_scatter": scatter, "share": shares.get(choice, 0.0)}
                for choice, error, scatter in self.table
                if np.isfinite(error)
            ],
        }


def curve_error(generated: Array, reference: Array, curves: MeanCurves) -> float:
    """NRMSE of a curve: root mean square over the strain / range of the reference (from zero stress if total strain).

    Labels where either is not known are left out. Against a curve without any stress every error is infinite.

    Args:
        generated: (L,) stress [Pa].
        reference: (L,) stress [Pa].
        curves: whose labels these are.
    """
    both = np.isfinite(generated) & np.isfinite(reference)
    if not both.any():
        raise InputError("two curves without a common strain have no error")
    wanted = reference[both] if curves.plastic else np.append(reference[both], 0.0)
    spread = float(np.ptp(wanted)) or float(np.max(np.abs(wanted)))
    if spread == 0.0:
        return float(np.inf)
    share = curves.weights[both] / curves.weights[both].sum()
    return float(np.sqrt(share @ (generated[both] - reference[both]) ** 2) / spread)


def calibrate[C: Described](
    choices: Sequence[C],
    trials: Sequence[tuple[MeanCurves, Trial]],
    targets: Sequence[tuple[MeanCurves, Sequence[float]]],
    scatter_weight: float,
    *,
    bagged: bool = False,
    carry: Callable[[MeanCurves, C, Sequence[Sequence[float]]], Moving] = CurveMotion.of,  # type: ignore[assignment]
    measure: Callable[[Array, Array, MeanCurves], float] = curve_error,
) -> CurveCalibration[C]:
    """Choose by what is got wrong of left-out states, and by the scatter that is carried to the targets.

    Left-out states tell how well a choice continues the known motion; how much it magnifies the scatter of the tests on
    its way to the targets is known without them.

    Args:
        choices: what to choose from, the plainest first.
        trials: states to leave out, each of some known curves.
        targets: states that will be asked for, each with the known curves that lead to it.
        scatter_weight: of the scatter that a choice carries to the targets beside its left-out error.
        bagged: draw the left-out states anew and let every choice that errs least in some draws have a share.
        carry: makes a choice's motion through known states that reaches some others.
        measure: error of a generated curve; NaN where the trial says nothing.
    """
    kept = [curves.only(trial.stay) for curves, trial in trials]
    found: dict[C, tuple[Array, ...]] = {}
    errors: dict[C, Array] = {}
    rows = []
    for choice in choices:
        made, sizes = [], []
        for (curves, trial), rest in zip(trials, kept, strict=True):
            stress, size = np.full(len(curves.strain), np.nan), np.inf
            try:
                state = curves.values[trial.row]
                stress = curves.spread(carry(rest, choice, [state]).stress(state), rest.strain)
                size = measure(stress, curves.stress[trial.row], curves)
            except (ConvergenceError, InputError):
                size = np.inf
            made.append(stress)
            sizes.append(size)
        found[choice], errors[choice] = tuple(made), np.array(sizes)
        told = errors[choice][~np.isnan(errors[choice])]
        left_out = float(np.sqrt(np.mean(told**2))) if len(told) else np.inf
        scatter = _carried_scatter(choice, targets, carry) if np.isfinite(left_out) else np.inf
        rows.append((choice, left_out, scatter))
    table = tuple(sorted(rows, key=lambda row: float(np.hypot(row[1], scatter_weight * row[2]))))
    best = table[0][0]
    shares: tuple[tuple[C, float], ...] = ((best, 1.0),)
    if bagged:
        shares = _bag([(choice, errors[choice], scatter_weight * scatter) for choice, _, scatter in table])
    states = tuple(tuple(map(float, curves.values[trial.row])) for curves, trial in trials)
    return CurveCalibration(table, shares, found[best], states)


def _carried_scatter[C](
    choice: C,
    targets: Sequence[tuple[MeanCurves, Sequence[float]]],
    carry: Callable[[MeanCurves, C, Sequence[Sequence[float]]], Moving],
) -> float:
    """Root mean square over the targets of the scatter that the known states bring to the generated curve (NRMSE)."""
    if not targets:
        return 0.0
    squares = []
    motions: dict[int, Moving] = {}
    for curves, state in targets:
        if id(curves) not in motions:
            motions[id(curves)] = carry(curves, choice, [asked for other, asked in targets if other is curves])
        motion = motions[id(curves)]
        stress = motion.stress(state)
        squares.append(curve_error(stress * (1.0 + motion.error(state)), stress, curves) ** 2)
    return float(np.sqrt(np.mean(squares)))


def _bag[C](rows: Sequence[tuple[C, Array, float]]) -> tuple[tuple[C, float], ...]:
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


@dataclass(frozen=True)
class WayShares:
    """The superposition of several ways that errs least at the left-out states.

    Args:
        shares: (W,) share of each way, adding up to one.
        alone: (W,) left-out error of each way (NRMSE).
        error: left-out error of the superposition.
    """

    shares: Array
    alone: Array
    error: float

    def best(self) -> "WayShares":
        """The way of the least error alone."""
        first = int(np.argmin(self.alone))
        return WayShares(np.eye(len(self.alone))[first], self.alone, float(self.alone[first]))


def mix(curves: MeanCurves, left_out: Sequence[Sequence[Array]], trials: Sequence[Trial]) -> WayShares:
    """The shares of several ways that err least together.

    Args:
        curves: the known states.
        left_out: for each way the curves (L,) that it generates of the left-out states.
        trials: the left-out states.
    """
    known = [curves.stress[trial.row] for trial in trials]
    errors = np.array([trial_errors(curves, made, known) for made in left_out])
    rows, weights = stack_globally(errors.reshape(len(left_out), -1))
    shares = np.zeros(len(left_out))
    shares[rows] = weights
    alone = np.sqrt(np.sum(errors**2, axis=(1, 2)) / len(trials))
    together = float(np.sqrt(np.sum(np.tensordot(shares, errors, axes=1) ** 2) / len(trials)))
    return WayShares(shares, alone, together)


def trial_errors(curves: MeanCurves, made: Sequence[Array], known: Sequence[Array]) -> Array:
    """(T, L) errors whose squares add up to the square of each trial's NRMSE; 0 at labels not known to both."""
    found = np.zeros((len(made), len(curves.strain)))
    for row, (stress, truth) in enumerate(zip(made, known, strict=True)):
        both = np.isfinite(stress) & np.isfinite(truth)
        error = np.sqrt(curves.weights[both]) * (stress[both] - truth[both])
        found[row, both] = error * curve_error(stress, truth, curves) / (float(np.linalg.norm(error)) or 1.0)
    return found
