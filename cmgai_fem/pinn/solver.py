"""The transport by physics-informed networks."""

import time
from collections.abc import Callable

import numpy as np
import torch

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.forces import Least
from cmgai_fem.pinn.curves import TrainedCurve, WindowedCurve, ZeroCurve
from cmgai_fem.pinn.modal import ModalResidual, ModalTransport
from cmgai_fem.pinn.settings import TrainingSettings, torch_threads
from cmgai_fem.pinn.training import History, train
from cmgai_fem.states import Array
from cmgai_fem.transport import ModalMotion, TransportProblem, TransportSolution

Curve = TrainedCurve | WindowedCurve | ZeroCurve


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
    modes = problem.modes
    with torch_threads(settings.threads):
        motion, force, info = _solve_modes(
            problem, modes.amplitudes, np.zeros(modes.count), settings, place, seed, history
        )
    info |= {"encoding": settings.encoding, "optimiser": settings.optimiser, "seed": seed, "device": str(place)}
    return TransportSolution(
        problem,
        "pinn",
        ModalMotion(modes.origin, modes.shapes, motion),
        ModalMotion(np.zeros_like(modes.origin), modes.shapes, force),
        time.perf_counter() - start,
        tuple(history.rows),
        info,
    )


def _solve_modes(
    problem: TransportProblem,
    amplitudes: Array,
    eigenvalues: Array,
    settings: TrainingSettings,
    device: torch.device,
    seed: int,
    history: History,
) -> tuple[Curve, Curve, dict[str, object]]:
    assert isinstance(problem.force, Least)
    count = amplitudes.shape[1]
    if count == 0:
        return ZeroCurve(0), ZeroCurve(0), {"weights": 0, "momentum_residual": 0.0}
    scale = np.abs(amplitudes).max(axis=0)
    whole = ModalTransport(
        problem.nodes, amplitudes / scale, scale, problem.span, problem.force.order, problem.damping, eigenvalues,
        problem.softness,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    pieces: list[tuple[TrainedCurve, TrainedCurve | ZeroCurve]] = []
    worst, total = 0.0, 0
    for window in whole.windows():
        curves = window.networks(settings.hidden)
        residual = ModalResidual(window, curves, settings.points, settings.penalty, device)
        initial = torch.cat([curve.network.initial(generator) for curve in curves])[: residual.count].to(device)
        weights = train(residual, initial, settings, history)
        final = residual.relative_residual(weights)
        worst, total = max(worst, final), total + residual.count
        if final > settings.tolerance:
            raise ConvergenceError(
                f"field {problem.field!r}: the momentum residual stayed at {final:.1e} (tolerance "
                f"{settings.tolerance:.1e}) after {len(history.rows)} steps"
            )
        values = weights.cpu().numpy()
        moving = TrainedCurve(curves[0], values[: residual.split])
        pieces.append(
            (moving, TrainedCurve(curves[1], values[residual.split :]) if window.order >= 0 else ZeroCurve(count))
        )
    info: dict[str, object] = {"weights": total, "momentum_residual": worst}
    if problem.force.order >= 0:
        return *pieces[0], info
    return WindowedCurve(problem.nodes[1:-1], tuple(piece[0] for piece in pieces)), ZeroCurve(count), info


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r} is not available: {str(error).splitlines()[0]}") from error
    return device
