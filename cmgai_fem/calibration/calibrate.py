"""Calibration: what carries a field from state to state, chosen and weighed by leaving known states out.

The rule of choice weighs the least forces of every order by the density of all left-out states, each in units of its
own variance. Where a body has labels enough for weights of their own, or laws and mass may be chosen, a wide search is
joined to it as far as its own left-out errors and the rule allow; see `blend`. Choices that are not linear in their
data, laws and mass, have no precision of their own: they are read in left-out errors against those of the rule over the
same states, and so in units of its variance.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.answers import Asked
from cmgai_fem.calibration.blend import LEAST_SCALE, Blend, Blended, data_of, taken
from cmgai_fem.calibration.candidates import Candidate, Search, transformed
from cmgai_fem.calibration.evidence import Data
from cmgai_fem.calibration.explore import explore
from cmgai_fem.calibration.left_out import Solve
from cmgai_fem.calibration.members import Member
from cmgai_fem.calibration.rule import RuleOfChoice
from cmgai_fem.calibration.stacking import FEW, LEAST_WEIGHT
from cmgai_fem.calibration.trials import inside_hull, trials_for
from cmgai_fem.errors import InputError
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.transport.problem import Problem

# States with which a wide search is worth its time: fewer left-out errors than these tell nothing apart, with more the
# rule alone is as sharp. Laws and mass, which the rule does not have, may be tried with one state less.
FEWEST, MOST_STATES, MOST_SCATTERED = 5, 16, 40
# A stacked share that is not worth a solve.
NOTHING = 0.02
# Where the wide search is taken, members of the rule with smaller shares are not solved beside it.
MINOR = 0.15
# Members of smaller weight would be shown as 0.00, and are not.
SHOWN = 0.005


@dataclass(frozen=True)
class Calibration:
    """What was chosen and how everything that was tried fared.

    Args:
        members: the choices that are blended: those of the wide search, if it was taken, then those of the rule.
        weights: their mean weights at the states asked for, adding up to one.
        error: left-out error of the blend (root mean square over the left-out states, relative to the known range).
        table: every candidate tried with its left-out error, best first; infinite where it cannot be solved.
        rows: rows of the states that were left out.
        left_out: their values, (m,) each.
        blend: how the members are blended at a state.
    """

    members: tuple[Candidate, ...]
    weights: tuple[float, ...]
    error: float
    table: tuple[tuple[Candidate, float], ...]
    rows: tuple[int, ...]
    left_out: tuple[tuple[float, ...], ...]
    blend: Blend = field(compare=False, repr=False)

    @property
    def local(self) -> bool:
        """Whether weights vary over the body."""
        return any(np.ndim(share) > 0 for share in self.blend.stacked)

    def solve(self, problem: Problem, solve: Solve) -> Blended:
        """Solve `problem` with every member and blend."""
        carriers = transformed(problem, self.members)
        stated = (one.apply(carriers[one.mass_axes]) for one in self.members)
        return Blended(tuple(solve(one.with_reach_admitted()) for one in stated), self.blend)

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
        shown = [item for item in zip(self.members, self.weights, strict=True) if item[1] >= SHOWN]
        return " + ".join(f"{weight:.2f} {member}" if len(shown) > 1 else str(member) for member, weight in shown)


def calibrate(
    problem: Problem,
    targets: ArrayLike,
    *,
    search: Search | None = None,
    solve: Solve | None = None,
    trials: IntArray | None = None,
    local: bool = False,
    data: Data | None = None,
) -> Calibration:
    """Choose everything about a transport by left-out errors, and blend the choices.

    Args:
        problem: the statement with the known states; its own force, law, damping and pseudo-time are not looked at.
        targets: (T, m) states that will be asked for, or (T,) along one coordinate; all between the known states or all
            beyond them. A choice that cannot reach them is none.
        search: what may be chosen beside the order; see `Search`.
        solve: the transport solver of laws and mass; finite elements by default.
        trials: (T,) rows of the states to leave out; those of `trials_for` by default.
        local: let weights vary over the body, where it has labels enough.
        data: `data_of` the problem, where others have made them.

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
    inside = bool(inside_hull(states.values, points[0]))
    rows = trials_for(states, points) if trials is None else trials
    left = tuple(tuple(float(part) for part in states.values[row]) for row in rows)
    numbers = tuple(int(row) for row in rows)
    rule = RuleOfChoice.of(data or data_of(problem))
    shares = Asked.at(rule, points - problem.origin).shares
    ruled, table = _ruled(rule, shares.mean(axis=0), rows)
    explored = explore(problem, points, rows, search, solve, local) if _worth(problem, search) else None
    share = 0.0 if explored is None else taken(explored.crossed, ruled, inside)
    share = share if share >= NOTHING else 0.0
    kept = _kept(rule, shares, inside, share)
    own = shares[:, kept].mean(axis=0)
    own /= own.sum()
    members = tuple(_candidate(rule.weighed[row].member) for row in kept)
    if explored is None or share == 0.0:
        found = table if explored is None else explored.table
        return Calibration(
            members, tuple(map(float, own)), ruled, found, numbers, left, Blend(rule, tuple(kept), inside)
        )
    scale = float(np.clip(explored.crossed / max(ruled, np.finfo(float).tiny), LEAST_SCALE, 1.0))
    return Calibration(
        (*explored.members, *members),
        (*(share * weight for weight in explored.weights), *map(float, (1.0 - share) * own)),
        float(np.hypot(share * explored.crossed, (1.0 - share) * ruled)),
        explored.table,
        numbers,
        left,
        Blend(rule, tuple(kept), inside, explored.shares, share, scale),
    )


