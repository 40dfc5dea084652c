"""Transport in a state space by networks: trained motions behind the same door as the exact ones."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.motions.line import Line
from cmgai_fem.motions.nested import Nested, NestedMotion
from cmgai_fem.motions.scattered import MappedMotion, Scattered
from cmgai_fem.motions.simplices import StateSimplices
from cmgai_fem.pinn.checkpoint import Checkpoint, training_key
from cmgai_fem.pinn.export import export_weights
from cmgai_fem.pinn.export import motion_from_weights as path_from_weights
from cmgai_fem.pinn.networks import Network
from cmgai_fem.pinn.solver import solve_pinn
from cmgai_fem.pinn.space_training import HIDDEN, SpaceTraining, TrainedMotion
from cmgai_fem.pinn.training import torch_device, torch_threads
from cmgai_fem.states.labels import Array, labels_on_points
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution

Reach = tuple[float, float]


def solve_pinn_space(
    problem: Problem, *, seed: int = 0, device: str = "cpu", threads: int = 1, checkpoint: Path | None = None
) -> Solution:
    """Solve a transport in a state space by networks.

    Args:
        problem: the statement. Order -1 has nothing to learn: a state's simplices fix the motion.
        seed: of the networks' starting weights.
        device: torch device, e.g. "cpu" or "cuda".
        threads: of torch.
        checkpoint: .safetensors file, or folder that keeps a file of each training, from which an interrupted training
            of the same problem goes on, motion by motion; None for none.

    Raises:
        InputError: the device is not there, or the checkpoint belongs to another training.
        ConvergenceError: the energy did not come to rest.
    """
    start = time.perf_counter()
    exact, choice, place = problem.motion, problem.held, torch_device(device)
    info: dict[str, Any] = {"seed": seed, "device": str(place)}
    history: tuple[dict[str, float], ...] = ()
    motion: Any = exact
    with torch_threads(threads):
        if isinstance(exact, NestedMotion):
            assert isinstance(choice, Nested)
            lines = tuple(TrainedLine(line, seed, device, checkpoint) for line in choice.lines)
            motion = NestedMotion(exact.axes, exact.places, lines)
        elif isinstance(exact, MappedMotion) and not isinstance(exact.motion, StateSimplices):
            assert isinstance(choice, Scattered)
            nodes = exact.axes(problem.states.values)
            training = SpaceTraining.of(nodes, choice)
            kept = None if checkpoint is None else Checkpoint.at(checkpoint, training_key(problem, None, seed))
            trained = TrainedMotion.train(training, seed, place, kept)
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
        device: torch device.
        checkpoint: folder that keeps trainings; None for none.
    """

    line: Line
    seed: int
    device: str = "cpu"
    checkpoint: Path | None = None

    def weights(self, known: Array, asked: Array) -> Array:
        """(T, k) weights of the states at increasing values (k,) in the motion at values (T,)."""
        solution = self.units(known, reach_of(known, asked))
        return np.array([solution.at(float(value))[:, 0] for value in asked])

    def units(self, known: Array, reach: Reach) -> Solution:
        """The unit states of the line, carried as far as a reach."""
        return _solve_line(
            self.line, self.seed, self.device, tuple(float(value) for value in known), reach, self.checkpoint
        )

    def left_out(self, known: Array) -> Array:
        """See `Line.left_out`: of the exact motion."""
        return self.line.left_out(known)


@dataclass(frozen=True)
class KeptLine:
    """A line of a grid that was trained before, as far as it was asked then.

    Args:
        line: what is chosen along the line.
        solutions: the unit states by the reach that they were carried for.
    """

    line: Line
    solutions: Mapping[Reach, Solution]

    def weights(self, known: Array, asked: Array) -> Array:
        """(T, k) weights of the states at increasing values (k,) in the motion at values (T,).

        Raises:
            InputError: no training reaches as far.
        """
        low, high = reach_of(known, asked)
        enough = [reach for reach in self.solutions if reach[0] <= low and high <= reach[1]]
        if not enough:
            raise InputError(f"these networks do not reach from {low:g} to {high:g}: generate it from the files anew")
        solution = self.solutions[min(enough, key=lambda reach: reach[1] - reach[0])]
        return np.array([solution.at(float(value))[:, 0] for value in asked])

    def left_out(self, known: Array) -> Array:
        """See `Line.left_out`: of the exact motion."""
        return self.line.left_out(known)


def line_weights(solution: Solution, points: Array) -> dict[str, Array]:
    """Weights of the networks along the lines of a grid, as far as they answer at states (T, m)."""
    assert isinstance(solution.motion, NestedMotion)
    arrays: dict[str, Array] = {}
    for axis, (line, known) in enumerate(zip(solution.motion.lines, solution.motion.axes, strict=True)):
        assert isinstance(line, TrainedLine)
        reaches = sorted({reach_of(known, point[[axis]]) for point in points})
        for number, reach in enumerate(reaches):
            name = f"{axis}/{number}"
            arrays[f"{name}/reach"] = np.array(reach)
            arrays |= {f"{name}/{key}": array for key, array in export_weights(line.units(known, reach)).items()}
    return arrays


def lines_from_weights(problem: Problem, arrays: Mapping[str, Array]) -> NestedMotion:
    """The motion over a grid whose lines were trained before; see `line_weights`."""
    exact, choice = problem.motion, problem.held
    if not isinstance(exact, NestedMotion) or not isinstance(choice, Nested):
        raise InputError(f"{choice} has no lines")
    lines = []
    for axis, (line, known) in enumerate(zip(choice.lines, exact.axes, strict=True)):
        solutions = {}
        for number in sorted({key.split("/")[1] for key in arrays if key.startswith(f"{axis}/")}):
            name = f"{axis}/{number}/"
            own = {key.removeprefix(name): array for key, array in arrays.items() if key.startswith(name)}
            low, high = (float(end) for end in own["reach"])
            units = line_problem(line, tuple(float(value) for value in known), (low, high))
            solutions[low, high] = Solution(units, "pinn", path=path_from_weights(own))
        lines.append(KeptLine(line, solutions))
    return NestedMotion(exact.axes, exact.places, tuple(lines))


def reach_of(known: Array, asked: Array) -> Reach:
    """Lowest and highest of known values (k,) and those that are asked for (T,)."""
    return min(float(known[0]), float(asked.min())), max(float(known[-1]), float(asked.max()))


@lru_cache(maxsize=64)
def _solve_line(
    line: Line, seed: int, device: str, known: tuple[float, ...], reach: Reach, checkpoint: Path | None
) -> Solution:
    """The unit states of a line, carried once for all that is asked within a reach."""
    return solve_pinn(line_problem(line, known, reach), seed=seed, device=device, checkpoint=checkpoint)


def line_problem(line: Line, known: tuple[float, ...], reach: Reach) -> Problem:
    """The problem of the unit states of a line."""
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
    return problem.with_reach(*reach)
