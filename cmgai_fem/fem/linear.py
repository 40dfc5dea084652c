"""The least-force transport under a linear law: one small problem in s for each eigenmode of the label mesh.

Slow eigenmodes alone feel the law (`transport.slowness`). Where they are few they are computed one and all; where they
are many, a Krylov space built from the known states holds the motion in far fewer vectors (`krylov`), unless the states
are so rough that it does not settle: then the slow modes are computed after all.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.fem.krylov import MassBasis, RitzModes, ritz_modes, same_eigenpairs
from cmgai_fem.fem.modal_curves import ModalAmplitudes, ModalForce, least_force_curves
from cmgai_fem.fem.spaces import LabelSpace, label_space, products
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.eigenmodes import eigenmodes_below
from cmgai_fem.transport.label_mesh import felt, slow_limit
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import ModalPath, Solution

if TYPE_CHECKING:
    from mpi4py import MPI


from petsc4py import PETSc

FEW = 24  # slow modes up to which they are computed without trying the Krylov space first
MANY = 256  # and the most that are computed where the Krylov space fails
Progress = Callable[[Mapping[str, float]], None]


def solve_linear(
    problem: Problem,
    *,
    tolerance: float,
    blocks: int,
    comm: "MPI.Comm | None" = None,
    progress: Progress | None = None,
) -> Solution:
    """Solve a transport problem under a linear law with stiffness; arguments as for `solve_fem`.

    Raises:
        InputError: the labels are no mesh of one kind of cell.
        ConvergenceError: the Krylov space did not reach `tolerance` and more than `MANY` modes are slow.
    """
    start = time.perf_counter()
    modes = problem.modes
    space = label_space(problem.states.labels, modes.origin.shape[1], problem.density, comm, problem.fixed)
    starts = np.array([space.to_dofs(shape) for shape in modes.shapes]).reshape(modes.count, space.size)
    watch = _Watch(problem, space, tolerance, progress if space.comm.rank == 0 else None)
    found, way = slow_split(problem, space, starts, FEW), "eigenmodes"
    if found is None:
        pole = 1.0 / slow_limit(problem.nodes)
        found, way = watch.settle(ritz_modes(space, problem.law, starts, pole, blocks)), "krylov"
    if found is None:
        found, way = slow_split(problem, space, starts, MANY), "eigenmodes"
    if found is None:
        raise ConvergenceError(
            f"field {problem.field!r}: {blocks} Krylov blocks left the motion changing by "
            f"{watch.history[-1]['change']:.1e} (tolerance {tolerance:.1e}), and more than {MANY} eigenmodes are slow; "
            f"raise the stiffness of law {problem.law.name!r}, or smooth the states"
        )
    amplitudes = _amplitudes(problem, found)
    shapes = np.array([space.to_labels(shape) for shape in found.shapes]).reshape(-1, *modes.origin.shape)
    return Solution(
        problem,
        "fem",
        None,
        ModalPath(modes.origin, shapes, amplitudes),
        ModalPath(
            np.zeros_like(modes.origin),
            shapes,
            ModalForce(amplitudes, problem.damping, felt(found.eigenvalues, problem.nodes)),
        ),
        time.perf_counter() - start,
        tuple(watch.history),
        {
            "modes": len(shapes),
            "modes_by": way,
            "unknowns": max((len(curve.coefficients) for curve in amplitudes.curves), default=0) * modes.origin.size,
        },
    )


def slow_split(problem: Problem, space: LabelSpace, starts: Array, most: int) -> RitzModes | None:
    """The slow eigenmodes, and Ritz modes of what of the known displacements they leave over.

    Args:
        problem: the statement.
        space: the label space.
        starts: (m, D) starting modes in this rank's degrees of freedom.
        most: number of slow modes above which there is no answer.

    Raises:
        ConvergenceError: the eigensolver failed.
    """
    stiffness = space.stiffness(problem.law)
    slow, vectors = eigenmodes_below(stiffness, space.mass, slow_limit(problem.nodes), most)
    if len(slow) > most:
        return None
    inside = space.sum(starts @ products(space.mass, vectors).T)
    rest = MassBasis(space)
    outside = rest.extend(starts - inside @ vectors)
    fast, rotation = same_eigenpairs(space, space.sum(rest.vectors @ products(stiffness, rest.vectors).T))
    return RitzModes(
        np.concatenate([slow, fast]),
        np.vstack([vectors, rotation.T @ rest.vectors]),
        np.hstack([inside, outside @ rotation]),
    )


class _Watch:
    """Watches the motion as the Krylov space grows, until it changes no more."""

    def __init__(self, problem: Problem, space: LabelSpace, tolerance: float, progress: Progress | None) -> None:
        self._problem, self._space, self._tolerance, self._progress = problem, space, tolerance, progress
        self.history: list[Mapping[str, float]] = []

    def settle(self, spaces: Iterator[RitzModes]) -> RitzModes | None:
        """The Ritz modes of the first space that is large enough; None if none of them is."""
        samples = np.linspace(*self._problem.span, 17)
        size = np.abs(self._problem.modes.amplitudes).max(initial=0.0) * np.sqrt(
            len(samples) * self._problem.modes.origin.size
        )
        previous: Array | None = None
        largest = 0
        for ritz in spaces:
            invariant, largest = len(ritz.eigenvalues) == largest, len(ritz.eigenvalues)
            current = _amplitudes(self._problem, ritz)(samples) @ ritz.shapes
            change = np.inf
            if previous is not None:
                squares = self._space.sum(np.array([np.sum((current - previous) ** 2)]))[0]
                change = float(np.sqrt(squares) / size)
            self.history.append({"step": len(self.history), "krylov_size": largest, "change": change})
            if self._progress:
                self._progress(self.history[-1])
            if change < self._tolerance or invariant:
                return ritz
            previous = current
        return None


def _amplitudes(problem: Problem, ritz: RitzModes) -> ModalAmplitudes:
    """Curves of all modes."""
    stiffness = felt(ritz.eigenvalues, problem.nodes)
    data = problem.modes.amplitudes @ ritz.starts
    # Neighbours of one stiffness, above all those that feel no law, share one set of curves.
    firsts = np.flatnonzero(np.diff(stiffness, prepend=np.nan) != 0.0)
    return least_force_curves(problem, stiffness[firsts], np.split(data, firsts[1:], axis=1))


def slow_modes(mass: PETSc.Mat, stiffness: PETSc.Mat | None, nodes: Array) -> tuple[Array, Array]:
    """Eigenpairs of `K v = lam M v` that swing through less than half a period between two states.

    Args:
        mass: mass matrix M (D, D), diagonal where there is no law.
        stiffness: tangent at rest K (D, D); None for no law, when every degree of freedom is a mode by itself.
        nodes: (K,) pseudo-times of the states.

    Returns:
        Eigenvalues (r,), not negative, and vectors (D, r), orthonormal in M; this rank's rows.

    Raises:
        ConvergenceError: the eigensolver failed.
    """
    if stiffness is None:
        return np.zeros(mass.getSize()[0]), np.diag(1.0 / np.sqrt(mass.getDiagonal().array))
    values, vectors = eigenmodes_below(stiffness, mass, slow_limit(nodes))
    return values, np.ascontiguousarray(vectors.T)
