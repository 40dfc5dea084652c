"""The least force in a state space by networks with m inputs.

Data U at the states split into those of a motion without energy, a polynomial, and the rest, `sum_j b_j Q_j` with
orthonormal Q_j. The motion of each Q_j is learnt,

    v_j(s) = N_j(s) + sum_k l_k(s) (Q_kj - N_j(s_k)),

where l_k are the cardinal functions of Gaussians at the states: hard states hold whatever the weights. The inputs are
polynomials and the Green's functions at the states (their kinks, as in `networks.TimeFeatures`), in the combinations
whose energy is finite. Trained is the energy over all of R^m. A rotation-invariant energy of order q is a mean over
directions of the q-th derivative along each, so jets along lines are all that is needed; the integral is taken in polar
coordinates about every state, each with its share of a partition of unity, which meets both the kinks and infinity.

Source: A. D. Becke, J. Chem. Phys. 88 (1988) 2547 (fuzzy cells about each centre); the rest is our choice.
"""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from scipy import linalg
from scipy.spatial import cKDTree
from torch import Tensor

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.motions.green import direction_jets, green_derivatives
from cmgai_fem.motions.polyharmonic import monomials, normalisation
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.pinn.checkpoint import Checkpoint
from cmgai_fem.pinn.jets import derivative
from cmgai_fem.pinn.levenberg_marquardt import LevenbergMarquardt
from cmgai_fem.pinn.networks import Network
from cmgai_fem.pinn.space_quadrature import even_directions, fuzzy_cells, mean_power, squared_distances
from cmgai_fem.progress import steps
from cmgai_fem.states.labels import Array

HIDDEN = (4,)
CPU = torch.device("cpu")
STEPS, ATTEMPTS = 12, 2
# Relative fall of the energy in a step below which it is at rest; less would follow the errors of the quadrature.
STALL = 1e-4
# Input directions below this share of the largest carry rounding.
KEPT = 1e-9


@dataclass(frozen=True)
class SpaceTraining:
    """What is trained, in coordinates scaled to the states.

    Args:
        centre: (m,) origin of the scaled coordinates.
        size: unit of the scaled coordinates.
        nodes: (K, m) scaled points of the states.
        order: p.
        tension: tau in scaled coordinates.
        softness: (K,) softness in scaled coordinates; None for hard states.
    """

    centre: Array
    size: float
    nodes: Array
    order: int
    tension: float
    softness: Array | None

    @classmethod
    def of(cls, nodes: Array, choice: Scattered) -> Self:
        """The training of a scattered choice with states at points (K, m) of the state space."""
        centre, size = normalisation(nodes)
        soft = choice.soft(nodes)
        if soft is not None:
            soft = soft * size ** (0.5 * nodes.shape[1] - (choice.order + 2))
        return cls(centre, size, (nodes - centre) / size, choice.order, choice.tension * size, soft)

    @property
    def highest(self) -> int:
        """Order q of the derivatives in the energy."""
        return self.order + 2

    @cached_property
    def combination(self) -> Array:
        """(K, K - M) orthonormal combinations of states that no motion without energy is seen by.

        They are the data that are learnt, and the combinations of kinks whose energy is finite.
        """
        tail = monomials(self.nodes, self._degree)
        return np.asarray(linalg.qr(tail)[0])[:, tail.shape[1] :]

    def without_energy(self, points: Array) -> Array:
        """(T, K) map from data to the polynomial of least squares, at points (T, m)."""
        return np.asarray(monomials(points, self._degree) @ np.linalg.pinv(monomials(self.nodes, self._degree)))

    @property
    def _degree(self) -> int:
        return self.order if self.tension else self.order + 1

    def kinks(self, points: Array, order: int) -> Array:
        """(order + 1, T, K) derivatives of the Green's functions at the states in the squared distance."""
        return green_derivatives(
            squared_distances(points, self.nodes), self.highest, points.shape[1], self.tension, order
        )

    def raw(self, points: Array, direction: Array, order: int, kinks: Array | None = None) -> Array:
        """Jets (order + 1, T, K - M + P) of kinks and monomials along a direction at points (T, m)."""
        derivatives = self.kinks(points, order) if kinks is None else kinks
        jets = direction_jets(derivatives, (points[:, None] - self.nodes) @ direction, order) @ self.combination
        return np.concatenate([jets, _monomial_jets(points, direction, self._degree, order)], axis=2)

    @cached_property
    def _mix(self) -> tuple[Array, Array]:
        """(f,) mean and (f, g) decorrelating matrix of the raw inputs about the states."""
        low, high = self.nodes.min(axis=0), self.nodes.max(axis=0)
        margin = 0.25 * (high - low)
        places = low - margin + (high - low + 2.0 * margin) * np.random.default_rng(0).random((600, len(low)))
        raw = self.raw(places, np.eye(len(low))[0], 0)[0]
        mean = raw.mean(axis=0)
        centred = (raw - mean) / np.sqrt(len(raw))
        scale = np.linalg.norm(centred, axis=0)
        _, singular, right = np.linalg.svd(centred / scale, full_matrices=False)
        kept = singular > KEPT * singular[0]
        return mean, (right[kept].T / singular[kept]) / scale[:, None]

    def features(self, points: Array, direction: Array, order: int, kinks: Array | None = None) -> Array:
        """Jets (order + 1, T, f) of the network's inputs along a direction."""
        mean, mix = self._mix
        raw = self.raw(points, direction, order, kinks)
        raw[0] -= mean
        return np.asarray(raw @ mix)

    @cached_property
    def _width(self) -> float:
        """Squared width of the Gaussians that carry the corrections: the mean distance to the nearest state."""
        nearest = cKDTree(self.nodes).query(self.nodes, k=2)[0][:, 1]
        return float(np.mean(nearest**2))

    def cardinals(self, points: Array, direction: Array, order: int) -> Array:
        """Jets (order + 1, T, K) of the cardinal functions of Gaussians at the states."""
        at_states = np.exp(-0.5 * squared_distances(self.nodes, self.nodes) / self._width)
        values = np.exp(-0.5 * squared_distances(points, self.nodes) / self._width)
        derivatives = np.array([(-0.5 / self._width) ** k * values for k in range(order + 1)])
        jets = direction_jets(derivatives, (points[:, None] - self.nodes) @ direction, order)
        return np.asarray(np.linalg.solve(at_states, jets.reshape(-1, len(self.nodes)).T).T.reshape(jets.shape))


