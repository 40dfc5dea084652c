"""The slow eigenmodes of the label mesh: the part of a motion that a least force determines.

An eigenmode that swings through half a period between two states can do so at no force at all, so the least force does
not determine it, and a finer mesh has ever more such modes. The modes that are clearly slower are free; the rest of the
known displacements follows the law-free spline (our choice).
"""

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import linalg as sparse_linalg

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.states import Array

SWING = 0.8  # part of half a period that a slow eigenmode may swing between two states
DENSE = 600  # degrees of freedom of the label mesh up to which its eigenmodes are computed by dense algebra


def slow_modes(mass: sparse.csr_matrix, stiffness: sparse.csr_matrix | None, gap: float) -> tuple[Array, Array]:
    """Eigenpairs of `K v = lam M v` that swing through less than half a period in `gap`.

    Args:
        mass: mass matrix M (D, D), diagonal where there is no law.
        stiffness: tangent at rest K (D, D); None for no law, when every degree of freedom is a mode by itself.
        gap: longest pseudo-time between two states.

    Returns:
        Eigenvalues (r,), not negative, and vectors (D, r), orthonormal in M.

    Raises:
        ConvergenceError: the Lanczos iteration failed.
    """
    size, limit = mass.shape[0], (SWING * np.pi / gap) ** 2
    if stiffness is None:
        return np.zeros(size), np.diag(1.0 / np.sqrt(mass.diagonal()))
    if size <= DENSE:
        values, vectors = linalg.eigh(stiffness.toarray(), mass.toarray(), subset_by_value=(-np.inf, limit))
        return np.maximum(values, 0.0), vectors
    count = 40
    while True:
        count = min(2 * count, size - 1)
        try:
            # A fixed start, so that two runs give the same digits.
            start = np.cos(np.arange(size, dtype=float))
            values, vectors = sparse_linalg.eigsh(stiffness, count, mass, sigma=-1e-3 * limit, v0=start)
        except sparse_linalg.ArpackError as error:
            raise ConvergenceError(f"eigenmodes of the label mesh: {error}") from error
        if values.max() >= limit or count == size - 1:
            slow = values < limit
            return np.maximum(values[slow], 0.0), vectors[:, slow]
