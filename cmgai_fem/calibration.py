"""Calibration: order, law, damping and pseudo-time chosen by leaving known states out, from the known states alone.

For states between the known ones, each inner state is left out in turn; for states beyond them, the end states are.
A choice that adds something to the plain family (a damping, a stiffness, a bent pseudo-time) must earn it by a clearly
lower left-out error.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cmgai_fem.constitutive import Law, NoLaw
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.forces import Least
from cmgai_fem.states import Array, Field, IntArray, Labels, StateSet
from cmgai_fem.transport import TransportProblem, TransportSolution

Solve = Callable[[TransportProblem], TransportSolution]

# By how much a choice beyond the plain family has to lower the left-out error before it is taken.
GAIN = 0.9
# Labels that calibration looks at where no law couples them: enough for a mean, few enough for a million-cell mesh.
SAMPLE = 20_000


@dataclass(frozen=True)
class Candidate:
    """One choice of everything that calibration may choose.

    Args:
        order: p of the least force; None is the highest that the states allow, the interpolating polynomial.
        damping: eta.
        law: constitutive law.
        pseudo_time: kind of the map.
        exponent: of a power map.
    """

    order: int | None = 0
    damping: float = 0.0
    law: Law = NoLaw()  # noqa: RUF009 - frozen, so safe to share
    pseudo_time: str = "linear"
    exponent: float = 1.0

    def apply(self, problem: TransportProblem) -> TransportProblem:
        """`problem` with this choice; an order that its states cannot carry is lowered to the highest they can."""
        top = len(problem.states) - 2
        order = top if self.order is None else min(self.order, top)
        return replace(
            problem,
            force=Least(order),
            damping=self.damping,
            law=self.law,
            pseudo_time=self.pseudo_time,
            exponent=self.exponent,
        )

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""
        return {
            "order": "polynomial" if self.order is None else self.order,
            "damping": self.damping,
            "law": self.law.name,
            "stiffness": self.law.stiffness,
            "pseudo_time": f"power {self.exponent:g}" if self.pseudo_time == "power" else self.pseudo_time,
        }


@dataclass(frozen=True)
class Calibration:
    """What was chosen and how everything that was tried fared.

    Args:
        chosen: the choice.
        error: its left-out error (root mean square over left-out states, relative to the known range).
        table: every candidate tried with its left-out error, best first; infinite where the solver refused it.
        left_out: the state values that were left out, one tuple a trial.
    """

    chosen: Candidate
    error: float
    table: tuple[tuple[Candidate, float], ...]
    left_out: tuple[tuple[float, ...], ...]

    def describe(self) -> dict[str, Any]:
        """The calibration as plain data for files and reports."""
        return {
            "chosen": self.chosen.describe(),
            "left_out_error": self.error,
            "left_out_states": [list(values) for values in self.left_out],
            "candidates": [
                candidate.describe() | {"error": error} for candidate, error in self.table if np.isfinite(error)
            ],
        }


def interpolation_trials(states: StateSet) -> list[IntArray]:
    """Rows to leave out for states between the known ones: each inner state by itself."""
    if len(states) < 3:
        raise InputError(f"calibration leaves states out and needs at least 3, there are {len(states)}")
    return [np.array([row]) for row in range(1, len(states) - 1)]


def extrapolation_trials(states: StateSet, targets: Sequence[float]) -> list[IntArray]:
    """Rows to leave out for states beyond the known ones: end states, on the sides and as far as the targets lie.

    One, two, ... states are left out at an end while at least three stay; of those the trial is kept that reaches
    about as far beyond what stays, relative to its range, as the farthest target does.
    """
    if len(states) < 4:
        return [np.array([0]), np.array([len(states) - 1])] if len(states) == 3 else interpolation_trials(states)
    values = states.values
    trials: list[IntArray] = []
    for sign in (-1.0, 1.0):
        known = np.sort(sign * values)
        beyond = [sign * target - known[-1] for target in targets if sign * target > known[-1]]
        if not beyond:
            continue
        wanted = max(beyond) / (known[-1] - known[0])
        reaches = [
            (known[-1] - known[-1 - dropped]) / (known[-1 - dropped] - known[0]) for dropped in range(1, len(known) - 2)
        ]
        furthest = 1 + int(np.argmin(np.abs(np.log(np.array(reaches) / wanted))))
        for dropped in range(1, furthest + 1):
            rows = np.arange(len(values) - dropped, len(values)) if sign > 0 else np.arange(dropped)
            trials.append(rows)
    return trials


def left_out_error(problem: TransportProblem, candidate: Candidate, trials: Iterable[IntArray], solve: Solve) -> float:
    """Left-out error of one candidate: infinite where its transport cannot be solved."""
    known = problem.known.values
    span = float(np.ptp(known)) or 1.0
    share = problem.states.labels.weights / problem.states.labels.weights.sum()
    squares = []
    for rows in trials:
        stay = np.setdiff1d(np.arange(len(known)), rows)
        targets = problem.states.values[rows]
        kept = problem.states.at([float(v) for v in problem.states.values[stay]])
        trial = replace(problem, states=kept, force=Least(-1)).with_reach(*(float(v) for v in targets))
        try:
            solution = solve(_on_own_clock(candidate.apply(trial), candidate.apply(problem)))
        except (ConvergenceError, InputError):
            return np.inf
        for row, target in zip(rows, targets, strict=True):
            error = (solution.at(float(target)) - known[row]) / span
            squares.append(float(share @ np.mean(error**2, axis=1)))
    return float(np.sqrt(np.mean(squares)))


def _on_own_clock(trial: TransportProblem, whole: TransportProblem) -> TransportProblem:
    """The trial with the same physical damping and stiffness: its s runs from 0 to 1 over fewer states."""
    first, last = whole.time(trial.states.values[[0, -1]])
    share = float(last - first)
    law = replace(trial.law, stiffness=trial.law.stiffness * share**2)
    return replace(trial, damping=trial.damping * share, law=law)


def calibrate(
    problem: TransportProblem,
    trials: Sequence[IntArray],
    solve: Solve,
    *,
    dampings: Sequence[float] = (0.5, 1.0, 2.0, 4.0, 8.0),
    laws: Sequence[Law] = (),
    pseudo_times: Sequence[tuple[str, float]] = (("log", 1.0), ("power", 0.5), ("power", 2.0)),
    progress: Callable[[Mapping[str, Any]], None] | None = None,
) -> Calibration:
    """Choose order, pseudo-time, damping and law, in this order, each by its left-out error.

    Args:
        problem: the statement with the known states; its own force, law, damping and pseudo-time are not looked at.
        trials: rows of the states to leave out, one array a trial.
        solve: the transport solver to calibrate with.
        dampings: eta to try.
        laws: laws with stiffness to try.
        pseudo_times: maps to try beside the linear one, as (kind, exponent); those that the states do not admit
            (values at or below the origin) are passed over.
        progress: takes one row a candidate.

    Returns:
        The choice and the whole table.
    """
    sampled = problem if laws else _sample(problem)
    tried: dict[Candidate, float] = {}

    def best(candidates: Iterable[Candidate]) -> tuple[Candidate, float]:
        for candidate in candidates:
            if candidate not in tried:
                tried[candidate] = left_out_error(sampled, candidate, trials, solve)
                if progress:
                    progress(candidate.describe() | {"left_out_error": tried[candidate]})
        winner = min(candidates, key=lambda candidate: tried[candidate])
        return winner, tried[winner]

    def improve(current: Candidate, error: float, candidates: Sequence[Candidate]) -> tuple[Candidate, float]:
        if not candidates:
            return current, error
        winner, lower = best(candidates)
        return (winner, lower) if lower < GAIN * error else (current, error)

    least_kept = len(problem.states) - max(len(rows) for rows in trials)
    top = least_kept - 2
    orders: list[int | None] = list(range(-1, top + 1))
    chosen, error = best([Candidate(order) for order in orders])
    maps = [item for item in pseudo_times if _admits(problem, item[0])]
    chosen, error = improve(
        chosen, error, [Candidate(order, pseudo_time=kind, exponent=power) for order in orders for kind, power in maps]
    )
    chosen, error = improve(
        chosen, error, [replace(chosen, order=order, damping=damping) for order in orders for damping in dampings]
    )
    chosen, error = improve(chosen, error, [replace(chosen, law=law) for law in laws])
    chosen = _raise_to_polynomial(chosen, tried, top)
    table = tuple(sorted(tried.items(), key=lambda item: item[1]))
    values = tuple(tuple(float(v) for v in problem.states.values[rows]) for rows in trials)
    return Calibration(chosen, error, table, values)


def _raise_to_polynomial(chosen: Candidate, tried: Mapping[Candidate, float], top: int) -> Candidate:
    """Where the error still halves at the highest order that leaving out could test, the highest order of all."""
    if chosen.order != top or top < 0 or chosen.damping or chosen.law.stiffness:
        return chosen
    below = tried.get(replace(chosen, order=top - 1), np.inf)
    return replace(chosen, order=None) if tried[chosen] < 0.5 * below else chosen


def _admits(problem: TransportProblem, kind: str) -> bool:
    lowest = float((problem.reach or problem.states.values)[0])
    return kind == "linear" or lowest > problem.origin


def _sample(problem: TransportProblem) -> TransportProblem:
    """The problem on a seeded sample of labels; labels that no law couples each tell the same of any choice."""
    labels = problem.states.labels
    if labels.count <= SAMPLE:
        return problem
    rows = np.sort(np.random.default_rng(0).choice(labels.count, SAMPLE, replace=False))
    known = problem.known
    bare = Labels(_positions(labels)[rows], labels.weights[rows], {})
    field = Field(np.ascontiguousarray(known.values[:, rows]), known.unit, known.components)
    states = StateSet(bare, problem.states.coordinate, problem.states.values, {problem.field: field})
    return replace(problem, states=states, density=None if problem.density is None else problem.density[rows])


def _positions(labels: Labels) -> Array:
    if labels.location == "point":
        return labels.points
    return np.concatenate([labels.points[block].mean(axis=1) for block in labels.cells.values()])