def _worth(problem: Problem, search: Search) -> bool:
    """Whether a wide search can find what the rule does not have, and tell it from luck."""
    count, dimension = problem.states.values.shape
    if dimension > 1:
        # Laws and mass are refused there by the search itself.
        asked = bool(search.laws or search.mass_axes)
        return asked or (problem.states.labels.portion.total > FEW and count <= MOST_SCATTERED)
    if search.laws or search.mass_axes:
        return count >= FEWEST - 1
    return problem.states.labels.portion.total > FEW and FEWEST <= count <= MOST_STATES


def _kept(rule: RuleOfChoice, shares: Array, inside: bool, taken: float) -> list[int]:
    """Members with a share worth a solve at some state asked for; straight pieces where labels may keep to them."""
    least = min(LEAST_WEIGHT / max(1.0 - taken, LEAST_WEIGHT), MINOR)
    kept = set(np.flatnonzero(shares.max(axis=0) >= least).tolist())
    line = rule.data.places.shape[1] == 1
    if not inside or (line and rule.data.straight):
        kept.add(rule.anchor)
    return sorted(kept)


def _ruled(rule: RuleOfChoice, shares: Array, rows: IntArray) -> tuple[float, tuple[tuple[Candidate, float], ...]]:
    """Left-out error of the rule's blend, and of each of its members that has one, relative to the known range."""
    factor, size = rule.data.factor, rule.data.range
    total, table = np.zeros((len(rows), factor.shape[1])), {}
    for one, share in zip(rule.weighed, shares, strict=True):
        # An order beyond the tested ones is judged by the highest of these.
        errors = one.evidence.member.left_out[rows] @ factor
        total += share * errors
        if not one.steps:
            table[_candidate(one.member)] = float(np.sqrt(np.sum(errors**2) / len(rows))) / size
    ruled = float(np.sqrt(np.sum(total**2) / len(rows))) / size
    return ruled, tuple(sorted(table.items(), key=lambda item: item[1]))


def _candidate(member: Member) -> Candidate:
    """The choice that a member of the rule is."""
    if len(member.kinds) > 1:
        return Candidate(force=Scattered(member.order - 2, member.kinds, member.ratios))
    kind, exponent = member.kinds[0]
    order = None if member.freedom == 0 else member.order - 2
    return Candidate(order, pseudo_time=kind, exponent=exponent)
