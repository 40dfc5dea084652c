"""An unknown state value: the one at which sensors of the state fit best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from cmgai_fem.calibration.answers import Generator
from cmgai_fem.commands.complete import DEVIATIONS
from cmgai_fem.errors import InputError
from cmgai_fem.files.sensors import Observation
from cmgai_fem.states.states import Array


@dataclass(frozen=True)
class Estimate:
    """A state value found from sensors.

    Args:
        value: where the sensors fit best.
        deviation: standard deviation of the value, from the curvature of the misfit and the errors of the transport.
    """

    value: float
    deviation: float


def estimate_value(
    generators: Mapping[str, Generator], observations: Sequence[Observation], search: tuple[float, float]
) -> Estimate:
    """The state value at which the sensors fit best.

    Args:
        generators: transports by field that reach all of `search`.
        observations: the sensors.
        search: lowest and highest state value.

    Raises:
        InputError: the sensors fit best at an end of the search, or do not depend on the state.
    """
    noise = np.array([_deviation(generators[item.sensor.field], item) for item in observations])

    def misfits(value: float) -> Array:
        fields = {name: generator.solution.at(value) for name, generator in generators.items()}
        return np.array([item.of(fields[item.sensor.field]) - item.sensor.value for item in observations]) / noise

    def cost(value: float) -> float:
        return float(np.sum(misfits(value) ** 2))

    candidates = np.linspace(*search, 61)
    costs = [cost(float(value)) for value in candidates]
    best = int(np.argmin(costs))
    if best in (0, len(candidates) - 1):
        raise InputError(
            f"the sensors fit best at {candidates[best]:g}, an end of the search from {search[0]:g} to {search[1]:g}: "
            "the state lies outside; widen the search or check the sensors"
        )
    found = optimize.minimize_scalar(
        cost,
        bounds=(candidates[best - 1], candidates[best + 1]),
        method="bounded",
        options={"xatol": 1e-9 * (search[1] - search[0])},
    )
    value, step = float(found.x), 1e-4 * (search[1] - search[0])
    slope = (misfits(value + step) - misfits(value - step)) / (2.0 * step)
    if not np.any(slope):
        raise InputError("the sensors read the same at every state: they cannot tell its value")
    return Estimate(value, float(1.0 / np.linalg.norm(slope)))


def _deviation(generator: Generator, item: Observation) -> float:
    """Standard deviation of a sensor against the transport: its own, and the transport's error at its place."""
    own = item.sensor.tolerance / DEVIATIONS
    spread = 0.0 if generator.left_out is None else item.of(generator.left_out.spread)
    return float(np.hypot(own, spread))
