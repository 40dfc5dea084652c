"""The laws of motion that known states can be held against, and what each gets wrong of states that are left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from cmgai_fem.calibration.answers import Asked
from cmgai_fem.calibration.blend import data_of
from cmgai_fem.calibration.evidence import Data
from cmgai_fem.calibration.label_maps import LabelMaps
from cmgai_fem.calibration.rule import RuleOfChoice
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.features.body import simplices_of
from cmgai_fem.progress import steps
from cmgai_fem.states.labels import Labels
from cmgai_fem.transport.forces import StateForce
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.state_motion import MeshOperators, StateMotion, state_motion

# Left-out error over one step, in that by the operator as it is, up to which it is mended.
MENDED = 0.5
# Of the variance of the noise, what a left-out error may have of its own.
NOISE = 1.5
# Of a squared left-out error, what is the law's own error at least, and not noise.
OWN = 0.1
# Labels up to which the modes of the label mesh are sought.
MOST_LABELS = 60_000
# The same of plates, whose triangles are cubic.
MOST_BENT = 20_000
# Exchange with what is around, in the inverse of the body's longest side: where the search starts, its halvings, and
# how many exchanges about the best a parabola is laid through.
EXCHANGES, HALVINGS, ABOUT = (0.25, 0.8, 2.5, 8.0, 25.0), 4, 5
# Least left-out error in the largest of these exchanges, from which on none of them is told from the others.
TOLD = 0.7
# Bounds of the factor from the deviation that a law states to what it gets wrong of left-out states.
FACTORS = 0.3, 30.0
ALIKE = (StateForce(1, 1), StateForce(2), StateForce(2, 1), StateForce(3))
MATRIX = StateForce(1, acts="matrix")
DIFFUSION, DRIFTING = StateForce(1, 0, "operator"), StateForce(1, 1, "operator")
OPERATOR = (DIFFUSION, DRIFTING, StateForce(2, 0, "operator"))
SUPPORTED, CLAMPED = (StateForce(2, 0, "operator", held=True, bends=how) for how in ("supported", "clamped"))


@dataclass(frozen=True)
class Judged:
    """A law, and what it gets wrong of states that are left out.

    Args:
        motion: the law that all known states tell.
        near: left-out error over one step, relative to the known range.
        far: of the last two states left out together; beyond the known states.
        factor: see `Stated`.
    """

    motion: StateMotion
    near: float
    far: float
    factor: float

    @property
    def score(self) -> float:
        """What laws are compared by."""
        return float(np.hypot(self.near, self.far))

    @property
    def numbers(self) -> int:
        """How much the law may choose."""
        force = self.motion.force
        return 3 * force.order + force.lifts + bool(force.exchange) + (force.acts == "matrix")

    def clear_of(self, limit: float) -> bool:
        """Whether its error over one step, but for the noise of the left-out state itself, is below a limit."""
        return self.near**2 < limit**2 + NOISE * self.motion.noise**2


@dataclass
class MotionLaws:
    """The laws of one field's known states: each is sought once, whichever side of the states asks.

    Args:
        problem: the statement.
        maps: of the same states, which have a coarse mesh of a large body; None for none.
    """

    problem: Problem
    maps: LabelMaps | None = None
    _motions: dict[StateForce, StateMotion | None] = field(default_factory=dict)
    _errors: dict[tuple[StateForce, tuple[int, ...]], list[tuple[float, float]]] = field(default_factory=dict)

    @cached_property
    def operators(self) -> MeshOperators:
        """Of the label mesh."""
        return MeshOperators(self.problem.states.labels)

    @cached_property
    def data(self) -> Data:
        """The known values."""
        return data_of(self.problem)

    @cached_property
    def coarse(self) -> "MotionLaws | None":
        """The laws of the same states on the coarse mesh of a large body, whose modes cost little; None where the
        modes of the body's own are not sought either."""
        labels, problem = self.problem.states.labels, self.problem
        alone = problem.known.values.shape[2] == 1 and problem.density is None and problem.fixed is None
        if self.maps is None or not alone or labels.count > MOST_LABELS or not _meshed(labels):
            return None
        try:
            coarse = self.maps.coarse
        except InputError:
            return None
        return None if coarse is None else MotionLaws(replace(problem, states=coarse.states))

    @cached_property
    def coarse_misfit(self) -> float:
        """What the coarse mesh gets wrong of the known states themselves, relative to the known range."""
        assert self.maps is not None and self.maps.coarse is not None
        sizes = [self.data.relative_size(state) for state in self.maps.coarse_errors]
        return float(np.sqrt(np.mean(np.square(sizes))))

    def kinds(self, beyond: bool) -> Iterator[StateForce]:
        """Laws that the states can be held against, those with an operator first."""
        known, labels = self.problem.known.values, self.problem.states.labels
        most = len(known) - 2 - beyond
        if known.shape[2] == 1 and labels.count <= MOST_LABELS and _meshed(labels):
            held = bool(self.operators.still(known[:, :, 0]).any())
            for force in (force for force in OPERATOR if force.order + force.lifts <= most):
                yield force
                if held:
                    yield replace(force, held=True)
            if labels.count <= MOST_BENT and most > 1 and self.operators.plane:
                yield from (SUPPORTED, CLAMPED) if held else (replace(SUPPORTED, held=False),)
        if known.shape[2] in (2, 3):
            yield MATRIX
        yield from (force for force in ALIKE if force.order + force.lifts <= most)

    def judge(
        self, force: StateForce, groups: Sequence[tuple[int, ...]], near: StateMotion | None = None
    ) -> Judged | None:
        """What a law gets wrong of groups of left-out states; None where it is none for them.

        Args:
            force: the law, not found yet.
            groups: rows that are left out together.
            near: a law from which the search goes on.
        """
        if force not in self._motions:
            self._motions[force] = self._sought(self.problem, force, near)
        motion = self._motions[force]
        if motion is None:
            return None
        for group in groups:
            if (force, group) not in self._errors:
                self._errors[force, group] = self._left_out(motion, group)
        steps = np.array([self._errors[force, group][0] for group in groups if len(group) == 1])
        far = np.array([one for group in groups if len(group) > 1 for one in self._errors[force, group]])
        squares = np.sum(steps**2, axis=0)
        own = max(float(squares[0]) - len(steps) * motion.noise**2, OWN * float(squares[0]))
        factor = float(np.clip(np.sqrt(own / max(float(squares[1]), np.finfo(float).tiny)), *FACTORS))
        distant = float(np.sqrt(np.mean(far[:, 0] ** 2))) if len(far) else 0.0
        found = Judged(motion, float(np.sqrt(squares[0] / len(steps))), distant, factor)
        return found if np.isfinite(found.score) else None

    def judged(self, forces: Sequence[StateForce], groups: Sequence[tuple[int, ...]]) -> list[Judged]:
        """Those of the laws that are laws for the states."""
        found = (self.judge(force, groups) for force in steps(forces, "laws of motion"))
        return [judged for judged in found if judged is not None]

    def exchanging(self, groups: Sequence[tuple[int, ...]]) -> list[Judged]:
        """Diffusion with exchange on the boundary, its strength by left-out states; then with constant forces."""
        tried = dict[float, Judged]()

        def attempt(exchange: float) -> None:
            start = tried[min(tried, key=lambda other: abs(np.log(other / exchange)))].motion if tried else None
            if (judged := self.judge(replace(DIFFUSION, exchange=exchange), groups, start)) is not None:
                tried[exchange] = judged

        for exchange in EXCHANGES:
            attempt(exchange)
        scores = [judged.score for judged in tried.values()]
        if not scores or min(scores) > TOLD * max(scores):
            return list(tried.values())
        step = EXCHANGES[1] / EXCHANGES[0]
        for _ in range(HALVINGS):
            best, step = min(tried, key=lambda exchange: tried[exchange].score), float(np.sqrt(step))
            attempt(best / step)
            attempt(best * step)
        attempt(_lowest({exchange: judged.score for exchange, judged in tried.items()}))
        last = next(reversed(tried))
        return [tried[last], *self.judged([replace(DRIFTING, exchange=last)], groups)]

    def mended(self, judged: Judged, groups: Sequence[tuple[int, ...]]) -> Judged:
        """Diffusion by a mended operator, where left-out states tell that it is off."""
        force = judged.motion.force
        if force.acts != "operator" or judged.motion.diffusivity is None:
            return judged
        other = self.judge(replace(DIFFUSION, held=force.held, exchange=force.exchange, mended=True), groups)
        # Of two states less the error of the operator is told too little: one step tells it, by a clear margin.
        if other is None or other.near > MENDED * judged.near or other.far > judged.far / MENDED**3:
            return judged
        return other

    def label_by_label(self, groups: Sequence[tuple[int, ...]]) -> float:
        """What the rule of choice gets wrong of groups of left-out states; infinite where it has none."""
        squares = []
        for group in map(list, groups):
            try:
                rule = RuleOfChoice.of(data_of(self._without(group)))
            except InputError:
                return np.inf
            errors = Asked.at(rule, self.problem.states.values[group] - self.problem.origin).values
            errors -= self.data.values[group]
            squares += [self.data.relative_size(error) ** 2 for error in errors]
        return float(np.sqrt(np.mean(squares))) if squares else np.inf

    def _sought(self, problem: Problem, force: StateForce, near: StateMotion | None) -> StateMotion | None:
        unit = float(np.ptp(self.problem.states.scalars))
        law = None if near is None else near.force.law
        try:
            found = state_motion(replace(problem, force=replace(force, unit=unit)), self.operators, law)
        except (InputError, ConvergenceError, np.linalg.LinAlgError):
            return None
        return found if found.told else None

    def _left_out(self, motion: StateMotion, group: tuple[int, ...]) -> list[tuple[float, float]]:
        """Error and stated deviation of each left-out state, relative to the known range."""
        states = self.problem.states
        trial = self._without(list(group)).with_reach(*states.values[list(group)])
        found = self._sought(trial, motion.force.unfitted, motion)
        if found is None:
            return [(np.inf, 1.0)] * len(group)
        errors = []
        for row in group:
            s = float(trial.time(states.scalars[row]))
            made = trial.scaling.decode(found(s))
            made = trial.admissible.project(states.values[row], made, trial.states.values, trial.known.values)
            error = made - self.problem.known.values[row]
            errors.append((self.data.relative_size(error), self.data.relative_size(found.deviation(s))))
        return errors

    def _without(self, group: Sequence[int]) -> Problem:
        rest = np.delete(np.arange(len(self.problem.states)), group)
        return replace(self.problem, states=self.problem.states.rows(rest))


def _lowest(scores: Mapping[float, float]) -> float:
    """The exchange of least left-out error, which noise scatters: by a parabola in its logarithm."""
    best = min(scores, key=lambda exchange: scores[exchange])
    near = np.array(sorted(scores, key=lambda exchange: abs(np.log(exchange / best)))[:ABOUT])
    places = np.log(near / best)
    bend, slope, _ = np.polyfit(places, [scores[exchange] ** 2 for exchange in near], 2)
    vertex = -0.5 * slope / bend if bend > 0.0 else 0.0
    return float(best * np.exp(np.clip(vertex, places.min(), places.max())))


def _meshed(labels: Labels) -> bool:
    try:
        simplices_of(labels)
    except InputError:
        return False
    return True
