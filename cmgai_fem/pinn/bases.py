"""Spatial features of the spectral encoding: the modes whose amplitudes the networks learn."""

from dataclasses import dataclass

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.feature_space import Modes
from cmgai_fem.transport.label_mesh import LabelMesh, felt, slow_eigenmodes, slow_limit, stiff_modes
from cmgai_fem.transport.problem import Problem

# The most eigenmodes of the label mesh that one network pair carries.
MOST = 32
# The most label values that a known force may move one by one.
MOST_VALUES = 2000


@dataclass(frozen=True)
class ModalBasis:
    """Modes and the known amplitudes in them.

    Args:
        origin: (L, n) features of the first state.
        shapes: (m, L, n) mode shapes.
        amplitudes: (K, m) known amplitudes.
        eigenvalues: (m,) stiffness per mass that each mode feels, 0 where it moves without the law.
        free: number of modes, the first ones, that the law acts on.
        tests: (free, L, n) mass times the free modes, which takes the components of a field; None where no field acts.
    """

    origin: Array
    shapes: Array
    amplitudes: Array
    eigenvalues: Array
    free: int
    tests: Array | None = None

    @property
    def count(self) -> int:
        """Number of modes."""
        return len(self.shapes)


def modal_basis(problem: Problem, blocks: int) -> ModalBasis:
    """The modes that hold the motion of a problem.

    Without a law those are the modes of the known states; a linear law adds what its stiffness makes of them, mode by
    mode; a nonlinear one couples modes, so it takes all slow eigenmodes of the label mesh. A known force moves what
    the states do not hold: with a law it takes all slow eigenmodes too, without one every label value.

    Args:
        problem: the statement.
        blocks: blocks of the Krylov space of a linear law.

    Raises:
        InputError: the labels are no simplex mesh for a law with stiffness, or too many modes are slow.
    """
    modes = problem.modes
    known = problem.known_force is not None
    if known and problem.law.stiffness == 0.0:
        return _label_basis(problem)
    if problem.law.stiffness == 0.0 or modes.count == 0:
        return ModalBasis(modes.origin, modes.shapes, modes.amplitudes, np.zeros(modes.count), modes.count)
    mesh = LabelMesh.of(problem.states.labels, problem.density, problem.fixed)
    displacements = np.tensordot(modes.amplitudes, modes.shapes, axes=1)
    limit = slow_limit(problem.nodes)
    if known or not problem.law.is_linear:
        return _slow_basis(problem, mesh, displacements, limit)
    stiff = stiff_modes(mesh, problem.law, displacements, float(1.0 / np.sqrt(limit)), blocks)
    free = int(np.sum(stiff.eigenvalues < limit))
    return ModalBasis(modes.origin, stiff.shapes, stiff.amplitudes, felt(stiff.eigenvalues, problem.nodes), free)


def _slow_basis(problem: Problem, mesh: LabelMesh, displacements: Array, limit: float) -> ModalBasis:
    components = displacements.shape[2]
    values, shapes = slow_eigenmodes(mesh, problem.law, components, limit, MOST)
    if len(values) > MOST:
        raise InputError(
            f"law {problem.law.name!r}: more than {MOST} eigenmodes of the label mesh are slow at stiffness "
            f"{problem.law.stiffness:g}: raise it, or use the finite elements"
        )
    weighted = np.array([mesh.mass @ shape for shape in shapes])
    amplitudes = np.tensordot(displacements, weighted, axes=([1, 2], [1, 2]))
    rest = displacements - np.tensordot(amplitudes, shapes, axes=1)
    remaining = Modes.of(rest, problem.states.labels.weights)
    size = np.abs(amplitudes).max(initial=0.0)
    kept = np.abs(remaining.amplitudes).max(axis=0, initial=0.0) > 1e-12 * size
    return ModalBasis(
        problem.modes.origin,
        np.concatenate([shapes, remaining.shapes[kept]]),
        np.hstack([amplitudes, remaining.amplitudes[:, kept]]),
        np.concatenate([values, np.zeros(int(kept.sum()))]),
        len(values),
        weighted,
    )


def _label_basis(problem: Problem) -> ModalBasis:
    """Every label value by itself."""
    labels, components = problem.modes.origin.shape
    count = labels * components
    if count > MOST_VALUES:
        raise InputError(
            f"a known force without a law moves every label value by itself, {count} of them; the PINN takes "
            f"{MOST_VALUES} at most: use the finite elements"
        )
    unit = np.eye(count).reshape(count, labels, components)
    amplitudes = np.tensordot(problem.modes.amplitudes, problem.modes.shapes, axes=1).reshape(-1, count)
    return ModalBasis(problem.modes.origin, unit, amplitudes, np.zeros(count), count, unit)
