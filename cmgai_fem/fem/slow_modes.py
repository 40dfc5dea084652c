"""The slow eigenmodes of the label mesh: the part of a motion that a least force determines.

An eigenmode that swings through half a period between two states can do so at no force at all, so the least force does
not determine it, and a finer mesh has ever more such modes. The modes that are clearly slower are free; the rest of the
known displacements follows the law-free spline (our choice).
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

import numpy as np
from petsc4py import PETSc

from cmgai_fem.eigenmodes import eigenmodes_below
from cmgai_fem.states import Array

SWING = 0.8  # part of half a period that a slow eigenmode may swing between two states


def slow_limit(nodes: Array) -> float:
    """The eigenvalue up to which a mode is slow, for states at pseudo-times (K,)."""
    return float((SWING * np.pi / np.diff(nodes).max()) ** 2)


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
