"""The transport by finite elements: `Least(p)` motions on the label mesh, exact in s where there is no law.

The optimality system of the least force separates into one small problem in s for each eigenvalue of the label
operator (`state_splines`); what the label mesh contributes are the Ritz modes of its mass and stiffness (`krylov`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import BSpline

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.fem.state_splines import StateElements, cardinal_curves
from cmgai_fem.forces import Least
from cmgai_fem.states import Array
from cmgai_fem.transport import ModalMotion, TransportProblem, TransportSolution


@dataclass(frozen=True)
class ModalCurve:
    """Amplitudes of some modes over s, as B-splines on shared elements.

    Args:
        elements: the elements in s.
        coefficients: (size, r) B-spline coefficients.
    """

    elements: StateElements
    coefficients: Array

    @cached_property
    def _spline(self) -> BSpline:
        return BSpline(self.elements.knots, self.coefficients, self.elements.degree)

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(r,) amplitudes, or their derivative in s."""
        return np.asarray(self._spline(s, nu=derivative))


@dataclass(frozen=True)
class ModalAmplitudes:
    """All amplitudes of a motion: one curve a mode or one for all."""

    curves: tuple[ModalCurve, ...]

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(m,) amplitudes at s, or their derivative in s."""
        if not self.curves:
            return np.zeros(0)
        return np.concatenate([curve(s, derivative) for curve in self.curves])


@dataclass(frozen=True)
class ModalForce:
    """Amplitudes of the body force `b = u'' + eta u' + kappa lam u`, eigenmode by eigenmode."""

    motion: ModalAmplitudes
    damping: float
    eigenvalues: Array

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(m,) force amplitudes at s, or their derivative in s."""
        acceleration, velocity, position = (self.motion(s, derivative + rise) for rise in (2, 1, 0))
        return acceleration + self.damping * velocity + self.eigenvalues * position


Progress = Callable[[Mapping[str, float]], None]


def solve_fem(
    problem: TransportProblem,
    *,
    tolerance: float = 1e-6,
    blocks: int = 30,
    refine: float = 1.0,
    progress: Progress | None = None,
) -> TransportSolution:
    """Solve a transport problem by finite elements.

    Args:
        problem: the statement; its force must be `Least`.
        tolerance: change of the motion, relative to the largest known displacement, at which the Krylov space of a
            law with stiffness is large enough.
        blocks: the most Krylov blocks to build.
        refine: factor on the number of elements in s under a nonlinear law or a known force.
        progress: takes one row a Krylov block or Newton step.

    Raises:
        InputError: the force model, or the labels for a law with stiffness, are not for this solver.
        ConvergenceError: the Krylov space did not reach `tolerance`.
    """
    start = time.perf_counter()
    if not isinstance(problem.force, Least):
        raise InputError(
            f"the finite-element transport knows the force model 'least', not {problem.force.name!r}: use pinn"
        )
    nonlinear = not problem.law.is_linear or problem.known_force is not None
    if not nonlinear and problem.law.stiffness == 0.0:
        return _without_law(problem, start)
    if nonlinear:
        from cmgai_fem.fem.nonlinear import solve_nonlinear

        return solve_nonlinear(problem, refine=refine, progress=progress)
    return _with_linear_law(problem, tolerance, blocks, progress, start)


def _without_law(problem: TransportProblem, start: float) -> TransportSolution:
    """No law: every label moves by itself, so all modes share one set of cardinal curves."""
    modes = problem.modes
    curve = _curves(problem, np.zeros(1), [modes.amplitudes])
    force = ModalForce(curve, problem.damping, np.zeros(modes.count))
    return TransportSolution(
        problem,
        "fem",
        ModalMotion(modes.origin, modes.shapes, curve),
        ModalMotion(np.zeros_like(modes.origin), modes.shapes, force),
        time.perf_counter() - start,
        info={"modes": modes.count, "unknowns": curve.curves[0].coefficients.size if curve.curves else 0},
    )


def _with_linear_law(
    problem: TransportProblem, tolerance: float, blocks: int, progress: Progress | None, start: float
) -> TransportSolution:
    from cmgai_fem.fem.krylov import ritz_modes
    from cmgai_fem.fem.slow_modes import SWING
    from cmgai_fem.fem.spaces import LabelSpace

    modes = problem.modes
    labels, components = modes.origin.shape
    space = LabelSpace(problem.states.labels, components, problem.density)
    starts = np.array([space.to_dofs(shape) for shape in modes.shapes])
    samples = np.linspace(*problem.span, 17)
    size = np.abs(modes.amplitudes).max(initial=0.0)
    history: list[Mapping[str, float]] = []
    previous: Array | None = None
    gaps = np.diff(problem.nodes)
    for ritz in ritz_modes(space, problem.law, starts, float(np.mean(gaps) ** 2), blocks):
        data = modes.amplitudes @ ritz.starts
        # A least force determines the slow eigenmodes alone; the others follow the law-free spline (`slow_modes`).
        felt = np.where(ritz.eigenvalues < (SWING * np.pi / gaps.max()) ** 2, ritz.eigenvalues, 0.0)
        amplitudes = _curves(problem, felt, [data[:, [j]] for j in range(data.shape[1])])
        current = np.array([amplitudes(s) for s in samples]) @ ritz.shapes
        change = np.inf if previous is None else float(np.sqrt(np.mean((current - previous) ** 2)) / size)
        history.append({"step": len(history), "krylov_size": len(ritz.eigenvalues), "change": change})
        if progress:
            progress(history[-1])
        previous = current
        if change < tolerance:
            break
    else:
        if len(history) == blocks:
            raise ConvergenceError(
                f"field {problem.field!r}: {blocks} Krylov blocks left the motion changing by {change:.1e} "
                f"(tolerance {tolerance:.1e}); lower the stiffness of law {problem.law.name!r}"
            )
    shapes = np.array([space.to_labels(shape) for shape in ritz.shapes])
    force = ModalForce(amplitudes, problem.damping, felt)
    return TransportSolution(
        problem,
        "fem",
        ModalMotion(modes.origin, shapes, amplitudes),
        ModalMotion(np.zeros_like(modes.origin), shapes, force),
        time.perf_counter() - start,
        tuple(history),
        {"modes": len(shapes), "unknowns": len(amplitudes.curves[0].coefficients) * labels * components},
    )


def _curves(problem: TransportProblem, eigenvalues: Array, data: Sequence[Array]) -> ModalAmplitudes:
    """Curves through the modal data (K, r_j) of each eigenvalue."""
    assert isinstance(problem.force, Least)
    order, damping = problem.force.order, problem.damping
    softness = problem.softness if np.any(problem.softness > 0.0) else None
    curves = []
    for eigenvalue, values in zip(eigenvalues, data, strict=True):
        rate = max(damping, float(np.sqrt(eigenvalue)))
        elements = StateElements.for_states(problem.nodes, problem.span, order, rate)
        cardinal = cardinal_curves(elements, problem.nodes, order, damping, float(eigenvalue), softness)
        curves.append(ModalCurve(elements, cardinal @ values))
    return ModalAmplitudes(tuple(curves))
