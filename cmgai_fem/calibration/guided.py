"""A transport guided by cheap models: their motion is the known part of the force, and what is left is least.

`y = sum rho c + rest`, the rest carried with everything that calibration may choose. Whether that is done is decided by
known states that are left out, the cheap models known there as they will be at the states asked for, the gains fitted
without them, and by the estimate at the states asked for, which must not double; then the transports with and without
are mixed by the same errors. Bounds hold for the sum.

The rule is our choice; the figures behind it are in the study `cheap-and-fine`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.blend import Blended, data_of
from cmgai_fem.calibration.calibrate import Calibration, calibrate
from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.cheap import CheapModels, Gains
from cmgai_fem.calibration.estimate import estimate_errors
from cmgai_fem.calibration.left_out import LeftOut, Solve, shares_of, within_bounds
from cmgai_fem.calibration.members import LINEAR, Member
from cmgai_fem.calibration.moved import Moved
from cmgai_fem.calibration.moving import MovingCalibration
from cmgai_fem.calibration.stacking import LEAST_WEIGHT, least_on_simplex
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Answer, Solution

# Left-out error with the cheap models in that without them, from which they are refused: few states tell no closer.
GATE = 0.75
# Error estimate at the states asked for with the cheap models in that without them, above which they are refused.
WIDER = 2.0


@dataclass(frozen=True)
class Guidance:
    """What cheap models gave, or that they were refused.

    Args:
        names: of the models.
        gains: (C,) rho.
        own: (C,) errors of the models themselves at the known states, relative to the known range.
        without: left-out error without them.
        error: left-out error with them, before mixing; infinite where it was not tried.
        share: weight of the transport with them; 0 where they were refused.
    """

    names: tuple[str, ...]
    gains: tuple[float, ...]
    own: tuple[float, ...]
    without: float
    error: float
    share: float

    def describe(self) -> dict[str, Any]:
        """The guidance as plain data."""
        models = zip(self.names, self.gains, self.own, strict=True)
        return {
            "models": [{"name": name, "gain": gain, "own_error": own} for name, gain, own in models],
            "left_out_error_without": self.without,
            "left_out_error_with": self.error if np.isfinite(self.error) else None,
            "share": self.share,
            "told": str(self),
        }

    def __str__(self) -> str:
        each = [
            f"{name} (gain {gain:.3g}, by itself {100.0 * own:.3g} % wrong at the known states)"
            for name, gain, own in zip(self.names, self.gains, self.own, strict=True)
        ]
        models = ("cheap model " if len(each) == 1 else "cheap models ") + ", ".join(each)
        if not np.isfinite(self.error):
            return f"{models}: refused, the known states follow no part of it"
        errors = f"left-out error {100.0 * self.error:.3g} % with it, {100.0 * self.without:.3g} % without"
        if self.share == 0.0 and self.error < GATE * self.without:
            return f"{models}: refused, the error estimate at the states asked for more than doubles with it ({errors})"
        if self.share == 0.0:
            return f"{models}: refused, it does not lower the error at left-out states ({errors})"
        return f"{models}: used, {errors}"


@dataclass(frozen=True)
class GuidedCalibration(Calibration):
    """A calibration of what cheap models leave, mixed with the one without them.

    Args:
        cheap: the models that are used.
        gains: of them.
        rest: the problem of what they leave.
        inner: its calibration, whose members come first.
        plain: the calibration without the models.
        errors: (T, L, n) left-out errors of the mixture, in the field's unit.
        share: weight of the transport with the models.
    """

    cheap: CheapModels = field(compare=False, repr=False)
    gains: Gains = field(compare=False, repr=False)
    rest: Problem = field(compare=False, repr=False)
    inner: Calibration = field(compare=False)
    plain: Calibration = field(compare=False)
    errors: Array = field(compare=False, repr=False)
    share: float

    @property
    def local(self) -> bool:
        """Whether weights vary over the body."""
        return self.inner.local or (self.share < 1.0 and self.plain.local)

    def __str__(self) -> str:
        models = " + ".join(f"{gain:.3g} {name}" for gain, name in zip(self.gains.all, self.cheap.names, strict=True))
        guided = f"{models} + ({self.inner})"
        return guided if self.share == 1.0 else f"{self.share:.2f} [{guided}] + {1.0 - self.share:.2f} ({self.plain})"

    def solve(self, problem: Problem, solve: Solve) -> "Guided":  # type: ignore[override]
        """Solve what the models leave, and `problem` without them."""
        rest = self.inner.solve(replace(self.rest, reach=problem.reach), solve)
        return Guided(rest, self.plain.solve(problem, solve), self.cheap, self.gains, problem, self.share)


@dataclass(frozen=True)
class Guided(Answer):
    """Fields of cheap models and the transport of what they leave, mixed with the transport without them.

    Args:
        rest: the transport of what the models leave.
        plain: the transport without them.
        cheap: the models.
        gains: of them.
        problem: the statement with its bounds.
        share: weight of the first.
    """

    rest: Blended | Moved
    plain: Blended | Moved
    cheap: CheapModels
    gains: Gains
    problem: Problem
    share: float

    @property
    def members(self) -> tuple[Solution, ...]:
        """Those of the rest first."""
        return self.rest.members if self.share == 1.0 else (*self.rest.members, *self.plain.members)

    def at(self, value: ArrayLike) -> Array:
        """The generated field (L, n) at a state where the cheap models are known; (T, L, n) at several. Admissible."""
        coordinates = self.problem.states.coordinates
        if coordinates.several(value):
            return np.array([self.at(one) for one in coordinates.points(value)])
        point, known = coordinates.point(value), self.problem.known.values
        found = self._guided(point)
        found = self.problem.admissible.project(point, found, self.problem.states.values, known)
        return found if self.share == 1.0 else self.share * found + (1.0 - self.share) * self.plain.at(point)

    def error(self, value: ArrayLike) -> Array:
        """(L, n) standard deviation of the generated field at a state, in the field's unit.

        That of the rest, and of the gains: an error of a gain acts where the model leaves its own natural spline.
        """
        point = self.problem.states.coordinates.point(value)
        away = self.cheap.at(point) - self._spline(point)
        variance = self.rest.error(point) ** 2 + np.einsum("alc,ab,blc->lc", away, self.gains.variance, away)
        if self.share < 1.0:
            apart = self._guided(point) - self.plain.at(point)
            variance = self.share * variance + (1.0 - self.share) * self.plain.error(point) ** 2
            variance += self.share * (1.0 - self.share) * apart**2
        return np.sqrt(variance)

    def size(self, value: ArrayLike) -> float:
        """Root mean square of `error` over the volume, relative to the known range."""
        return data_of(self.problem).relative_size(self.error(value))

    def numbers(self, value: ArrayLike) -> float | None:
        """Those behind the rest."""
        return self.rest.numbers(value)

    def _guided(self, point: Array) -> Array:
        return np.tensordot(self.gains.all, self.cheap.at(point), axes=1) + self.rest.at(point)

    def _spline(self, point: Array) -> Array:
        """(C, L, n) natural splines, or thin plates, through what the models are at the known states."""
        known = self.problem.states.values - self.problem.origin
        dimension = known.shape[1]
        motion = Member(2, (LINEAR,) * dimension, (1.0,) * dimension, known, len(known) - dimension - 1, np.eye(1))
        weights = motion.ask((point - self.problem.origin)[None]).weights[0]
        return np.einsum("k,aklc->alc", weights, self.cheap.over(self.problem.states.values))

    def __repr__(self) -> str:
        return f"Guided({', '.join(self.cheap.names)}; {self.rest!r})"


def guide(
    problem: Problem,
    points: Array,
    plain: Calibration,
    cheap: CheapModels,
    search: Search,
    local: bool = True,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[Calibration, Guidance]:
    """The calibration with cheap models where they do better at left-out states than without.

    Args:
        problem: the statement, reaching the targets.
        points: (T, m) targets.
        plain: what was chosen without the models.
        cheap: the models, at the known states and the targets.
        search: what may be chosen.
        local: let the weights vary over the body.
        report: takes a line that says what the models gave.

    Returns:
        The calibration, as it was where the models are refused, and what they gave.
    """
    judge = _Judge(problem, points, plain, search, local)
    count = len(cheap.names)
    groups = [np.arange(count), *(np.array([row]) for row in range(count if count > 1 else 0))]
    tried = [judge.tried(cheap.only(rows)) for rows in groups]
    best = min(tried, key=lambda one: (one[1].share == 0.0, one[1].error))
    report(str(best[1]))
    return best


@dataclass(frozen=True)
class _Judge:
    """Judges cheap models by the states that are left out; the arguments are those of `guide`."""

    problem: Problem
    points: Array
    plain: Calibration
    search: Search
    local: bool

    def tried(self, cheap: CheapModels) -> tuple[Calibration, Guidance]:
        """The calibration with these models, or without them where they are refused."""
        problem, plain = self.problem, self.plain
        gains = Gains.of(problem.states, problem.field, cheap)
        own = tuple(map(float, cheap.errors(problem.states, problem.field)))
        without = left_out_errors(problem, plain)
        told = Guidance(cheap.names, tuple(map(float, gains.all)), own, self._size(without), np.inf, 0.0)
        if not np.any(gains.all):
            return plain, told
        rest = self._rest(cheap, gains)
        inner = calibrate(
            rest, self.points, search=replace(self.search, mass_axes=()), trials=np.array(plain.rows), local=self.local
        )
        errors = self._errors(rest, inner, cheap, gains)
        told = replace(told, error=self._size(errors))
        if told.error >= GATE * told.without:
            return plain, told
        pair = np.stack([errors, without]) * np.sqrt(shares_of(problem))[:, None]
        pair = pair.reshape(2, -1)
        share = float(least_on_simplex((pair @ pair.T)[None])[0, 0])
        share = share if share < 1.0 - LEAST_WEIGHT else 1.0
        mixed = share * errors + (1.0 - share) * without
        calibration = GuidedCalibration(
            (*inner.members, *plain.members) if share < 1.0 else inner.members,
            (*(share * one for one in inner.weights), *((1.0 - share) * one for one in plain.weights if share < 1.0)),
            self._size(mixed),
            inner.table,
            plain.rows,
            plain.left_out,
            inner.blend,
            cheap,
            gains,
            rest,
            inner,
            plain,
            mixed,
            share,
        )
        if self._estimated(calibration) > WIDER * self._estimated(plain):
            return plain, told
        return calibration, replace(told, share=share)

    def _estimated(self, calibration: Calibration) -> float:
        """Root mean square of the estimate at the states asked for, relative to the known range."""
        solved = calibration.solve(self.problem, Solver())
        return float(np.sqrt(np.mean([solved.size(point) ** 2 for point in self.points])))

    def _rest(self, cheap: CheapModels, gains: Gains) -> Problem:
        """The problem of what the models leave: it has no bounds of its own."""
        states, name = self.problem.states, self.problem.field
        left = states.field(name).values - np.tensordot(gains.all, cheap.over(states.values), axes=1)
        changed = replace(states, fields={name: replace(states.field(name), values=left)})
        return replace(self.problem, states=changed, admissible=Admissible())

    def _errors(self, rest: Problem, inner: Calibration, cheap: CheapModels, gains: Gains) -> Array:
        """(T, L, n) errors at left-out states, the gains fitted without them, within the bounds."""
        rows = np.array(inner.rows, dtype=int)
        errors = left_out_errors(rest, inner)
        changed = gains.each[rows] - gains.all
        for column, known in enumerate(cheap.over(rest.states.values)):
            carried = replace(rest.known, values=known)
            model = replace(rest, states=replace(rest.states, fields={rest.field: carried}))
            found = LeftOut(model, rows, Solver()).errors(inner.members)
            for member, weight in zip(inner.members, inner.weights, strict=True):
                own = found[member]
                assert own is not None
                errors = errors - weight * changed[:, column, None, None] * own
        bounded = self.problem.admissible.bounds and len(self.problem.states.coordinates) == 1
        return within_bounds(self.problem, rows, errors) if bounded else errors

    def _size(self, errors: Array) -> float:
        return float(np.sqrt(np.einsum("tlc,l->", errors**2, shares_of(self.problem)) / len(errors)))


def left_out_errors(problem: Problem, calibration: Calibration) -> Array:
    """(T, L, n) errors of a calibration at its left-out states, of the size that it says itself."""
    if isinstance(calibration, MovingCalibration):
        return calibration.errors
    errors = estimate_errors(problem, calibration, Solver()).errors
    size = float(np.sqrt(np.einsum("tlc,l->", errors**2, shares_of(problem)) / len(errors)))
    return errors * (calibration.error / size if size > 0.0 else 1.0)
