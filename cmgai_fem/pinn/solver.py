"""The transport by physics-informed networks."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import factorial
from pathlib import Path

import numpy as np
import torch
from scipy.interpolate import make_interp_spline

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.pinn.bases import ModalBasis, modal_basis
from cmgai_fem.pinn.checkpoint import Checkpoint
from cmgai_fem.pinn.coupling import coupling_at
from cmgai_fem.pinn.curves import (
    Curve,
    GroupedCurve,
    NetworkCurve,
    PolynomialCurve,
    TrainedCurve,
    WindowedCurve,
    ZeroCurve,
)
from cmgai_fem.pinn.field_network import FieldForce, train_field
from cmgai_fem.pinn.modal import ModalResidual, ModalTransport
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.pinn.training import History, torch_device, torch_threads, train
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.forces import Free, Least, Potential, StateForce
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import ModalPath, Solution

# Modes that share one network pair.
GROUP = 4
# Periods of the fastest mode from which accelerations and forces are so unlike that a balance held by a stiff penalty
# freezes the force before it is the least: then rounds of multipliers hold it with a soft one, and take longer.
SWINGING = 1.4
SOFT_PENALTY = 1.0
MANY_ROUNDS = 40
# Why no such force may balance the momentum.
_UNBALANCED = {
    "least": "; finite elements find the motion: leave the method pinn out",
    "free": "; a network of the pseudo-time so small does not bend with every mode: give it more width",
    "state": "; labels that pass one feature point with unlike accelerations need unlike forces there, which no force "
    "of the point alone can be: use least or a state force",
}
# A balance that is met at the Gauss points and not between them is trained anew on more of them, then wider.
POINT_FACTORS, WIDTH_FACTORS = (1.0, 1.5, 2.25, 2.25), (1, 1, 1, 2)


def solve_pinn(
    problem: Problem,
    *,
    settings: TrainingSettings | None = None,
    device: str = "cpu",
    seed: int = 0,
    progress: Callable[[dict[str, float]], None] | None = None,
    checkpoint: Path | None = None,
    save_every: float = 10.0,
) -> Solution:
    """Solve a transport problem by two networks, one of the displacement and one of the body force.

    Args:
        problem: the statement.
        settings: size of the networks and training.
        device: torch device, e.g. "cpu" or "cuda".
        seed: of the networks' starting weights.
        progress: takes one row {step, loss, momentum_residual, seconds} a step.
        checkpoint: .safetensors file from which an interrupted training of the same problem goes on, to the same
            digits, and to which this one is saved, or a folder that keeps a file of each training; None for none.
        save_every: least time between two saves within one network pair [s].

    Raises:
        InputError: the device is not there, or the checkpoint belongs to another training.
        ConvergenceError: the momentum residual stayed above `settings.tolerance`.
    """
    if isinstance(problem.force, StateForce):
        # Laws of the label mesh need DOLFINx, which a machine with torch alone does without.
        from cmgai_fem.pinn.law_network import solve_law

        return solve_law(problem, seed=seed)
    settings = settings or TrainingSettings()
    place = torch_device(device)
    kept = Checkpoint.of(checkpoint, problem, settings, seed, save_every)
    history = History(progress, kept.rows)
    if settings.encoding != "spectral":
        return _solve_field(
            problem, Training(settings, place, torch.Generator().manual_seed(seed), history, kept), seed
        )
    start = time.perf_counter()
    with torch_threads(settings.threads):
        basis = modal_basis(problem, settings.blocks)
        training = Training(settings, place, torch.Generator().manual_seed(seed), history, kept)
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
    return Solution(
        problem,
        "pinn",
        None,
        ModalPath(basis.origin, basis.shapes, motion),
        ModalPath(np.zeros_like(basis.origin), basis.shapes, force),
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
        checkpoint: keeps what is trained.
        weights: weights trained so far.
        worst: largest momentum residual so far.
    """

    settings: TrainingSettings
    device: torch.device
    generator: torch.Generator
    history: History
    checkpoint: Checkpoint
    weights: int = 0
    worst: float = 0.0


def _solve_field(problem: Problem, training: Training, seed: int) -> Solution:
    """One network of label and pseudo-time."""
    start, settings, rows = time.perf_counter(), training.settings, training.history.rows
    with torch_threads(settings.threads):
        motion = train_field(
            problem, settings, training.device, training.generator, seed, training.history, training.checkpoint
        )
    info = {
        "encoding": settings.encoding,
        "optimiser": settings.optimiser,
        "weights": len(motion.weights),
        "momentum_residual": 0.0,
        "seed": seed,
        "device": str(training.device),
    }
    force = FieldForce(motion, problem.damping)
    return Solution(problem, "pinn", None, motion, force, time.perf_counter() - start, tuple(rows), info)


