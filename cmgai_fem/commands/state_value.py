"""An unknown state: the one at which sensors of it fit best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from cmgai_fem.commands.complete import DEVIATIONS
from cmgai_fem.errors import InputError
from cmgai_fem.files.sensors import Observation
from cmgai_fem.generate import Generator
from cmgai_fem.states.labels import Array

# Values of each coordinate that are looked at first, by the number of coordinates.
LOOKS = {1: 61, 2: 25, 3: 11}
# A direction in which the readings change less than this part of the most is one that they do not tell.
UNTOLD = 1e-9


@dataclass(frozen=True)
class StateEstimate:
    """A state found from sensors.

    Args:
        value: (m,) where the sensors fit best.
        deviation: (m,) standard deviation of each value, from the curvature of the misfit and the errors of the
            transport.
    """

    value: Array
    deviation: Array


def estimate_value(
    generators: Mapping[str, Generator], observations: Sequence[Observation], box: ArrayLike
) -> StateEstimate:
    """The state at which the sensors fit best.

    Args:
        generators: transports by field that reach all of the box.
        observations: the sensors.
        box: (m, 2) lowest and highest value of each coordinate, or (2,) of one.

    Raises:
        InputError: the sensors fit best at an end of the box, or do not depend on the state.
    """
    ends = np.atleast_2d(np.asarray(box, dtype=float))
    low, spans = ends[:, 0], ends[:, 1] - ends[:, 0]
    noise = np.array([_deviation(generators[item.sensor.field], item) for item in observations])

    def misfits(place: Array) -> Array:
        """In deviations, at a place in the box that is scaled to [0, 1]."""
        fields = {name: generator.solution.at(low + spans * place) for name, generator in generators.items()}
        return np.array([item.of(fields[item.sensor.field]) - item.sensor.value for item in observations]) / noise

    looks = np.linspace(0.0, 1.0, LOOKS[len(ends)])
    best = np.array(
        min(product(looks, repeat=len(ends)), key=lambda place: float(np.sum(misfits(np.array(place)) ** 2)))
    )
    _check_inside(generators, ends, best)
    step = looks[1]
    found = optimize.least_squares(
        misfits, best, bounds=(best - step, best + step), xtol=1e-12, ftol=1e-15, gtol=1e-15, x_scale=step
    ).x
    small = 1e-4 * np.eye(len(ends))
    slopes = np.column_stack([(misfits(found + one) - misfits(found - one)) / 2e-4 for one in small])
    told = np.linalg.svd(slopes, compute_uv=False)
    if len(told) < len(ends) or told[-1] <= UNTOLD * told[0] or not np.any(told):
        raise InputError(
            "the sensors read the same at every state, or along a line of them: they cannot tell its value"
        )
    return StateEstimate(low + spans * found, spans * np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes))))


def _check_inside(generators: Mapping[str, Generator], ends: Array, best: Array) -> None:
    at_end = np.flatnonzero((best == 0.0) | (best == 1.0))
    if not len(at_end):
        return
    axis = int(at_end[0])
    names = [one.name for one in next(iter(generators.values())).problem.states.coordinates]
    low, high = ends[axis]
    raise InputError(
        f"the sensors fit best at {names[axis]} = {ends[axis][int(best[axis])]:g}, an end of the search from {low:g} "
        f"to {high:g}: the state lies outside; widen the search or check the sensors"
    )


def _deviation(generator: Generator, item: Observation) -> float:
    """Standard deviation of a sensor against the transport: its own, and the transport's error at its place."""
    own = item.sensor.tolerance / DEVIATIONS
    spread = 0.0 if generator.estimate is None else item.of(generator.estimate.spread)
    return float(np.hypot(own, spread))
