"""Calibration: force, law, damping, pseudo-time and what is carried, chosen by leaving known states out.

Every choice generates what was left out, from the rest alone. The best few are then superposed with the convex weights
that make the left-out error least (stacking): errors of different sign cancel, and no member can be worse than its
weight. Where, along one coordinate, the error falls by half or more with every order up to the highest that could be
tried, the dependence is smooth beyond doubt and the highest order of all, the polynomial, is taken by itself.

Source: Wolpert, Neural Networks 5 (1992) 241-259; Breiman, Machine Learning 24 (1996) 49-64 (stacked regressions). Its
use for the choice of force and law is ours and not the paper's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.candidates import Candidate, Search, candidates, transformed
from cmgai_fem.calibration.left_out import LeftOut, Solve, shares_of
from cmgai_fem.calibration.stacking import superpose
from cmgai_fem.calibration.trials import trials_for
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array, IntArray, Labels
from cmgai_fem.states.states import Field, States
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Superposition

# Members of the superposition are sought among this many of the best, none of them this much worse than the best.
SHORTLIST = 40
WORST_RATIO = 5.0
# Members over several coordinates: each is a training where networks are asked for.
MOST = 4
# Labels that calibration looks at where no law couples them: enough for a mean, few enough for a million-cell mesh.
SAMPLE = 20_000


@dataclass(frozen=True)
class Calibration:
    """What was chosen and how everything that was tried fared.

    Args:
        members: the choices that are superposed.
        weights: their weights, adding up to one.
        error: left-out error of the superposition (root mean square over the left-out states, relative to the known
            range).
        table: every candidate tried with its left-out error, best first; infinite where it cannot be solved.
        rows: rows of the states that were left out.
        left_out: their values, (m,) each.
        local: (members, L) weights of every label, whose volume means `weights` then are; None for one weight a member.
    """

    members: tuple[Candidate, ...]
    weights: tuple[float, ...]
    error: float
    table: tuple[tuple[Candidate, float], ...]
    rows: tuple[int, ...]
    left_out: tuple[tuple[float, ...], ...]
    local: Array | None = field(default=None, compare=False)

    @property
    def shares(self) -> tuple[float | Array, ...]:
        """The weight of each member, (L,) numbers where it varies over the body."""
        return self.weights if self.local is None else tuple(self.local)

    def solve(self, problem: Problem, solve: Solve) -> Superposition:
        """Solve `problem` with every member and superpose."""
        carriers = transformed(problem, self.members)
        members = tuple(solve(member.apply(carriers[member.mass_axes])) for member in self.members)
        return Superposition(members, self.shares)

    def describe(self) -> dict[str, Any]:
        """The calibration as plain data for files and reports."""
        return {
            "chosen": str(self),
            "members": [
                member.describe() | {"text": str(member), "weight": weight}
                for member, weight in zip(self.members, self.weights, strict=True)
            ],
            "left_out_error": self.error,
            "left_out_states": [list(values) for values in self.left_out],
            "candidates": [
                candidate.describe() | {"text": str(candidate), "error": error}
                for candidate, error in self.table
                if np.isfinite(error)
            ],
        }

    def __repr__(self) -> str:
        return f"Calibration({self}; left-out error {100.0 * self.error:.3g} %, {len(self.table)} candidates)"

    def __str__(self) -> str:
        return " + ".join(
            f"{weight:.2f} {member}" if len(self.members) > 1 else str(member)
            for member, weight in zip(self.members, self.weights, strict=True)
        )


def calibrate(
    problem: Problem,
    targets: ArrayLike,
    *,
    search: Search | None = None,
    solve: Solve | None = None,
    trials: IntArray | None = None,
    local: bool = False,
) -> Calibration:
    """Choose everything about a transport by left-out errors, and superpose the best few choices.

    Args:
        problem: the statement with the known states; its own force, law, damping and pseudo-time are not looked at.
        targets: (T, m) states that will be asked for, or (T,) along one coordinate; all between the known states or all
            beyond them. A choice that cannot reach them is none.
        search: what may be chosen beside the order; see `Search`.
        solve: the transport solver of laws and mass; finite elements by default.
        trials: (T,) rows of the states to leave out; those of `trials_for` by default.
        local: let the weights of the superposition vary over the body, where it has labels enough.

    Returns:
        The members with their weights, and the whole table.

    Raises:
        InputError: too few states, or over several coordinates states on one line.
        ConvergenceError: no choice can answer for the states that are left out.
    """
    if not isinstance(problem, Problem):
        raise InputError(f"calibrate takes a Problem, not {type(problem).__name__}")
    search, solve, states = search or Search(), solve or Solver(), problem.states
    points = states.coordinates.points(targets)
    rows = trials_for(states, points) if trials is None else trials
    sampled = problem if search.laws or search.mass_axes else sample(problem)
    judge = LeftOut(sampled, rows, solve)
    asked = np.vstack([states.values, points])
    sizes = judge.sizes(candidates(problem, asked, rows, judge.gram(), search))
    table = tuple(sorted(sizes.items(), key=lambda item: item[1]))
    left = tuple(tuple(float(part) for part in states.values[row]) for row in rows)
    numbers = tuple(int(row) for row in rows)
    if not np.isfinite(table[0][1]):
        raise ConvergenceError(
            f"calibration: other states of {states.coordinates.name} fix no motion where one is left out: add states"
        )
    if _smooth(sizes, len(states) - 3, table[0][0]):
        return Calibration((Candidate(None),), (1.0,), table[0][1], table, numbers, left)
    members = _reachable(problem, _shortlist(table), points, solve)
    if not members:
        raise ConvergenceError("calibration: no choice of order, damping and pseudo-time could be solved")
    found = judge.errors(members)
    kept = [member for member in members if found[member] is not None]
    errors = np.array([found[member] for member in kept]) * np.sqrt(shares_of(sampled))[:, None]
    most = None if len(states.coordinates) == 1 else MOST
    mix = superpose(errors, sampled.states.labels, local and sampled is problem, most)
    return Calibration(tuple(kept[row] for row in mix.rows), mix.weights, mix.error, table, numbers, left, mix.local)


def _shortlist(table: Sequence[tuple[Candidate, float]]) -> list[Candidate]:
    """The best of each kind of choice, ratios of coordinates apart: many ratios of one would crowd out all others."""
    taken: dict[object, Candidate] = {}
    for candidate, error in table:
        if not error <= WORST_RATIO * table[0][1] or np.isinf(error):
            break
        force = candidate.force
        taken.setdefault(replace(force, ratios=None) if isinstance(force, Scattered) else candidate, candidate)
    return list(taken.values())[:SHORTLIST]


def _reachable(problem: Problem, shortlist: Sequence[Candidate], points: Array, solve: Solve) -> list[Candidate]:
    """The candidates whose transport of all known states can be solved and asked at every target."""
    kept = []
    carriers = transformed(problem, shortlist)
    for candidate in shortlist:
        if not candidate.linear:
            try:
                solution = solve(candidate.apply(carriers[candidate.mass_axes]))
                for point in points if candidate.mass_axes else ():
                    solution.at(point)
            except (ConvergenceError, InputError):
                continue
        kept.append(candidate)
    return kept


def _smooth(sizes: Mapping[Candidate, float], top: int, best: Candidate) -> bool:
    """Whether, along one coordinate, the plain highest order is best and each order halves the error of the last."""
    plain = [sizes.get(Candidate(order), np.inf) for order in range(-1, top + 1)]
    return best == Candidate(top) and top > 0 and all(high < 0.5 * low for low, high in pairwise(plain))


def sample(problem: Problem) -> Problem:
    """The problem on a seeded sample of labels; labels that no law couples each tell the same of any choice."""
    labels = problem.states.labels
    if labels.count <= SAMPLE:
        return problem
    rows = np.sort(np.random.default_rng(0).choice(labels.count, SAMPLE, replace=False))
    known = problem.known
    bare = Labels(labels.positions[rows], labels.weights[rows], {})
    sampled = Field(np.ascontiguousarray(known.values[:, rows]), known.unit, known.components)
    states = States(bare, problem.states.coordinates, problem.states.values, {problem.field: sampled})
    return replace(problem, states=states, density=None if problem.density is None else problem.density[rows])
