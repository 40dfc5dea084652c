"""Networks of the pseudo-time: tanh layers on features that know where the states are.

The force has a source at every known state (`forces.Least`), so the motion has a jump in its derivative of order
2 p + 3 there and the force in that of order 2 p + 1. A tanh network alone reaches such a function to three digits; fed
with `|s - s_k|` to that power it reaches six. Through many periods powers of s over the whole span no longer do:
B-splines, each at home in a few windows of s, take their place.
"""

from dataclasses import dataclass
from dataclasses import field as attribute
from itertools import pairwise
from math import factorial
from typing import Self

import numpy as np
import torch
from scipy.interpolate import BSpline
from torch import Tensor

from cmgai_fem.pinn.jets import kink_jet, product_jet, tanh_jet, tanh_slope
from cmgai_fem.states.labels import Array


@dataclass(frozen=True)
class TimeFeatures:
    """Network inputs: powers of the pseudo-time and the kinks at the states, centred and decorrelated.

    Args:
        low: start of the span.
        high: end of the span.
        degree: highest plain power of s, scaled to [-1, 1] over the span.
        kinks: (k,) pseudo-times of the sources; empty for a smooth motion.
        powers: exponents of the kinks (`jets.kink_jet`).
        mean: (raw,) mean of the raw features over the span.
        mix: (raw, f) decorrelating matrix.
        breaks: (w - 1,) pseudo-times between windows: B-splines of that degree on them stand for the powers of s;
            empty for powers.
    """

    low: float
    high: float
    degree: int
    kinks: Array
    powers: tuple[int, ...]
    mean: Array
    mix: Array
    breaks: Array = attribute(default_factory=lambda: np.zeros(0))

    @classmethod
    def over(
        cls, span: tuple[float, float], degree: int, kinks: Array, powers: tuple[int, ...], breaks: Array | None = None
    ) -> Self:
        """Features over a span; directions far below the largest are dropped, since they carry rounding."""
        breaks = np.zeros(0) if breaks is None else breaks
        splines = len(breaks) + 1 if len(breaks) else 0  # one more than the degree, and one more a break
        raw_count = degree + splines + len(kinks) * len(powers)
        plain = cls(*span, degree, kinks, powers, np.zeros(raw_count), np.eye(raw_count), breaks)
        raw = plain.jets(np.linspace(*span, max(400, 20 * len(breaks))), 0)[0]
        mean = raw.mean(axis=0)
        centred = (raw - mean) / np.sqrt(len(raw))
        scale = np.linalg.norm(centred, axis=0)
        _, singular, right = np.linalg.svd(centred / scale, full_matrices=False)
        # Splines that few points see are small directions, and needed.
        kept = singular > (1e-10 if len(breaks) else 1e-6) * singular[0]
        return cls(*span, degree, kinks, powers, mean, (right[kept].T / singular[kept]) / scale[:, None], breaks)

    @property
    def count(self) -> int:
        """Number of features f."""
        return int(self.mix.shape[1])

    def jets(self, s: Array, order: int) -> Array:
        """Taylor coefficients (order + 1, points, f) of the features at s (points,)."""
        half = 0.5 * (self.high - self.low)
        line = self._splines(s, order) if len(self.breaks) else self._powers(s, order)
        distance = (s[:, None] - self.kinks) / (2.0 * half)
        bent = [np.zeros((order + 1, len(s), 0)), *(kink_jet(distance, power, order) for power in self.powers)]
        units = (2.0 * half) ** np.arange(order + 1)
        raw = np.concatenate([line, np.concatenate(bent, axis=2) / units[:, None, None]], axis=2)
        raw[0] -= self.mean
        return raw @ self.mix

    def _powers(self, s: Array, order: int) -> Array:
        half = 0.5 * (self.high - self.low)
        plain = [np.poly1d([1.0, 0.0]) ** power for power in range(1, self.degree + 1)]
        scaled = (s - self.low) / half - 1.0
        return np.stack(
            [
                np.stack([power.deriv(k)(scaled) for power in plain], axis=1) / (half**k * factorial(k))
                for k in range(order + 1)
            ]
        )

    def _splines(self, s: Array, order: int) -> Array:
        ends = (np.full(self.degree + 1, self.low), self.breaks, np.full(self.degree + 1, self.high))
        knots = np.concatenate(ends)
        basis = BSpline(knots, np.eye(len(knots) - self.degree - 1), self.degree)
        return np.stack([basis(s, nu=k) / factorial(k) for k in range(order + 1)])


