"""Perceptrons that are trained side by side: many small networks cost little more than one when stacked.

A study trains the same small network for several seeds and penalty weights. On a CPU the time of such a network is
nearly all call overhead, so the members are stored as one batch of matrices and trained in one loop. No member sees
another: the loss is a sum over members and Adam works element by element.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from cmgai_fem.errors import ConvergenceError


class StackedPerceptron(nn.Module):
    """M independent multilayer perceptrons of one shape with SiLU activations.

    Args:
        sizes: units of each layer, input first, output last.
        seeds: (M,) seed of each member's initial weights; equal seeds give equal weights.
        dtype: floating-point type of the weights.
        device: where the weights live.
    """

    def __init__(self, sizes: Sequence[int], seeds: Sequence[int], dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.members = len(seeds)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            drawn = [torch.randn(fan_in, fan_out, generator=g, dtype=dtype) / math.sqrt(fan_in) for g in generators]
            self.weights.append(nn.Parameter(torch.stack(drawn).to(device)))
            self.biases.append(nn.Parameter(torch.zeros(self.members, 1, fan_out, dtype=dtype, device=device)))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (M, B, out) at inputs (M, B, in)."""
        hidden = inputs
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < last:
                hidden = nn.functional.silu(hidden)
        return hidden

    def slope(self, inputs: Tensor, direction: Tensor) -> Tensor:
        """Exact derivative (M, B, out) of the outputs at inputs (M, B, in) along directions (M, B, in).

        The tangent is carried through the layers beside the value, which costs half of what two reverse passes do.
        """
        hidden, tangent = inputs, direction
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            tangent = torch.bmm(tangent, weight)
            if layer < last:
                hidden = torch.baddbmm(bias, hidden, weight)
                gate = torch.sigmoid(hidden)
                tangent = tangent * gate * (1.0 + hidden * (1.0 - gate))
                hidden = hidden * gate
        return tangent

    def part(self, rows: slice) -> "StackedPerceptron":
        """Some of the members, with copies of their weights."""
        first = self.weights[0]
        fewer = StackedPerceptron(self.sizes, [0] * len(first[rows]), first.dtype, first.device)
        with torch.no_grad():
            for target, source in zip(fewer.parameters(), self.parameters(), strict=True):
                target.copy_(source[rows])
        return fewer

    def parameters_per_member(self) -> int:
        """Number of weights and biases of one member."""
        return parameter_count(self.sizes)


def parameter_count(sizes: Sequence[int]) -> int:
    """Weights and biases of one perceptron with these layer sizes."""
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))


def width_for(parameters: int, inputs: int, outputs: int, hidden_layers: int) -> int:
    """Hidden width whose perceptron has the number of parameters nearest to `parameters`."""
    return min(
        range(1, 2048),
        key=lambda width: abs(parameter_count([inputs, *[width] * hidden_layers, outputs]) - parameters),
    )


@dataclass(frozen=True)
class Standardisation:
    """Shift and scale of each member's data: `normal = (raw - shift) / scale`.

    Args:
        shift: (M, 1, n) means.
        scale: (M, 1, n) standard deviations; one where the data do not vary.
    """

    shift: Tensor
    scale: Tensor

    @classmethod
    def of(cls, data: Tensor) -> "Standardisation":
        """Means and standard deviations over the samples of `data` (M, B, n)."""
        scale = data.std(dim=1, keepdim=True)
        return cls(data.mean(dim=1, keepdim=True), torch.where(scale > 0.0, scale, torch.ones_like(scale)))

    def apply(self, raw: Tensor) -> Tensor:
        """Normal values (M, B, n) of raw ones."""
        return (raw - self.shift) / self.scale

    def undo(self, normal: Tensor) -> Tensor:
        """Raw values (M, B, n) of normal ones."""
        return normal * self.scale + self.shift

    def rows(self, members: Sequence[int]) -> "Standardisation":
        """The shift and scale of some members."""
        return Standardisation(self.shift[list(members)], self.scale[list(members)])


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
class Training:
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
) -> Training:
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
    return Training(best, best_step, done, time.perf_counter() - start)


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
