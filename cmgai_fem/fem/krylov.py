"""Functions of `M^-1 K` applied to the known states, without factorising space-time.

The motion under a linear law is `sum_k f_k(s, M^-1 K) U_k`. A rational Krylov space with one pole, built from the
states by `R = (M + shift K)^-1 M`, holds it to a tolerance in a few blocks, however fine the label mesh is.

Source: Güttel, GAMM-Mitteilungen 36 (2013) 8-31 (rational Krylov approximation of matrix functions).
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from petsc4py import PETSc
from scipy import linalg

from cmgai_fem.constitutive import Law
from cmgai_fem.fem.spaces import LabelSpace, ShiftedSolver, times
from cmgai_fem.states import Array


@dataclass(frozen=True)
class RitzModes:
    """Approximate eigenmodes of `M^-1 K` in the Krylov space.

    Args:
        eigenvalues: (r,) Ritz values, increasing, not negative.
        shapes: (r, L n) Ritz vectors, orthonormal in M.
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
        starts: (m, L n) starting modes in degrees of freedom.
        shift: pole of the space; `1 / shift` is the eigenvalue about which it is sharpest.
        blocks: the most blocks to build.

    Yields:
        The Ritz modes after each block; fewer than `blocks` times where the space became invariant, and exact.
    """
    mass, stiffness = space.mass, space.stiffness(law)
    resolvent = ShiftedSolver(mass, stiffness, shift)
    basis = MassBasis(mass, starts.shape[1])
    coefficients = basis.extend(starts)
    block = basis.vectors
    for _ in range(blocks):
        projected = basis.vectors @ times(stiffness, basis.vectors).T
        eigenvalues, rotation = linalg.eigh(0.5 * (projected + projected.T))
        first = np.zeros((len(starts), len(basis.vectors)))
        first[:, : coefficients.shape[1]] = coefficients
        yield RitzModes(np.maximum(eigenvalues, 0.0), rotation.T @ basis.vectors, first @ rotation)
        size = len(basis.vectors)
        basis.extend(np.array([resolvent(vector) for vector in times(mass, block)]))
        block = basis.vectors[size:]
        if len(block) == 0:
            return


class MassBasis:
    """Vectors orthonormal in the mass matrix, extended by what new vectors add to them.

    Args:
        mass: the mass matrix.
        length: degrees of freedom.
    """

    def __init__(self, mass: PETSc.Mat, length: int) -> None:
        self._mass = mass
        self.vectors = np.empty((0, length))
        self._weighted = np.empty((0, length))

    def extend(self, vectors: Array) -> Array:
        """Add the directions of `vectors` (r, length) that are new, by Gram-Schmidt twice over.

        Returns:
            (r, size) coordinates of `vectors` in the basis after all of them were added.
        """
        scale = max((self._norm(vector) for vector in vectors), default=0.0)
        for vector in vectors:
            fresh = vector
            for _ in range(2):  # twice is enough (Kahan and Parlett)
                fresh = fresh - (self._weighted @ fresh) @ self.vectors
            norm = self._norm(fresh)
            if norm > 1e-12 * scale:
                unit = fresh / norm
                self.vectors = np.vstack([self.vectors, unit])
                self._weighted = np.vstack([self._weighted, times(self._mass, unit[None])])
        return vectors @ self._weighted.T

    def _norm(self, vector: Array) -> float:
        return float(np.sqrt(max(vector @ times(self._mass, vector[None])[0], 0.0)))
