"""Training of stacked networks: one loop for all members, each keeps the weights that its validation samples like best.

No member sees another: the loss is a sum over members and Adam works element by element.
"""

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import cmgai_fem
from cmgai_fem.errors import ConvergenceError
from cmgai_fem.pinn.checkpoint import Checkpoint
from cmgai_fem.states.labels import Array

# Draws of noise and time that a validation misfit is averaged over: few samples are repeated until there are as many.
CHECKED_DRAWS = 1024


@dataclass(frozen=True)
class Budget:
    """How long to train; rivals get the same object.

    Args:
        steps: most optimiser steps.
        batch: samples a step; all of them where there are fewer.
        learning_rate: Adam's first step size, which falls to zero along a half cosine.
        check_every: steps between two looks at the validation loss.
        patience: checks without improvement after which a member counts as finished.
        averaging: the weights that are checked and kept are a running mean of the iterates, which forgets by this
            factor a step: without it the check picks the iterate whose noise suits the validation samples.
        folder: keeps unfinished and finished trainings, so that a killed run goes on to the same digits; None: none.
    """

    steps: int
    batch: int = 256
    learning_rate: float = 1e-2
    check_every: int = 20
    patience: int = 25
    averaging: float = 0.98
    folder: Path | None = None


@dataclass(frozen=True)
class TrainingRecord:
    """What a training did.

    Args:
        validation: (M,) least validation loss of each member.
        step: (M,) step at which it was reached; those weights are kept.
        steps: optimiser steps done.
        seconds: wall time for all members together, with that of an interrupted training [s].
    """

    validation: Tensor
    step: Tensor
    steps: int
    seconds: float


Loss = Callable[[torch.Generator], Tensor]
"""Draws a batch by a source of chance and returns the (M,) training losses."""


def train_stacked(
    module: nn.Module, loss: Loss, validation: Callable[[], Tensor], seed: int, budget: Budget
) -> TrainingRecord:
    """Train all members by Adam and keep, member by member, the weights with the least validation loss.

    Args:
        module: every parameter has the members in its first axis.
        loss: what is trained.
        validation: returns the (M,) validation losses; called without gradients.
        seed: of the batches.
        budget: steps, step size and patience.

    Returns:
        The record; `module` holds each member's best weights.

    Raises:
        ConvergenceError: a member never had a finite validation loss.
        InputError: a training that was kept cannot be read.
    """
    run = _Run(module, validation, seed, budget)
    checkpoint = Checkpoint(None)
    if budget.folder is not None:
        key = run.key(loss)
        checkpoint = Checkpoint.at(budget.folder, key)
    finished = checkpoint.take_finished()
    if finished is not None:
        return run.finished(finished)
    run.restore(checkpoint.take_current())
    while not run.over:
        run.step(loss)
        if run.look():
            checkpoint.save(run.state(), [])
    checkpoint.finish(run.result(), [])
    return run.record()


