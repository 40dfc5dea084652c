"""Functions of `M^-1 K` applied to the known states, without factorising space-time.

The motion under a linear law is `sum_k f_k(s, M^-1 K) U_k`. A rational Krylov space with one pole, built from the
states by `R = (M + shift K)^-1 M`, holds it to a tolerance in a few blocks, however fine the label mesh is.

Source: Güttel, GAMM-Mitteilungen 36 (2013) 8-31 (rational Krylov approximation of matrix functions).
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from cmgai_fem.fem.spaces import LabelSpace, products, shifted
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.laws import Law


@dataclass(frozen=True)
class RitzModes:
    """Approximate eigenmodes of `M^-1 K` in the Krylov space.

    Args:
        eigenvalues: (r,) Ritz values, increasing, not negative.
        shapes: (r, D) Ritz vectors, orthonormal in M; this rank's degrees of freedom.
        starts: (m, r) the starting modes in Ritz coordinates.
    """

    eigenvalues: Array
    shapes: Array
    starts: Array


def ritz_modes(space: LabelSpace, law: Law, starts: Array, shift: float, blocks: int) -> Iterator[RitzModes]:
    """Ritz modes of ever larger Krylov spaces.

    Args:
        space: the label space.
        law: a linear law.
        starts: (m, D) starting modes in this rank's degrees of freedom.
        shift: pole of the space; `1 / shift` is the eigenvalue about which it is sharpest.
        blocks: the most blocks to build.

    Yields:
        The Ritz modes after each block; fewer than `blocks` times where the space became invariant, and exact.
    """
    mass, stiffness = space.mass, space.stiffness(law)
    resolvent = shifted(mass, stiffness, shift)
    basis = MassBasis(space)
    coefficients = basis.extend(starts)
    block, stressed, projected = basis.vectors, np.empty((0, space.size)), np.empty((0, 0))
    for _ in range(blocks):
        stressed = np.vstack([stressed, products(stiffness, block)])
        size = len(projected)
        fresh = space.sum(basis.vectors @ stressed[size:].T)
        projected = np.block([[projected, fresh[:size]], [fresh[:size].T, fresh[size:]]])
        eigenvalues, rotation = same_eigenpairs(space, 0.5 * (projected + projected.T))
        first = np.zeros((len(starts), len(basis.vectors)))
        first[:, : coefficients.shape[1]] = coefficients
        yield RitzModes(np.maximum(eigenvalues, 0.0), rotation.T @ basis.vectors, first @ rotation)
        size = len(basis.vectors)
        basis.extend(np.array([resolvent(vector) for vector in products(mass, block)]))
        block = basis.vectors[size:]
        if len(block) == 0:
            return


def same_eigenpairs(space: LabelSpace, matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues and vectors of a small symmetric matrix, the same to the last digit on every rank."""
    pair = linalg.eigh(matrix) if space.comm.rank == 0 else None
    eigenvalues, vectors = space.comm.bcast(pair)
    return eigenvalues, vectors


class MassBasis:
    """Vectors orthonormal in the mass matrix, extended by what new vectors add to them.

    Args:
        space: the label space; each rank holds its part of every vector.
    """

    def __init__(self, space: LabelSpace) -> None:
        self._space = space
        self.vectors = np.empty((0, space.size))
        self._weighted = np.empty((0, space.size))

    def extend(self, vectors: Array) -> Array:
        """Add the directions of `vectors` (r, D) that are new, by Gram-Schmidt twice over.

        Returns:
            (r, size) coordinates of `vectors` in the basis after all of them were added.
        """
        scale = max((self._norm(vector) for vector in vectors), default=0.0)
        for vector in vectors:
            fresh = vector
            for _ in range(2):  # twice is enough (Kahan and Parlett)
                fresh = fresh - self._space.sum(self._weighted @ fresh) @ self.vectors
            norm = self._norm(fresh)
            if norm > 1e-12 * scale:
                unit = fresh / norm
                self.vectors = np.vstack([self.vectors, unit])
                self._weighted = np.vstack([self._weighted, products(self._space.mass, unit[None])])
        return self._space.sum(vectors @ self._weighted.T)

    def _norm(self, vector: Array) -> float:
        square = self._space.sum(np.array([vector @ products(self._space.mass, vector[None])[0]]))
        return float(np.sqrt(max(square[0], 0.0)))
