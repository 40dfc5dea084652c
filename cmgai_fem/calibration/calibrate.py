"""Calibration: order, law, damping, pseudo-time and what is carried, chosen by leaving known states out.

For states between the known ones, each inner state is left out in turn; for states beyond them, the end state on each
side that is asked for. Every choice generates what was left out, from the rest alone. The best few are then superposed
with the convex weights that make the left-out error least (stacking): errors of different sign cancel, and no member
can be worse than its weight. Where the error falls by half or more with every order up to the highest that could be
tried, the dependence is smooth beyond doubt and the highest order of all, the polynomial, is taken by itself.

Source: Wolpert, Neural Networks 5 (1992) 241-259; Breiman, Machine Learning 24 (1996) 49-64 (stacked regressions). Its
use for the choice of force and law is ours and not the paper's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from cmgai_fem.calibration.stacking import superpose
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.features.mass import MassTransform
from cmgai_fem.states.pseudo_time import PseudoTime
from cmgai_fem.states.states import Array, Field, IntArray, Labels, StateSet
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import Law, NoLaw
from cmgai_fem.transport.problem import Superposition, TransportProblem, TransportSolution

Solve = Callable[[TransportProblem], TransportSolution]

# Members of the superposition are sought among this many of the best, none of them this much worse than the best.
SHORTLIST = 40
WORST_RATIO = 5.0
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
        mass_axes: carry a scalar field as mass, rearranged along these axes in turn; empty carries it label by label.
    """

    order: int | None = 0
    damping: float = 0.0
    law: Law = field(default_factory=NoLaw)
    pseudo_time: str = "linear"
    exponent: float = 1.0
    mass_axes: tuple[int, ...] = ()

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

    def __str__(self) -> str:
        order = "polynomial" if self.order is None else f"least({self.order})"
        parts = [f"damping {self.damping:g}"] if self.damping else []
        parts += [f"{self.law.name} {self.law.stiffness:g}"] if self.law.stiffness else []
        parts += [self.describe()["pseudo_time"]] if self.pseudo_time != "linear" else []
        parts += [self.describe()["carried"]] if self.mass_axes else []
        return f"{order} ({', '.join(parts)})" if parts else order

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""
        return {
            "order": "polynomial" if self.order is None else self.order,
            "damping": self.damping,
            "law": self.law.name,
            "stiffness": self.law.stiffness,
            "pseudo_time": f"power {self.exponent:g}" if self.pseudo_time == "power" else self.pseudo_time,
            "carried": "as mass along " + ", ".join("xyz"[axis] for axis in self.mass_axes)
            if self.mass_axes
            else "by label",
        }


class Choice(Protocol):
    """One choice of everything that a calibration may choose; its text is its name."""

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""


@dataclass(frozen=True)
class Chosen[C: Choice]:
    """What was chosen and how everything that was tried fared.

    Args:
        members: the choices that are superposed.
        weights: their weights, adding up to one.
        error: left-out error of the superposition (root mean square over the left-out states, relative to the known
            range).
        table: every candidate tried with its left-out error, best first; infinite where the solver refused it.
        left_out: the state values that were left out, one tuple a trial.
        local: (members, L) weights of every label, whose volume means `weights` then are; None for one weight a member.
    """

    members: tuple[C, ...]
    weights: tuple[float, ...]
    error: float
    table: tuple[tuple[C, float], ...]
    left_out: tuple[tuple[float, ...], ...]
    local: Array | None = field(default=None, compare=False)

    @property
    def shares(self) -> tuple[float | Array, ...]:
        """The weight of each member, (L,) numbers where it varies over the body."""
        return self.weights if self.local is None else tuple(self.local)

    def describe(self) -> dict[str, Any]:
        """The calibration as plain data for files and reports."""
        return {
            "chosen": str(self),
            "members": [
                member.describe() | {"weight": weight}
                for member, weight in zip(self.members, self.weights, strict=True)
            ],
            "left_out_error": self.error,
            "left_out_states": [list(values) for values in self.left_out],
            "candidates": [
                candidate.describe() | {"error": error} for candidate, error in self.table if np.isfinite(error)
            ],
        }

    def __str__(self) -> str:
        return " + ".join(
            f"{weight:.2f} {member}" if len(self.members) > 1 else str(member)
            for member, weight in zip(self.members, self.weights, strict=True)
        )


