"""Whether labels move over the body, how stiff the body is, and what then is left to carry label by label.

Stiffness and order are chosen by *composed* left-out states: a known state is hidden from the motion but not from the
maps, since a map over twice the distance may find another motion. Label by label is the stiff limit and stands for
itself: only a moving choice that beats its left-out error is taken, and by the part of the change that the maps leave.
The two are then superposed by their left-out errors, where label by label gets at most that part: a composed state is
bridged over twice the distance like any left-out one, and along a curved path that flatters what does not follow it.

The rule is our choice; the figures behind it are in the studies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cmgai_fem.calibration.calibrate import SHOWN, Calibration
from cmgai_fem.calibration.candidates import Candidate, Search
from cmgai_fem.calibration.estimate import estimate_errors
from cmgai_fem.calibration.label_maps import LabelMaps
from cmgai_fem.calibration.left_out import Solve, shares_of, within_bounds
from cmgai_fem.calibration.moved import Mixing, Moved
from cmgai_fem.calibration.stacking import LEAST_WEIGHT, superpose
from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.states.states import States
from cmgai_fem.transport.problem import Problem

# Where the search begins, where it goes while that helps, and where it goes else.
FIRST, SOFTER, STIFFER = 1.0, (0.3, 0.1), 3.0
# Of left-out errors that differ by less than this, that of the softest body counts: its maps leave the least.
TIE = 1.05
# Where a first attempt errs by so many times what label by label does, nothing is tried a second time.
HOPELESS = 2.0
# Beyond the known states one left-out end alone is the judge: moving labels must halve what label by label gets wrong.
BEYOND = 0.5
FEWEST_STATES = 4
# Where a coarse mesh errs by so many times what label by label does, the body's own mesh is not tried.
COARSELY = 1.25
# Left-out error, relative to the known range, below which nothing moves that label by label does not follow.
SMOOTH = 1e-3
# Nodes that choices are compared at.
SAMPLE = 10_000


@dataclass(frozen=True)
class MovingCalibration(Calibration):
    """A calibration whose first member moves the labels.

    Args:
        carrier: the states on moving labels.
        plain: the calibration label by label, whose members follow the first.
        mix: how the two are mixed.
        errors: (T, L, n) of the mix at the composed left-out states, in the field's unit.
    """

    carrier: MovingLabels = field(compare=False)
    plain: Calibration = field(compare=False)
    mix: Mixing = field(compare=False, repr=False)
    errors: Array = field(compare=False, repr=False)

    @property
    def local(self) -> bool:
        """Whether weights vary over the body."""
        return self.mix.plain.size > 1 or self.plain.local

    def __str__(self) -> str:
        share = float(np.mean(self.mix.plain))
        moved = str(self.members[0])
        return moved if share < SHOWN else f"{self.weights[0]:.2f} {moved} + {1.0 - self.weights[0]:.2f} ({self.plain})"

    def solve(self, problem: Problem, solve: Solve) -> Moved:  # type: ignore[override]
        """Solve `problem` on the moving labels and label by label, and mix."""
        carrier = solve.moving(self.carrier) if isinstance(solve, Solver) else self.carrier
        moved = solve(replace(self.members[0].apply(problem), transform=carrier))
        return Moved(moved, self.plain.solve(problem, solve), self.mix)


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


def let_labels_move(
    problem: Problem,
    points: Array,
    calibration: Calibration,
    search: Search,
    maps: LabelMaps,
    local: bool = True,
    report: Callable[[str], None] = lambda line: None,
) -> Calibration:
    """The calibration, with moving labels where they do better than label by label.

    Args:
        problem: the statement, reaching the targets.
        points: (T, 1) targets.
        calibration: what was chosen label by label.
        search: what may be chosen.
        maps: of the known states.
        local: let the weights vary over the body.
        report: takes lines of progress.

    Returns:
        The calibration as it was where nothing moves, or where moving is not for these states.
    """
    if not _may_move(problem, calibration):
        if len(problem.states.coordinates) > 1 and calibration.error > SMOOTH:
            report(f"{problem.field}: labels stay where they are, which over several coordinates is all that is tried")
        return calibration
    trials = Composed(problem, np.array(calibration.rows, dtype=int), search)
    inside = inside_hull(problem.states.values, points[0])
    most = 1.0 if inside else BEYOND
    try:
        choice = _search(trials, maps, points, most * calibration.error)
    except (ConvergenceError, InputError) as error:
        report(f"{problem.field}: carried label by label: {error}")
        return calibration
    # Composed states have been seen by the maps: the more of the change these leave, the clearer the gain must be.
    left = float(np.mean([one.misfit for one in choice.carrier.maps]))
    if choice.error >= min(most, 1.0 - left) * calibration.error:
        report(
            f"{problem.field}: labels do not move (left-out error {100 * choice.error:.3g} % where they do, stiffness "
            f"{choice.carrier.stiffness:g}, {100 * calibration.error:.3g} % where they do not)"
        )
        return calibration
    errors = trials.errors(choice.carrier, choice.candidate)
    assert errors is not None
    return _mixed(problem, choice, errors, calibration, local)


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

    def on(self, states: States) -> "Composed":
        """The same trials on other labels."""
        return replace(self, problem=replace(self.problem, states=states))

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
    """The stiffness and the motion of least error; one no better than label by label, `limit`, where none beats it.

    The stiffness of a large body is sought on its coarse mesh.
    """
    coarse, carrier = maps.coarse, None
    if coarse is not None:
        found = _stiffness(trials.on(coarse.states), coarse, limit)
        if found.error > COARSELY * limit:
            return found
        carrier = maps.continued(found.carrier) if found.error < limit else None
    best = _stiffness(trials, maps, limit) if carrier is None else trials.best(carrier, trials.orders)
    if best.error >= limit:
        return best
    lowest = min(float(points.min()), float(trials.problem.states.values.min())) - trials.problem.origin
    best = min(best, trials.best(best.carrier, trials.variants(best.candidate, lowest)), key=_error)
    return _reaching(trials, best, points)


def _stiffness(trials: Composed, maps: LabelMaps, limit: float) -> MovingChoice:
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
    return best


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


def _mixed(
    problem: Problem, choice: MovingChoice, errors: Array, calibration: Calibration, local: bool
) -> MovingCalibration:
    """Moving labels and label by label with the weights that make the left-out error least, within what is left."""
    scale = np.sqrt(shares_of(problem))[:, None]
    by_label = estimate_errors(problem, calibration, Solver()).errors
    mix = superpose(np.stack([errors, by_label]) * scale, problem.states.labels, local)
    most = float(np.sqrt(np.mean([one.misfit for one in choice.carrier.maps])))
    plain = np.zeros(1)
    if 1 in mix.rows:
        row = int(np.flatnonzero(mix.rows == 1)[0])
        plain = np.array([mix.weights[row]]) if mix.local is None else mix.local[row]
    plain = np.minimum(plain, most)
    volumes = problem.states.labels.weights
    share = float(np.mean(plain) if plain.size == 1 else volumes @ plain / volumes.sum())
    if share < LEAST_WEIGHT:
        plain, share = np.zeros(1), 0.0
    mixed = (1.0 - plain)[:, None] * errors + plain[:, None] * by_label
    return MovingCalibration(
        (choice.candidate, *calibration.members),
        (1.0 - share, *(share * weight for weight in calibration.weights)),
        float(np.sqrt(np.einsum("tlc,l->", mixed**2, shares_of(problem)) / len(mixed))),
        ((choice.candidate, choice.error), *calibration.table),
        calibration.rows,
        calibration.left_out,
        calibration.blend,
        choice.carrier,
        calibration,
        Mixing.of(problem, choice.candidate, np.array(calibration.rows, dtype=int), errors, plain),
        mixed,
    )
