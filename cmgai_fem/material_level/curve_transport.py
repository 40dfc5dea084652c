"""Transport of stress-strain curves along one state coordinate.

The labels are strains: a label that a test did not reach is not known at that state (an incomplete state), and labels
known at the same states are carried together. Measured states hold softly, within the standard error of their mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from functools import lru_cache

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.choices import STRESS_UNIT, Choice, stretch
from cmgai_fem.material_level.mean_curves import MeanCurves
from cmgai_fem.motions.softness import explained_factor
from cmgai_fem.motions.state_splines import StateElements, cardinal_curves
from cmgai_fem.states.states import Array, Coordinate, Field, IntArray, States, labels_on_points
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution

Solve = Callable[[Problem], Solution]
# Least softness of a state relative to its standard error: all but exact.
HARDEST = 1e-3
# Softness in scaled features at which a motion is its regression but for some 1e-5 of what bends it.
REGRESSION = 10.0
DRAWS = 100
DIRECTIONS = 12


@dataclass(frozen=True)
class Line:
    """Curves of states along one coordinate.

    Args:
        coordinate: the coordinate.
        values: (K,) its values, increasing.
        curves: mean curves of the K states.
        filters: filtered features already found, so that calibration does not find them anew for every candidate.
    """

    coordinate: Coordinate
    values: Array
    curves: MeanCurves
    filters: dict[tuple[float, bytes, bytes], tuple[Array, Array]] = attribute(default_factory=dict, compare=False)

    @classmethod
    def of(cls, coordinate: Coordinate, values: Array, curves: MeanCurves) -> "Line":
        """A line of states in any order."""
        order = np.argsort(values, kind="stable")
        return cls(coordinate, np.asarray(values, dtype=float)[order], curves.only(order))

    def only(self, rows: IntArray) -> "Line":
        """The states at `rows` alone."""
        return Line(self.coordinate, self.values[rows], self.curves.only(rows))


@dataclass(frozen=True)
class Part:
    """Transport problem of the labels that are known at the same states.

    Args:
        labels: (l,) positions of the labels.
        rows: (k,) states that know them.
        problem: the statement, for the feature of the stress.
        noise: (k, l, m) factor of the covariance of each state's error, in features.
        kept: (l, l) projection on the modes that are carried; None if all are.
    """

    labels: IntArray
    rows: IntArray
    problem: Problem
    noise: Array
    kept: Array | None

    def feature(self, coordinate: float) -> Array:
        """(l,) feature at a stretched coordinate as the finite elements give it, from their cardinal curves."""
        return influence(self.problem, coordinate) @ self.problem.known.values[..., 0]

    def noise_at(self, coordinate: float) -> Array:
        """(l, k, m) factor of the covariance of the generated feature's error."""
        carried = influence(self.problem, coordinate)[:, None, None] * self.noise
        if self.kept is not None:
            averaged = self.noise / len(self.noise)
            carried = averaged + np.einsum("ij,kjm->kim", self.kept, carried - averaged)
        return np.moveaxis(carried, 0, 1)


@dataclass(frozen=True)
class CurveTransport:
    """Solved transport of a line.

    Args:
        line: the known states.
        choice: what was chosen.
        parts: the groups of labels; labels that one state alone knows are in none.
        solutions: their solutions.
    """

    line: Line
    choice: Choice
    parts: tuple[Part, ...]
    solutions: tuple[Solution, ...]

    def at(self, value: float) -> Array:
        """(L,) stress [Pa] at a value of the coordinate; NaN at labels that fewer than two states know."""
        features = [solution.at(place(self.choice, value))[:, 0] for solution in self.solutions]
        return assemble(self.line, self.choice, self.parts, features)

    def noise_at(self, value: float) -> Array:
        """(L, K m) factor of the covariance of the generated mean's error, relative to the stress."""
        return assemble_noise(self.line, self.choice, self.parts, value)


def place(choice: Choice, value: float) -> float:
    """The coordinate `value` on the pseudo-time axis of `choice`."""
    return float(stretch(choice.axis, np.array([value], dtype=float))[0])


def assemble(line: Line, choice: Choice, parts: Sequence[Part], features: Sequence[Array]) -> Array:
    """(L,) stress [Pa] of the features of each part; NaN elsewhere."""
    stress = np.full(len(line.curves.strain), np.nan)
    for part, feature in zip(parts, features, strict=True):
        stress[part.labels] = choice.decode(feature)
    return stress


def assemble_noise(line: Line, choice: Choice, parts: Sequence[Part], value: float) -> Array:
    """(L, K m) factor of the covariance of the generated mean's error, relative to the stress."""
    states, labels, numbers = line.curves.noise.shape
    noise = np.zeros((labels, states, numbers))
    for part in parts:
        coordinate = place(choice, value)
        stress = np.maximum(choice.decode(part.feature(coordinate)), 1e-3 * STRESS_UNIT)
        noise[np.ix_(part.labels, part.rows)] = part.noise_at(coordinate) / choice.slope(stress)[:, None, None]
    return noise.reshape(labels, -1)


def carry(line: Line, choice: Choice, reach: Sequence[float], solve: Solve) -> CurveTransport:
    """Solve the transport of a line.

    Args:
        line: the known states.
        choice: what is chosen.
        reach: coordinate values that will be asked for.
        solve: the transport solver.
    """
    parts = tuple(parts_of(line, choice, reach))
    return CurveTransport(line, choice, parts, tuple(solve(part.problem) for part in parts))


