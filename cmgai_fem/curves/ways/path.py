"""Along one path through states of temperature and strain rate, whose direction is chosen by leaving states out.

Temperature and strain rate move a metal's curve the same way, a slow test is like a hot one, so the path's coordinate
is a combination of both: `T - gamma ln(rate)`, or the activation `T (1 - beta ln(rate))` of thermally activated flow,
with one free number, and the motion along it is soft, since states that lie close on the path need not agree exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Self

import numpy as np

from cmgai_fem.curves.calibrate import CurveCalibration, Trial, calibrate
from cmgai_fem.curves.choice import EVERYTHING, Choice, Offer
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import EXACT, CurveMotion, State
from cmgai_fem.curves.ways import Carried
from cmgai_fem.errors import InputError
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate, Coordinates

# Degrees that a factor e of the rate is worth [K], and inverse logarithms of the attempt rate.
GAMMAS = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0)
BETAS = (0.01, 0.02, 0.03, 0.045, 0.06, 0.08)
# States closer than this share of the path's length are one state.
MERGE = 2e-3


@dataclass(frozen=True)
class StatePath:
    """A scalar state coordinate of temperature [K] and strain rate [1/s].

    Args:
        kind: "shift", `T - number ln(rate)`, or "activation", `T (1 - number ln(rate))`.
        number: gamma [K] or beta [-].
    """

    kind: str
    number: float

    def __call__(self, states: Array) -> Array:
        """(K,) coordinate [K] of states (K, 2)."""
        temperature, rate = states[:, 0], np.log(states[:, 1])
        if self.kind == "shift":
            return temperature - self.number * rate
        return temperature * (1.0 - self.number * rate)

    def line(self, curves: MeanCurves) -> MeanCurves:
        """The known states in their order along the path; those that lie together are averaged."""
        values = self(curves.values)
        groups: list[list[int]] = []
        for row in np.argsort(values, kind="stable"):
            if groups and values[row] - values[groups[-1][0]] <= MERGE * float(np.ptp(values)):
                groups[-1].append(int(row))
            else:
                groups.append([int(row)])
        counts = [np.maximum(curves.known[group].sum(axis=0), 1) for group in groups]
        filled = np.where(curves.known, np.log(np.where(curves.known, curves.stress, 1.0)), 0.0)
        stress = [
            np.where(curves.known[group].any(axis=0), np.exp(filled[group].sum(axis=0) / count), np.nan)
            for group, count in zip(groups, counts, strict=True)
        ]
        noise = [
            np.sqrt(np.sum(curves.noise[group] ** 2, axis=0)) / count[:, None]
            for group, count in zip(groups, counts, strict=True)
        ]
        places = np.array([[values[group].mean()] for group in groups])
        coordinates = Coordinates((Coordinate("path", "K"),))
        return replace(curves, coordinates=coordinates, values=places, stress=np.array(stress), noise=np.array(noise))

    def __str__(self) -> str:
        form = "T - {0:g} K ln(rate)" if self.kind == "shift" else "T (1 - {0:g} ln(rate))"
        return form.format(self.number)


@dataclass(frozen=True)
class PathChoice:
    """A path, and what carries the curves along it."""

    path: StatePath
    choice: Choice

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""
        return self.choice.describe() | {"path": str(self.path)}

    def __str__(self) -> str:
        return f"path {self.path}: {self.choice}"


@dataclass(frozen=True)
class PathMotion:
    """Curves carried along a path, asked at states of temperature and strain rate; see `CurveMotion`."""

    path: StatePath
    along: CurveMotion

    @classmethod
    def of(cls, curves: MeanCurves, chosen: PathChoice, reach: Sequence[Sequence[float]]) -> Self:
        """The motion through the known states; it tells nothing where all lie together on the path."""
        places = [(float(value),) for value in chosen.path(np.asarray(reach, dtype=float))]
        line = chosen.path.line(curves)
        if len(line.values) < 2:
            return cls(chosen.path, CurveMotion(line, chosen.choice, ()))
        return cls(chosen.path, CurveMotion.of(line, chosen.choice, places))

    def stress(self, state: Sequence[float], solver: Solver = EXACT) -> Array:
        """See `CurveMotion`."""
        return self.along.stress(self._place(state), solver)

    def error(self, state: Sequence[float]) -> Array:
        """See `CurveMotion`."""
        return self.along.error(self._place(state))

    def _place(self, state: Sequence[float]) -> tuple[float, ...]:
        return (float(self.path(np.array([state], dtype=float))[0]),)


@dataclass(frozen=True)
class PathWay:
    """The path that errs least.

    Args:
        curves: the known states.
        calibration: what was chosen.
    """

    curves: MeanCurves
    calibration: CurveCalibration[PathChoice]

    @classmethod
    def fit(cls, curves: MeanCurves, offer: Offer = EVERYTHING) -> Self:
        """Choose path and choice by leaving each known state out."""
        count = len(curves.values)
        if count < 4:
            raise InputError(f"scattered states need at least 4 to choose a path by, there are {count}")
        paths = [StatePath("shift", gamma) for gamma in GAMMAS] + [StatePath("activation", beta) for beta in BETAS]
        every = [Choice(power, order=order, soft=True, filtered=True) for power in (0.0, 1.0) for order in (0, 1)]
        trials = [(curves, Trial(np.delete(np.arange(count), row), row)) for row in range(count)]
        tried = [PathChoice(path, choice) for path, choice in product(paths, offer.of(every))]
        return cls(curves, calibrate(tried, trials, [], 0.0, carry=PathMotion.of, measure=_trial_level))

    @property
    def name(self) -> str:
        """See `Way`."""
        return str(self.calibration.chosen)

    def left_out(self, trials: Sequence[Trial]) -> list[Array]:
        """See `TriedWay`."""
        return [self.calibration.left_out[trial.row] for trial in trials]

    def carry(self, state: State, solver: Solver) -> Carried:
        """See `Way`."""
        motion = PathMotion.of(self.curves, self.calibration.chosen, [state])
        return Carried(motion.stress(state, solver), motion.error(state))

    def describe(self) -> dict[str, Any]:
        """See `Way`."""
        return {"path": self.calibration.describe()}


def level_error(generated: Array, measured: Array) -> float:
    """Root mean square error / root mean square of the measured stress, over the labels where both are known.

    Tests of two points span no range to speak of, so the error is measured against the stress itself.
    """
    both = np.isfinite(generated) & np.isfinite(measured)
    return float(np.sqrt(np.mean((generated[both] - measured[both]) ** 2) / np.mean(measured[both] ** 2)))


def _trial_level(generated: Array, measured: Array, curves: MeanCurves) -> float:
    """`level_error`, or NaN where the curves have no strain in common."""
    if not np.any(np.isfinite(generated) & np.isfinite(measured)):
        return float(np.nan)
    return level_error(generated, measured)
