"""The transport by finite elements: `Least(p)` motions on the label mesh, exact in s where there is no law.

Without a law all labels share the weights of `motions`, over one coordinate and over several; a linear law has a curve
for each eigenmode of the label mesh (`linear`); any other law couples them (`nonlinear`).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.motions.nested import Nested
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.transport.forces import Least, StateForce
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import CarriedPath, Solution

if TYPE_CHECKING:
    from mpi4py import MPI


Progress = Callable[[Mapping[str, float]], None]


def solve_fem(
    problem: Problem,
    *,
    tolerance: float = 1e-6,
    blocks: int = 60,
    refine: float = 1.0,
    comm: "MPI.Comm | None" = None,
    progress: Progress | None = None,
) -> Solution:
    """Solve a transport problem by finite elements.

    Args:
        problem: the statement; its force must be `Least`, `StateForce`, `Scattered` or `Nested`.
        tolerance: change of the motion, relative to the largest known displacement, at which the Krylov space of a
            law with stiffness is large enough.
        blocks: the most Krylov blocks to build.
        refine: factor on the number of elements in s under a nonlinear law or a known force.
        comm: MPI communicator whose ranks share the label mesh of a law with stiffness; all of them give the same
            problem and get the same solution. This process alone by default.
        progress: takes one row a Krylov block or Newton step, on the first rank.

    Raises:
        InputError: the force model, or the labels for a law with stiffness, are not for this solver.
        ConvergenceError: the Krylov space did not reach `tolerance`.
    """
    start = time.perf_counter()
    if isinstance(problem.force, StateForce):
        from cmgai_fem.transport.state_motion import state_motion

        motion = state_motion(problem)
        found = replace(problem, force=motion.force)
        return Solution(found, "fem", path=motion, seconds=time.perf_counter() - start)
    if not isinstance(problem.force, Least | Scattered | Nested):
        raise InputError(
            f"the finite-element transport knows the force model 'least', not {problem.force.name!r}: use pinn"
        )
    nonlinear = not problem.law.is_linear or problem.known_force is not None
    if not nonlinear and problem.law.stiffness == 0.0:
        return _without_law(problem, start)
    if nonlinear:
        from cmgai_fem.fem.nonlinear import solve_nonlinear

        return solve_nonlinear(problem, comm=comm, refine=refine, progress=progress)
    from cmgai_fem.fem.linear import solve_linear

    return solve_linear(problem, tolerance=tolerance, blocks=blocks, comm=comm, progress=progress)


def _without_law(problem: Problem, start: float) -> Solution:
    """No law: every label moves by itself, so all share the weights of the known states."""
    if not isinstance(problem.force, Least):
        motion = problem.motion
        motion.weights(problem.states.values[:1])
        return Solution(problem, "fem", motion, seconds=time.perf_counter() - start)
    line = problem.line
    path = CarriedPath(problem, lambda s, derivative: line.weights(np.array(s), derivative))
    force = CarriedPath(problem, lambda s, derivative: line.force(np.array(s), derivative))
    path.weights(0.0, 0)
    info = {"unknowns": line.size * len(problem.states)}
    return Solution(problem, "fem", problem.motion, path, force, time.perf_counter() - start, info=info)