def parts_of(line: Line, choice: Choice, reach: Sequence[float]) -> list[Part]:
    """The transport problem of each group of labels that are known at the same two states or more.

    Raises:
        InputError: no label is known at two states.
    """
    known = line.curves.known
    groups: dict[bytes, list[int]] = {}
    for label in range(known.shape[1]):
        groups.setdefault(known[:, label].tobytes(), []).append(label)
    found = []
    for columns in groups.values():
        labels = np.array(columns)
        rows = np.flatnonzero(known[:, labels[0]])
        if len(rows) >= 2:
            found.append(_part(line, rows, labels, choice, reach))
    if not found:
        raise InputError(f"no strain is known at two states along {line.coordinate.name}: there is nothing to carry")
    return found


def _part(line: Line, rows: IntArray, labels: IntArray, choice: Choice, reach: Sequence[float]) -> Part:
    curves, block = line.curves, np.ix_(rows, labels)
    stress, weights = curves.stress[block], curves.weights[labels]
    noise = curves.noise[block] * choice.slope(stress)[..., None]
    feature, kept = choice.encode(stress), None
    if choice.filtered:
        key = (choice.power, rows.tobytes(), labels.tobytes())
        if key not in line.filters:
            line.filters[key] = above_scatter(feature, noise, weights)
        feature, kept = line.filters[key]
    points = labels_on_points(curves.strain[labels, None], weights)
    states = States.of(
        points,
        Coordinate(f"{choice.axis} {line.coordinate.name}"),
        stretch(choice.axis, line.values[rows]),
        {"feature": Field(feature[..., None], "", ("stress",))},
    )
    force = Least(min(choice.order, len(rows) - 2))
    problem = Problem(states, force=force, damping=choice.damping)
    problem = problem.with_reach(*(place(choice, value) for value in reach))
    allowed = np.sqrt(np.average(np.sum(noise**2, axis=2), axis=1, weights=weights))
    if choice.soft and force.order >= 0 and np.all(allowed > 0.0):
        factor = softness_factor(problem, allowed)
        problem = replace(problem, tolerance=tuple(float(v) for v in factor * allowed)) if factor else problem
    return Part(labels, rows, problem, noise, kept)


def above_scatter(feature: Array, noise: Array, weights: Array) -> tuple[Array, Array]:
    """Known features without the modes that the scatter of the tests could have made.

    A mode is kept if it is larger than the largest mode of pure scatter in 95 of 100 draws.

    Args:
        feature: (K, L) features.
        noise: (K, L, m) factor of the covariance of each state's error.
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


def softness_factor(problem: Problem, allowed: Array) -> float:
    """Weight of the states that leaves as much misfit as the measured scatter explains; see `explained_factor`.

    Args:
        problem: the problem with hard states.
        allowed: (K,) standard error of each state, in features.

    Returns:
        The factor on `allowed`; 0 where any softness misfits more than the scatter explains.
    """
    assert isinstance(problem.force, Least)
    scale, weights = problem.scaling.scale, problem.states.labels.weights
    data = problem.known.values[..., 0] / scale
    bounds = (HARDEST, REGRESSION * scale / float(np.max(allowed)))
    order = problem.force.order
    found = explained_factor(
        _bending(*_key(problem)), order + 2, data, allowed / scale, weights / weights.sum(), bounds
    )
    return 0.0 if found is None else found


def influence(problem: Problem, coordinate: float) -> Array:
    """(K,) factors of the known features in the generated feature at a coordinate of the problem.

    A soft motion is the hard one through smoothed states: the energy of a hard motion is a quadratic form of its
    states, and the smoothed states make it and the misfit least together.
    """
    assert isinstance(problem.force, Least)
    elements, coefficients = _cardinal(*_key(problem))
    hard = (elements.basis(np.array([float(problem.time(coordinate))])) @ coefficients)[0]
    if not np.any(problem.softness):
        return hard
    return hard @ _hat(_bending(*_key(problem)), problem.softness, problem.force.order)


def _hat(bending: Array, softness: Array, order: int) -> Array:
    """(K, K) map from the known features to the smoothed ones at the states.

    Motions without energy, order + 2 of them, are not smoothed: their eigenvalues are known to be zero, and rounding
    must not tell otherwise where states lie close together.
    """
    values, vectors = np.linalg.eigh(softness[:, None] * bending * softness)
    values[: order + 2] = 0.0
    return (softness[:, None] * vectors / (1.0 + np.maximum(values, 0.0))) @ (vectors.T / softness)


Key = tuple[tuple[float, ...], tuple[float, float], int, float]


def _key(problem: Problem) -> Key:
    assert isinstance(problem.force, Least)
    return tuple(float(v) for v in problem.nodes), problem.span, problem.force.order, problem.damping


@lru_cache(maxsize=512)
def _cardinal(
    nodes: tuple[float, ...], span: tuple[float, float], order: int, damping: float
) -> tuple[StateElements, Array]:
    points = np.array(nodes)
    elements = StateElements.for_states(points, span, order, damping)
    return elements, cardinal_curves(elements, points, order, damping, 0.0)


@lru_cache(maxsize=512)
def _bending(nodes: tuple[float, ...], span: tuple[float, float], order: int, damping: float) -> Array:
    """(K, K) quadratic form of the least-force energy in the features of hard states."""
    elements, coefficients = _cardinal(nodes, span, order, damping)
    points, weights = elements.quadrature()
    lifted = max(order, 0)
    rows = elements.basis(points, lifted + 2)
    if damping:
        rows = rows + damping * elements.basis(points, lifted + 1)
    rows = np.sqrt(weights)[:, None] * (rows @ coefficients)
    return rows.T @ rows
