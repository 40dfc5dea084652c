"""What couples the modes: the stress of a nonlinear law, and forces that depend on the state.

Both are functions of the amplitudes at one pseudo-time alone. `ModalResidual` asks for their value and, for its
Jacobian, for their slopes at every Gauss point; both come from automatic differentiation, batched over the points.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.constitutive import Law
from cmgai_fem.label_mesh import LabelMesh
from cmgai_fem.pinn.torch_ops import OPERATIONS
from cmgai_fem.states import Array


class PointTerm(Protocol):
    """A term of the modal balance at one pseudo-time."""

    @property
    def size(self) -> int:
        """Number of weights of its own."""

    def initial(self, generator: torch.Generator) -> Tensor:
        """Starting weights of its own."""

    def __call__(self, amplitudes: Tensor, own: Tensor) -> Tensor:
        """(m,) term of amplitudes (m,) in features, with weights (size,) of its own."""


@dataclass(frozen=True)
class Coupling:
    """A point term at the Gauss points of a residual.

    Args:
        term: the term, added to the left of the balance.
        scale: unit of the amplitudes, the same for all modes.
        held: (points, h) amplitudes of modes that move by themselves, after the m free ones; h may be 0.
        chunk: points differentiated together.
    """

    term: PointTerm
    scale: float
    held: Tensor
    chunk: int = 32

    @property
    def size(self) -> int:
        """Number of the term's own weights."""
        return self.term.size

    def value(self, amplitudes: Tensor, own: Tensor) -> Tensor:
        """(points, m) term, in units of the scale."""
        return torch.func.vmap(self._at, in_dims=(0, 0, None), chunk_size=self.chunk)(amplitudes, self.held, own)

    def slopes(self, amplitudes: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """(points, m, m) slope in the amplitudes and (points, m, size) slope in the own weights."""
        slope = torch.func.jacrev(self._at, argnums=(0, 2))
        batched = torch.func.vmap(slope, in_dims=(0, 0, None), chunk_size=self.chunk)
        in_amplitudes, in_own = batched(amplitudes, self.held, own)
        return in_amplitudes, in_own

    def _at(self, amplitudes: Tensor, held: Tensor, own: Tensor) -> Tensor:
        whole = self.scale * torch.cat([amplitudes, held])
        return self.term(whole, own)[: amplitudes.shape[0]] / self.scale


class StressTerm:
    """Galerkin form of `-Div P`: the gradient of the stored energy in the amplitudes.

    Args:
        law: any law; the displacement that it sees is in the field's own unit.
        mesh: label mesh of simplices, one quadrature point each (exact for linear shape functions).
        shapes: (m, L, n) modes, orthonormal in the mass matrix.
        unit: field values of one feature.
        device: of the tensors.
    """

    size = 0

    def __init__(self, law: Law, mesh: LabelMesh, shapes: Array, unit: float, device: torch.device) -> None:
        gradients = mesh.displacement_gradients(shapes)
        self._law, self._unit = law, unit
        self._shape = gradients.shape[1:]
        self._gradients = torch.as_tensor(unit * gradients.reshape(len(shapes), -1), device=device)
        self._volumes = torch.as_tensor(mesh.volumes, device=device)

    def initial(self, generator: torch.Generator) -> Tensor:
        """No weights."""
        return torch.zeros(0, dtype=torch.float64)

    def energy(self, amplitudes: Tensor) -> Tensor:
        """Stored energy of amplitudes (m,)."""
        gradient = (amplitudes @ self._gradients).view(self._shape)
        return torch.sum(self._volumes * self._law.energy(gradient, OPERATIONS)) / self._unit**2

    def __call__(self, amplitudes: Tensor, own: Tensor) -> Tensor:
        """(m,) internal force per mass."""
        return torch.func.grad(self.energy)(amplitudes)


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


@dataclass(frozen=True)
class SumTerm:
    """Several terms, the own weights one after another.

    Args:
        terms: the terms.
    """

    terms: tuple[PointTerm, ...]

    @property
    def size(self) -> int:
        """Number of own weights."""
        return sum(term.size for term in self.terms)

    def initial(self, generator: torch.Generator) -> Tensor:
        """Starting weights."""
        return torch.cat([term.initial(generator) for term in self.terms])

    def __call__(self, amplitudes: Tensor, own: Tensor) -> Tensor:
        """(m,) sum of the terms."""
        parts = torch.split(own, [term.size for term in self.terms])
        values = [term(amplitudes, part) for term, part in zip(self.terms, parts, strict=True)]
        return sum(values[1:], start=values[0])


CouplingAt = Callable[[Array], Coupling]