class SpaceResidual:
    """Residual rows of one motion: the energy, and the misfit of soft states.

    Args:
        training: what is trained.
        network: the network.
        wanted: (K,) the motion at the states.
    """

    def __init__(self, training: SpaceTraining, network: Network, tables: "Tables", wanted: Array) -> None:
        self.training, self.network, self._tables = training, network, tables
        self._wanted = torch.as_tensor(wanted, device=tables.at_states.device)

    def __call__(self, weights: Tensor) -> Tensor:
        """All residual rows."""
        held = self._tables.misfit(self._wanted, self.network(weights, self._tables.at_states)[0, :, 0])
        rows = []
        for part in self._tables.parts:
            jets = self.network(weights, part.features)[:, :, 0]
            rows += part.rows(jets, None if self.training.softness is not None else held)
        if self._tables.stiffness is not None:
            rows.append(self._tables.stiffness * held)
        return torch.cat(rows)

    def jacobian(self, weights: Tensor) -> Tensor:
        """Jacobian (rows, size) of the residual rows."""
        held = -self.network.jacobian(weights, self._tables.at_states)[0, :, 0]
        rows = []
        for part in self._tables.parts:
            jets = self.network.jacobian(weights, part.features)[:, :, 0]
            rows += part.rows(jets, None if self.training.softness is not None else held)
        if self._tables.stiffness is not None:
            rows.append(self._tables.stiffness[:, None] * held)
        return torch.cat(rows)


@dataclass(frozen=True)
class DirectionTable:
    """Everything along one direction at the quadrature points that does not depend on the weights.

    Args:
        features: (q + 1, T, f) jets of the inputs.
        cardinals: derivatives (T, K) of the cardinal functions, by their order.
        roots: root of each point's weight (T,), by the order of the derivative it multiplies.
    """

    features: Tensor
    cardinals: dict[int, Tensor]
    roots: dict[int, Tensor]

    def rows(self, jets: Tensor, held: Tensor | None) -> list[Tensor]:
        """Weighted derivatives of jets (q + 1, T, ...), corrected by what hard states (K, ...) still lack."""
        found = []
        for order, root in self.roots.items():
            values = derivative(jets, order)
            values = values if held is None else values + self.cardinals[order] @ held
            found.append(root.view(-1, *(1,) * (values.dim() - 1)) * values)
        return found


