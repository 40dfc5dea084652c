"""The training loop: warm-up, rounds of Levenberg-Marquardt, history."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.errors import InputError
from cmgai_fem.pinn.checkpoint import Checkpoint
from cmgai_fem.pinn.levenberg_marquardt import LevenbergMarquardt
from cmgai_fem.pinn.modal import ModalResidual
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.pinn.ssbroyden import SSBroyden
from cmgai_fem.progress import steps
from cmgai_fem.states.labels import Array

# Rounds of multipliers after which a balance that is met ends the training.
LEAST_ROUNDS = 4

Progress = Callable[[dict[str, float]], None]


@dataclass
class History:
    """Rows {step, loss, momentum_residual, seconds} of a training, also sent to `progress`."""

    progress: Progress | None = None
    rows: list[dict[str, float]] = field(default_factory=list)
    start: float = field(default_factory=time.perf_counter)

    def add(self, loss: float, momentum_residual: float) -> None:
        """Add one row."""
        row = {
            "step": float(len(self.rows)),
            "loss": loss,
            "momentum_residual": momentum_residual,
            "seconds": time.perf_counter() - self.start,
        }
        self.rows.append(row)
        if self.progress:
            self.progress(row)


def train(
    residual: ModalResidual, weights: Tensor, settings: TrainingSettings, history: History, checkpoint: Checkpoint
) -> Tensor:
    """Weights that minimise the residual.

    Args:
        residual: residual rows; its multiplier is updated between rounds.
        weights: (n,) starting weights.
        settings: how to train.
        history: takes a row a step.
        checkpoint: takes the state after each step, and gives back that of an interrupted training.

    Returns:
        (n,) trained weights.
    """
    saved = checkpoint.take_current()
    if "turn" not in saved:
        if settings.warm_up and not saved:
            weights = _adam(residual, weights, settings.warm_up)
        if settings.optimiser == "ssbroyden":
            weights = _ssbroyden(residual, weights, settings.quasi_newton, history, checkpoint, saved)
        saved = {}
    optimiser = LevenbergMarquardt(residual, residual.jacobian, weights)
    first, done_steps = 0, 0
    if saved:
        first, done_steps = int(saved["turn"]), int(saved["step"])
        residual.multiplier = torch.as_tensor(saved["multiplier"], device=weights.device)
        optimiser.restore(saved)
    # Without a force network the balance alone is minimised: it has no multiplier, and one long round.
    constrained = residual.problem.has_force_network
    rounds = settings.rounds if constrained else 1
    most = settings.steps if constrained else 8 * settings.rounds * settings.steps
    met = 0.02 * settings.tolerance
    for turn in range(first, rounds):
        if turn and not done_steps:
            # Asked before a round and not after one, so that a training that was interrupted between ends here, too.
            if turn >= LEAST_ROUNDS and history.rows[-1]["momentum_residual"] < met:
                break
            residual.update_multiplier(optimiser.weights)
            optimiser.restart()
        for step in steps(range(done_steps, most), f"training, round {turn + 1} of {rounds}"):
            before = optimiser.loss
            moved = optimiser.step()
            history.add(optimiser.loss, residual.relative_residual(optimiser.weights))
            done = not constrained and history.rows[-1]["momentum_residual"] < met
            ended = done or not moved or before - optimiser.loss <= settings.stall * before
            place = {"turn": np.array(turn + ended), "step": np.array(0 if ended else step + 1)}
            place["multiplier"] = residual.multiplier.cpu().numpy()
            checkpoint.save(optimiser.state() | place, history.rows)
            if ended:
                break
        done_steps = 0
    return optimiser.weights


def _ssbroyden(
    residual: ModalResidual,
    weights: Tensor,
    most: int,
    history: History,
    checkpoint: Checkpoint,
    saved: Mapping[str, Array],
) -> Tensor:
    def loss(place: Array) -> float:
        value = residual(torch.as_tensor(place, device=weights.device))
        return 0.5 * float(value @ value)

    def slope(place: Array) -> Array:
        at = torch.as_tensor(place, device=weights.device)
        return np.asarray((residual.jacobian(at).T @ residual(at)).cpu().numpy())

    optimiser = SSBroyden(loss, slope, weights.cpu().numpy())
    first = 0
    if saved:
        first = int(saved["taken"])
        optimiser.restore(saved)
    for taken in steps(range(first, most), "training by SSBroyden"):
        moved = optimiser.step()
        place = torch.as_tensor(optimiser.weights, device=weights.device)
        history.add(optimiser.loss, residual.relative_residual(place))
        if not moved:
            break
        checkpoint.save(optimiser.state() | {"taken": np.array(taken + 1)}, history.rows)
    return torch.as_tensor(optimiser.weights, device=weights.device)


def _adam(residual: ModalResidual, weights: Tensor, steps: int) -> Tensor:
    moving = weights.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([moving], lr=1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.mean(residual(moving) ** 2).backward()
        optimiser.step()
    return moving.detach()


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run with `count` torch threads and put the number back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def torch_device(name: str) -> torch.device:
    """A device that is there."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r} is not available: {str(error).splitlines()[0]}") from error
    return device
