"""Curves over two state coordinates at once: the least force over the plane of temperature and log strain rate.

A path carries the scatter of one line after the other. A surface through all states averages it, and takes what both
coordinates do together as one motion. Feature, pseudo-times, scale of one coordinate against the other, order and
softness are chosen by leaving known states out, and by the scatter that is carried to the targets, as along a line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.choices import POWERS, STRESS_UNIT, Choice, axes_for, stretch
from cmgai_fem.material_level.curve_calibration import curve_error
from cmgai_fem.material_level.curve_transport import above_scatter
from cmgai_fem.material_level.mean_curves import MeanCurves
from cmgai_fem.material_level.pair_trials import Trial
from cmgai_fem.motions.choices import Scattered
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.motions.softness import explained_softness
from cmgai_fem.states.states import Array, Coordinate, Coordinates, Field, IntArray, States, labels_on_points
from cmgai_fem.transport.space import SpaceProblem, SpaceSolution, solve_space

SolveSpace = Callable[[SpaceProblem], SpaceSolution]

# Scale of the second coordinate against the first where both are 0 to 1 over the known states.
RATIOS = (0.5, 1.0, 2.0)
HIGHEST_ORDER = 1


@dataclass(frozen=True)
class SurfaceChoice:
    """One way to carry curves over two coordinates at once.

    Args:
        curve: feature of the stress, order and softness; its axis is the first coordinate's pseudo-time.
        second: pseudo-time of the second coordinate.
        scale: length of one unit of the second pseudo-time in units of the first.
    """

    curve: Choice
    second: str
    scale: float

    def scattered(self, values: Array) -> Scattered:
        """The scattered force over states at (K, 2) values, hard as yet."""
        spans = [float(np.ptp(stretch(axis, values[:, i]))) for i, axis in enumerate((self.curve.axis, self.second))]
        ratio = self.scale * spans[1] / spans[0]
        return Scattered(self.curve.order, ((self.curve.axis, 1.0), (self.second, 1.0)), (1.0, ratio))

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""
        return self.curve.describe() | {
            "pseudo_time": f"{self.curve.axis} and {self.second}, 1 to {self.scale:.3g}",
            "scale": self.scale,
        }

    def __str__(self) -> str:
        return f"{self.curve}, against {self.second} pseudo-time by {self.scale:.3g}"


@dataclass(frozen=True)
class SurfacePart:
    """Transport problem of the labels that are known at the same states.

    Args:
        labels: (l,) positions of the labels.
        problem: the statement, for the feature of the stress.
        noise: (k, l, m) factor of the covariance of each state's error, in features.
        kept: (l, l) projection on the modes that are carried.
    """

    labels: IntArray
    problem: SpaceProblem
    noise: Array
    kept: Array

    @cached_property
    def solved(self) -> SpaceSolution:
        """The exact solution."""
        return solve_space(self.problem)


@dataclass(frozen=True)
class Surface:
    """Curves carried over two coordinates at once.

    Args:
        curves: the known states.
        choice: what was chosen.
        parts: the groups of labels; labels that too few states know are in none.
    """

    curves: MeanCurves
    choice: SurfaceChoice
    parts: tuple[SurfacePart, ...]

    @classmethod
    def of(cls, coordinates: Sequence[Coordinate], curves: MeanCurves, choice: SurfaceChoice) -> "Surface":
        """The transport problem of each group of labels whose states fix a plane."""
        groups: dict[bytes, list[int]] = {}
        for label in range(curves.known.shape[1]):
            groups.setdefault(curves.known[:, label].tobytes(), []).append(label)
        parts = [_part(Coordinates(tuple(coordinates)), curves, np.array(labels), choice) for labels in groups.values()]
        return cls(curves, choice, tuple(part for part in parts if part is not None))

    def at(self, state: Sequence[float], solutions: Sequence[SpaceSolution] = ()) -> tuple[Array, Array]:
        """Stress (L,) [Pa] at a state, NaN at labels in no part, and its standard error relative to it (L,).

        Args:
            state: values of both coordinates.
            solutions: one a part; the exact ones by default.
        """
        stress, carried = np.full((2, len(self.curves.strain)), np.nan)
        for part, solution in zip(self.parts, solutions or [part.solved for part in self.parts], strict=True):
            weights = solution.weights(np.asarray(state, dtype=float))
            stress[part.labels] = self.choice.curve.decode(weights @ part.problem.known.values[..., 0])
            averaged = part.noise.mean(axis=0)
            error = weights[:, None, None] * part.noise - averaged / len(weights)
            # Modes that are not carried stay at their mean over the states.
            error = averaged / len(weights) + np.einsum("ij,kjm->kim", part.kept, error)
            slope = self.choice.curve.slope(np.maximum(stress[part.labels], 1e-3 * STRESS_UNIT))
            carried[part.labels] = np.sqrt(np.sum(error**2, axis=(0, 2))) / slope
        return stress, carried


@dataclass(frozen=True)
class SurfaceCalibration:
    """What was chosen for a surface.

    Args:
        chosen: the choice.
        error: its left-out error, root mean square of the NRMSE of the left-out curves.
        left_out: the curves (L,) that it generates of the states that are left out, one a trial.
        table: every choice with its left-out error and the scatter that it carries to the targets, best first.
    """

    chosen: SurfaceChoice
    error: float
    left_out: tuple[Array, ...]
    table: tuple[tuple[SurfaceChoice, float, float], ...]

    def describe(self) -> dict[str, Any]:
        """The calibration as plain data."""
        return {
            "chosen": self.chosen.describe(),
            "left_out_error": self.error,
            "candidates": [
                choice.describe() | {"left_out_error": error, "carried_scatter": scatter}
                for choice, error, scatter in self.table
            ],
        }


def calibrate_surface(
    coordinates: Sequence[Coordinate], curves: MeanCurves, targets: Sequence[Sequence[float]], trials: Sequence[Trial]
) -> SurfaceCalibration:
    """Choose a surface.

    Args:
        coordinates: both coordinates.
        curves: the known states.
        targets: states that will be asked for.
        trials: what to leave out; the states that stay must fix a plane.

    Raises:
        InputError: the states that stay in a trial lie on one line, or do not know the strains of the one left out.
    """
    kept = [curves.only(rows) for rows, _ in trials]
    top = min(highest_order(part.states) for part in kept)
    tried: list[tuple[SurfaceChoice, float, float]] = []
    generated: dict[SurfaceChoice, tuple[Array, ...]] = {}
    for choice in _candidates(coordinates, curves, targets, top):
        left_out = []
        for part, (_, row) in zip(kept, trials, strict=True):
            stress = np.full(len(curves.strain), np.nan)
            surface = Surface.of(coordinates, part, choice)
            stress[np.isin(curves.strain, part.strain)] = surface.at(curves.states[row])[0]
            left_out.append(stress)
        generated[choice] = tuple(left_out)
        known = [curves.stress[row] for _, row in trials]
        reached = [Surface.of(coordinates, curves, choice).at(target) for target in targets]
        scatter = _rms(curves, [stress * (1.0 + error) for stress, error in reached], [stress for stress, _ in reached])
        tried.append((choice, _rms(curves, left_out, known), scatter))
    tried.sort(key=lambda row: float(np.hypot(row[1], row[2])))
    chosen, error, _ = tried[0]
    return SurfaceCalibration(chosen, error, generated[chosen], tuple(tried))


def _candidates(
    coordinates: Sequence[Coordinate], curves: MeanCurves, targets: Sequence[Sequence[float]], top: int
) -> list[SurfaceChoice]:
    every = np.vstack([curves.states, *np.atleast_2d(np.asarray(targets, dtype=float))])
    axes = [axes_for(coordinate.name, every[:, i]) for i, coordinate in enumerate(coordinates)]
    soft = curves.scatter > 0.0
    found = []
    for first, second in product(*axes):
        unit = float(np.ptp(stretch(first, curves.states[:, 0])) / np.ptp(stretch(second, curves.states[:, 1])))
        for power, order in product(POWERS, range(min(top, HIGHEST_ORDER) + 1)):
            curve = Choice(power, first, order, soft=soft, filtered=soft)
            found += [SurfaceChoice(curve, second, unit * ratio) for ratio in RATIOS]
    return found


def _part(coordinates: Coordinates, curves: MeanCurves, labels: IntArray, choice: SurfaceChoice) -> SurfacePart | None:
    rows = np.flatnonzero(curves.known[:, labels[0]])
    values, block = curves.states[rows], np.ix_(rows, labels)
    try:
        top = highest_order(values)
    except InputError:
        # These labels' states lie on one line: they fix no plane, and the labels stay unknown.
        return None
    curve = replace(choice.curve, order=min(choice.curve.order, top))
    stress, weights = curves.stress[block], curves.weights[labels]
    noise = curves.noise[block] * curve.slope(stress)[..., None]
    feature, kept = curve.encode(stress), np.eye(len(labels))
    if curve.filtered:
        feature, kept = above_scatter(feature, noise, weights)
    force = replace(choice, curve=curve).scattered(values)
    states = States(
        labels_on_points(curves.strain[labels, None], weights), coordinates, values,
        {"feature": Field(feature[..., None], "", ("stress",))},
    )  # fmt: skip
    allowed = np.sqrt(np.average(np.sum(noise**2, axis=2), axis=1, weights=weights))
    if curve.soft and np.all(allowed > 0.0):
        nodes = force.axes(coordinates, values)(values)
        softness = explained_softness(nodes, curve.order, feature, allowed, weights / weights.sum())
        force = force if softness is None else replace(force, allowed=tuple(float(value) for value in softness))
    return SurfacePart(labels, SpaceProblem(states, choice=force), noise, kept)


def _rms(curves: MeanCurves, made: Sequence[Array], known: Sequence[Array]) -> float:
    """Root mean square of the NRMSE of curves."""
    errors = [curve_error(*pair, curves.weights, curves.plastic) for pair in zip(made, known, strict=True)]
    return float(np.sqrt(np.mean(np.square(errors))))
