"""A field network N(X, s): one network of the encoded label for the whole field, trained at all labels at once.

    N(X, s) = sum_j T_j(s) N_j(X),      u(X, s) = N(X, s) + sum_k l_k(s) (U_k(X) - N(X, s_k)),
    b = u'' + eta u' + sum_j lam_j v_j (v_j, u)_M

T_j are the functions of the pseudo-time that know the states (`TimeFeatures`) and N_j the outputs of the network:
separated, since a tanh layer makes products of a function of X and one of s but poorly. The known states hold whatever
the weights are. The force is what the balance makes of the motion, so the balance holds exactly and
`1/2 int rho0 |d^p b/ds^p|²` alone is minimised. Derivatives in s are those of the T_j, in closed form; in X, the law's
stress takes its Galerkin form on the label mesh, since the states are known there and nowhere else, and its natural
boundary condition comes with it. As everywhere, the law acts on the slow eigenmodes v_j.
"""

from dataclasses import dataclass
from math import factorial

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.pinn.bases import MOST
from cmgai_fem.pinn.checkpoint import Checkpoint
from cmgai_fem.pinn.curves import Anchors
from cmgai_fem.pinn.jets import derivative
from cmgai_fem.pinn.levenberg_marquardt import LevenbergMarquardt
from cmgai_fem.pinn.networks import Network, TimeFeatures
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.pinn.training import History
from cmgai_fem.progress import steps
from cmgai_fem.quadrature import gauss_on_pieces
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.label_mesh import LabelMesh, felt, laplace_beltrami_modes, slow_eigenmodes, slow_limit
from cmgai_fem.transport.problem import Problem


def encode_labels(labels: Labels, settings: TrainingSettings, seed: int) -> Array:
    """Inputs (L, f) of a field network, by `settings.encoding`.

    Args:
        labels: the labels.
        settings: name of the encoding, and its bandwidth and number of frequencies.
        seed: of the random frequencies.

    Raises:
        InputError: eigenfunctions of labels that are no simplex mesh.
    """
    if settings.encoding == "coordinates":
        return coordinates(labels.positions)
    if settings.encoding == "fourier":
        return fourier(labels.positions, settings.frequencies, settings.bandwidth, seed)
    return eigenfunctions(labels, settings.frequencies)


def coordinates(positions: Array) -> Array:
    """Positions (L, g) shifted and scaled, the same along all axes, so that the longest side is -1 to 1."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    return np.asarray((positions - 0.5 * (low + high)) / (0.5 * (high - low).max() or 1.0))


def fourier(positions: Array, count: int, bandwidth: float, seed: int) -> Array:
    """The coordinates, and sines and cosines of them at random frequencies.

    Args:
        positions: (L, g) positions.
        count: number of frequency vectors.
        bandwidth: their standard deviation along each axis, in swings over the body's longest side.
        seed: of the frequencies.

    Returns:
        (L, g + 2 count) inputs.

    Source: Tancik et al., Fourier features let networks learn high frequency functions in low dimensional domains
        (2020), section 6.1.
    """
    scaled = coordinates(positions)
    frequencies = bandwidth * np.random.default_rng(seed).standard_normal((positions.shape[1], count))
    phase = np.pi * scaled @ frequencies
    return np.hstack([scaled, np.sin(phase), np.cos(phase)])


def eigenfunctions(labels: Labels, count: int) -> Array:
    """The first `count` eigenfunctions (L, count) of the mesh's Laplace-Beltrami operator that are not constant.

    Raises:
        InputError: the labels are no simplex mesh.
    """
    _, functions = laplace_beltrami_modes(LabelMesh.of(labels), min(count + 1, labels.count))
    moving = functions[1:]
    return np.asarray((moving / np.abs(moving).max(axis=1, keepdims=True)).T)


# Bytes that the Jacobian of the jets may take.
LARGEST = 4e9


@dataclass(frozen=True)
class FieldNetwork:
    """The architecture and the known states.

    Args:
        network: the network.
        inputs: (L, f) encoded labels.
        time: functions T_j of the pseudo-time.
        anchors: the known states, values (K, L n) of the displacement.
        components: n.
        eigenvalues: (r,) of the slow modes that feel the law.
        shapes: (r, L n) those modes.
        tests: (r, L n) the modes times the mass matrix.
    """

    network: Network
    inputs: Array
    time: TimeFeatures
    anchors: Anchors
    components: int
    eigenvalues: Array
    shapes: Array
    tests: Array

    @classmethod
    def of(cls, problem: Problem, settings: TrainingSettings, seed: int) -> "FieldNetwork":
        """The field network of a problem."""
        assert isinstance(problem.force, Least)
        order, modes = problem.force.order, problem.modes
        displacements = np.tensordot(modes.amplitudes, modes.shapes, axes=1)
        inputs = encode_labels(problem.features.labels, settings, seed)
        count = displacements.shape[2]
        eigenvalues, shapes, tests = np.zeros(0), np.zeros((0, inputs.shape[0] * count)), np.zeros((0, 1))
        if problem.law.stiffness > 0.0:
            mesh = LabelMesh.of(problem.features.labels, problem.density, problem.fixed)
            limit = slow_limit(problem.nodes)
            whole, modes_of_law = slow_eigenmodes(mesh, problem.law, count, limit, MOST)
            eigenvalues = felt(whole, problem.nodes)
            if len(eigenvalues) > MOST:
                raise InputError(f"law {problem.law.name!r}: more than {MOST} eigenmodes are slow: raise its stiffness")
            shapes = modes_of_law.reshape(len(eigenvalues), -1)
            tests = np.array([(mesh.mass @ shape).ravel() for shape in modes_of_law]).reshape(shapes.shape)
        stiff = [2, 4] * (len(eigenvalues) > 0)
        powers = tuple(2 * order + 3 + more for more in sorted({0, *[1, 2] * (problem.damping > 0.0), *stiff}))
        time = TimeFeatures.over(problem.span, order + 1, problem.nodes, powers)
        network = Network(inputs.shape[1], settings.hidden, count * time.count)
        values = displacements.reshape(len(displacements), -1)
        anchors = Anchors(problem.nodes, values, 2 * order + 3)
        return cls(network, inputs, time, anchors, count, eigenvalues, shapes, tests)

    def times(self, s: Array, order: int) -> Array:
        """(order + 1, points + K, t) jets of the T_j at s and at the known states."""
        return self.time.jets(np.concatenate([s, self.anchors.nodes]), order)

    def raw(self, outputs: Tensor, times: Tensor) -> Tensor:
        """Jets (order + 1, points + K, L n, ...) of N, from the network's outputs (L, n t, ...)."""
        parts = outputs.reshape(outputs.shape[0] * self.components, self.time.count, *outputs.shape[2:])
        return torch.einsum("opt,lt...->opl...", times, parts)

    def through_states(self, raw: Tensor, cardinals: Tensor, values: Tensor) -> Tensor:
        """Jets (order + 1, points, L n, ...) of the motion, or of its change where `values` is zero.

        Args:
            raw: (order + 1, points + K, L n, ...) jets of the network.
            cardinals: (order + 1, points, K) jets of the cardinal functions.
            values: (K, L n, ...) known displacements.
        """
        points = cardinals.shape[1]
        misfit = (values - raw[0, points:]).flatten(1)
        return raw[:, :points] + (cardinals @ misfit).unflatten(2, raw.shape[2:])


