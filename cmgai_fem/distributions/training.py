"""Training of stacked networks: one loop for all members, each keeps the weights that its validation samples like best.

No member sees another: the loss is a sum over members and Adam works element by element.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cmgai_fem.errors import ConvergenceError

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
    """

    steps: int
    batch: int = 256
    learning_rate: float = 1e-2
    check_every: int = 20
    patience: int = 25
    averaging: float = 0.98


@dataclass(frozen=True)
class TrainingRecord:
    """What a training did.

    Args:
        validation: (M,) least validation loss of each member.
        step: (M,) step at which it was reached; those weights are kept.
        steps: optimiser steps done.
        seconds: wall time for all members together [s].
    """

    validation: Tensor
    step: Tensor
    steps: int
    seconds: float


def train_stacked(
    module: nn.Module, loss: Callable[[], Tensor], validation: Callable[[], Tensor], budget: Budget
) -> TrainingRecord:
    """Train all members by Adam and keep, member by member, the weights with the least validation loss.

    Args:
        module: every parameter has the members in its first axis.
        loss: draws a batch and returns the (M,) training losses.
        validation: returns the (M,) validation losses; called without gradients.
        budget: steps, step size and patience.

    Returns:
        The record; `module` holds each member's best weights.

    Raises:
        ConvergenceError: a member never had a finite validation loss.
    """
    start = time.perf_counter()
    parameters = list(module.parameters())
    optimiser = torch.optim.Adam(parameters, lr=budget.learning_rate, fused=True)
    with torch.no_grad():
        best = validation()
    iterates = [parameter.detach().clone() for parameter in parameters]
    mean = [parameter.detach().clone() for parameter in parameters]
    kept = [parameter.detach().clone() for parameter in parameters]
    best_step = torch.zeros_like(best, dtype=torch.long)
    done = 0
    for step in range(1, budget.steps + 1):
        rate = 0.5 * (1.0 + math.cos(math.pi * (step - 1) / budget.steps))
        for group in optimiser.param_groups:
            group["lr"] = budget.learning_rate * rate
        optimiser.zero_grad(set_to_none=True)
        loss().sum().backward()
        optimiser.step()
        done = step
        with torch.no_grad():
            for average, parameter in zip(mean, parameters, strict=True):
                average.lerp_(parameter, 1.0 - budget.averaging)
        if step % budget.check_every and step != budget.steps:
            continue
        with torch.no_grad():
            _copy(iterates, parameters)
            _copy(parameters, mean)
            now = validation()
            _copy(parameters, iterates)
            better = now < torch.nan_to_num(best, nan=math.inf)
            best = torch.where(better, now, best)
            best_step = torch.where(better, torch.full_like(best_step, step), best_step)
            for store, average in zip(kept, mean, strict=True):
                store.copy_(torch.where(better.view(-1, *[1] * (store.ndim - 1)), average, store))
        if int((step - best_step).min()) > budget.patience * budget.check_every:
            break
    if not bool(torch.isfinite(best).all()):
        worst = int(torch.nonzero(~torch.isfinite(best))[0])
        raise ConvergenceError(f"member {worst} of {len(best)} never had a finite validation loss: lower learning_rate")
    _copy(parameters, kept)
    return TrainingRecord(best, best_step, done, time.perf_counter() - start)


@torch.no_grad()
def _copy(to: Sequence[Tensor], source: Sequence[Tensor]) -> None:
    for target, value in zip(to, source, strict=True):
        target.copy_(value)


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
    generator = torch.Generator().manual_seed(seed)

    def loss() -> Tensor:
        x, u = draw_rows(training, budget.batch, generator)
        return (objective or misfit)(x, u, generator)

    repeats = max(1, CHECKED_DRAWS // validation[0].shape[1])
    x, u = (tensor.repeat(1, repeats, 1) for tensor in validation)

    def unseen() -> Tensor:
        return misfit(x, u, torch.Generator().manual_seed(seed + 1))

    return train_stacked(module, loss, check or unseen, budget)
