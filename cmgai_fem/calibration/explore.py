"""A wide search: force, law, damping, pseudo-time and what is carried, chosen by leaving known states out.

Every choice generates what was left out, from the rest alone. The best few are then superposed with the convex weights
that make the left-out error least (stacking): errors of different sign cancel, and no member can be worse than its
weight. The weights are fitted once more without each state that is left out: what they get wrong of it is what the
search is judged by, since what they were fitted to flatters them. Where, along one coordinate, the error falls by half
or more with every order up to the highest that could be tried, the polynomial is taken by itself.

Source: Wolpert, Neural Networks 5 (1992) 241-259; Breiman, Machine Learning 24 (1996) 49-64 (stacked regressions). Its
use for the choice of force and law is ours and not the paper's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from cmgai_fem.calibration.candidates import HIGHEST_ALONG, Candidate, Search, candidates, transformed
from cmgai_fem.calibration.left_out import LeftOut, Solve, shares_of
from cmgai_fem.calibration.stacking import Mix, luck_of, superpose
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.states.labels import Array, IntArray, Labels
from cmgai_fem.states.states import Field, States
from cmgai_fem.transport.problem import Problem

# Members of the superposition are sought among this many of the best, none of them this much worse than the best.
SHORTLIST = 40
WORST_RATIO = 5.0
# Members over several coordinates: each is a training where networks are asked for.
MOST = 4
# Labels that the search looks at where no law couples them: enough for a mean, few enough for a million-cell mesh.
SAMPLE = 20_000
# Weights are fitted this often without some of the states that are left out.
FOLDS = 4
# Labels that tell how weights without a state fare.
CROSSED = 3_000
# By how much an error that cannot be crossed, of one state alone, is flattered: the median over the shipped fields.
FLATTERED = 1.5


@dataclass(frozen=True)
class Explored:
    """What the search found.

    Args:
        members: the choices that are superposed.
        weights: their mean weights, adding up to one.
        table: every candidate tried with its left-out error, best first; infinite where it cannot be solved.
        error: left-out error that the weights were fitted to, relative to the known range.
        crossed: left-out error of weights fitted without the state.
        local: (members, L) weights of every label; None for one weight a member.
    """

    members: tuple[Candidate, ...]
    weights: tuple[float, ...]
    table: tuple[tuple[Candidate, float], ...]
    error: float
    crossed: float
    local: Array | None = field(default=None, compare=False)

    @property
    def shares(self) -> tuple[float | Array, ...]:
        """The weight of each member, (L,) numbers where it varies over the body."""
        return self.weights if self.local is None else tuple(self.local)


def explore(problem: Problem, points: Array, rows: IntArray, search: Search, solve: Solve, local: bool) -> Explored:
    """Search everything that may be chosen.

    Args:
        problem: the statement with the known states; its own force, law, damping and pseudo-time are not looked at.
        points: (T, m) states that will be asked for; a choice that cannot reach them is none.
        rows: states to leave out.
        search: what may be chosen beside the order.
        solve: the transport solver of laws and mass.
        local: let the weights vary over the body, where it has labels enough.

    Raises:
        ConvergenceError: no choice can answer for the states that are left out.
    """
    states = problem.states
    sampled = problem if search.laws or search.mass_axes else sample(problem)
    judge = LeftOut(sampled, rows, solve)
    asked = np.vstack([states.values, points])
    sizes = judge.sizes(candidates(problem, asked, rows, judge.gram(), search))
    table = tuple(sorted(sizes.items(), key=lambda item: item[1]))
    if not np.isfinite(table[0][1]):
        raise ConvergenceError(
            f"calibration: other states of {states.coordinates.name} fix no motion where one is left out: add states"
        )
    top = min(len(states) - 3, HIGHEST_ALONG)
    if _smooth(sizes, top, table[0][0]):
        # With all states a polynomial carries one order more than it could be tried with.
        return Explored((Candidate(None if top < HIGHEST_ALONG else top),), (1.0,), table, table[0][1], table[0][1])
    members = _reachable(problem, _shortlist(table), points, solve)
    if not members:
        raise ConvergenceError("calibration: no choice of order, damping and pseudo-time could be solved")
    found = judge.errors(members)
    kept = [member for member in members if found[member] is not None]
    errors = np.array([found[member] for member in kept]) * np.sqrt(shares_of(sampled))[:, None]
    most = None if len(states.coordinates) == 1 else MOST
    labels, varied = sampled.states.labels, local and sampled is problem
    luck = luck_of(errors.shape[1])
    mix = superpose(errors, labels, varied, most, luck)
    crossed = _crossed(errors, labels, varied, most, luck) or FLATTERED * mix.error
    return Explored(tuple(kept[row] for row in mix.rows), mix.weights, table, mix.error, crossed, mix.local)


def _crossed(errors: Array, labels: Labels, local: bool, most: int | None, luck: float) -> float | None:
    """Left-out error of weights that were fitted without the states they are judged by; None with one state."""
    count = errors.shape[1]
    if count < 2:
        return None
    if labels.count > CROSSED:
        rows = np.sort(np.random.default_rng(0).choice(labels.count, CROSSED, replace=False))
        errors = errors[:, :, rows] * np.sqrt(labels.weights.sum() / labels.weights[rows].sum())
        labels = Labels(labels.positions[rows], labels.weights[rows], {})
    squares = 0.0
    for fold in np.array_split(np.arange(count), min(count, FOLDS)):
        mix = superpose(np.delete(errors, fold, axis=1), labels, local, most, luck)
        squares += float(np.sum(_mixed(mix, errors[:, fold]) ** 2))
    return float(np.sqrt(squares / count))


def _mixed(mix: Mix, errors: Array) -> Array:
    """(T, L, n) errors of a superposition of members with errors (m, T, L, n)."""
    weights = np.array(mix.weights)[:, None] if mix.local is None else mix.local
    weights = np.broadcast_to(weights, (len(mix.rows), errors.shape[2]))
    return np.asarray(np.einsum("ml,mtlc->tlc", weights, errors[mix.rows]))


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
    dealt = labels.portion
    if dealt.total <= SAMPLE and dealt.alone:
        return problem
    numbers = np.sort(np.random.default_rng(0).choice(dealt.total, min(SAMPLE, dealt.total), replace=False))
    known, rows = problem.known, dealt.mine(numbers)
    bare = Labels(dealt.gather(labels.positions_of(rows)), dealt.gather(labels.weights[rows]), {})
    sampled = Field(dealt.gather(known.values[:, rows], axis=1), known.unit, known.components)
    states = States(bare, problem.states.coordinates, problem.states.values, {problem.field: sampled})
    density = None if problem.density is None else dealt.gather(problem.density[rows])
    return replace(problem, states=states, density=density)