class FieldResidual:
    """Rows of the least force as a function of the weights, and their Jacobian.

    Args:
        field: the architecture.
        problem: the statement.
        points: Gauss points between two known states.
        device: of the tensors.

    Raises:
        InputError: there are too many labels for the Jacobian.
    """

    def __init__(self, field: FieldNetwork, problem: Problem, points: int, device: torch.device) -> None:
        assert isinstance(problem.force, Least)
        self._field, self._order, self._damping = field, problem.force.order, problem.damping
        s, weights = gauss_on_pieces(np.unique([*problem.nodes, *problem.span]), points)
        top = self._order + 2
        size = 8.0 * (top + 1) * (len(s) + len(problem.nodes)) * field.anchors.values.shape[1] * field.network.size
        if size > LARGEST:
            raise InputError(
                f"a field network on {len(field.inputs)} labels needs {size / 1e9:.0f} GB: use the encoding 'spectral'"
            )
        volumes = problem.features.labels.weights * (1.0 if problem.density is None else problem.density)
        share = np.repeat(np.sqrt(volumes / volumes.sum()), field.components)
        gap = float(np.mean(np.diff(problem.nodes))) ** self._order

        def tensor(array: Array) -> Tensor:
            return torch.as_tensor(array, dtype=torch.float64, device=device)

        self._inputs, self._times = tensor(field.inputs[None]), tensor(field.times(s, top))
        self._cardinals, self._values = tensor(field.anchors.jets(s, top)), tensor(field.anchors.values)
        self._root = tensor(gap * np.sqrt(weights)[:, None] * share)
        self._shapes, self._tests = tensor(field.eigenvalues[:, None] * field.shapes), tensor(field.tests)

    def __call__(self, weights: Tensor) -> Tensor:
        """Rows (points L n,)."""
        raw = self._field.raw(self._field.network(weights, self._inputs)[0], self._times)
        return (self._root * self._force(raw, self._values)).ravel()

    def jacobian(self, weights: Tensor) -> Tensor:
        """Jacobian (points L n, size)."""
        raw = self._field.raw(self._field.network.jacobian(weights, self._inputs)[0], self._times)
        known = torch.zeros_like(raw[0, self._cardinals.shape[1] :])
        return (self._root[..., None] * self._force(raw, known)).flatten(0, 1)

    def _force(self, raw: Tensor, values: Tensor) -> Tensor:
        """Derivative of order p of the force, (points, L n, ...)."""
        jets = self._field.through_states(raw, self._cardinals, values)
        force = derivative(jets, self._order + 2)
        if self._damping:
            force = force + self._damping * derivative(jets, self._order + 1)
        if len(self._field.eigenvalues):
            amplitudes = torch.einsum("rl,ql...->qr...", self._tests, derivative(jets, self._order))
            force = force + torch.einsum("rl,qr...->ql...", self._shapes, amplitudes)
        return force


