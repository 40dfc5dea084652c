"""What a choice gets wrong of known states that are left out, one at a time.

A choice without a law that carries the field label by label is linear in its data: its errors are a fixed combination
of the known states, a K x K matrix, and thousands of choices are compared by the Gram matrix of the states, whatever
the number of labels. A choice with a law, or that carries mass, is solved anew for each state that is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgai_fem.calibration.candidates import Candidate, transformed
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.progress import steps
from cmgai_fem.states.axes import PseudoTime
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution

Solve = Callable[[Problem], Solution]
# Ranges whose squares are numbers.
SMALLEST = 1e-150


def shares_of(problem: Problem) -> Array:
    """(L,) share of each label in the mean of squared errors, relative to the known range; components count alike."""
    known, weights = problem.known.values, problem.states.labels.weights
    span = float(np.ptp(known)) or 1.0
    if not SMALLEST < span < 1.0 / SMALLEST:
        raise InputError(f"field {problem.field!r}: its known range, {span:g}, has no square: give it in another unit")
    return np.asarray(weights / weights.sum() / known.shape[2] / span**2)


@dataclass(frozen=True)
class LeftOut:
    """Errors of candidates at the states that are left out, in the field's unit.

    Args:
        problem: the statement with all known states.
        rows: (T,) states left out, one at a time.
        solve: the transport solver of candidates that are not linear.
    """

    problem: Problem
    rows: IntArray
    solve: Solve

    def gram(self) -> Array:
        """(K, K) Gram matrix of the known states, relative to the known range."""
        known = self.problem.known.values
        return np.asarray(np.einsum("ilc,jlc,l->ij", known, known, shares_of(self.problem)))

    def sizes(self, candidates: Sequence[Candidate]) -> dict[Candidate, float]:
        """Root mean square error of each candidate, relative to the known range; infinite where it cannot be solved."""
        gram, shares = self.gram(), shares_of(self.problem)
        found: dict[Candidate, float] = {}
        others = [candidate for candidate in candidates if not self._linear(candidate)]
        refitted = self._refitted(others) if others else {}
        for candidate in candidates:
            if not self._linear(candidate):
                errors = refitted[candidate]
            elif self._bounded:
                errors = self._projected(candidate)
            else:
                left_out = self._map(candidate)
                squares = None if left_out is None else np.einsum("ti,ij,tj->t", left_out, gram, left_out)
                found[candidate] = np.inf if squares is None else float(np.sqrt(max(np.mean(squares), 0.0)))
                continue
            squares = None if errors is None else np.einsum("tlc,l->t", errors**2, shares)
            found[candidate] = np.inf if squares is None else float(np.sqrt(np.mean(squares)))
        return found

    def errors(self, candidates: Sequence[Candidate]) -> dict[Candidate, Array | None]:
        """(T, L, n) generated minus known of each candidate; None where it cannot be solved."""
        linear = {candidate: self._projected(candidate) for candidate in candidates if self._linear(candidate)}
        others = [candidate for candidate in candidates if not self._linear(candidate)]
        return linear | (self._refitted(others) if others else {})

    @property
    def _bounded(self) -> bool:
        """Whether choices are compared by the admissible fields that they make.

        Over several coordinates they are compared as generated: the bounds hold along some directions alone, and where
        they cut off what a choice gets wrong, they tell choices apart by their luck.
        """
        return self.problem.admissible.bounds and len(self.problem.states.coordinates) == 1

    def _linear(self, candidate: Candidate) -> bool:
        """Whether the errors are a fixed combination of the states; of soft states along a line they are found anew."""
        return candidate.linear and (candidate.force is not None or not np.any(self.problem.softness))

    def _map(self, candidate: Candidate) -> Array | None:
        """(T, K) map from the data to the errors; None where the others fix no motion."""
        try:
            found = candidate.left_out(self.problem.states, self.problem.origin, self.problem.softness)[self.rows]
        except (InputError, np.linalg.LinAlgError):
            return None
        return found if np.all(np.isfinite(found)) else None

    def _projected(self, candidate: Candidate) -> Array | None:
        left_out = self._map(candidate)
        if left_out is None:
            return None
        errors = np.tensordot(left_out, self.problem.known.values, axes=1)
        return within_bounds(self.problem, self.rows, errors) if self._bounded else errors

    def _refitted(self, candidates: Sequence[Candidate]) -> dict[Candidate, Array | None]:
        problem, known = self.problem, self.problem.known.values
        found: dict[Candidate, list[Array] | None] = {candidate: [] for candidate in candidates}
        for row in steps(self.rows, "left-out states"):
            target = problem.states.values[row]
            tolerance = problem.tolerance
            if isinstance(tolerance, tuple):
                tolerance = tuple(np.delete(tolerance, row).tolist())
            trial = replace(problem, states=problem.states.without(int(row)), force=Least(-1), tolerance=tolerance)
            trial = trial.with_reach(target)
            carriers: Mapping[tuple[int, ...], Problem] = transformed(trial, candidates)
            for candidate in candidates:
                errors = found[candidate]
                if errors is None:
                    continue
                try:
                    solution = self.solve(on_own_clock(candidate.apply(carriers[candidate.mass_axes]), problem))
                    errors.append(solution.at(target) - known[row])
                except (ConvergenceError, InputError):
                    found[candidate] = None
        return {candidate: None if errors is None else np.array(errors) for candidate, errors in found.items()}


def within_bounds(problem: Problem, rows: IntArray, errors: Array) -> Array:
    """Errors (T, L, n) at states left out, of the admissible fields: projected on what the states that stay bound."""
    known, values = problem.known.values, problem.states.values
    found = np.empty_like(errors)
    for place, row in enumerate(rows):
        stay = np.delete(np.arange(len(known)), row)
        made = problem.admissible.project(values[row], known[row] + errors[place], values[stay], known[stay])
        found[place] = made - known[row]
    return found


def on_own_clock(trial: Problem, problem: Problem) -> Problem:
    """The trial with the same physical damping and stiffness: its s runs from 0 to 1 over fewer states."""
    known = problem.states.scalars
    whole = PseudoTime(float(known[0]), float(known[-1]), trial.pseudo_time, trial.exponent, problem.origin)
    share = float(np.diff(whole(trial.states.scalars[[0, -1]]))[0])
    law = replace(trial.law, stiffness=trial.law.stiffness * share**2)
    return replace(trial, damping=trial.damping * share, law=law)
