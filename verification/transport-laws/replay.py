"""The third cross-check: the force that a transport solver found, marched forward, must give its motion back.

Under a nonlinear law, or a law and a known force, both solvers balance momentum in the slow modes of the label mesh,
and the rest of the motion follows the law-free spline: the march then does the same, and takes the rest of the motion
as it is.

A known force acts besides the one that was found, on the marched displacement.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import sparse

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.fem.internal_force import InternalForce
from cmgai_fem.fem.least_force import force_on_dofs
from cmgai_fem.fem.linear import slow_modes
from cmgai_fem.fem.spaces import Columns, LabelSpace, products
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.solution import Motion, Solution

from .forward import NEWTON_STEPS, ForwardMarch


@dataclass(frozen=True)
class Replay:
    """A transport's motion marched again under the force it reports.

    Args:
        times: (T,) pseudo-times from 0 to 1.
        difference: (T,) root-mean-square difference from the transport's motion, relative to the largest
            root-mean-square displacement.
    """

    times: Array
    difference: Array

    @property
    def worst(self) -> float:
        """Largest difference."""
        return float(self.difference.max())


def replay(solution: Solution, steps: int = 200) -> Replay:
    """March the labels from the first state with the solution's force and compare with its motion.

    Args:
        solution: a transport, by any method, that reports its force.
        steps: equal midpoint steps between the first and the last known state.

    Raises:
        InputError: the solution reports no force, or one that acts by blows at states between.
        ConvergenceError: the march failed.
    """
    if solution.force is None:
        raise InputError(f"the {solution.method} transport reports no force to march with")
    problem = solution.problem
    if problem.force == Least(-1) and len(problem.nodes) > 2:
        raise InputError("least(-1) strikes a blow at each state between the ends, which no march can take as a force")
    times = np.linspace(0.0, 1.0, steps + 1)
    if problem.law.stiffness == 0.0:
        shape = problem.modes.origin.shape
        known = force_on_dofs(problem, np.ravel, partial(np.reshape, shape=shape))
        mass = sparse.identity(problem.modes.origin.size, format="csr")
        bare = ForwardMarch(mass, None, problem.damping, known)
        return _whole(solution, solution.force, bare, np.ravel, times)
    space = LabelSpace(problem.states.labels, problem.modes.origin.shape[1], problem.density, fixed=problem.fixed)
    if problem.law.is_linear and problem.known_force is None:
        march = ForwardMarch.on_mesh(space, problem.law, problem.damping)
        return _whole(solution, solution.force, march, space.to_dofs, times)
    return _slow(solution, solution.force, space, times)


def _whole(
    solution: Solution, body: Motion, march: ForwardMarch, to_dofs: Callable[[Array], Array], times: Array
) -> Replay:
    scale, origin = solution.problem.scaling.scale, solution.problem.modes.origin
    motion = np.array([to_dofs(scale * (solution.path(s) - origin)) for s in times])
    velocity = to_dofs(scale * solution.path(0.0, 1))
    marched = march.midpoint(motion[0], velocity, times, lambda s: to_dofs(scale * body(s)))
    return _compare(times, marched.displacement, motion)


def _slow(solution: Solution, body: Motion, space: LabelSpace, times: Array) -> Replay:
    """Implicit midpoint on the slow modes' amplitudes, with the rest of the motion given."""
    problem = solution.problem
    scale, origin, damping = problem.scaling.scale, problem.modes.origin, problem.damping
    internal, known = InternalForce(space, problem.law), force_on_dofs(problem, space.to_dofs, space.to_labels)
    _, vectors = slow_modes(space.mass, internal.tangent(np.zeros(space.size)), problem.nodes)
    tests, columns = products(space.mass, vectors.T).T, Columns(vectors, space.mass.comm)

    def displacement(s: float) -> Array:
        return space.to_dofs(scale * (solution.path(s) - origin))

    motion = np.array([displacement(s) @ tests for s in times])
    amplitudes, velocity = motion[0], space.to_dofs(scale * solution.path(0.0, 1)) @ tests
    marched = [amplitudes]
    for start, step in zip(times[:-1], np.diff(times), strict=True):
        middle_time = float(start + 0.5 * step)
        whole = displacement(middle_time)
        outside = whole - vectors @ (whole @ tests)
        load = space.to_dofs(scale * body(middle_time)) @ tests
        middle = amplitudes + 0.5 * step * velocity
        for _ in range(NEWTON_STEPS):
            u = vectors @ middle + outside
            rate = 2.0 * (middle - amplitudes) / step
            residual = 2.0 * (rate - velocity) / step + damping * rate + internal.force(u) @ vectors - load
            tangent = columns.project(internal.tangent(u))
            if known:
                residual = residual - known(u, middle_time) @ tests
                tangent = tangent - tests.T @ (known.slope(u, middle_time)[:, None] * vectors)
            tangent[np.diag_indices(len(middle))] += 4.0 / step**2 + 2.0 * damping / step
            change = np.linalg.solve(tangent, residual)
            middle = middle - change
            if np.abs(change).max() <= 1e-11 * np.abs(motion).max():
                break
        else:
            raise ConvergenceError(f"replay: Newton's method failed at s = {middle_time:g}; take shorter steps")
        rate = 2.0 * (middle - amplitudes) / step
        amplitudes, velocity = 2.0 * middle - amplitudes, 2.0 * rate - velocity
        marched.append(amplitudes)
    return _compare(times, np.array(marched), motion)


def _compare(times: Array, marched: Array, motion: Array) -> Replay:
    misfit = np.sqrt(np.mean((marched - motion) ** 2, axis=1))
    size = np.sqrt(np.mean(motion**2, axis=1)).max()
    return Replay(times, misfit / (size or 1.0))