@dataclass(frozen=True)
class Network:
    """Fully connected tanh network with a linear bypass from inputs to outputs; its weights are one vector.

    Args:
        inputs: number of features.
        hidden: width of each hidden layer.
        outputs: number of outputs.
    """

    inputs: int
    hidden: tuple[int, ...]
    outputs: int

    @property
    def size(self) -> int:
        """Number of weights."""
        widths = (self.inputs, *self.hidden)
        inner = sum((a + 1) * b for a, b in pairwise(widths))
        return inner + (widths[-1] + 1 + self.inputs) * self.outputs

    def initial(self, generator: torch.Generator) -> Tensor:
        """Starting weights: hidden layers random (Glorot), output zero."""
        parts = []
        widths = (self.inputs, *self.hidden)
        for fan_in, fan_out in pairwise(widths):
            bound = float(np.sqrt(6.0 / (fan_in + fan_out)))
            parts.append(bound * (2.0 * _uniform(fan_in * fan_out, generator) - 1.0))
            parts.append(2.0 * _uniform(fan_out, generator) - 1.0)
        parts.append(torch.zeros(self.size - sum(len(part) for part in parts), dtype=torch.float64))
        return torch.cat(parts)

    def __call__(self, weights: Tensor, features: Tensor) -> Tensor:
        """Jets (order + 1, points, outputs) of the outputs.

        Args:
            weights: (size,) all weights.
            features: (order + 1, points, inputs) jets of the inputs.
        """
        start, jet = 0, features
        for width in self.hidden:
            jet, start = _affine(weights, start, jet, width)
            jet = tanh_jet(jet)
        jet, start = _affine(weights, start, jet, self.outputs)
        bypass = weights[start : start + self.inputs * self.outputs].view(self.inputs, self.outputs)
        return jet + features @ bypass

    def jacobian(self, weights: Tensor, features: Tensor) -> Tensor:
        """Derivative (order + 1, points, outputs, size) of the output jets with respect to all weights.

        Taylor mode again, run backwards once: the sensitivity of the outputs to a layer's units is itself a jet.
        """
        jets, matrices, start = [features], [], 0
        for width in (*self.hidden, self.outputs):
            fan_in = jets[-1].shape[-1]
            matrices.append(weights[start : start + fan_in * width].view(fan_in, width))
            moved, start = _affine(weights, start, jets[-1], width)
            jets.append(tanh_jet(moved))
        order, points = features.shape[0], features.shape[1]
        eye = torch.eye(self.outputs, dtype=weights.dtype, device=weights.device)
        sensitivity = torch.zeros(
            (order, points, self.outputs, self.outputs), dtype=weights.dtype, device=weights.device
        )
        sensitivity[0] = eye  # of output j to unit h: (order + 1, points, h, j)
        parts = [_spread(features, eye)]
        for layer in reversed(range(len(matrices))):
            parts.append(sensitivity.transpose(2, 3))
            parts.append(_weight_part(jets[layer], sensitivity, layer == len(matrices) - 1))
            if layer:
                below = matrices[layer] @ sensitivity
                sensitivity = product_jet(tanh_slope(jets[layer])[..., None], below)
        return torch.cat(parts[::-1], dim=-1)


def _spread(jet: Tensor, eye: Tensor) -> Tensor:
    """Jacobian of `jet @ W` with respect to W where the outputs follow at once: unit sensitivity."""
    part = jet[:, :, None, :, None] * eye[:, None, :]
    return part.flatten(3)


def _weight_part(jet: Tensor, sensitivity: Tensor, last: bool) -> Tensor:
    if last:
        return _spread(jet, sensitivity[0, 0])
    # (order, points, 1, fan_in, 1) times (order, points, outputs, 1, width)
    return product_jet(jet[:, :, None, :, None], sensitivity.transpose(2, 3)[:, :, :, None, :]).flatten(3)


def _affine(weights: Tensor, start: int, jet: Tensor, width: int) -> tuple[Tensor, int]:
    fan_in = jet.shape[-1]
    matrix = weights[start : start + fan_in * width].view(fan_in, width)
    start += fan_in * width
    moved = jet @ matrix
    shifted = torch.cat([moved[:1] + weights[start : start + width], moved[1:]])
    return shifted, start + width


def _uniform(count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator, dtype=torch.float64)
