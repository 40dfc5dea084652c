"""The least-force transport under any law, by Newton's method (SNES) with a structured preconditioner.

Each Newton step is solved by conjugate gradients. Their preconditioner is the same problem for the law's tangent at
rest, which falls apart into one small problem in s for each eigenmode of the label mesh: how many iterations it takes
depends on how far the labels are strained, not on how fine the mesh or the elements in s are.
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from mpi4py import MPI
from scipy import linalg, sparse

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.fem.internal_force import InternalForce
from cmgai_fem.fem.least_force import LeastForce, Reorder, RestOperator, Statement, force_on_dofs
from cmgai_fem.fem.linear import slow_modes
from cmgai_fem.fem.modal_curves import SplineAmplitudes
from cmgai_fem.fem.newton import Progress, minimise
from cmgai_fem.fem.spaces import Factorised, label_space, products
from cmgai_fem.motions.state_splines import StateElements, cardinal_curves
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.density import SIMPLICES, jacobians
from cmgai_fem.transport.eigenmodes import to_petsc
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import ModalPath, Solution

FORCELESS = 2e-3  # force over inertia up to which a motion counts as free of force
# Change of the motion under a known force, in the largest displacement, at which its elements are fine enough; and how
# often they are halved for it.
SETTLED, HALVINGS = 1e-5, 5


def solve_nonlinear(
    problem: Problem,
    *,
    comm: MPI.Comm | None = None,
    tolerance: float = 1e-9,
    refine: float = 1.0,
    progress: Progress | None = None,
) -> Solution:
    """Solve a transport problem with any law by finite elements in label space and in s.

    The law acts on the gradient of the displacement from the first state, in the field's own unit. In density mode the
    labels are the positions in the first state.

    Args:
        problem: the statement; its force must be `Least(p)` with p = -1, 0 or 1 and its states hard.
        comm: MPI communicator whose ranks share the label mesh; this process alone by default.
        tolerance: last Newton step, relative to the largest displacement, at which the solve ends.
        refine: factor on the number of elements in s.
        progress: takes one row a Newton step, on the first rank.

    Raises:
        InputError: the problem is not for this solver.
        ConvergenceError: Newton's method or its linear solver failed, or labels cross (J <= 0).
    """
    start = time.perf_counter()
    order = _check(problem)
    scale, origin = problem.scaling.scale, problem.modes.origin
    statement, to_dofs, to_labels = _statement(problem, comm)
    states = np.array([to_dofs(row) for row in scale * (problem.scaling.encode(problem.known.values) - origin)])
    rest = statement.internal.tangent(np.zeros_like(states[0])) if statement.internal else None
    slow = slow_modes(statement.mass, rest, problem.nodes)
    report = progress if statement.comm.rank == 0 else None
    found = _minimised(problem, statement, states, slow, tolerance, refine, report)
    if problem.known_force is not None:
        found = _settled(
            problem,
            found,
            lambda finer: _minimised(problem, statement, states, slow, tolerance, refine * finer, report),
        )
    if order < 0:
        _check_forceless(found.functional, found.amplitudes)
    coefficients = found.coefficients
    _check_labels(problem, found.functional, coefficients, to_labels)
    shapes = np.array([to_labels(row) for row in coefficients]) / scale
    return Solution(
        problem,
        "fem",
        None,
        ModalPath(origin, shapes, SplineAmplitudes(found.elements)),
        _force(found.functional, statement, found.elements, coefficients, lambda row: to_labels(row) / scale),
        time.perf_counter() - start,
        tuple(found.history),
        {
            "unknowns": found.functional.free.shape[1] * origin.size,
            "modes": len(slow[0]),
            "newton_steps": len(found.history),
            "inner_iterations": max(int(row["inner_iterations"]) for row in found.history),
        },
    )


@dataclass(frozen=True)
class _Minimum:
    """The least-force motion on some elements in s."""

    elements: StateElements
    functional: LeastForce
    amplitudes: Array
    history: list[Mapping[str, float]]

    @property
    def coefficients(self) -> Array:
        """(size, D) of the whole motion."""
        return self.functional.coefficients(self.amplitudes)


def _minimised(
    problem: Problem,
    statement: Statement,
    states: Array,
    slow: tuple[Array, Array],
    tolerance: float,
    refine: float,
    progress: Progress | None,
) -> _Minimum:
    """The motion through known states (K, D), with slow modes as `slow_modes` gives them."""
    assert isinstance(problem.force, Least)
    order, (eigenvalues, vectors) = problem.force.order, slow
    # Elements of degree seven: two between two states already hold half a swing to 1e-10.
    rate = refine * max(problem.damping, 0.4 * float(np.sqrt(eigenvalues.max(initial=1.0))), 1.0)
    elements = StateElements.for_states(problem.nodes, problem.span, order, rate)
    modal = statement.sum(states @ products(statement.mass, vectors.T).T)
    # What is outside the slow modes follows the law-free motion of the same force.
    cardinal = cardinal_curves(elements, problem.nodes, order, problem.damping, 0.0)
    functional = LeastForce(statement, elements, problem.nodes, order, vectors, cardinal @ (states - modal @ vectors.T))
    rest_operator = RestOperator(functional, eigenvalues)
    least = tolerance * float(np.abs(modal).max() or 1.0)
    amplitudes, history = minimise(functional, rest_operator, rest_operator.motion(modal), least, progress)
    return _Minimum(elements, functional, amplitudes, history)


def _settled(problem: Problem, found: _Minimum, finer: Callable[[float], _Minimum]) -> _Minimum:
    """A motion that finer elements in s no longer change: only those tell how narrow a known force is in s.

    Raises:
        ConvergenceError: the finest elements still change it.
    """
    places = np.linspace(*problem.span, 257)
    for halving in range(1, HALVINGS + 1):
        before, found = found, finer(2.0**halving)
        moved, other = (each.elements.basis(places) @ each.coefficients for each in (found, before))
        change = float(np.abs(moved - other).max()) / (float(np.abs(moved).max()) or 1.0)
        if change <= SETTLED:
            return found
    raise ConvergenceError(
        f"known force: the motion still changes by {change:.1e} as the elements in s are halved to "
        f"{len(np.unique(found.elements.knots)) - 1}: the force is too narrow in s, or too strong, to be resolved"
    )


def _check(problem: Problem) -> int:
    if not isinstance(problem.force, Least) or problem.force.order > 1:
        raise InputError(f"law {problem.law.name!r}: the nonlinear transport knows least(-1), least(0) and least(1)")
    if np.any(problem.softness > 0.0):
        raise InputError(
            f"law {problem.law.name!r}: the nonlinear transport takes hard states, set their tolerance to 0"
        )
    dimension, components = problem.states.labels.points.shape[1], problem.known.values.shape[2]
    if problem.law.needs_square and dimension != components:
        raise InputError(
            f"law {problem.law.name!r} needs as many components as label directions; field {problem.field!r} has "
            f"{components} in {dimension}-D: use the law 'membrane'"
        )
    return problem.force.order


def _statement(problem: Problem, comm: MPI.Comm | None) -> tuple[Statement, Reorder, Reorder]:
    """What pushes the labels, and the maps between labels and degrees of freedom."""
    labels, components = problem.modes.origin.shape
    internal: InternalForce | None = None
    to_dofs: Reorder = np.ravel
    to_labels: Reorder = partial(np.reshape, shape=(labels, components))
    if problem.law.stiffness > 0.0:
        space = label_space(problem.states.labels, components, problem.density, comm, problem.fixed)
        mass, internal = space.mass, InternalForce(space, problem.law)
        to_dofs, to_labels = space.to_dofs, space.to_labels
    else:
        mass = to_petsc(sparse.identity(labels * components, format="csr"))
    known = force_on_dofs(problem, to_dofs, to_labels)
    return Statement(mass, internal, problem.damping, known), to_dofs, to_labels


def _check_forceless(functional: LeastForce, amplitudes: Array) -> None:
    """Least(-1): Newton's method may end at a least force that is not zero, where no motion without one exists."""
    inertia = 0.5 * float(functional.weights @ np.sum((functional.inertia @ amplitudes) ** 2, axis=1))
    share = float(np.sqrt(functional.value(amplitudes) / inertia)) if inertia > 0.0 else 0.0
    if share > FORCELESS:
        raise ConvergenceError(
            f"least force of order -1: no motion between the states is free of force, the least one is {share:.1e} of "
            "the inertia; an eigenmode of the strained label mesh swings through half a period: raise the order or "
            "lower the stiffness"
        )


