"""A known body force as what couples the modes; it is plain NumPy with its own slope, so no graph runs through it."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.states.states import Array
from cmgai_fem.transport.forces import KnownForce


class KnownForceCoupling:
    """Minus the modal components of a known force, evaluated in NumPy with its own slope.

    Args:
        force: the force on label values in the field's unit.
        s: (points,) pseudo-times.
        shapes: (m + h, L, n) modes, the held ones last.
        tests: (m, L, n) what takes the components of a field: the modes times the mass matrix.
        unit: field values of one feature.
        scale: unit of the amplitudes, the same for all modes.
        held: (points, h) amplitudes of modes that move by themselves; h may be 0.
    """

    size = 0

    def __init__(
        self, force: KnownForce, s: Array, shapes: Array, tests: Array, unit: float, scale: float, held: Tensor
    ) -> None:
        self._force, self._times, self._held = force, s, held
        self._shapes, self._tests = unit * scale * shapes, tests / (unit * scale)

    def initial(self, generator: torch.Generator) -> Tensor:
        """No weights."""
        return torch.zeros(0, dtype=torch.float64)

    def value(self, amplitudes: Tensor, own: Tensor) -> Tensor:
        """(points, m) minus the force, in units of the scale."""
        return _NumpyForce.apply(amplitudes, self)

    def slopes(self, amplitudes: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """(points, m, m) slope in the amplitudes, and nothing for the weights that it has not."""
        moved = self._displacements(amplitudes)
        slope = np.array([self._force.slope(row, float(s)) for row, s in zip(moved, self._times, strict=True)])
        count = amplitudes.shape[1]
        table = -np.einsum("iln,qln,jln->qij", self._tests, slope, self._shapes[:count], optimize=True)
        in_amplitudes = torch.as_tensor(table, dtype=amplitudes.dtype, device=amplitudes.device)
        return in_amplitudes, in_amplitudes.new_zeros((*amplitudes.shape, 0))

    def forces(self, amplitudes: Tensor) -> Tensor:
        """(points, m) minus the force, without a graph."""
        moved = self._displacements(amplitudes)
        values = np.array([self._force(row, float(s)) for row, s in zip(moved, self._times, strict=True)])
        table = -np.tensordot(values, self._tests, axes=([1, 2], [1, 2]))
        return torch.as_tensor(table, dtype=amplitudes.dtype, device=amplitudes.device)

    def _displacements(self, amplitudes: Tensor) -> Array:
        whole = torch.cat([amplitudes.detach(), self._held], dim=1).cpu().numpy()
        return np.tensordot(whole, self._shapes, axes=1)


class _NumpyForce(torch.autograd.Function):
    """A known force in torch's graph (the warm-up differentiates through it)."""

    @staticmethod
    def forward(ctx: Any, amplitudes: Tensor, coupling: KnownForceCoupling) -> Tensor:
        ctx.save_for_backward(amplitudes)
        ctx.coupling = coupling
        return coupling.forces(amplitudes)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (amplitudes,) = ctx.saved_tensors
        slopes, _ = ctx.coupling.slopes(amplitudes, amplitudes.new_zeros(0))
        return torch.einsum("qi,qij->qj", gradients[0], slopes), None
