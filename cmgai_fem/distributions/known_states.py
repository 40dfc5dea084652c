"""Clouds of samples at a few known states, none of them seen at two: what transport makes of them at other states.

CM-GAI in density mode: the clouds are coupled from state to state by optimal transport, which makes them one labelled
motion; its order, damping and superposition are calibrated on the known states, as for any field. The plainest thing
that respects the states is one normal law each, and McCann's interpolation between neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from cmgai_fem.calibration.calibrate import calibrate
from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.trials import sides
from cmgai_fem.distributions.clouds import resized
from cmgai_fem.distributions.optimal_transport import Gaussian, label_clouds
from cmgai_fem.motions.line import Line
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array, labels_on_points
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States
from cmgai_fem.transport.problem import Problem


@dataclass(frozen=True)
class Clouds:
    """Samples sorted by known state.

    Args:
        states: (K,) values of the state coordinate, increasing.
        values: K clouds (N_k, d).
    """

    states: Array
    values: list[Array]

    @classmethod
    def of(cls, states: Array, values: Array) -> Self:
        """The clouds of samples (N, d), each at its state (N,)."""
        known = np.unique(states)
        return cls(known, [values[states == state] for state in known])

    @property
    def known(self) -> States:
        """The known states alone, to tell sides and trials by."""
        return States(labels_on_points(np.zeros((1, 1))), Coordinates((Coordinate("state"),)), self.states[:, None], {})

    def without(self, row: int) -> Self:
        """The others."""
        return type(self)(np.delete(self.states, row), [*self.values[:row], *self.values[row + 1 :]])


def carry_clouds(clouds: Clouds, targets: Sequence[float], order: int | None = None) -> Array:
    """CM-GAI: where the labels of a motion through the known clouds are at states between and beyond them.

    Args:
        clouds: K clouds, in units in which distances count alike; of unlike size, samples of the smaller ones are taken
            again.
        targets: (T,) states.
        order: of the least force; calibrated on the clouds if None.

    Returns:
        (T, N, d) positions, N the size of the largest cloud.

    Raises:
        ConvergenceError: a coupling was not solved to its optimum.
    """
    largest, shuffle = max(map(len, clouds.values)), np.random.default_rng(0)
    motion = label_clouds([resized(cloud, largest, shuffle) for cloud in clouds.values])
    if len(motion) == 2 or order is not None:
        line = Line(-1 if order is None else min(order, len(motion) - 3))
        return np.asarray(np.tensordot(line.weights(clouds.states, np.asarray(targets)), motion, axes=1))
    labels = labels_on_points(np.arange(float(largest))[:, None])
    names = tuple(str(axis) for axis in range(motion.shape[2]))
    coordinates = Coordinates((Coordinate("state"),))
    states = States(labels, coordinates, clouds.states[:, None], {"value": Field(motion, "1", names)})
    problem = Problem(states).with_reach(*targets)
    carried = np.empty((len(targets), *motion.shape[1:]))
    # Labels have no places here, so the weights of the superposition must not vary over them.
    for side in sides(states, targets):
        solution = calibrate(problem, np.array(side), search=Search(kinds=())).solve(problem, Solver())
        for point in side:
            carried[np.equal(targets, point[0])] = solution.at(point)
    return carried


def normal_law(cloud: Array, parts: Array | None = None, floor: float = 0.0) -> Gaussian:
    """Mean and shrunk covariance of samples (N, d), shrunk in units in which every value has the variance one.

    Args:
        cloud: the samples.
        parts: (N,) how much of each counts; all of it by default.
        floor: variance that is added in every direction.

    Source: oracle approximating shrinkage, Chen et al., IEEE Trans. Signal Process. 58 (2010), eq. 23.
    """
    parts = np.ones(len(cloud)) if parts is None else parts
    count, size = float(parts.sum()), cloud.shape[1]
    unbiased = max(count - 1.0, 1.0)
    mean = parts @ cloud / count
    scale = np.maximum(np.sqrt(parts @ (cloud - mean) ** 2 / unbiased), 1e-6)
    away = (cloud - mean) / scale
    sample = (parts[:, None] * away).T @ away / count
    square, level = float((sample**2).mean()), float(np.trace(sample)) / size
    apart = (count + 1.0) * (square - level**2 / size)
    shrinkage = min((square + level**2) / apart, 1.0) if apart > 0.0 else 1.0
    shrunk = (1.0 - shrinkage) * sample + shrinkage * level * np.eye(size)
    return Gaussian(mean, shrunk * count / unbiased * np.outer(scale, scale) + floor * np.eye(size))


def interpolate_normals(states: Array, normals: Sequence[Gaussian], at: float) -> Gaussian:
    """The normal law at a state: McCann's between the two neighbours, continued straight beyond the ends."""
    left = neighbour(states, at)
    s = (at - states[left]) / (states[left + 1] - states[left])
    return normals[left].between(normals[left + 1], s)


def neighbour(states: Array, at: float) -> int:
    """Row of the known state before `at`; the last but one beyond the end, the first before the beginning."""
    return int(np.clip(np.searchsorted(states, at) - 1, 0, len(states) - 2))
