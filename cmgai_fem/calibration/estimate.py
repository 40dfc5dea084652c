"""What a choice gets wrong of the known states that are left out, label by label: where and how a transport errs.

This is no estimate of the error at an unseen state, which `blend` makes: a left-out state is bridged over twice the
distance. It tells the shape of errors to what corrects them by sensors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgai_fem.calibration.calibrate import Calibration
from cmgai_fem.calibration.left_out import LeftOut, Solve
from cmgai_fem.errors import ConvergenceError
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.problem import Problem


@dataclass(frozen=True)
class Estimate:
    """Errors at the states that were left out.

    Args:
        values: (T, m) their state values.
        errors: (T, L, n) generated minus known, in the field's unit.
    """

    values: Array
    errors: Array

    @property
    def spread(self) -> Array:
        """(L, n) root mean square over the left-out states."""
        return np.sqrt(np.mean(self.errors**2, axis=0))


def coverage(error: Array, estimate: Array, weights: Array) -> float:
    """Share of the volume where an error is within its estimate.

    Args:
        error: (L, n) generated minus true field.
        estimate: (L, n) estimated errors.
        weights: (L,) volumes of the labels.
    """
    # Where nothing moves both are rounding; rounding is covered.
    floor = 1e-12 * float(np.max(np.abs(estimate), initial=0.0))
    inside = np.abs(error) <= np.maximum(estimate, floor)
    return float(weights @ inside.mean(axis=1) / weights.sum())


def estimate_errors(problem: Problem, calibration: Calibration, solve: Solve) -> Estimate:
    """Errors of the calibrated choice at every left-out state, at all labels.

    The sizes are the weighted root mean square of the members' errors, the signs those of the superposition: its
    weights were fitted to these very errors, so that what cancels here would flatter it elsewhere.

    Args:
        problem: the statement with all known states.
        calibration: the choice whose errors are wanted.
        solve: the transport solver of members that are not linear in their data.
    """
    rows = np.array(calibration.rows, dtype=int)
    found = LeftOut(problem, rows, solve).errors(calibration.members)
    errors = []
    for member in calibration.members:
        # A choice may stand twice: stacked, and among those of the rule.
        error = found[member]
        if error is None:
            raise ConvergenceError(f"{member}: could not be solved for a state that was left out")
        errors.append(error)
    return Estimate(problem.states.values[rows], signed_sizes(errors, calibration.weights))


def signed_sizes(errors: Sequence[Array], shares: Sequence[float | Array]) -> Array:
    """Weighted root mean squares of the members' errors (T, L, n), with the signs of their superposition."""
    pairs = [(np.reshape(share, (-1, 1)), error) for share, error in zip(shares, errors, strict=True)]
    total = sum((share * error for share, error in pairs), np.zeros_like(errors[0]))
    squares = sum((share * error**2 for share, error in pairs), np.zeros_like(errors[0]))
    return np.copysign(np.sqrt(squares), total)
