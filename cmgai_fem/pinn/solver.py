"""The transport by physics-informed networks."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.forces import Least
from cmgai_fem.label_mesh import LabelMesh, stiff_modes
from cmgai_fem.pinn.curves import Curve, GroupedCurve, TrainedCurve, WindowedCurve, ZeroCurve
from cmgai_fem.pinn.modal import ModalResidual, ModalTransport
from cmgai_fem.pinn.settings import TrainingSettings, torch_threads
from cmgai_fem.pinn.training import History, train
from cmgai_fem.states import Array
from cmgai_fem.transport import ModalMotion, TransportProblem, TransportSolution

# Modes that share one network pair.
GROUP = 4
# Part of half a period that a mode may swing between two states. One that swings through half a period can do so at no
# force at all and is not determined by the states: it moves without the law (our choice, as in the finite elements).
SWING = 0.8


def solve_pinn(
    problem: TransportProblem,
    *,
    settings: TrainingSettings | None = None,
    device: str = "cpu",
    seed: int = 0,
    progress: Callable[[dict[str, float]], None] | None = None,
) -> TransportSolution:
    """Solve a transport problem by two networks, one of the displacement and one of the body force.

    Args:
        problem: the statement.
        settings: size of the networks and training.
        device: torch device, e.g. "cpu" or "cuda".
        seed: of the networks' starting weights.
        progress: takes one row {step, loss, momentum_residual, seconds} a step.

    Raises:
        InputError: the device is not there.
        ConvergenceError: the momentum residual stayed above `settings.tolerance`.
    """
    settings = settings or TrainingSettings()
    place = _device(device)
    history = History(progress)
    start = time.perf_counter()
    with torch_threads(settings.threads):
        basis = modal_basis(problem, settings.blocks)
        training = Training(settings, place, torch.Generator().manual_seed(seed), history)
        motion, force = _solve_modes(problem, basis, training)
    info: dict[str, object] = {
        "encoding": settings.encoding,
        "optimiser": settings.optimiser,
        "modes": basis.count,
        "weights": training.weights,
        "momentum_residual": training.worst,
        "seed": seed,
        "device": str(place),
    }
    return TransportSolution(
        problem,
        "pinn",
        ModalMotion(basis.origin, basis.shapes, motion),
        ModalMotion(np.zeros_like(basis.origin), basis.shapes, force),
        time.perf_counter() - start,
        tuple(history.rows),
        info,
    )


@dataclass(frozen=True)
class ModalBasis:
    """Modes that move independently of each other under a linear law.

    Args:
        origin: (L, n) features of the first state.
        shapes: (m, L, n) mode shapes.
        amplitudes: (K, m) known amplitudes.
        eigenvalues: (m,) stiffness of each mode per mass, increasing.
    """

    origin: Array
    shapes: Array
    amplitudes: Array
    eigenvalues: Array

    @property
    def count(self) -> int:
        """Number of modes."""
        return len(self.shapes)


def modal_basis(problem: TransportProblem, blocks: int) -> ModalBasis:
    """Modes of the known states, enriched by what the law's stiffness makes of them."""
    modes = problem.modes
    if problem.law.stiffness == 0.0 or modes.count == 0:
        return ModalBasis(modes.origin, modes.shapes, modes.amplitudes, np.zeros(modes.count))
    mesh = LabelMesh.of(problem.states.labels, problem.density)
    displacements = np.tensordot(modes.amplitudes, modes.shapes, axes=1)
    stiff = stiff_modes(mesh, problem.law, displacements, float(np.mean(np.diff(problem.nodes))), blocks)
    slow = stiff.eigenvalues < (SWING * np.pi / np.diff(problem.nodes).max()) ** 2
    return ModalBasis(modes.origin, stiff.shapes, stiff.amplitudes, np.where(slow, stiff.eigenvalues, 0.0))


@dataclass
class Training:
    """What all network pairs of one solve share, and what they report.

    Args:
        settings: how to train.
        device: where.
        generator: of the starting weights.
        history: takes a row a step.
        weights: weights trained so far.
        worst: largest momentum residual so far.
    """

    settings: TrainingSettings
    device: torch.device
    generator: torch.Generator
    history: History
    weights: int = 0
    worst: float = 0.0


def _solve_modes(problem: TransportProblem, basis: ModalBasis, training: Training) -> tuple[Curve, Curve]:
    """Train one network pair for each group of modes of like stiffness."""
    assert isinstance(problem.force, Least)
    if basis.count == 0:
        return ZeroCurve(0), ZeroCurve(0)
    size = np.abs(basis.amplitudes).max(axis=0)
    # A mode that hardly moves stays within rounding of its states whatever its unit.
    scale = np.maximum(size, 1e-12 * size.max())
    pairs = []
    for start in range(0, basis.count, GROUP):
        rows = slice(start, start + GROUP)
        group = ModalTransport(
            problem.nodes, basis.amplitudes[:, rows] / scale[rows], scale[rows], problem.span, problem.force.order,
            problem.damping, basis.eigenvalues[rows], problem.softness,
        )  # fmt: skip
        pairs.append(_solve_group(problem, group, training))
    if len(pairs) == 1:
        return pairs[0]
    return GroupedCurve(tuple(pair[0] for pair in pairs)), GroupedCurve(tuple(pair[1] for pair in pairs))


def _solve_group(problem: TransportProblem, group: ModalTransport, training: Training) -> tuple[Curve, Curve]:
    settings, count = training.settings, len(group.scale)
    pieces: list[tuple[Curve, Curve]] = []
    for window in group.windows():
        curves = window.networks(settings.hidden)
        residual = ModalResidual(window, curves, settings.points, settings.penalty, training.device)
        initial = torch.cat([curve.network.initial(training.generator) for curve in curves])[: residual.count]
        weights = train(residual, initial.to(training.device), settings, training.history)
        final = residual.relative_residual(weights)
        training.worst, training.weights = max(training.worst, final), training.weights + residual.count
        if final > settings.tolerance:
            raise ConvergenceError(
                f"field {problem.field!r}: the momentum residual stayed at {final:.1e} (tolerance "
                f"{settings.tolerance:.1e}) after {len(training.history.rows)} steps"
            )
        values = weights.cpu().numpy()
        moving = TrainedCurve(curves[0], values[: residual.split])
        forcing = TrainedCurve(curves[1], values[residual.split :]) if window.order >= 0 else ZeroCurve(count)
        pieces.append((moving, forcing))
    if len(pieces) == 1:
        return pieces[0]
    return WindowedCurve(problem.nodes[1:-1], tuple(piece[0] for piece in pieces)), ZeroCurve(count)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r} is not available: {str(error).splitlines()[0]}") from error
    return device
