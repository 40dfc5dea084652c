"""Transport in a state space by networks: trained motions behind the same door as the exact ones."""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.motions.line import Line
from cmgai_fem.motions.nested import Nested, NestedMotion
from cmgai_fem.motions.scattered import MappedMotion, Scattered
from cmgai_fem.motions.simplices import StateSimplices
from cmgai_fem.pinn.networks import Network
from cmgai_fem.pinn.solver import solve_pinn
from cmgai_fem.pinn.space_training import HIDDEN, SpaceTraining, TrainedMotion
from cmgai_fem.pinn.training import torch_threads
from cmgai_fem.states.states import Array, Coordinate, Coordinates, Field, States, labels_on_points
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution


def solve_pinn_space(problem: Problem, *, seed: int = 0, threads: int = 1) -> Solution:
    """Solve a transport in a state space by networks.

    Args:
        problem: the statement. Order -1 has nothing to learn: a state's simplices fix the motion.
        seed: of the networks' starting weights.
        threads: of torch.

    Raises:
        ConvergenceError: the energy did not come to rest.
    """
    start = time.perf_counter()
    exact, choice = problem.motion, problem.held
    info: dict[str, Any] = {"seed": seed}
    history: tuple[dict[str, float], ...] = ()
    motion: Any = exact
    with torch_threads(threads):
        if isinstance(exact, NestedMotion):
            assert isinstance(choice, Nested)
            lines = tuple(TrainedLine(line, seed) for line in choice.lines)
            motion = NestedMotion(exact.axes, exact.places, lines)
        elif isinstance(exact, MappedMotion) and not isinstance(exact.motion, StateSimplices):
            assert isinstance(choice, Scattered)
            nodes = exact.axes(problem.states.values)
            trained = TrainedMotion.train(SpaceTraining.of(nodes, choice), seed)
            motion, history = MappedMotion(exact.axes, trained), trained.history
            info |= {"weights": sum(len(weights) for weights in trained.weights_of), "steps": len(history)}
    return Solution(problem, "pinn", motion, seconds=time.perf_counter() - start, history=history, info=info)


def trained_weights(solution: Solution) -> Array:
    """(K - M, size) weights of the networks of a scattered solution."""
    assert isinstance(solution.motion, MappedMotion) and isinstance(solution.motion.motion, TrainedMotion)
    return np.array(solution.motion.motion.weights_of)


def motion_from_weights(choice: Scattered, coordinates: Coordinates, values: Array, weights: Array) -> MappedMotion:
    """The motion of networks that were trained before; see `trained_weights`."""
    axes = choice.axes(coordinates, values)
    training = SpaceTraining.of(axes(values), choice)
    network = Network(training.features(training.nodes[:1], np.eye(values.shape[1])[0], 0).shape[2], HIDDEN, 1)
    wanted = (training.combination.shape[1], network.size)
    if weights.shape != wanted:
        raise InputError(f"networks of {weights.shape} weights do not fit {wanted}")
    return MappedMotion(axes, TrainedMotion(training, network, tuple(weights), ()))


@dataclass(frozen=True)
class TrainedLine:
    """A line of a grid by the PINN of one coordinate, trained for its unit states.

    Args:
        line: what is chosen along the line.
        seed: of the networks' starting weights.
    """

    line: Line
    seed: int

    def weights(self, known: Array, asked: Array) -> Array:
        """(T, k) weights of the states at increasing values (k,) in the motion at values (T,)."""
        reach = (min(float(known[0]), float(asked.min())), max(float(known[-1]), float(asked.max())))
        solution = _solve_line(self.line, self.seed, tuple(float(value) for value in known), reach)
        return np.array([solution.at(float(value))[:, 0] for value in asked])

    def left_out(self, known: Array) -> Array:
        """See `Line.left_out`: of the exact motion."""
        return self.line.left_out(known)


@lru_cache(maxsize=64)
def _solve_line(line: Line, seed: int, known: tuple[float, ...], reach: tuple[float, float]) -> Solution:
    """The unit states of a line, carried once for all that is asked within a reach."""
    labels = labels_on_points(np.arange(float(len(known)))[:, None])
    units = Field(np.eye(len(known))[:, :, None], "", ("",))
    kind, exponent = line.kind
    problem = Problem(
        States.of(labels, Coordinate("line"), np.array(known), {"unit": units}),
        force=Least(min(line.order, len(known) - 2)),
        damping=line.damping,
        pseudo_time=kind,
        exponent=exponent,
    )
    return solve_pinn(problem.with_reach(*reach), seed=seed)