@dataclass(frozen=True)
class Calibration(Chosen[Candidate]):
    """What was chosen for a transport along one coordinate."""

    def solve(self, problem: TransportProblem, solve: Solve) -> Superposition:
        """Solve `problem` with every member and superpose."""
        carriers = carry(problem, self.members)
        members = tuple(solve(member.apply(carriers[member.mass_axes])) for member in self.members)
        return Superposition(members, self.shares)


def interpolation_trials(states: StateSet) -> list[IntArray]:
    """Rows to leave out for states between the known ones: each inner state by itself."""
    if len(states) < 3:
        raise InputError(f"calibration leaves states out and needs at least 3, there are {len(states)}")
    return [np.array([row]) for row in range(1, len(states) - 1)]


def extrapolation_trials(states: StateSet, targets: Sequence[float]) -> list[IntArray]:
    """Rows to leave out for states beyond the known ones: the end state on each side where a target lies.

    One state and no more: what then stays resembles the known states best, and the trial the task.
    """
    if len(states) < 3:
        raise InputError(f"calibration leaves states out and needs at least 3, there are {len(states)}")
    low, high = states.values[0], states.values[-1]
    trials = [np.array([0])] if min(targets) < low else []
    trials += [np.array([len(states) - 1])] if max(targets) > high else []
    return trials or interpolation_trials(states)


def left_out_errors(
    problem: TransportProblem, candidates: Sequence[Candidate], trials: Sequence[IntArray], solve: Solve
) -> dict[Candidate, Array | None]:
    """What each candidate gets wrong of the states that were left out.

    Returns:
        (states left out, L n) errors, relative to the known range and times the root of each label's share of the
        volume, so that the mean of squares is the squared left-out error; None where a transport cannot be solved.
    """
    known = problem.known.values
    scale = np.sqrt(problem.states.labels.weights / problem.states.labels.weights.sum() / known.shape[2])
    scale /= float(np.ptp(known)) or 1.0
    found: dict[Candidate, list[Array] | None] = {candidate: [] for candidate in candidates}
    for rows in trials:
        stay = [float(v) for row, v in enumerate(problem.states.values) if row not in rows]
        targets = [float(v) for v in problem.states.values[rows]]
        trial = replace(problem, states=problem.states.at(stay), force=Least(-1)).with_reach(*targets)
        carriers = carry(trial, candidates)
        for candidate in candidates:
            errors = found[candidate]
            if errors is None:
                continue
            try:
                solution = solve(_on_own_clock(candidate.apply(carriers[candidate.mass_axes]), candidate, problem))
                for row, target in zip(rows, targets, strict=True):
                    errors.append(((solution.at(target) - known[row]) * scale[:, None]).ravel())
            except (ConvergenceError, InputError):
                found[candidate] = None
    return {candidate: None if errors is None else np.array(errors) for candidate, errors in found.items()}


