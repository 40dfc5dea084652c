"""Along one state coordinate: every choice that counts carries the curves, and their mean by share is generated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from cmgai_fem.calibration.members import LINEAR, Member
from cmgai_fem.curves.calibrate import CurveCalibration, Trial, calibrate, curve_error
from cmgai_fem.curves.choice import EVERYTHING, POWERS, Choice, Offer, axes_for, stretch
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import CurveMotion, State
from cmgai_fem.curves.ways import Carried
from cmgai_fem.errors import InputError
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array

# Weight of the scatter that a choice would carry to the targets beside its left-out error, which holds much of it
# already. 0, 1/4, 1/2, 3/4 and 1 were tried on eleven metals that no study holds.
SCATTER_WEIGHT = 0.25
SIDES = {-1: "below", 0: "between", 1: "beyond"}


@dataclass(frozen=True)
class LineWay:
    """Calibrated motions along a line, for targets that lie alike to the known states.

    Args:
        calibration: what was chosen.
        motions: one for each choice that has a share.
        side: where the targets lie: -1 below the known states, 0 between, 1 beyond.
    """

    calibration: CurveCalibration[Choice]
    motions: tuple[CurveMotion, ...]
    side: int

    @classmethod
    def fit(cls, curves: MeanCurves, targets: Sequence[State], offer: Offer = EVERYTHING) -> Self:
        """Calibrate for targets (1,) that lie on one side of the known states, or all between them."""
        values = [target[0] for target in targets]
        found = calibrate_lines([curves], values, SCATTER_WEIGHT, bagged=offer.superposed, offer=offer)
        motions = tuple(CurveMotion.of(curves, choice, targets) for choice, _ in found.shares)
        known = curves.values[:, 0]
        return cls(found, motions, int(values[0] > known[-1]) - int(values[0] < known[0]))

    @property
    def name(self) -> str:
        """See `Way`."""
        return f"{self.motions[0].curves.coordinates.name} {SIDES[self.side]} the known states: " + "; ".join(
            str(choice) if share == 1.0 else f"{100 * share:.0f} % {choice}"
            for choice, share in self.calibration.shares
        )

    def left_out(self, trials: Sequence[Trial]) -> list[Array]:
        """See `TriedWay`: the choices by their shares, as they are generated."""
        curves, found = self.motions[0].curves, []
        for stay, row in trials:
            kept, state = curves.only(stay), curves.values[row]
            made = [
                share * CurveMotion.of(kept, choice, [state]).stress(state) for choice, share in self.calibration.shares
            ]
            found.append(curves.spread(np.sum(made, axis=0), kept.strain))
        return found

    def carry(self, state: State, solver: Solver) -> Carried:
        """See `Way`."""
        curves, shares = self.motions[0].curves, np.array([share for _, share in self.calibration.shares])
        stresses = np.array([motion.stress(state, solver) for motion in self.motions])
        stress = shares @ stresses
        # All carry the scatter of the same tests: their errors go together, in units of the stress.
        noise = sum(
            share * made[:, None] * motion.noise(state)
            for share, made, motion in zip(shares, stresses, self.motions, strict=True)
        )
        # Choices that agree at the left-out states part on the way to a target far beyond them.
        apart = [curve_error(made, stress, curves) for made in stresses]
        error = np.sqrt(np.sum(np.asarray(noise) ** 2, axis=1)) / stress
        return Carried(stress, error, float(np.sqrt(shares @ np.square(apart))), self._growth(state[0]))

    def _growth(self, value: float) -> float:
        """Error to be expected at a value over the left-out error: deviation of each choice's motion there over that
        at the states left out, as the least force has it; not below one."""
        known = self.motions[0].curves.values[:, 0]
        trials = line_trials(self.motions[0].curves, [value])
        alone = {choice: error for choice, error, _ in self.calibration.table}
        squares = np.zeros(2)
        for choice, share in self.calibration.shares:
            # As many states as stay bear no higher order.
            order = min(choice.order + 2, len(known) - 2)
            tested = [_variance(choice.axes[0], order, known[trial.stay], known[trial.row]) for trial in trials]
            grown = max(_variance(choice.axes[0], order, known, value) / float(np.mean(tested)), 1.0)
            squares += share * alone[choice] ** 2 * np.array([grown, 1.0])
        return float(np.sqrt(squares[0] / squares[1])) if squares[1] > 0.0 else 1.0

    def describe(self) -> dict[str, Any]:
        """See `Way`."""
        return {SIDES[self.side]: self.calibration.describe()}


def _variance(axis: str, order: int, known: Array, value: float) -> float:
    """Variance of the least motion of order q through known values (K,) at another one, up to a factor that is its own.

    Args:
        axis: kind of the pseudo-time.
        order: q.
        known: values of the known states.
        value: the other.
    """
    times, place = stretch(axis, known), stretch(axis, np.array([value]))
    motion = Member(order, (LINEAR,), (1.0,), times[:, None], len(known) - order, np.eye(1))
    return float(motion.ask(place[None]).variance[0] * np.ptp(times) ** (2 * order - 1))


def calibrate_lines(
    lines: Sequence[MeanCurves],
    targets: Sequence[float],
    scatter_weight: float,
    highest_order: int = 1,
    *,
    bagged: bool = False,
    offer: Offer = EVERYTHING,
) -> CurveCalibration[Choice]:
    """Choose for one or more lines along the same coordinate together.

    Args:
        lines: lines with at least three states each.
        targets: values that will be asked for, all between the known states or all beyond the same end.
        scatter_weight: of the scatter that a choice carries to the targets beside its left-out error.
        highest_order: highest order of the force to try.
        bagged: let every choice that errs least in some draws of the left-out states have a share.
        offer: what may be chosen.
    """
    (coordinate,) = lines[0].coordinates
    every = np.concatenate([*(line.values[:, 0] for line in lines), np.asarray(targets, dtype=float)])
    trials = [(line, trial) for line in lines for trial in line_trials(line, targets)]
    fewest = min(len(trial.stay) for _, trial in trials)
    soft = all(line.scatter > 0.0 for line in lines)
    choices = offer.of(line_choices(axes_for(coordinate, every), min(highest_order, fewest - 2), soft))
    asked = [(line, (value,)) for line in lines for value in targets]
    return calibrate(choices, trials, asked, scatter_weight, bagged=bagged)


def line_trials(line: MeanCurves, targets: Sequence[float]) -> list[Trial]:
    """The inner states for targets between the known ones, else both ends: one law rules the whole range, and what
    continues it well at one end by chance alone fails at the other."""
    values = line.values[:, 0]
    if len(values) < 3:
        raise InputError(f"calibration leaves states out and needs at least 3, there are {len(values)}")
    between = all(values[0] <= target <= values[-1] for target in targets)
    rows = range(1, len(values) - 1) if between else (0, len(values) - 1)
    return [Trial(np.delete(np.arange(len(values)), row), row) for row in rows]


def line_choices(axes: tuple[str, ...], highest_order: int, soft: bool) -> list[Choice]:
    """Everything to try along a line, the plainest first."""
    plain = [
        Choice(power, (axis,), order)
        for axis in axes
        for power in reversed(POWERS)
        for order in range(-1, highest_order + 1)
    ]
    if not soft:
        return plain
    # Soft states go with filtered modes: what scatter alone could have made is not worth smoothing.
    softened = [replace(choice, soft=True) for choice in plain if choice.order >= 0]
    return plain + [replace(choice, filtered=True) for choice in plain + softened]
