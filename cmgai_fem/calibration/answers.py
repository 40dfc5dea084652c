"""Answers at unseen states, with their error estimated from the known states alone.

The estimate is the leave-one-out spread: every state that calibration leaves out is generated from the others, and the
root mean square of those errors at a label is what the generated field is thought to be wrong by there. A left-out
state is bridged over twice the distance, so on smooth fields the estimate errs on the safe side; its coverage says by
how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from cmgai_fem.calibration.calibrate import (
    Calibration,
    Chosen,
    calibrate,
    extrapolation_trials,
    interpolation_trials,
    left_out_errors,
)
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.solve import solve
from cmgai_fem.states.states import Array, Field, IntArray, Labels, States, StateSet
from cmgai_fem.transport.cardinal import CardinalSolver
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Superposition, TransportProblem

# Labels that a choice is calibrated on where there are more: enough for a mean, quick on a million-cell mesh.
SAMPLE = 6000


@dataclass(frozen=True)
class LeftOut:
    """Errors at the states that were left out.

    Args:
        values: (m,) their state values; tuples where there are several coordinates.
        errors: (m, L, n) generated minus known, in the field's unit.
    """

    values: tuple[Any, ...]
    errors: Array

    @property
    def spread(self) -> Array:
        """(L, n) root mean square over the left-out states: the error estimate of each label."""
        return np.sqrt(np.mean(self.errors**2, axis=0))

    def coverage(self, weights: Array, widths: float = 1.0) -> float | None:
        """Share of the volume where a left-out error is within `widths` spreads of the other left-out states.

        Args:
            weights: (L,) volumes of the labels.
            widths: multiple of the spread.

        Returns:
            The share, 0 to 1; None with fewer than two left-out states.
        """
        count = len(self.errors)
        if count < 2:
            return None
        shares = []
        for row in range(count):
            others = np.sqrt(np.mean(np.delete(self.errors, row, axis=0) ** 2, axis=0))
            shares.append(coverage(self.errors[row], widths * others, weights))
        return float(np.mean(shares))


class Statement(Protocol):
    """A transport problem, along one coordinate or in a state space."""

    @property
    def field(self) -> str:
        """Name of the field."""

    @property
    def states(self) -> States[Any]:
        """The known states."""


@dataclass(frozen=True)
class Generator[P: Statement]:
    """A calibrated and solved transport of one field.

    Args:
        problem: the statement: known states, bounds and reach.
        method: "fem" or "pinn".
        solution: ask it for fields.
        calibration: how order, damping and pseudo-time were chosen; None with two states, which leave no choice.
        left_out: errors at the left-out states; None with two states.
        inside: whether the targets lie between the known states.
    """

    problem: P
    method: str
    solution: Superposition[Any]
    calibration: Chosen[Any] | None
    left_out: LeftOut | None
    inside: bool = True

    def describe(self) -> dict[str, Any]:
        """How the generated field was made, as plain data."""
        facts: dict[str, Any] = {"field": self.problem.field, "method": self.method}
        if self.calibration is not None and self.left_out is not None:
            weights = self.problem.states.labels.weights
            facts["transport"] = str(self.calibration)
            facts["left_out_error"] = self.calibration.error
            facts["left_out_states"] = list(self.left_out.values)
            facts["left_out_coverage"] = self.left_out.coverage(weights)
        return facts


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


def make_generator(
    states: StateSet,
    field: str,
    targets: Sequence[float],
    *,
    method: str = "fem",
    lower: float | None = None,
    monotone: bool = False,
    seed: int = 0,
) -> Generator[TransportProblem]:
    """Calibrate and solve the transport of one field, for targets that all lie inside or all outside the states.

    Args:
        states: the known states.
        field: name of the field.
        targets: state values that will be asked for.
        method: "fem" or "pinn".
        lower: least admissible value of the field.
        monotone: the field never decreases along the state coordinate.
        seed: of the networks, for "pinn".

    Raises:
        InputError: fewer than two states, or values that are not finite.
        ConvergenceError: a solver did not reach its tolerance.
    """
    if len(states) < 2:
        raise InputError(f"generation needs at least two states with {states.coordinate.name} known, there is one")
    known = states.only(field)
    problem = TransportProblem(known, force=Least(-1), admissible=Admissible(lower, monotone)).with_reach(*targets)
    carry = CardinalSolver(
        partial(solve, method=method, seed=seed) if method == "pinn" else partial(solve, method=method)
    )
    if len(states) == 2:
        return Generator(problem, method, Superposition((carry(problem),), (1.0,)), None, None)
    trials = trials_for(known, targets)
    calibration = calibrate(_sample(problem), trials, CardinalSolver(solve), targets=targets)
    solution = calibration.solve(problem, carry)
    return Generator(problem, method, solution, calibration, errors_left_out(problem, calibration, trials))


def trials_for(states: StateSet, targets: Sequence[float]) -> list[IntArray]:
    """Rows to leave out for targets inside the known range, or beyond it."""
    if all(states.values[0] <= target <= states.values[-1] for target in targets):
        return interpolation_trials(states)
    return extrapolation_trials(states, targets)


def errors_left_out(problem: TransportProblem, calibration: Calibration, trials: Sequence[IntArray]) -> LeftOut:
    """Errors of the calibrated choice at every left-out state, at all labels.

    The sizes are the weighted root mean square of the members' errors, the signs those of the superposition: its
    weights were fitted to these very errors, so that what cancels here would flatter it elsewhere.

    Args:
        problem: the statement with all known states.
        calibration: the choice whose errors are wanted.
        trials: rows to leave out, one array a trial.
    """
    states, known = problem.states, problem.known.values
    scaled = left_out_errors(problem, calibration.members, trials, CardinalSolver(solve))
    rows = np.concatenate(list(trials))
    # Calibration weighs its errors by volume and range; here they are wanted in the field's unit.
    share = states.labels.weights / states.labels.weights.sum() / known.shape[2]
    scale = np.sqrt(share) / (float(np.ptp(known)) or 1.0)
    errors = []
    for member in calibration.members:
        found = scaled[member]
        if found is None:
            raise ConvergenceError(f"{member}: could not be solved for a state that was left out")
        errors.append(found.reshape(len(rows), *known.shape[1:]) / scale[:, None])
    return LeftOut(tuple(float(states.values[row]) for row in rows), signed_sizes(errors, calibration.weights))


def signed_sizes(errors: Sequence[Array], weights: Sequence[float]) -> Array:
    """Weighted root mean squares of the members' errors, with the signs of their superposition."""
    pairs = list(zip(errors, weights, strict=True))
    total = sum((weight * error for error, weight in pairs), np.zeros_like(errors[0]))
    squares = sum((weight * error**2 for error, weight in pairs), np.zeros_like(errors[0]))
    return np.copysign(np.sqrt(squares), total)


def _sample(problem: TransportProblem) -> TransportProblem:
    """The problem on a seeded sample of its labels: without a law each label tells the same of any choice."""
    labels = problem.states.labels
    if labels.count <= SAMPLE:
        return problem
    rows = np.sort(np.random.default_rng(0).choice(labels.count, SAMPLE, replace=False))
    known = problem.known
    field = Field(np.ascontiguousarray(known.values[:, rows]), known.unit, known.components)
    bare = Labels(labels.points[rows], labels.weights[rows], {})
    states = StateSet(bare, problem.states.coordinate, problem.states.values, {problem.field: field})
    return replace(problem, states=states)