def _solve_modes(problem: Problem, basis: ModalBasis, training: Training) -> tuple[Curve, Curve]:
    """Motion and force of all modes: together where something couples them, else in groups of like stiffness."""
    if basis.count == 0:
        return ZeroCurve(0), ZeroCurve(0)
    if isinstance(problem.force, Least) and problem.law.is_linear and problem.known_force is None:
        return _solve_alone(problem, basis, slice(None), training)
    held: tuple[Curve, Curve] = (ZeroCurve(0), ZeroCurve(0))
    if basis.free < basis.count:
        free_of_law = problem if isinstance(problem.force, Least) else replace(problem, force=Least(0))
        held = _solve_alone(free_of_law, basis, slice(basis.free, None), training)
    pair = _solve_coupled(problem, basis, held[0], training)
    return GroupedCurve((pair[0], held[0])), GroupedCurve((pair[1], held[1]))


def _solve_alone(problem: Problem, basis: ModalBasis, which: slice, training: Training) -> tuple[Curve, Curve]:
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


def _solve_coupled(problem: Problem, basis: ModalBasis, held: Curve, training: Training) -> tuple[Curve, Curve]:
    """Modes that a law or a force of the state couples; those after the free ones are given."""
    alone = problem.law.stiffness == 0.0 and problem.known_force is not None
    # Label values under a known force alone do not feel each other.
    group = GROUP if alone else basis.free
    pairs = [
        _solve_together(problem, basis, slice(start, min(start + group, basis.free)), held, training)
        for start in range(0, basis.free, group)
    ]
    if len(pairs) == 1:
        return pairs[0]
    return GroupedCurve(tuple(pair[0] for pair in pairs)), GroupedCurve(tuple(pair[1] for pair in pairs))


def _solve_together(
    problem: Problem, basis: ModalBasis, which: slice, held: Curve, training: Training
) -> tuple[Curve, Curve]:
    force = problem.force
    assert isinstance(force, Least | Potential)
    amplitudes, eigenvalues = basis.amplitudes[:, which], basis.eigenvalues[which]
    size = float(np.abs(amplitudes).max()) or 1.0
    linear = problem.law.is_linear
    rate = max(float(np.sqrt(eigenvalues.max())), _known_rate(problem))
    kind = "least" if isinstance(force, Least) else "free" if isinstance(force, Free) else "state"
    group = ModalTransport(
        problem.nodes, amplitudes / size, np.full(amplitudes.shape[1], size), problem.span,
        force.order if isinstance(force, Least) else 0, problem.damping,
        eigenvalues if linear else np.zeros(len(eigenvalues)), problem.softness,
        kind, 0.0 if isinstance(force, Least) else force.weight_decay,
        coupling_at(problem, basis, which, held, size, training.settings.labels, training.device), rate,
    )  # fmt: skip
    return _solve_group(problem, group, training)


def _known_rate(problem: Problem) -> float:
    """Largest rate of the motions that a known force makes by itself, from its slope along straight pieces."""
    if problem.known_force is None:
        return 0.0
    displacements = problem.scaling.scale * np.tensordot(problem.modes.amplitudes, problem.modes.shapes, axes=1)
    straight = make_interp_spline(problem.nodes, displacements, 1)
    slopes = [problem.known_force.slope(straight(s), float(s)) for s in np.linspace(*problem.span, 65)]
    return float(np.sqrt(np.abs(slopes).max()))


def _solve_group(problem: Problem, group: ModalTransport, training: Training) -> tuple[Curve, Curve]:
    """Motion and force of modes that share networks, in windows where they swing through many periods."""
    settings = training.settings
    if group.force != "least" or group.periods(group.span) <= settings.horizon:
        return _solve_between(problem, group, training)
    known = (float(group.nodes[0]), float(group.nodes[-1]))
    between = replace(group, span=known)
    if group.periods(known) > settings.horizon:
        between = between.windowed(settings.window)
    motion, force = _solve_between(problem, between, training)
    breaks, motions, forces = list(known), [motion], [force]
    for forwards in (True, False):
        begin = known[forwards]
        tail = [force(begin, k) / factorial(k) for k in range(group.order)]
        held: Curve = PolynomialCurve(begin, np.array(tail)) if tail else ZeroCurve(len(group.scale))
        outer = motion
        for window in group.marching(settings.window, forwards):
            start = np.stack([outer(window[0], k) for k in (0, 1)]) / group.scale
            piece = group.beyond(window, start, partial(_in_units, held, group.scale))
            outer, _ = _solve_window(problem, piece, training)
            at = len(motions) if forwards else 0
            motions.insert(at, outer)
            forces.insert(at, held)
            breaks.insert(len(breaks) if forwards else 0, window[1])
    inner = np.array(breaks[1:-1])
    return WindowedCurve(inner, tuple(motions)), WindowedCurve(inner, tuple(forces))