@dataclass(frozen=True)
class Tables:
    """All directions, and the states.

    Args:
        parts: one table a direction.
        at_states: (1, K, f) inputs at the states.
        stiffness: (K,) inverse softness; None for hard states.
    """

    parts: tuple[DirectionTable, ...]
    at_states: Tensor
    stiffness: Tensor | None

    @classmethod
    def of(cls, training: SpaceTraining, device: torch.device) -> Self:
        """The tables of a training, on a device."""
        order, dimension = training.highest, training.nodes.shape[1]
        points, weights = fuzzy_cells(training.nodes)
        directions, shares = even_directions(dimension, order)
        orders = {order: 1.0} | ({order - 1: training.tension} if training.tension else {})
        parts, kinks = [], training.kinks(points, order)
        for direction, share in zip(directions, shares, strict=True):
            roots = {
                k: torch.as_tensor(factor * np.sqrt(weights * share / mean_power(k, dimension)), device=device)
                for k, factor in orders.items()
            }
            features = torch.as_tensor(training.features(points, direction, order, kinks), device=device)
            jets = torch.as_tensor(training.cardinals(points, direction, order), device=device)
            parts.append(DirectionTable(features, {k: derivative(jets, k) for k in roots}, roots))
        at_states = torch.as_tensor(training.features(training.nodes, directions[0], 0), device=device)
        soft = training.softness
        return cls(tuple(parts), at_states, None if soft is None else torch.as_tensor(1.0 / soft, device=device))

    @staticmethod
    def misfit(wanted: Tensor, found: Tensor) -> Tensor:
        """What the states still lack."""
        return wanted - found


@dataclass(frozen=True)
class TrainedMotion:
    """Trained motions of K states.

    Args:
        training: what was trained.
        network: the network, the same for every motion.
        weights_of: the weights of each motion's network.
        history: one row a training step.
    """

    training: SpaceTraining
    network: Network
    weights_of: tuple[Array, ...]
    history: tuple[dict[str, float], ...]

    @classmethod
    def train(
        cls, training: SpaceTraining, seed: int, device: torch.device = CPU, checkpoint: Checkpoint | None = None
    ) -> Self:
        """Train every motion on a device, those that a checkpoint does not hold.

        Raises:
            ConvergenceError: an energy did not come to rest.
        """
        tables = Tables.of(training, device)
        network = Network(tables.at_states.shape[2], HIDDEN, 1)
        generator = torch.Generator().manual_seed(seed)
        start = time.perf_counter()
        found: list[Array] = []
        kept = checkpoint or Checkpoint(None)
        rows = kept.rows
        for number, wanted in enumerate(steps(training.combination.T, "training of the motions")):
            beginning, before = network.initial(generator).to(device), kept.take_finished()
            if before is not None:
                found.append(before)
                continue
            residual = SpaceResidual(training, network, tables, wanted)
            optimiser = LevenbergMarquardt(residual, residual.jacobian, beginning)
            for _ in range(STEPS):
                loss = optimiser.loss
                moved = optimiser.step(ATTEMPTS)
                seconds = time.perf_counter() - start
                row = {"step": float(len(rows)), "loss": optimiser.loss, "momentum_residual": 0.0, "seconds": seconds}
                rows.append(row)
                if not moved or loss - optimiser.loss <= STALL * loss:
                    break
            else:
                raise ConvergenceError(
                    f"state space of order {training.order}: the energy of motion {number + 1} still falls by more "
                    f"than {STALL:g} of itself after {STEPS} steps"
                )
            found.append(optimiser.weights.cpu().numpy())
            kept.finish(found[-1], rows)
        return cls(training, network, tuple(found), tuple(rows))

    def weights(self, points: Array) -> Array:
        """(T, K) weights of the known states at points (T, m) of the state space."""
        training = self.training
        scaled = (np.asarray(points, dtype=float) - training.centre) / training.size
        line = np.eye(scaled.shape[1])[0]
        places = np.vstack([scaled, training.nodes])
        features = torch.as_tensor(training.features(places, line, 0))
        if not self.weights_of:
            return training.without_energy(scaled)
        with torch.no_grad():
            raw = np.stack(
                [self.network(torch.as_tensor(w), features)[0, :, 0].numpy() for w in self.weights_of], axis=1
            )
        values, at_states = raw[: len(scaled)], raw[len(scaled) :]
        if training.softness is None:
            values = values + training.cardinals(scaled, line, 0)[0] @ (training.combination - at_states)
        return np.asarray(training.without_energy(scaled) + values @ training.combination.T)


def _monomial_jets(points: Array, direction: Array, degree: int, order: int) -> Array:
    """Jets (order + 1, T, P) of all monomials of degree 1 to `degree` along a direction, exact by interpolation."""
    # A polynomial of this degree along a line is told by its values at as many places plus one.
    steps = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    inverse = np.linalg.inv(np.vander(steps, degree + 1, increasing=True))
    values = np.array([monomials(points + step * direction, degree)[:, 1:] for step in steps])
    jets = np.zeros((order + 1, len(points), values.shape[2]))
    filled = min(order, degree) + 1
    jets[:filled] = np.tensordot(inverse[:filled], values, axes=1)
    return jets
