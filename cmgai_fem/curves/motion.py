"""Curves carried through a state space by one choice: the motion, and the scatter of the tests that it brings along.

The labels are strains: a label that a test did not reach is not known at that state (an incomplete state), and labels
known at the same states are carried together. Measured states hold softly, within the standard error of their mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute

import numpy as np

from cmgai_fem.curves.choice import STRESS_UNIT, Choice, stretch
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.motions.softness import explained_factor, explained_softness
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array, IntArray, labels_on_points
from cmgai_fem.states.states import Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution

State = tuple[float, ...]
EXACT = Solver("fem")
# Least softness of a state relative to its standard error along a line: all but exact.
HARDEST = 1e-3
# Softness in scaled features at which a motion is its regression but for some 1e-5 of what bends it.
REGRESSION = 10.0
DRAWS = 100
DIRECTIONS = 12


@dataclass(frozen=True)
class Part:
    """The labels that are known at the same states.

    Args:
        labels: (l,) positions of the labels.
        rows: (k,) states that know them.
        problem: the statement, for the feature of the stress.
        noise: (k, l, n) factor of the covariance of each state's error, in features.
        kept: (l, l) projection on the modes that are carried; None if all are.
    """

    labels: IntArray
    rows: IntArray
    problem: Problem
    noise: Array
    kept: Array | None

    def weights(self, state: Sequence[float]) -> Array:
        """(k,) weights of the known features at a state (m,), exact."""
        return self.problem.motion.weights(np.array([state], dtype=float))[0]

    def feature(self, state: Sequence[float]) -> Array:
        """(l,) feature at a state (m,), exact."""
        return self.weights(state) @ self.problem.known.values[..., 0]

    def carried_noise(self, weights: Array) -> Array:
        """(l, k, n) factor of the covariance of the error of the feature that weights (k,) generate."""
        carried = weights[:, None, None] * self.noise
        if self.kept is not None:
            # Modes that are not carried stay at their mean over the states.
            averaged = self.noise / len(self.noise)
            carried = averaged + np.einsum("ij,kjm->kim", self.kept, carried - averaged)
        return np.moveaxis(carried, 0, 1)


@dataclass(frozen=True)
class CurveMotion:
    """Curves carried by one choice.

    Args:
        curves: the known states.
        choice: what was chosen.
        parts: the groups of labels; labels that too few states know are in none.
    """

    curves: MeanCurves
    choice: Choice
    parts: tuple[Part, ...]
    _solved: dict[str, list[Solution]] = attribute(default_factory=dict, compare=False)

    @classmethod
    def of(cls, curves: MeanCurves, choice: Choice, reach: Sequence[Sequence[float]]) -> "CurveMotion":
        """The motion through the known states.

        Args:
            curves: the known states.
            choice: what is chosen.
            reach: states (m,) that will be asked for.

        Raises:
            InputError: along one coordinate, no label is known at two states.
        """
        groups: dict[bytes, list[int]] = {}
        for label in range(curves.known.shape[1]):
            groups.setdefault(curves.known[:, label].tobytes(), []).append(label)
        part = _line_part if len(curves.coordinates) == 1 else _surface_part
        found = [part(curves, np.array(labels), choice, reach) for labels in groups.values()]
        parts = tuple(item for item in found if item is not None)
        if not parts and len(curves.coordinates) == 1:
            name = curves.coordinates.name
            raise InputError(f"no strain is known at two states along {name}: there is nothing to carry")
        return cls(curves, choice, parts)

    def stress(self, state: Sequence[float], solver: Solver = EXACT) -> Array:
        """(L,) stress [Pa] at a state (m,); NaN at labels in no part."""
        if solver.method == "fem":
            features = [part.feature(state) for part in self.parts]
        else:
            if solver.method not in self._solved:
                self._solved[solver.method] = [solver(part.problem) for part in self.parts]
            features = [solution.at(np.array(state, dtype=float))[:, 0] for solution in self._solved[solver.method]]
        stress = np.full(len(self.curves.strain), np.nan)
        for part, feature in zip(self.parts, features, strict=True):
            stress[part.labels] = self.choice.decode(feature)
        return stress

    def noise(self, state: Sequence[float]) -> Array:
        """(L, K n) factor of the covariance of the error that the known states bring to `stress`, relative to it."""
        count, labels, numbers = self.curves.noise.shape
        noise = np.zeros((labels, count, numbers))
        for part in self.parts:
            weights = part.weights(state)
            stress = self.choice.decode(weights @ part.problem.known.values[..., 0])
            slope = self.choice.slope(np.maximum(stress, 1e-3 * STRESS_UNIT))
            noise[np.ix_(part.labels, part.rows)] = part.carried_noise(weights) / slope[:, None, None]
        return noise.reshape(labels, -1)

    def error(self, state: Sequence[float]) -> Array:
        """(L,) standard error that the known states bring to `stress`, relative to it."""
        return np.sqrt(np.sum(self.noise(state) ** 2, axis=1))


def _line_part(curves: MeanCurves, labels: IntArray, choice: Choice, reach: Sequence[Sequence[float]]) -> Part | None:
    """Labels along one coordinate; None where fewer than two states know them."""
    rows = np.flatnonzero(curves.known[:, labels[0]])
    if len(rows) < 2:
        return None
    states, noise, allowed, kept = _features(curves, rows, labels, choice)
    force = Least(min(choice.order, len(rows) - 2))
    problem = Problem(states, force=force, pseudo_time=choice.axes[0]).with_reach(*reach)
    if choice.soft and force.order >= 0 and np.all(allowed > 0.0):
        scale, weights = problem.scaling.scale, states.labels.weights
        bounds = (HARDEST, REGRESSION * scale / float(np.max(allowed)))
        data, free = problem.known.values[..., 0] / scale, force.order + 2
        shares = weights / weights.sum()
        factor = explained_factor(problem.line.bending, free, data, allowed / scale, shares, bounds)
        if factor is not None:
            problem = replace(problem, tolerance=tuple(float(misfit) for misfit in factor * allowed))
    return Part(labels, rows, problem, noise, kept)


def _surface_part(
    curves: MeanCurves, labels: IntArray, choice: Choice, reach: Sequence[Sequence[float]]
) -> Part | None:
    """Labels over two coordinates; None where the states that know them lie on one line and fix no plane."""
    rows = np.flatnonzero(curves.known[:, labels[0]])
    values = curves.values[rows]
    try:
        order = min(choice.order, highest_order(values))
    except InputError:
        return None
    states, noise, allowed, kept = _features(curves, rows, labels, choice)
    force = surface_force(replace(choice, order=order), values)
    if choice.soft and np.all(allowed > 0.0):
        nodes, weights = force.axes(curves.coordinates, values)(values), states.labels.weights
        feature = states.fields["feature"].values[..., 0]
        softness = explained_softness(nodes, order, feature, allowed, weights / weights.sum())
        force = force if softness is None else replace(force, allowed=tuple(float(misfit) for misfit in softness))
    return Part(labels, rows, Problem(states, force=force), noise, kept)


def surface_force(choice: Choice, values: Array) -> Scattered:
    """The scattered force of a choice over two coordinates through states at (K, 2) values, hard as yet."""
    spans = [float(np.ptp(stretch(axis, column))) for axis, column in zip(choice.axes, values.T, strict=True)]
    kinds = tuple((axis, 1.0) for axis in choice.axes)
    return Scattered(choice.order, kinds, (1.0, choice.scale * spans[1] / spans[0]))


def _features(
    curves: MeanCurves, rows: IntArray, labels: IntArray, choice: Choice
) -> tuple[States, Array, Array, Array | None]:
    """States of the feature, the factor of their errors, the standard error of each state, and the kept modes."""
    block, weights = np.ix_(rows, labels), curves.weights[labels]
    stress = curves.stress[block]
    noise = curves.noise[block] * choice.slope(stress)[..., None]
    feature, kept = choice.encode(stress), None
    if choice.filtered:
        key = (choice.power, labels.tobytes())
        if key not in curves.filtered:
            curves.filtered[key] = above_scatter(feature, noise, weights)
        feature, kept = curves.filtered[key]
    points = labels_on_points(curves.strain[labels, None], weights)
    fields = {"feature": Field(feature[..., None], "", ("stress",))}
    allowed = np.sqrt(np.average(np.sum(noise**2, axis=2), axis=1, weights=weights))
    return States(points, curves.coordinates, curves.values[rows], fields), noise, allowed, kept


def above_scatter(feature: Array, noise: Array, weights: Array) -> tuple[Array, Array]:
    """Known features without the modes that the scatter of the tests could have made.

    A mode is kept if it is larger than the largest mode of pure scatter in 95 of 100 draws.

    Args:
        feature: (K, L) features.
        noise: (K, L, n) factor of the covariance of each state's error.
        weights: (L,) volumes of the labels.

    Returns:
        The features, and the (L, L) projection on the modes that are kept.
    """
    root = np.sqrt(weights / weights.sum())
    # All states are given their mean covariance: its few leading directions carry the scatter of smooth curves.
    errors = np.swapaxes(noise * root[:, None], 1, 2).reshape(-1, len(weights))
    spread = np.linalg.eigvalsh(errors.T @ errors / len(feature))[-DIRECTIONS:]
    draws = np.random.default_rng(0).standard_normal((DRAWS, len(feature), len(spread)))
    draws = (draws - draws.mean(axis=1, keepdims=True)) * np.sqrt(np.maximum(spread, 0.0))
    largest = np.sqrt(np.linalg.eigvalsh(draws @ np.swapaxes(draws, 1, 2))[:, -1])
    mean = feature.mean(axis=0)
    _, singular, right = np.linalg.svd((feature - mean) * root, full_matrices=False)
    modes = right[singular > np.quantile(largest, 0.95)]
    kept = (modes / root).T @ (modes * root)
    return mean + (feature - mean) @ kept.T, kept