def _in_units(force: Curve, scale: Array, s: float) -> Array:
    return force(s) / scale


def _solve_between(problem: Problem, group: ModalTransport, training: Training) -> tuple[Curve, Curve]:
    """Motion and force over the span of a group, in the windows that the blows at the states make."""
    pieces = [_solve_window(problem, window, training) for window in group.windows()]
    if len(pieces) == 1:
        return pieces[0]
    return WindowedCurve(problem.nodes[1:-1], tuple(piece[0] for piece in pieces)), ZeroCurve(len(group.scale))


def _solve_window(problem: Problem, window: ModalTransport, training: Training) -> tuple[Curve, Curve]:
    settings = training.settings
    if window.has_force_network and window.periods(window.span) > SWINGING:
        settings = replace(
            settings, penalty=max(settings.penalty, SOFT_PENALTY), rounds=max(settings.rounds, MANY_ROUNDS)
        )
    force = problem.force
    assert isinstance(force, Least | Potential)
    hidden = settings.hidden if isinstance(force, Least) else (force.width,)
    for more, wider in zip(POINT_FACTORS, WIDTH_FACTORS, strict=True):
        curves = window.networks(tuple(wider * units for units in hidden))
        points = max(settings.points, _enough_points(window, curves, settings.optimiser))
        residual, weights, final = _train_at(window, curves, int(more * points), settings, training)
        if final <= settings.tolerance:
            break
    else:
        raise ConvergenceError(
            f"field {problem.field!r}: the momentum residual stayed at {final:.1e} (tolerance "
            f"{settings.tolerance:.1e}) between s = {window.span[0]:.4g} and {window.span[1]:.4g} after "
            f"{len(training.history.rows)} steps{_UNBALANCED[window.force]}"
        )
    training.worst, training.weights = max(training.worst, final), training.weights + residual.count
    values = weights.cpu().numpy()
    moving = TrainedCurve(curves[0], values[: residual.split])
    if not window.has_force_network:
        return moving, ZeroCurve(len(window.scale))
    return moving, TrainedCurve(curves[1], values[residual.split : residual.split + curves[1].network.size])


def _train_at(
    window: ModalTransport,
    curves: tuple[NetworkCurve, NetworkCurve],
    points: int,
    settings: TrainingSettings,
    training: Training,
) -> tuple[ModalResidual, torch.Tensor, float]:
    """A training on that many Gauss points a piece, its weights, and the momentum residual between the points."""
    residual = ModalResidual(window, curves, points, settings.penalty, training.device)
    weights = residual.initial(training.generator)
    before = training.checkpoint.take_finished()
    if before is None:
        weights = train(residual, weights, settings, training.history, training.checkpoint)
        training.checkpoint.finish(weights.cpu().numpy(), training.history.rows)
    else:
        weights = torch.as_tensor(before, device=training.device)
    finer = ModalResidual(window, curves, 2 * points, settings.penalty, training.device)
    return residual, weights, finer.relative_residual(weights)


def _enough_points(window: ModalTransport, curves: tuple[NetworkCurve, NetworkCurve], optimiser: str) -> int:
    """Gauss points a piece where only many of them tell the motion.

    With about as many rows as weights a balance that networks alone must meet is met at the points and not between
    them, and training on makes it worse. Without a coupling a linear combination of the inputs meets it everywhere, and
    Levenberg-Marquardt finds it; a quasi-Newton method comes by rough ones, which takes twice as many.
    """
    newton = optimiser == "levenberg_marquardt"
    weights = curves[0].network.size
    if window.has_force_network:
        if window.coupling is None and newton:
            return 0
        weights += curves[1].network.size
    pieces = len(window.pieces) - 1
    return int(np.ceil((2.0 if newton else 4.0) * weights / (pieces * len(window.scale))))
