"""The slow eigenmodes of the label mesh, in which a nonlinear law is balanced (`cmgai_fem.transport.slowness`)."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

import numpy as np
from petsc4py import PETSc

from cmgai_fem.states.states import Array
from cmgai_fem.transport.eigenmodes import eigenmodes_below
from cmgai_fem.transport.slowness import slow_limit


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
