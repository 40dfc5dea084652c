"""Whether labels move over the body, how stiff the body is, and what then is left to carry label by label.

Stiffness and order are chosen by *composed* left-out states: a known state is hidden from the motion but not from the
maps, since a map over twice the distance may find another motion. Label by label is the stiff limit and stands for
itself: only a moving choice that beats its left-out error is taken. The two are then superposed by their left-out
errors, where label by label gets at most the part of the change that the maps leave: a composed state is bridged over
twice the distance like any left-out one, and along a curved path that flatters what does not follow it.

The rule is our choice; the figures behind it are in the studies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from cmgai_fem.calibration.calibrate import Calibration
from cmgai_fem.calibration.candidates import Candidate, Search
from cmgai_fem.calibration.estimate import Estimate, signed_sizes
from cmgai_fem.calibration.left_out import Solve, shares_of, within_bounds
from cmgai_fem.calibration.stacking import LEAST_WEIGHT, superpose
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import STARTING_STIFFNESS, LabelMap, Register, register_softer, second_attempt
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.states.states import States
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Superposition

# Where the search begins, where it goes while that helps, and where it goes else.
FIRST, SOFTER, STIFFER = 1.0, (0.3, 0.1), 3.0
# Of left-out errors that differ by less than this, that of the softest body counts: its maps leave the least.
TIE = 1.05
# Where a first attempt errs by so many times what label by label does, nothing is tried a second time.
HOPELESS = 2.0
FEWEST_STATES = 4
# Left-out error, relative to the known range, below which nothing moves that label by label does not follow.
SMOOTH = 1e-3
# Nodes that choices are compared at.
SAMPLE = 10_000


@dataclass(frozen=True)
class MovingCalibration(Calibration):
    """A calibration whose first member moves the labels.

    Args:
        carrier: the states on moving labels.
        plain: the calibration label by label, whose members follow the first; None where they have no weight.
    """

    carrier: MovingLabels | None = field(default=None, compare=False)
    plain: Calibration | None = field(default=None, compare=False)

    def solve(self, problem: Problem, solve: Solve) -> Superposition:
        """Solve `problem` with every member and superpose."""
        moved = solve(replace(self.members[0].apply(problem), transform=self.carrier))
        others = () if self.plain is None else self.plain.solve(problem, solve).members
        return Superposition((moved, *others), self.shares)


@dataclass(frozen=True, eq=False)
class MovingChoice:
    """A stiffness and a motion, and what they get wrong of composed left-out states.

    Args:
        candidate: the motion.
        carrier: the states on the labels that move.
        error: root mean square over the left-out states, relative to the known range.
    """

    candidate: Candidate
    carrier: MovingLabels
    error: float


class LabelMaps:
    """The label maps of one field's known states: each stiffness is sought once, whichever side of the states asks.

    Args:
        states: the known states of one field.
    """

    def __init__(self, states: States) -> None:
        self.states = states
        self._from_rest: dict[float, MovingLabels] = {}
        self._found: dict[float, MovingLabels] = {}

    @cached_property
    def body(self) -> LabelBody:
        """The body of the labels.

        Raises:
            InputError: they have none.
        """
        return LabelBody.of(self.states.labels)

    def from_rest(self, stiffness: float) -> MovingLabels:
        """The states on the labels of a first attempt at a stiffness."""
        if stiffness not in self._from_rest:
            self._from_rest[stiffness] = self._carrier([self._register(pair, stiffness) for pair in self._pairs])
        return self._from_rest[stiffness]

    def carrier(self, stiffness: float) -> MovingLabels:
        """The states on the labels of the best attempt at a stiffness; soft bodies are reached from stiffer ones."""
        if stiffness not in self._found:
            if stiffness < STARTING_STIFFNESS:
                stiffer = self.carrier(STARTING_STIFFNESS).maps
                maps = [register_softer(self._register, pair, stiffness, stiffer[pair]) for pair in self._pairs]
            else:
                first = self.from_rest(stiffness).maps
                maps = [second_attempt(self._register, pair, first[pair]) for pair in self._pairs]
            self._found[stiffness] = self._carrier(maps)
        return self._found[stiffness]

    @property
    def _pairs(self) -> range:
        return range(len(self.states) - 1)

    @cached_property
    def _register(self) -> Register:
        (field,) = self.states.fields.values()
        return Solver().registration(self.body, field.values)

    def _carrier(self, maps: Sequence[LabelMap]) -> MovingLabels:
        return MovingLabels(self.states, self.body, tuple(maps))


def let_labels_move(
    problem: Problem,
    points: Array,
    calibration: Calibration,
    estimate: Estimate,
    search: Search,
    maps: LabelMaps,
    local: bool = True,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[Calibration, Estimate]:
    """The calibration, and its error estimate, with moving labels where they do better than label by label.

    Args:
        problem: the statement, reaching the targets.
        points: (T, 1) targets.
        calibration: what was chosen label by label.
        estimate: its left-out errors.
        search: what may be chosen.
        maps: of the known states.
        local: let the weights vary over the body.
        report: takes lines of progress.

    Returns:
        Both as they were where nothing moves, or where moving is not for these states.
    """
    if not search.moving or not _may_move(problem, calibration):
        return calibration, estimate
    trials = Composed(problem, np.array(calibration.rows, dtype=int), search)
    try:
        choice = _search(trials, maps, points, calibration.error)
    except (ConvergenceError, InputError) as error:
        report(f"{problem.field}: carried label by label: {error}")
        return calibration, estimate
    if choice.error >= calibration.error:
        report(
            f"{problem.field}: labels do not move (left-out error {100 * choice.error:.3g} % where they do, stiffness "
            f"{choice.carrier.stiffness:g}, {100 * calibration.error:.3g} % where they do not)"
        )
        return calibration, estimate
    errors = trials.errors(choice.carrier, choice.candidate)
    assert errors is not None
    return _superposed(problem, choice, errors, calibration, estimate, local)


def _may_move(problem: Problem, calibration: Calibration) -> bool:
    """Whether moving is for these states: one coordinate, enough of them, held exactly, not smooth beyond doubt."""
    one = len(problem.states.coordinates) == 1 and len(problem.states) >= FEWEST_STATES
    return one and not np.any(problem.softness) and calibration.error > SMOOTH


@dataclass(frozen=True)
class Composed:
    """Composed left-out states.

    Args:
        problem: the statement.
        rows: (T,) rows of the states that are left out.
        search: what may be chosen.
    """

    problem: Problem
    rows: IntArray
    search: Search

    def errors(self, carrier: MovingLabels, motion: Candidate, nodes: IntArray | None = None) -> Array | None:
        """(T, L, n) generated minus known; None where the moved mesh folds or the others fix no motion."""
        problem, known = self.problem, self.problem.known.values
        chosen = slice(None) if nodes is None else nodes
        errors = []
        try:
            weights = motion.left_out(problem.states, problem.origin, problem.softness)
            for row in self.rows:
                others = weights[row].copy()
                others[row] = 0.0
                made = carrier.at(others, problem.states.values[row], int(row), nodes)
                errors.append(made - known[row][chosen])
        except (ConvergenceError, InputError):
            return None
        return within_bounds(problem, self.rows, np.array(errors)) if self._whole else np.array(errors)

    def best(self, carrier: MovingLabels, motions: Sequence[Candidate]) -> MovingChoice:
        """The motion of least error with these maps."""
        count = self.problem.states.labels.count
        nodes = None
        if count > SAMPLE and not self._whole:
            nodes = np.sort(np.random.default_rng(0).choice(count, SAMPLE, replace=False))
        shares = shares_of(self.problem)[slice(None) if nodes is None else nodes]
        shares = shares * (shares_of(self.problem).sum() / shares.sum())
        found = []
        for motion in motions:
            errors = self.errors(carrier, motion, nodes)
            size = np.inf if errors is None else np.sqrt(np.einsum("tlc,l->", errors**2, shares) / len(errors))
            found.append(MovingChoice(replace(motion, moving=carrier.stiffness), carrier, float(size)))
        return min(found, key=lambda choice: choice.error)

    @property
    def orders(self) -> list[Candidate]:
        """Motions of every order that the states admit where one is left out."""
        return [Candidate(order) for order in range(-1, len(self.problem.states) - 2)]

    def variants(self, motion: Candidate, lowest: float) -> list[Candidate]:
        """The motion with every pseudo-time, and with every damping."""
        kinds = [replace(motion, pseudo_time=kind, exponent=power) for kind, power in self.search.admitted(lowest)]
        return kinds + [replace(motion, damping=damping) for damping in self.search.dampings]

    @property
    def _whole(self) -> bool:
        return self.problem.admissible.bounds


def _search(trials: Composed, maps: LabelMaps, points: Array, limit: float) -> MovingChoice:
    """Go from the first stiffness to where the error is least; stop where label by label, `limit`, is not beaten."""

    def tried(carrier: MovingLabels) -> MovingChoice:
        return trials.best(carrier, trials.orders)

    best = tried(maps.from_rest(FIRST))
    if best.error > HOPELESS * limit:
        return best
    best = tried(maps.carrier(FIRST))
    if best.error < limit:
        found = [best]
        for stiffness in SOFTER:
            found.append(tried(maps.carrier(stiffness)))
            if found[-1].error > TIE * min(map(_error, found)):
                break
        least = min(map(_error, found))
        best = [choice for choice in found if choice.error <= TIE * least][-1]
    if best.carrier.stiffness == FIRST:
        best = min(best, tried(maps.carrier(STIFFER)), key=_error)
    if best.error >= limit:
        return best
    lowest = min(float(points.min()), float(trials.problem.states.values.min())) - trials.problem.origin
    best = min(best, trials.best(best.carrier, trials.variants(best.candidate, lowest)), key=_error)
    return _reaching(trials, best, points)


def _error(choice: MovingChoice) -> float:
    return choice.error


def _reaching(trials: Composed, best: MovingChoice, points: Array) -> MovingChoice:
    """The choice, or with the same maps the best of another order, that folds at no target."""
    if _reaches(trials.problem, best, points):
        return best
    others = sorted((trials.best(best.carrier, [motion]) for motion in trials.orders), key=_error)
    for choice in others:
        if _reaches(trials.problem, choice, points):
            return choice
    return replace(best, error=np.inf)


def _reaches(problem: Problem, choice: MovingChoice, points: Array) -> bool:
    solution = Solver()(replace(choice.candidate.apply(problem), transform=choice.carrier))
    try:
        for point in points:
            solution.at(point)
    except ConvergenceError:
        return False
    return True


def _superposed(
    problem: Problem, choice: MovingChoice, errors: Array, calibration: Calibration, estimate: Estimate, local: bool
) -> tuple[Calibration, Estimate]:
    """Moving labels, superposed with label by label where that has a share; and what both get wrong."""
    plain = _plain_share(problem, choice, errors, estimate, local)
    kept, spread = (choice.candidate,), signed_sizes([errors, estimate.errors], [1.0 - plain, plain])
    mixed = (1.0 - plain)[:, None] * errors + plain[:, None] * estimate.errors
    error = float(np.sqrt(np.einsum("tlc,l->", mixed**2, shares_of(problem)) / len(mixed)))
    table = ((choice.candidate, choice.error), *calibration.table)
    left = (calibration.rows, calibration.left_out)
    if not np.any(plain):
        moved = MovingCalibration(kept, (1.0,), error, table, *left, None, choice.carrier)
        return moved, Estimate(estimate.values, spread)
    count, volumes = problem.states.labels.count, problem.states.labels.weights
    shares = [1.0 - plain, *(plain * np.asarray(share) for share in calibration.shares)]
    everywhere = np.array([np.broadcast_to(share, (count,)) for share in shares])
    weights = tuple(float(weight) for weight in everywhere @ (volumes / volumes.sum()))
    varying = everywhere if plain.size > 1 or calibration.local is not None else None
    members = (*kept, *calibration.members)
    moved = MovingCalibration(members, weights, error, table, *left, varying, choice.carrier, calibration)
    return moved, Estimate(estimate.values, spread)


def _plain_share(problem: Problem, choice: MovingChoice, errors: Array, estimate: Estimate, local: bool) -> Array:
    """(1,) or (L,) share of label by label in the superposition."""
    both = np.stack([errors, estimate.errors]) * np.sqrt(shares_of(problem))[:, None]
    mix = superpose(both, problem.states.labels, local)
    if 1 not in mix.rows:
        return np.zeros(1)
    row = int(np.flatnonzero(mix.rows == 1)[0])
    share = np.array([mix.weights[row]]) if mix.local is None else mix.local[row]
    share = np.minimum(share, np.sqrt(np.mean([one.misfit for one in choice.carrier.maps])))
    volumes = problem.states.labels.weights
    mean = float(np.broadcast_to(share, volumes.shape) @ volumes / volumes.sum())
    return share if mean >= LEAST_WEIGHT else np.zeros(1)
