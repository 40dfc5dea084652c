"""What couples the modes: the stress of a nonlinear law, forces that depend on the state, and known forces.

All are functions of the amplitudes at one pseudo-time. `ModalResidual` asks for their value and, for its Jacobian, for
their slopes at every point; stress and trained forces get them by automatic differentiation, batched over the points.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.pinn.bases import ModalBasis
from cmgai_fem.pinn.torch_ops import OPERATIONS
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.forces import Autonomous, Free, KnownForce, Potential
from cmgai_fem.transport.label_mesh import LabelMesh
from cmgai_fem.transport.laws import Law
from cmgai_fem.transport.problem import Problem


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


class PointTerm(Protocol):
    """A term of the modal balance at one pseudo-time."""

    @property
    def size(self) -> int:
        """Number of weights of its own."""

    def initial(self, generator: torch.Generator) -> Tensor:
        """Starting weights of its own."""

    def __call__(self, amplitudes: Tensor, own: Tensor) -> Tensor:
        """(m,) term of amplitudes (m,) in features, with weights (size,) of its own."""


class Coupling(Protocol):
    """What couples the modes at the points of a residual: added to the left of the balance."""

    @property
    def size(self) -> int:
        """Number of weights of its own."""

    def initial(self, generator: torch.Generator) -> Tensor:
        """Starting weights of its own."""

    def value(self, amplitudes: Tensor, own: Tensor) -> Tensor:
        """(points, m) term of amplitudes (points, m), in units of the scale."""

    def slopes(self, amplitudes: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """(points, m, m) slope in the amplitudes and (points, m, size) slope in the own weights."""


@dataclass(frozen=True)
class PointCoupling:
    """A point term at the points of a residual, differentiated by torch.

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

    def initial(self, generator: torch.Generator) -> Tensor:
        """Starting weights of the term's own."""
        return self.term.initial(generator)

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


class SumCoupling:
    """Several couplings, the own weights one after another.

    Args:
        parts: the couplings.
    """

    def __init__(self, parts: Sequence[Coupling]) -> None:
        self._parts, self._sizes = tuple(parts), [part.size for part in parts]
        self.size = sum(self._sizes)

    def initial(self, generator: torch.Generator) -> Tensor:
        """Starting weights."""
        return torch.cat([part.initial(generator) for part in self._parts])

    def value(self, amplitudes: Tensor, own: Tensor) -> Tensor:
        """(points, m) sum of the parts."""
        values = [part.value(amplitudes, share) for part, share in self._with_weights(own)]
        return sum(values[1:], start=values[0])

    def slopes(self, amplitudes: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Slopes of the sum in the amplitudes and in all own weights."""
        pairs = [part.slopes(amplitudes, share) for part, share in self._with_weights(own)]
        return sum((pair[0] for pair in pairs[1:]), start=pairs[0][0]), torch.cat([pair[1] for pair in pairs], dim=-1)

    def _with_weights(self, own: Tensor) -> Iterator[tuple[Coupling, Tensor]]:
        return zip(self._parts, torch.split(own, self._sizes), strict=True)


CouplingAt = Callable[[Array], Coupling]


def coupling_at(
    problem: Problem,
    basis: ModalBasis,
    which: slice,
    held: Callable[[float], Array],
    size: float,
    labels: int,
    device: torch.device,
) -> CouplingAt | None:
    """What couples some free modes of a problem, given pseudo-times; None for nothing.

    Args:
        problem: the statement.
        basis: its modes.
        which: the modes that are coupled.
        held: maps a pseudo-time to the amplitudes of the modes after the free ones.
        size: unit of the amplitudes.
        labels: the most labels that a force of the state is integrated over.
        device: of the tensors.
    """
    force, unit = problem.force, problem.scaling.scale
    shapes = np.concatenate([basis.shapes[which], basis.shapes[basis.free :]])
    terms: list[PointTerm] = []
    if not problem.law.is_linear:
        mesh = LabelMesh.of(problem.states.labels, problem.density)
        terms.append(StressTerm(problem.law, mesh, shapes, unit, device))
    if isinstance(force, Potential) and not isinstance(force, Free):
        potential = not isinstance(force, Autonomous)
        weights = problem.states.labels.weights
        terms.append(StateForceTerm(basis.origin, shapes, weights, force.width, potential, labels, device))
    known = problem.known_force
    if not terms and known is None:
        return None

    def at(s: Array) -> Coupling:
        given = torch.as_tensor(np.array([held(float(t)) for t in s]).reshape(len(s), -1) / size, device=device)
        parts: list[Coupling] = [PointCoupling(term, size, given) for term in terms]
        if known is not None:
            assert basis.tests is not None
            parts.append(KnownForceCoupling(known, s, shapes, basis.tests[which], unit, size, given))
        return parts[0] if len(parts) == 1 else SumCoupling(parts)

    return at