@dataclass(frozen=True)
class FieldMotion:
    """Features of a trained field network.

    Args:
        field: the architecture.
        weights: (size,) trained weights.
        origin: (L, n) features of the first state.
    """

    field: FieldNetwork
    weights: Array
    origin: Array

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """Features (L, n) at s, or their derivative in s."""
        field, at = self.field, np.array([s])
        with torch.no_grad():
            outputs = field.network(torch.as_tensor(self.weights), torch.as_tensor(field.inputs[None]))[0]
            raw = field.raw(outputs, torch.as_tensor(field.times(at, derivative)))
            cardinals = torch.as_tensor(field.anchors.jets(at, derivative))
            jets = field.through_states(raw, cardinals, torch.as_tensor(field.anchors.values))
        moved = jets[derivative, 0].numpy().reshape(self.origin.shape) * factorial(derivative)
        return np.asarray(self.origin + moved if derivative == 0 else moved)


@dataclass(frozen=True)
class FieldForce:
    """The force that balances a motion."""

    motion: FieldMotion
    damping: float

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """Force (L, n) at s, or its derivative in s."""
        field, origin = self.motion.field, self.motion.origin
        force = self.motion(s, derivative + 2) + self.damping * self.motion(s, derivative + 1)
        if len(field.eigenvalues):
            moved = self.motion(s, derivative) - (origin if derivative == 0 else 0.0)
            pull = (field.eigenvalues * (field.tests @ moved.ravel())) @ field.shapes
            force = force + pull.reshape(origin.shape)
        return force


def train_field(
    problem: Problem,
    settings: TrainingSettings,
    device: torch.device,
    generator: torch.Generator,
    seed: int,
    history: History,
    checkpoint: Checkpoint,
) -> FieldMotion:
    """Train a field network by Levenberg-Marquardt.

    Args:
        problem: the statement.
        settings: how to train.
        device: where.
        generator: of the starting weights.
        seed: of the random frequencies.
        history: takes a row a step.
        checkpoint: takes the state after each step, and gives back that of an interrupted training.

    Raises:
        InputError: the problem is not for a field network.
        ConvergenceError: the force still falls after `settings.field_steps` steps.
    """
    _check(problem, settings)
    field = FieldNetwork.of(problem, settings, seed)
    finished = checkpoint.take_finished()
    if finished is not None:
        return FieldMotion(field, finished, problem.modes.origin)
    residual = FieldResidual(field, problem, settings.points, device)
    optimiser = LevenbergMarquardt(residual, residual.jacobian, field.network.initial(generator).to(device))
    losses, saved = [optimiser.loss], checkpoint.take_current()
    if saved:
        optimiser.restore(saved)
        losses = [float(loss) for loss in saved["losses"]]
    for _ in steps(range(len(losses) - 1, settings.field_steps), "training of the field network"):
        moved = optimiser.step()
        losses.append(optimiser.loss)
        history.add(optimiser.loss, 0.0)
        # Ten steps that together gain less than a thousandth of the force are the end.
        if not moved or (len(losses) > 10 and losses[-11] - losses[-1] <= 1e-3 * losses[-1]):
            break
        checkpoint.save(optimiser.state() | {"losses": np.array(losses)}, history.rows)
    else:
        raise ConvergenceError(
            f"field {problem.field!r}: the force of the field network still falls after {settings.field_steps} steps; "
            "raise field_steps, or use the encoding 'spectral'"
        )
    weights = optimiser.weights.cpu().numpy()
    checkpoint.finish(weights, history.rows)
    return FieldMotion(field, weights, problem.modes.origin)


def _check(problem: Problem, settings: TrainingSettings) -> None:
    what = f"encoding {settings.encoding!r}"
    if not isinstance(problem.force, Least) or problem.force.order < 0:
        raise InputError(f"{what} takes the force least(p) with p >= 0, not {problem.force}: use 'spectral'")
    if not problem.law.is_linear or problem.known_force is not None:
        raise InputError(f"{what} takes linear laws and no known force: use 'spectral'")
    if np.any(problem.softness > 0.0):
        raise InputError(f"{what} takes states that hold exactly: use 'spectral'")
    if settings.optimiser != "levenberg_marquardt" or settings.warm_up:
        raise InputError(f"{what} is trained by levenberg_marquardt alone, without a warm-up")
