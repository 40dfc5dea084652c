"""Forces of the feature point, `b(x)` or `b = -grad V(x)`, as a term that couples the modes."""

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.states.states import Array


class StateForceTerm:
    """Minus the modal components of a force of the feature point, `b(x)` or `b = -grad V(x)`.

    Args:
        origin: (L, n) features of the first state.
        shapes: (m, L, n) modes.
        weights: (L,) volumes of the labels.
        width: hidden units in each of two layers.
        potential: whether the force has a potential.
        labels: the most labels to integrate over; evenly picked ones where there are more.
        device: of the tensors.
    """

    def __init__(
        self,
        origin: Array,
        shapes: Array,
        weights: Array,
        width: int,
        potential: bool,
        labels: int,
        device: torch.device,
    ) -> None:
        picked = np.unique(np.linspace(0, len(weights) - 1, min(labels, len(weights))).round().astype(int))
        at, moved = origin[picked], shapes[:, picked]
        share = weights[picked] / weights[picked].sum()
        flat = moved.reshape(len(shapes), -1)
        # On the picked labels the modes are no longer orthonormal: project by least squares.
        weighted = flat * np.repeat(share, at.shape[1])
        projector = np.linalg.pinv(weighted @ flat.T, rcond=1e-12) @ weighted
        self._potential, self._width = potential, width
        self._inputs, self._outputs = at.shape[1], 1 if potential else at.shape[1]
        self.size = (self._inputs + 1) * width + (width + 1) * width + (width + 1) * self._outputs
        self._origin, self._flat, self._projector = (
            torch.as_tensor(array, dtype=torch.float64, device=device) for array in (at, flat, projector)
        )

    def initial(self, generator: torch.Generator) -> Tensor:
        """Starting weights of the force network: hidden layers bent within the data, output small."""
        parts, fan_in = [], self._inputs
        for width, size in ((self._width, 1.5), (self._width, 1.5), (self._outputs, 0.1)):
            parts.append(size / np.sqrt(fan_in) * torch.randn(fan_in * width, generator=generator, dtype=torch.float64))
            parts.append(size * torch.randn(width, generator=generator, dtype=torch.float64))
            fan_in = width
        return torch.cat(parts)

    def field(self, points: Tensor, own: Tensor) -> Tensor:
        """Force (q, n) at feature points (q, n)."""
        if not self._potential:
            return self._network(points, own)
        return -torch.func.grad(lambda place: self._network(place, own).sum())(points)

    def __call__(self, amplitudes: Tensor, own: Tensor) -> Tensor:
        """(m,) minus the modal force."""
        points = self._origin + (amplitudes @ self._flat).view(self._origin.shape)
        return -self._projector @ self.field(points, own).reshape(-1)

    def _network(self, points: Tensor, own: Tensor) -> Tensor:
        layer, start = points, 0
        for width in (self._width, self._width, self._outputs):
            fan_in = layer.shape[1]
            matrix = own[start : start + fan_in * width].view(fan_in, width)
            start += fan_in * width
            layer = layer @ matrix + own[start : start + width]
            start += width
            if start < self.size:
                layer = torch.tanh(layer)
        return layer
