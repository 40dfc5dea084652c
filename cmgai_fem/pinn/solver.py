"""The transport by physics-informed networks."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.forces import Autonomous, Free, Least, Potential
from cmgai_fem.label_mesh import LabelMesh
from cmgai_fem.pinn.bases import ModalBasis, modal_basis
from cmgai_fem.pinn.coupling import Coupling, PointTerm, StateForceTerm, StressTerm, SumTerm
from cmgai_fem.pinn.curves import Curve, GroupedCurve, TrainedCurve, WindowedCurve, ZeroCurve
from cmgai_fem.pinn.modal import ModalResidual, ModalTransport
from cmgai_fem.pinn.settings import TrainingSettings, torch_threads
from cmgai_fem.pinn.training import History, train
from cmgai_fem.states import Array
from cmgai_fem.transport import ModalMotion, TransportProblem, TransportSolution

# Modes that share one network pair.
GROUP = 4


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
    """Motion and force of all modes: together where something couples them, else in groups of like stiffness."""
    if basis.count == 0:
        return ZeroCurve(0), ZeroCurve(0)
    if isinstance(problem.force, Least) and problem.law.is_linear:
        return _solve_alone(problem, basis, slice(None), training)
    held: tuple[Curve, Curve] = (ZeroCurve(0), ZeroCurve(0))
    if basis.free < basis.count:
        free_of_law = problem if isinstance(problem.force, Least) else replace(problem, force=Least(0))
        held = _solve_alone(free_of_law, basis, slice(basis.free, None), training)
    pair = _solve_coupled(problem, basis, held[0], training)
    return GroupedCurve((pair[0], held[0])), GroupedCurve((pair[1], held[1]))


def _solve_alone(problem: TransportProblem, basis: ModalBasis, which: slice, training: Training) -> tuple[Curve, Curve]:
    """Modes that move by themselves under the least force."""
    assert isinstance(problem.force, Least)
    amplitudes, eigenvalues = basis.amplitudes[:, which], basis.eigenvalues[which]
    size = np.abs(amplitudes).max(axis=0)
    # A mode that hardly moves stays within rounding of its states whatever its unit.
    scale = np.maximum(size, 1e-12 * size.max())
    pairs = []
    for start in range(0, len(scale), GROUP):
        rows = slice(start, start + GROUP)
        group = ModalTransport(
            problem.nodes, amplitudes[:, rows] / scale[rows], scale[rows], problem.span, problem.force.order,
            problem.damping, eigenvalues[rows], problem.softness,
            rate=float(np.sqrt(eigenvalues[rows].max())),
        )  # fmt: skip
        pairs.append(_solve_group(problem, group, training))
    if len(pairs) == 1:
        return pairs[0]
    return GroupedCurve(tuple(pair[0] for pair in pairs)), GroupedCurve(tuple(pair[1] for pair in pairs))


def _solve_coupled(
    problem: TransportProblem, basis: ModalBasis, held: Curve, training: Training
) -> tuple[Curve, Curve]:
    """Modes that a nonlinear law or a force of the state couples; those after the free ones are given."""
    free, force, device = slice(basis.free), problem.force, training.device
    size = float(np.abs(basis.amplitudes[:, free]).max()) or 1.0
    linear = problem.law.is_linear
    terms: list[PointTerm] = []
    if not linear:
        mesh = LabelMesh.of(problem.states.labels, problem.density)
        terms.append(StressTerm(problem.law, mesh, basis.shapes, problem.scaling.scale, device))
    if isinstance(force, Autonomous) or type(force) is Potential:
        weights = problem.states.labels.weights
        potential = not isinstance(force, Autonomous)
        terms.append(
            StateForceTerm(
                basis.origin, basis.shapes, weights, force.width, potential, training.settings.labels, device
            )
        )
    term = SumTerm(tuple(terms))

    def coupling(s: Array) -> Coupling:
        given = np.array([held(float(at)) for at in s]).reshape(len(s), -1) / size
        return Coupling(term, size, torch.as_tensor(given, device=device))

    kind = "least" if isinstance(force, Least) else "free" if isinstance(force, Free) else "state"
    group = ModalTransport(
        problem.nodes, basis.amplitudes[:, free] / size, np.full(basis.free, size), problem.span,
        force.order if isinstance(force, Least) else 0, problem.damping,
        basis.eigenvalues[free] if linear else np.zeros(basis.free), problem.softness,
        kind, 0.0 if isinstance(force, Least) else force.weight_decay, coupling if terms else None,
        float(np.sqrt(basis.eigenvalues.max())),
    )  # fmt: skip
    return _solve_group(problem, group, training)


def _solve_group(problem: TransportProblem, group: ModalTransport, training: Training) -> tuple[Curve, Curve]:
    settings, count = training.settings, len(group.scale)
    hidden = settings.hidden if isinstance(problem.force, Least) else (problem.force.width,)
    pieces: list[tuple[Curve, Curve]] = []
    for window in group.windows():
        curves = window.networks(hidden)
        residual = ModalResidual(window, curves, settings.points, settings.penalty, training.device)
        weights = train(residual, residual.initial(training.generator), settings, training.history)
        final = residual.relative_residual(weights)
        training.worst, training.weights = max(training.worst, final), training.weights + residual.count
        if final > settings.tolerance:
            raise ConvergenceError(
                f"field {problem.field!r}: the momentum residual stayed at {final:.1e} (tolerance "
                f"{settings.tolerance:.1e}) after {len(training.history.rows)} steps"
            )
        values = weights.cpu().numpy()
        moving = TrainedCurve(curves[0], values[: residual.split])
        forcing: Curve = ZeroCurve(count)
        if window.has_force_network:
            forcing = TrainedCurve(curves[1], values[residual.split : residual.split + curves[1].network.size])
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
