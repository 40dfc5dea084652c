"""Perceptrons that are trained side by side: many small networks cost little more than one when stacked.

A study trains the same small network for several seeds and penalty weights. On a CPU the time of such a network is
nearly all call overhead, so the members are stored as one batch of matrices and trained in one loop. No member sees
another: the loss is a sum over members and Adam works element by element.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

# Rows carried through the layers at a time where no gradients are asked for, so that the cache holds them.
BLOCK = 1000


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
        if inputs.shape[1] > BLOCK and not torch.is_grad_enabled():
            return torch.cat([self(part) for part in inputs.split(BLOCK, dim=1)], dim=1)
        hidden = inputs
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < last:
                hidden = nn.functional.silu(hidden)
        return hidden

    def derivatives(self, inputs: Tensor, direction: Tensor, curvature: bool = False) -> tuple[Tensor, Tensor | None]:
        """Exact derivatives of the outputs at inputs (M, B, in) along directions (M, B, in).

        Tangents are carried through the layers beside the value, which costs half of what reverse passes do.

        Args:
            inputs: where.
            direction: along what.
            curvature: whether the second derivative is asked for.

        Returns:
            First derivative (M, B, out), and the second or None.
        """
        hidden, tangent = inputs, direction
        bend = torch.zeros_like(direction) if curvature else None
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            tangent = torch.bmm(tangent, weight)
            bend = None if bend is None else torch.bmm(bend, weight)
            if layer < last:
                hidden = torch.baddbmm(bias, hidden, weight)
                gate = torch.sigmoid(hidden)
                slope = gate * (1.0 + hidden * (1.0 - gate))
                if bend is not None:
                    second = gate * (1.0 - gate) * (2.0 + hidden * (1.0 - 2.0 * gate))
                    bend = slope * bend + second * tangent.square()
                tangent = tangent * slope
                hidden = hidden * gate
        return tangent, bend

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