class _Run:
    """A training on its way.

    Args:
        module: the members.
        validation: their validation losses.
        seed: of the batches.
        budget: how long.
    """

    def __init__(self, module: nn.Module, validation: Callable[[], Tensor], seed: int, budget: Budget) -> None:
        self._weights: list[Tensor] = list(module.parameters())
        self._validation, self._budget, self._seed = validation, budget, seed
        self._adam = torch.optim.Adam(self._weights, lr=budget.learning_rate, fused=True)
        self._mean, self._kept = ([weight.detach().clone() for weight in self._weights] for _ in range(2))
        with torch.no_grad():
            self._best = validation()
        self._best_step = torch.zeros_like(self._best, dtype=torch.long)
        self._generator = torch.Generator().manual_seed(seed)
        self._done, self._looked, self._start = 0, False, time.perf_counter()

    @property
    def over(self) -> bool:
        """Whether the steps are done, or every member is past its best."""
        patience = self._budget.patience * self._budget.check_every
        stalled = self._looked and self._done - int(self._best_step.max()) > patience
        return self._done >= self._budget.steps or stalled

    def step(self, loss: Loss) -> None:
        """One of the optimiser's."""
        rate = 0.5 * (1.0 + math.cos(math.pi * self._done / self._budget.steps))
        for group in self._adam.param_groups:
            group["lr"] = self._budget.learning_rate * rate
        self._adam.zero_grad(set_to_none=True)
        loss(self._generator).sum().backward()
        self._adam.step()
        self._done += 1
        with torch.no_grad():
            torch._foreach_lerp_(self._mean, self._weights, 1.0 - self._budget.averaging)

    @torch.no_grad()
    def look(self) -> bool:
        """Keep what the validation samples like better, where it is time to look at them."""
        self._looked = not self._done % self._budget.check_every or self._done == self._budget.steps
        if not self._looked:
            return False
        iterates = [weight.clone() for weight in self._weights]
        _copy(self._weights, self._mean)
        now = self._validation()
        _copy(self._weights, iterates)
        better = now < torch.nan_to_num(self._best, nan=math.inf)
        self._best = torch.where(better, now, self._best)
        self._best_step = torch.where(better, torch.full_like(self._best_step, self._done), self._best_step)
        for kept, mean in zip(self._kept, self._mean, strict=True):
            kept.copy_(torch.where(better.view(-1, *[1] * (kept.ndim - 1)), mean, kept))
        return True

    def record(self) -> TrainingRecord:
        """What was done; the members have their best weights."""
        if not bool(torch.isfinite(self._best).all()):
            worst = int(torch.nonzero(~torch.isfinite(self._best))[0])
            raise ConvergenceError(
                f"member {worst} of {len(self._best)} never had a finite validation loss: lower learning_rate"
            )
        _copy(self._weights, self._kept)
        return TrainingRecord(self._best, self._best_step, self._done, time.perf_counter() - self._start)

    def key(self, loss: Loss) -> str:
        """SHA-256 of what decides the digits: the start, its losses, and the budget."""
        first = loss(torch.Generator().manual_seed(self._seed)).detach()
        digest = hashlib.sha256(repr((replace(self._budget, folder=None), self._seed, cmgai_fem.__version__)).encode())
        for tensor in (*self._weights, self._best, first):
            digest.update(tensor.detach().cpu().numpy().tobytes())
        return digest.hexdigest()

    def state(self) -> dict[str, Array]:
        """All that going on needs."""
        moments = [self._adam.state[weight] for weight in self._weights]
        groups: dict[str, Sequence[Tensor]] = {
            "weight": self._weights, "mean": self._mean, "kept": self._kept, "best": [self._best, self._best_step],
            "first": [one["exp_avg"] for one in moments], "second": [one["exp_avg_sq"] for one in moments],
            "generator": [self._generator.get_state()],
        }  # fmt: skip
        return {name: _flat(group) for name, group in groups.items()} | {
            "place": np.array([self._done, time.perf_counter() - self._start])
        }

    def restore(self, saved: Mapping[str, Array]) -> None:
        """Go on from a state; from the start if it is empty."""
        if not saved:
            return
        done, seconds = saved["place"]
        self._done, self._looked, self._start = int(done), True, time.perf_counter() - float(seconds)
        first, second = ([torch.empty_like(weight) for weight in self._weights] for _ in range(2))
        generator = self._generator.get_state()
        for name, group in (
            ("weight", self._weights), ("mean", self._mean), ("kept", self._kept), ("first", first),
            ("second", second), ("best", [self._best, self._best_step]), ("generator", [generator]),
        ):  # fmt: skip
            _fill(group, saved[name])
        self._generator.set_state(generator)
        moments = {
            row: {"step": torch.tensor(float(self._done), device=one.device), "exp_avg": one, "exp_avg_sq": two}
            for row, (one, two) in enumerate(zip(first, second, strict=True))
        }
        self._adam.load_state_dict(self._adam.state_dict() | {"state": moments})

    def result(self) -> Array:
        """What `finished` needs."""
        place = np.array([self._done, time.perf_counter() - self._start])
        return np.concatenate([place, _flat([self._best, self._best_step, *self._kept])])

    def finished(self, result: Array) -> TrainingRecord:
        """The record of a training that was done before."""
        self._done, self._start = int(result[0]), time.perf_counter() - float(result[1])
        _fill([self._best, self._best_step, *self._kept], result[2:])
        return self.record()


@torch.no_grad()
def _copy(to: Sequence[Tensor], source: Sequence[Tensor]) -> None:
    for target, value in zip(to, source, strict=True):
        target.copy_(value)


def _flat(tensors: Sequence[Tensor]) -> Array:
    return np.concatenate([tensor.detach().cpu().double().flatten().numpy() for tensor in tensors])


@torch.no_grad()
def _fill(tensors: Sequence[Tensor], flat: Array) -> None:
    """Put numbers back where `_flat` took them."""
    ends = np.cumsum([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, np.split(flat, ends[:-1]), strict=True):
        tensor.copy_(torch.as_tensor(part).view(tensor.shape))


def draw_rows(data: Sequence[Tensor], count: int, generator: torch.Generator) -> list[Tensor]:
    """The same random rows (M, count, ...) of several (M, B, ...) tensors; all rows, in order, where B <= count."""
    members, available = data[0].shape[:2]
    if available <= count:
        return list(data)
    rows = torch.randint(available, (members, count), generator=generator).to(data[0].device)
    return [tensor[torch.arange(members, device=tensor.device)[:, None], rows] for tensor in data]


def train_on_draws(
    module: nn.Module,
    misfit: Callable[[Tensor, Tensor, torch.Generator], Tensor],
    training: Sequence[Tensor],
    validation: Sequence[Tensor],
    seed: int,
    budget: Budget,
    check: Callable[[], Tensor] | None = None,
    objective: Callable[[Tensor, Tensor, torch.Generator], Tensor] | None = None,
) -> TrainingRecord:
    """Train by a regression whose target is drawn afresh each step: flow matching, denoising score matching.

    Args:
        module: every parameter has the members in its first axis; holds the best weights afterwards.
        misfit: maps conditions (M, B, p), values (M, B, d) and a source of chance to (M,) misfits.
        training: conditions (M, B, p) and values (M, B, d).
        validation: the same for the samples that choose the weights, by their misfit with fixed draws.
        seed: of batches and draws.
        budget: steps, batch and patience.
        check: returns (M,) figures by which weights are kept instead of the misfit of the validation samples.
        objective: what is trained in place of the misfit, which is then only kept by.
    """

    def loss(generator: torch.Generator) -> Tensor:
        x, u = draw_rows(training, budget.batch, generator)
        return (objective or misfit)(x, u, generator)

    repeats = max(1, CHECKED_DRAWS // validation[0].shape[1])
    x, u = (tensor.repeat(1, repeats, 1) for tensor in validation)

    def unseen() -> Tensor:
        return misfit(x, u, torch.Generator().manual_seed(seed + 1))

    return train_stacked(module, loss, check or unseen, seed, budget)