def _check_labels(problem: Problem, functional: LeastForce, coefficients: Array, to_labels: Reorder) -> None:
    """Density mode: no cell may turn inside out between the states."""
    labels = problem.states.labels
    kinds = list(labels.cells)
    if not problem.law.needs_square or len(kinds) != 1 or SIMPLICES.get(kinds[0]) != labels.points.shape[1]:
        return
    for s, row in zip(functional.points, functional.shapes[0] @ coefficients, strict=True):
        if 0.0 <= s <= 1.0:
            jacobians(labels, labels.points + to_labels(row), f"s = {s:.3f}")


def _force(
    functional: LeastForce, statement: Statement, elements: StateElements, coefficients: Array, to_features: Reorder
) -> ModalPath:
    """The body force in all modes, fitted at the Gauss points by splines two orders less smooth at the states."""
    rough = StateElements(_lowered(elements, 2), elements.degree)
    displacement, velocity, acceleration = (elements.basis(functional.points, rise) @ coefficients for rise in range(3))
    forces = acceleration + statement.damping * velocity
    if statement.internal is not None:
        solve = Factorised(statement.mass.copy())
        forces += np.array([solve(statement.internal.force(row)) for row in displacement])
    if statement.known_force is not None:
        known = [statement.known_force(row, float(s)) for s, row in zip(functional.points, displacement, strict=True)]
        forces -= np.array(known)
    root = np.sqrt(functional.weights)[:, None]
    fitted, *_ = linalg.lstsq(root * rough.basis(functional.points), root * forces, cond=1e-13)
    shapes = np.array([to_features(row) for row in fitted])
    return ModalPath(np.zeros_like(shapes[0]), shapes, SplineAmplitudes(rough))


def _lowered(elements: StateElements, by: int) -> Array:
    """The knots of splines that are `by` times less smooth wherever the motion is not fully smooth."""
    breaks, multiplicity = np.unique(elements.knots, return_counts=True)
    raised = np.where(multiplicity > 1, np.minimum(multiplicity + by, elements.degree), multiplicity)
    raised[[0, -1]] = multiplicity[[0, -1]]
    return np.repeat(breaks, raised)
