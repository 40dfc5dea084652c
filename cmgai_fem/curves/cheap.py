"""Cheap models of curves, at the known states and at those asked for: a constitutive law, an earlier batch.

A cheap model's motion of the log stress is known, `log y = log c + rest`: the tests are divided by it, what is left is
carried with everything that calibration may choose, and multiplied with it again. Whether that is done known states
that are left out decide, and the estimate at the states asked for, by the bounds that cheap models of fields keep.

Source: ours; the cheap model as a factor is that of R. T. Haftka, Combining global and local approximations, AIAA J. 29
(1991). The gain is one: a factor that all states share belongs to the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cmgai_fem.calibration.guided import GATE, WIDER
from cmgai_fem.curves.calibrate import Trial, curve_error
from cmgai_fem.curves.choice import Offer
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.states.labels import Array

if TYPE_CHECKING:
    from cmgai_fem.curves.generated import CurveGenerator
    from cmgai_fem.curves.layout import StateLayout

State = tuple[float, ...]
# Values of two tables this near, relative to the larger, are the same state.
SAME = 1e-6
# Constitutive models describe tests, and not what is left of them.
NO_FITS = Offer(fits=False)


@dataclass(frozen=True)
class CheapCurves:
    """Curves of a cheap model on the strains of the known curves.

    Args:
        name: of its table.
        values: (S, m) states.
        stress: (S, L) stress [Pa].
        noise: (S, L, n) factor of the covariance of each curve's error, relative to the stress; see `MeanCurves`.
        level: (L,) what it is divided by, so that the rest is of the size of the tests [Pa].
    """

    name: str
    values: Array
    stress: Array
    noise: Array
    level: Array

    @classmethod
    def of(cls, name: str, cheap: MeanCurves, curves: MeanCurves, targets: Sequence[State]) -> "CheapCurves":
        """The curves at the known states and at the targets.

        Args:
            name: of the table, for messages.
            cheap: mean curves of the cheap model.
            curves: those of the tests.
            targets: states that are asked for.

        Raises:
            InputError: another kind of strain, a state that is lacking, or a curve that ends before those of the tests.
        """
        if cheap.plastic != curves.plastic:
            kinds = ["total", "plastic"]
            raise InputError(
                f"{name}: strains are {kinds[cheap.plastic]} ones, those of the tests {kinds[curves.plastic]}"
            )
        wanted = np.vstack([curves.values, np.array(targets, dtype=float)])
        rows = [cls._row(name, cheap, tuple(state)) for state in wanted]
        stress, noise = (
            np.array(found) for found in zip(*(cls._on(name, cheap, row, curves) for row in rows), strict=True)
        )
        return cls(name, wanted, stress, noise, np.exp(np.log(stress[: len(curves.values)]).mean(axis=0)))

    @staticmethod
    def _row(name: str, cheap: MeanCurves, state: State) -> int:
        near = np.all(np.isclose(cheap.values, state, rtol=SAME, atol=0.0), axis=1)
        if not near.any():
            raise InputError(
                f"{name}: has no curve at {cheap.coordinates.label(state)}; a cheap model is needed at every known "
                "state and at every one that is asked for"
            )
        return int(np.argmax(near))

    @staticmethod
    def _on(name: str, cheap: MeanCurves, row: int, curves: MeanCurves) -> tuple[Array, Array]:
        """A curve on the strains of the tests, and the factor of its error."""
        known = cheap.known[row]
        noise = [np.interp(curves.strain, cheap.strain[known], one) for one in cheap.noise[row, known].T]
        strain, stress = cheap.strain[known], cheap.stress[row, known]
        if strain[-1] < curves.strain[-1] * (1.0 - SAME):
            label = cheap.coordinates.label(tuple(cheap.values[row]))
            raise InputError(
                f"{name}: the curve at {label} ends at strain {strain[-1]:g}, before those of the tests, at "
                f"{curves.strain[-1]:g}"
            )
        if not cheap.plastic:
            strain, stress = np.append(0.0, strain), np.append(0.0, stress)
        return np.interp(curves.strain, strain, stress), np.array(noise).T

    def ratio(self, state: Sequence[float]) -> Array:
        """(L,) stress at a state over the level."""
        return self.stress[self._at(state)] / self.level

    def error(self, state: Sequence[float]) -> Array:
        """(L,) standard error of the model's own curve at a state, relative to it."""
        return np.linalg.norm(self.noise[self._at(state)], axis=1)

    def rest(self, curves: MeanCurves) -> MeanCurves:
        """What the model leaves of the known curves, as uncertain as both are; the scatter of a test stays."""
        rows = [self._at(state) for state in curves.values]
        noise = np.concatenate([curves.noise, self.noise[rows]], axis=2)
        return replace(curves, stress=curves.stress * self.level / self.stress[rows], noise=noise)

    def _at(self, state: Sequence[float]) -> int:
        near = np.all(np.isclose(self.values, state, rtol=SAME, atol=0.0), axis=1)
        if not near.any():
            raise InputError(f"cheap model {self.name}: no curve at {tuple(state)}")
        return int(np.argmax(near))


