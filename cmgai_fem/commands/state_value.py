"""An unknown state: the one at which sensors of it fit best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from cmgai_fem.calibration.correction import DEVIATIONS
from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.errors import InputError
from cmgai_fem.files.sensors import Observation
from cmgai_fem.generated import Generator
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
    between: Mapping[str, Generator],
    beyond: Mapping[str, Generator],
    observations: Sequence[Observation],
    box: ArrayLike,
) -> StateEstimate:
    """The most likely state for what the sensors read.

    Args:
        between: transports by field for states between the known ones.
        beyond: those for states beyond them, as far as the box reaches.
        observations: the sensors.
        box: (m, 2) lowest and highest value of each coordinate, or (2,) of one.

    Raises:
        InputError: the sensors fit best at an end of the box, or do not depend on the state.
    """
    ends = np.atleast_2d(np.asarray(box, dtype=float))
    low, spans = ends[:, 0], ends[:, 1] - ends[:, 0]
    known = next(iter(between.values())).problem.states.values
    noises = {
        side: np.array([_deviation(generators[item.sensor.field], item) for item in observations])
        for side, generators in ((True, between), (False, beyond))
    }

    def side_of(place: Array) -> bool:
        return inside_hull(known, low + spans * place)

    def misfits(place: Array) -> Array:
        """In deviations, at a place in the box that is scaled to [0, 1]."""
        side = side_of(place)
        made = between if side else beyond
        fields = {name: generator.solution.at(low + spans * place) for name, generator in made.items()}
        return (
            np.array([item.of(fields[item.sensor.field]) - item.sensor.value for item in observations]) / noises[side]
        )

    def unlikeliness(place: Array) -> float:
        return float(np.sum(misfits(place) ** 2) + 2.0 * np.sum(np.log(noises[side_of(place)])))

    looks = np.linspace(0.0, 1.0, LOOKS[len(ends)])
    step = looks[1]
    places = [np.array(place) for place in product(looks, repeat=len(ends))]
    for side, generators in ((True, between), (False, beyond)):
        for generator in generators.values():
            generator.expect([low + spans * place for place in places if side_of(place) == side])
    # Looks are too coarse to compare sides by: a sharp fit lies between two of them.
    starts: dict[bool, tuple[float, Array]] = {}
    for place in places:
        size, side = float(np.sum(misfits(place) ** 2)), side_of(place)
        if side not in starts or size < starts[side][0]:
            starts[side] = size, place
    fits = []
    for _, start in starts.values():
        limits = np.maximum(start - step, 0.0), np.minimum(start + step, 1.0)
        fit = optimize.least_squares(misfits, start, bounds=limits, xtol=1e-12, ftol=1e-15, gtol=1e-15, x_scale=step)
        fits.append((unlikeliness(fit.x), start, fit.x))
    _, best, found = min(fits, key=lambda fit: fit[0])
    _check_inside(between, ends, best)
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
