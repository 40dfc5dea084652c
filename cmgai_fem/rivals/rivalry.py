"""The rivals beside a transport: the same known states, the same states left out, the same bounds."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from joblib import Parallel, delayed

from cmgai_fem.calibration.cheap import bending
from cmgai_fem.calibration.explore import sample
from cmgai_fem.calibration.left_out import shares_of, within_bounds
from cmgai_fem.calibration.members import LINEAR, Member
from cmgai_fem.calibration.moved import motion_of
from cmgai_fem.calibration.trials import inside_hull, sides, trials_for
from cmgai_fem.errors import InputError
from cmgai_fem.machine import cores
from cmgai_fem.progress import steps
from cmgai_fem.rivals import RIVALS, Rival
from cmgai_fem.rivals.cheap import CheapRival
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.problem import Problem


@dataclass(frozen=True)
class Rivalry:
    """What the simple methods make of the same states with the same rights.

    Args:
        make: their fields and seconds; see `fields`.
        errors: left-out errors by name, relative to the known range, over the same states left out; for each side of
            the known states, True between them.
        sizes: (T,) estimated errors by name, likewise: the left-out errors in units of the deviation that the natural
            spline, or the thin plate, has at the states left out, times that at the state, as ours are read.
    """

    make: Callable[[], tuple[Mapping[str, Array], Mapping[str, float]]]
    errors: Mapping[str, Mapping[bool, float]]
    sizes: Mapping[str, Array]

    @property
    def fields(self) -> Mapping[str, Array]:
        """(T, L, n) generated fields by name of the rival, projected on the same bounds; made when first asked for."""
        return self._made[0]

    @property
    def seconds(self) -> Mapping[str, float]:
        """Wall time by name in which the fields are made [s]."""
        return self._made[1]

    @cached_property
    def _made(self) -> tuple[Mapping[str, Array], Mapping[str, float]]:
        return self.make()

    def __repr__(self) -> str:
        return f"Rivalry({', '.join(self.errors) or 'none'})"


def compete(
    problem: Problem,
    points: Array,
    names: Sequence[str],
    left_out: bool = True,
    more: Mapping[str, Rival] | None = None,
) -> Rivalry:
    """Generate states by rivals.

    Args:
        problem: the known states and the bounds of the field.
        points: (T, m) states asked for.
        names: of `RIVALS`; those that do not admit the states are left out.
        left_out: measure what each rival gets wrong of the states that are left out, too.
        more: further rivals by name, made for this problem.
    """
    there = RIVALS | dict(more or {})
    states = problem.states
    groups = [np.array(group) for group in sides(states, list(points))]
    admitted = [name for name in (*names, *(more or {})) if there[name].admits(states.values)]
    tasks = [(name, group) for name in admitted for group in groups]
    # Tuning over several coordinates takes its time, and each rival is tuned by itself.
    workers = max(min(cores(), len(tasks)) if states.values.shape[1] > 1 else 1, 1)
    errors: dict[str, dict[bool, float]] = {name: {} for name in admitted}
    sizes = {name: np.full(len(points), np.nan) for name in admitted}
    if left_out and tasks and len(states) > states.values.shape[1] + 1:
        seen = sample(problem)
        found = Parallel(n_jobs=workers)(
            # Cheap models are known at all labels.
            delayed(_left_out_errors)(problem if isinstance(there[name], CheapRival) else seen, there[name], group)
            for name, group in steps(tasks, "rivals, states left out")
        )
        for (name, group), each in zip(tasks, found, strict=True):
            errors[name][inside_hull(states.values, group[0])] = float(np.sqrt(np.mean(each**2)))
            sizes[name][_rows(points, group)] = _sizes(problem, group, each)

    def make() -> tuple[Mapping[str, Array], Mapping[str, float]]:
        if not states.labels.portion.alone:
            raise InputError("rivals generate fields of a body that is read in one piece: leave their fields out")
        fields = {name: np.empty((len(points), *problem.known.values.shape[1:])) for name in admitted}
        seconds = dict.fromkeys(admitted, 0.0)
        each = Parallel(n_jobs=workers)(
            delayed(_generated)(problem, there[name], group) for name, group in steps(tasks, "rivals")
        )
        for (name, group), (made, spent) in zip(tasks, each, strict=True):
            fields[name][_rows(points, group)] = made
            seconds[name] += spent
        return fields, seconds

    return Rivalry(make, errors, sizes)


def _generated(problem: Problem, rival: Rival, group: Array) -> tuple[Array, float]:
    """Fields of one rival on one side, and the wall time."""
    start = time.perf_counter()
    states, known = problem.states, problem.known.values
    trials = trials_for(states, group) if len(states) > states.values.shape[1] + 1 else None
    volumes = np.repeat(states.labels.weights, known.shape[2])
    made = rival.fit(states.values, known.reshape(len(known), -1), volumes, trials)(group)
    fields = made.reshape(len(group), *known.shape[1:])
    admitted = [
        problem.admissible.project(point, field, states.values, known)
        for point, field in zip(group, fields, strict=True)
    ]
    return np.array(admitted), time.perf_counter() - start


def _left_out_errors(seen: Problem, rival: Rival, group: Array) -> Array:
    """(S,) root mean square over the volume at each left-out state, relative to the known range, within the bounds."""
    trials = trials_for(seen.states, group)
    known, values = seen.known.values, seen.states.values
    volumes = np.repeat(seen.states.labels.weights, known.shape[2])
    flat = rival.left_out(values, known.reshape(len(known), -1), volumes, trials)
    wrong = flat.reshape(len(trials), *known.shape[1:])
    if seen.admissible.bounds and np.all(np.isfinite(wrong)):
        wrong = within_bounds(seen, trials, wrong)
    return np.sqrt(np.einsum("tlc,l->t", wrong**2, shares_of(seen)))


def _sizes(problem: Problem, group: Array, errors: Array) -> Array:
    """(T,) estimated errors at states (T, m) of one side from those at the states that are left out for them."""
    values = problem.states.values
    known, count, dimension = values - problem.origin, *values.shape
    if dimension == 1:
        spline = motion_of(problem, 2, LINEAR)
    else:
        spline = Member(2, (LINEAR,) * dimension, (1.0,) * dimension, known, count - dimension - 1, bending(known))
    squares = errors**2 * np.diag(spline.precision)[trials_for(problem.states, group)]
    return np.sqrt(np.mean(squares) * spline.ask(group - problem.origin).variance)


def _rows(points: Array, group: Array) -> list[int]:
    """Rows of the points of a group."""
    return [int(np.flatnonzero(np.all(points == point, axis=1))[0]) for point in group]