@dataclass(frozen=True)
class CurveGuidance:
    """What a cheap model gave, or that it was refused.

    Args:
        name: of its table.
        without: left-out error without it; None where no state can be left out.
        error: left-out error with it; infinite where nothing could be carried.
        wider: estimate at the states asked for with it, over that without it.
    """

    name: str
    without: float | None
    error: float
    wider: float = 1.0

    @property
    def used(self) -> bool:
        """Whether the curves are made with it."""
        return self.without is not None and self.error < GATE * self.without and self.wider <= WIDER

    def describe(self) -> dict[str, Any]:
        """The guidance as plain data."""
        error = self.error if np.isfinite(self.error) else None
        return {
            "name": self.name, "left_out_error_without": self.without, "left_out_error_with": error,
            "used": self.used, "told": str(self),
        }  # fmt: skip

    def __str__(self) -> str:
        if self.without is None:
            return f"cheap model {self.name}: refused, no known state can be left out to judge it by"
        errors = f"left-out error {100.0 * self.error:.3g} % with it, {100.0 * self.without:.3g} % without"
        if self.used:
            return f"cheap model {self.name}: used, {errors}"
        if self.error < GATE * self.without:
            why = "the estimate at the states asked for more than doubles"
            return f"cheap model {self.name}: refused, {why} ({errors})"
        return f"cheap model {self.name}: refused, it does not lower the error at left-out states ({errors})"


def guide(
    layout: "StateLayout",
    plain: "CurveGenerator",
    targets: Sequence[State],
    trials: Sequence[Trial],
    cheap: Sequence[CheapCurves],
) -> tuple["CurveGenerator", list[CurveGuidance]]:
    """The generator with the best of the cheap models that are of use; that without them where none is.

    Args:
        layout: the known states.
        plain: what was calibrated without a cheap model.
        targets: states that are asked for, which lie alike.
        trials: states that are left out.
        cheap: the models.
    """
    found, told, least = plain, [], np.inf
    for model in cheap:
        made, guidance = _tried(layout, plain, targets, trials, model)
        told.append(guidance)
        if made is not None and guidance.used and guidance.error < least:
            found, least = made, guidance.error
    return found, told


def _tried(
    layout: "StateLayout",
    plain: "CurveGenerator",
    targets: Sequence[State],
    trials: Sequence[Trial],
    cheap: CheapCurves,
) -> tuple["CurveGenerator | None", CurveGuidance]:
    """The generator with a cheap model, and what is to be said of it."""
    if not trials:
        return None, CurveGuidance(cheap.name, None, np.inf)
    without = _left_out_error(plain, trials)
    try:
        rest = type(layout).of(cheap.rest(layout.curves))
        made = replace(rest.generator(targets, trials, plain.hardening, NO_FITS), cheap=cheap)
        error = _left_out_error(made, trials)
        made = replace(made, mixed=replace(made.mixed, error=error), left_out=tuple(made.superposed(trials)))
        passes = error < GATE * without
        wider = _estimate(made, targets) / _estimate(plain, targets) if passes else 1.0
    except (ConvergenceError, InputError):
        return None, CurveGuidance(cheap.name, without, np.inf)
    return made, CurveGuidance(cheap.name, without, error, wider)


def _left_out_error(generator: "CurveGenerator", trials: Sequence[Trial]) -> float:
    """Root mean square of the left-out curves' errors as they are generated."""
    errors = [curve_error(made, known, generator.curves) for known, made in generator.superposed(trials)]
    return float(np.sqrt(np.mean(np.square(errors))))


def _estimate(generator: "CurveGenerator", targets: Sequence[State]) -> float:
    """Root mean square of the standard errors at the states asked for, over that of the stress."""
    curves = [generator.at(target) for target in targets]
    return float(np.sqrt(np.mean([np.mean(one.error**2) / np.mean(one.stress**2) for one in curves])))
