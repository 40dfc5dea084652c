"""Calibration in a state space: known states are left out, from known states alone.

A motion is linear in its data, so what it gets wrong of a state that is left out is a fixed combination of the known
states. Thousands of choices are compared by the K x K Gram matrix of the states, whatever the number of labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.spatial import ConvexHull

from cmgai_fem.calibration.calibrate import SAMPLE, SHORTLIST, WORST_RATIO, Chosen
from cmgai_fem.calibration.stacking import superpose
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.motions.choices import Grid, Line, Scattered, SpaceChoice, grid_axes
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.states.axes import Kind
from cmgai_fem.states.scattered import ScatteredStates
from cmgai_fem.states.states import Array, IntArray, Labels
from cmgai_fem.transport.problem import Superposition
from cmgai_fem.transport.space import SpaceProblem, SpaceSolution, solve_space

KINDS: tuple[Kind, ...] = (("linear", 1.0), ("log", 1.0), ("power", 0.5), ("power", 2.0))
RATIOS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
TENSIONS = (0.0, 4.0)
SOFTNESSES = (0.0, 0.1, 0.3)
DAMPINGS = (0.0, 1.0, 4.0)
# Orders beyond this fit polynomials of degree 5 and more in several coordinates: more than any states call for.
HIGHEST_ORDER = 3
# Members of the superposition: each is a training where networks are asked for.
MOST = 4
# Choices along each coordinate of a grid that are combined.
LINES = 6


@dataclass(frozen=True)
class SpaceCalibration(Chosen[SpaceChoice]):
    """What was chosen for a transport in a state space."""

    def solve(self, problem: SpaceProblem, method: str = "fem", seed: int = 0) -> Superposition[SpaceSolution]:
        """Solve `problem` with every member and superpose."""
        options = {"seed": seed} if method == "pinn" else {}
        members = tuple(solve_space(problem.with_choice(member), method, **options) for member in self.members)
        return Superposition(members, self.shares)


def inside_hull(values: Array, point: Array) -> bool:
    """Whether a point (m,) lies in the convex hull of states at (K, m), its boundary included."""
    _, equations = _hull(values)
    return bool(np.all(equations @ np.append(_scaled(values, point), 1.0) <= 1e-9))


def trials_for(states: ScatteredStates, targets: Sequence[Array]) -> IntArray:
    """Rows of the states to leave out, one at a time, for targets that all lie inside the hull or all outside it.

    Inside: the states that are no corners of the hull; where there are fewer than three, all. Outside: all. Leaving out
    the states on the faces that a target sees is nearer to the task, but those are two or three, too few to choose
    among thousands of motions by.

    Raises:
        InputError: too few states to leave one out.
    """
    values = states.values
    count, dimension = values.shape
    if count < dimension + 2:
        raise InputError(
            f"calibration leaves states out: it needs at least {dimension + 2} states in {dimension} coordinates, "
            f"there are {count}"
        )
    inner = np.setdiff1d(np.arange(count), _hull(values)[0].ravel())
    inside = all(inside_hull(values, target) for target in targets)
    return inner if inside and len(inner) >= 3 else np.arange(count)


def calibrate_space(
    problem: SpaceProblem,
    targets: Sequence[Array],
    *,
    kinds: Sequence[Kind] = KINDS,
    local: bool = False,
    trials: IntArray | None = None,
) -> SpaceCalibration:
    """Choose order, axes, ratio, tension, softness, grid or scattered, by left-out states; superpose the best few.

    Args:
        problem: the statement with the known states; its own choice is not looked at.
        targets: states that will be asked for, all inside the hull of the known ones or all outside.
        kinds: pseudo-times to try for each coordinate.
        local: let the weights of the superposition vary over the body.
        trials: rows of the states to leave out; those of `trials_for` by default.

    Raises:
        InputError: too few states, or states on one line.
        ConvergenceError: no choice can answer for the states that are left out.
    """
    states = problem.states
    rows = trials_for(states, targets) if trials is None else trials
    asked = np.vstack([states.values, *targets])
    labels, known = _sampled(problem)
    shares = labels.weights / labels.weights.sum() / known.shape[2] / (float(np.ptp(known)) or 1.0) ** 2
    gram = np.einsum("ilc,jlc,l->ij", known, known, shares)
    sizes: dict[SpaceChoice, float] = {}
    maps: dict[SpaceChoice, Array] = {}
    for choice in candidates(states, asked, rows, gram, kinds):
        left_out = _left_out(problem.with_choice(choice), rows)
        if left_out is not None:
            squares = np.einsum("ti,ij,tj->t", left_out, gram, left_out)
            sizes[choice], maps[choice] = float(np.sqrt(max(np.mean(squares), 0.0))), left_out
    if not sizes:
        raise ConvergenceError(
            f"calibration: the other states of {states.coordinate.name} fix no motion where one is left out; add states"
        )
    table = tuple(sorted(sizes.items(), key=lambda item: item[1]))
    members = _shortlist(table)
    errors = np.array([np.einsum("tk,klc->tlc", maps[member], known) for member in members])
    mix = superpose(
        errors * np.sqrt(shares)[:, None], labels, local and len(labels.weights) == states.labels.count, MOST
    )
    left = tuple(tuple(float(part) for part in states.values[row]) for row in rows)
    return SpaceCalibration(tuple(members[row] for row in mix.rows), mix.weights, mix.error, table, left, mix.local)


def candidates(
    states: ScatteredStates, asked: Array, rows: IntArray, gram: Array, kinds: Sequence[Kind]
) -> list[SpaceChoice]:
    """All choices that the states admit.

    Args:
        states: the known states.
        asked: (T, m) all values that the axes must hold for.
        rows: states that will be left out.
        gram: (K, K) Gram matrix of the known states.
        kinds: pseudo-times to try for each coordinate.
    """
    top = min(highest_order(states.values), HIGHEST_ORDER)
    admitted = [[kind for kind in kinds if kind[0] == "linear" or column.min() > 0.0] for column in asked.T]
    axes = list(product(*admitted))
    if len(admitted) > 2:
        axes = [each for each in axes if sum(kind[0] != "linear" for kind in each) < 2]
    ratios = [(1.0, *rest) for rest in product(RATIOS, repeat=len(admitted) - 1)]
    found: list[SpaceChoice] = [
        Scattered(order, each, ratio, tension, softness)
        for order in range(-1, top + 1)
        for each in axes
        for ratio in ratios
        for tension in (TENSIONS if order >= 0 else (0.0,))
        for softness in (SOFTNESSES if order >= 0 else (0.0,))
    ]
    grid = grid_axes(states.values)
    return found if grid is None else found + _grids(*grid, rows, gram, admitted)


def _grids(
    axes: tuple[Array, ...], places: IntArray, rows: IntArray, gram: Array, admitted: Sequence[Sequence[Kind]]
) -> list[SpaceChoice]:
    """Tensor products of the best choices along each coordinate, by its own lines."""
    best = []
    for axis, known in enumerate(axes):
        lines = [
            Line(order, damping, kind)
            for order in range(-1, max(len(known) - 2, 0))
            for damping in DAMPINGS
            for kind in admitted[axis]
        ]
        others = np.delete(places, axis, axis=1)
        same = np.all(others[:, None] == others[None], axis=2)
        errors = []
        for line in lines:
            left_out = (line.left_out(known)[np.ix_(places[:, axis], places[:, axis])] * same)[rows]
            size = np.einsum("ti,ij,tj->", left_out, gram, left_out) if np.all(np.isfinite(left_out)) else np.inf
            errors.append(float(size))
        best.append([lines[row] for row in np.argsort(errors, kind="stable")[:LINES]])
    return [Grid(lines) for lines in product(*best)]


def _left_out(problem: SpaceProblem, rows: IntArray) -> Array | None:
    """(T, K) map from the data to the errors of the states left out; None where the choice cannot answer."""
    try:
        found = problem.motion.left_out[rows]
    except (InputError, np.linalg.LinAlgError):
        return None
    return found if np.all(np.isfinite(found)) else None


def _shortlist(table: Sequence[tuple[SpaceChoice, float]]) -> list[SpaceChoice]:
    """The best of each kind of choice, ratios apart: many ratios of one choice would crowd out all others."""
    taken: dict[object, SpaceChoice] = {}
    for choice, error in table:
        if error > WORST_RATIO * table[0][1]:
            break
        key = (choice.order, choice.kinds, choice.tension, choice.softness) if isinstance(choice, Scattered) else choice
        taken.setdefault(key, choice)
    return list(taken.values())[:SHORTLIST]


def _sampled(problem: SpaceProblem) -> tuple[Labels, Array]:
    """Labels and known values (K, L, n); a seeded sample of them on a large mesh."""
    labels, known = problem.states.labels, problem.known.values
    if labels.count <= SAMPLE:
        return labels, known
    rows = np.sort(np.random.default_rng(0).choice(labels.count, SAMPLE, replace=False))
    return Labels(labels.positions[rows], labels.weights[rows], {}), np.ascontiguousarray(known[:, rows])


def _hull(values: Array) -> tuple[IntArray, Array]:
    """(F, m) states at the corners of each face of the hull, and the faces' equations (F, m + 1) in scaled values."""
    scaled = _scaled(values, values)
    if values.shape[1] == 1:
        ends = np.array([[int(np.argmin(values))], [int(np.argmax(values))]])
        return ends, np.array([[-1.0, 0.0], [1.0, -1.0]])
    highest_order(values)  # refuses states on one line, which have no hull
    hull = ConvexHull(scaled)
    return np.asarray(hull.simplices), np.asarray(hull.equations)


def _scaled(values: Array, points: Array) -> Array:
    return np.asarray((points - values.min(axis=0)) / np.ptp(values, axis=0))