def calibrate(
    problem: TransportProblem,
    trials: Sequence[IntArray],
    solve: Solve,
    *,
    targets: Sequence[float] = (),
    dampings: Sequence[float] = (1.0, 4.0),
    laws: Sequence[Law] = (),
    pseudo_times: Sequence[tuple[str, float]] = (("log", 1.0), ("power", 0.5), ("power", 2.0)),
    mass_axes: Sequence[tuple[int, ...]] = (),
    local: bool = False,
) -> Calibration:
    """Choose order, damping, law, pseudo-time and what is carried by their left-out errors.

    Args:
        problem: the statement with the known states; its own force, law, damping and pseudo-time are not looked at.
        trials: rows of the states to leave out, one array a trial.
        solve: the transport solver to calibrate with.
        targets: states that will be asked for; a choice that cannot reach them is none.
        dampings: eta to try beside 0.
        laws: laws with stiffness to try beside none.
        pseudo_times: maps to try beside the linear one, as (kind, exponent); those that the states do not admit
            (values at or below the origin) are passed over.
        mass_axes: orders of axes in which to try carrying a scalar field as mass.
        local: let the weights of the superposition vary over the body, where it has labels enough.

    Returns:
        The members with their weights, and the whole table.

    Raises:
        ConvergenceError: no candidate could be solved.
    """
    least_kept = len(problem.states) - max(len(rows) for rows in trials)
    orders = range(-1, least_kept - 1)
    maps = [("linear", 1.0), *[item for item in pseudo_times if _admits(problem, item[0])]]
    candidates = [
        Candidate(order, damping, law, kind, exponent, axes)
        for order in orders
        for damping in (0.0, *dampings)
        for law in (NoLaw(), *laws)
        for kind, exponent in maps
        for axes in ((), *mass_axes)
        if not (axes and law.stiffness)
    ]
    sampled = problem if laws or mass_axes else _sample(problem)
    errors = left_out_errors(sampled, candidates, trials, solve)
    size = {
        candidate: np.inf if error is None else float(np.sqrt(np.sum(error**2) / len(error)))
        for candidate, error in errors.items()
    }
    table = tuple(sorted(size.items(), key=lambda item: item[1]))
    values = tuple(tuple(float(v) for v in problem.states.values[rows]) for rows in trials)
    if _smooth(size, max(orders), table[0][0]):
        return Calibration((Candidate(None),), (1.0,), table[0][1], table, values)
    shortlist = [c for c, error in table if np.isfinite(error) and error <= WORST_RATIO * table[0][1]][:SHORTLIST]
    members = _reachable(problem, shortlist, targets, solve)
    if not members:
        raise ConvergenceError("calibration: no choice of order, damping and pseudo-time could be solved")
    labels = sampled.states.labels
    stacked = np.array([errors[member] for member in members]).reshape(len(members), -1, labels.count, _width(problem))
    mix = superpose(stacked, labels, local and sampled is problem)
    return Calibration(tuple(members[row] for row in mix.rows), mix.weights, mix.error, table, values, mix.local)


def carry(problem: TransportProblem, candidates: Iterable[Candidate]) -> dict[tuple[int, ...], TransportProblem]:
    """The problem as the candidates carry it, by their mass axes; a transform is made once for all of them."""
    states = problem.states.only(problem.field)
    return {
        axes: replace(problem, transform=MassTransform.of(states, axes=axes) if axes else None)
        for axes in {candidate.mass_axes for candidate in candidates}
    }


def _reachable(
    problem: TransportProblem, shortlist: Sequence[Candidate], targets: Sequence[float], solve: Solve
) -> list[Candidate]:
    """The candidates whose transport of all known states can be solved and asked at every target."""
    kept = []
    carriers = carry(problem, shortlist)
    for candidate in shortlist:
        try:
            solution = solve(candidate.apply(carriers[candidate.mass_axes]))
            for target in targets if candidate.mass_axes else ():
                solution.at(target)
        except (ConvergenceError, InputError):
            continue
        kept.append(candidate)
    return kept


def _smooth(size: Mapping[Candidate, float], top: int, best: Candidate) -> bool:
    """Whether the plain highest order is best and every order halves the error of the one below."""
    plain = [size.get(Candidate(order), np.inf) for order in range(-1, top + 1)]
    return best == Candidate(top) and top > 0 and all(high < 0.5 * low for low, high in pairwise(plain))


def _on_own_clock(trial: TransportProblem, candidate: Candidate, problem: TransportProblem) -> TransportProblem:
    """The trial with the same physical damping and stiffness: its s runs from 0 to 1 over fewer states."""
    whole = PseudoTime(
        float(problem.states.values[0]),
        float(problem.states.values[-1]),
        candidate.pseudo_time,
        candidate.exponent,
        problem.origin,
    )
    share = float(np.diff(whole(trial.states.values[[0, -1]]))[0])
    law = replace(trial.law, stiffness=trial.law.stiffness * share**2)
    return replace(trial, damping=trial.damping * share, law=law)


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
    bare = Labels(labels.positions[rows], labels.weights[rows], {})
    sampled = Field(np.ascontiguousarray(known.values[:, rows]), known.unit, known.components)
    states = StateSet(bare, problem.states.coordinate, problem.states.values, {problem.field: sampled})
    return replace(problem, states=states, density=None if problem.density is None else problem.density[rows])


def _width(problem: TransportProblem) -> int:
    return problem.known.values.shape[2]
