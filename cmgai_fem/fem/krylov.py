"""Functions of `M^-1 K` applied to the known states, without factorising space-time.

The motion under a linear law is `sum_k f_k(s, M^-1 K) U_k`. A rational Krylov space with one pole, built from the
states by `R = (M + shift K)^-1 M`, holds it to a tolerance in a few blocks, however fine the label mesh is.

Source: Güttel, GAMM-Mitteilungen 36 (2013) 8-31 (rational Krylov approximation of matrix functions).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
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
        The Ritz modes after each block.
    """
    mass, stiffness = space.mass, space.stiffness(law)
    resolvent = ShiftedSolver(mass, stiffness, shift)
    basis, coefficients = _orthonormalise(mass, starts, np.empty((0, starts.shape[1])))
    block = basis
    for _ in range(blocks):
        projected = basis @ times(stiffness, basis).T
        eigenvalues, vectors = linalg.eigh(0.5 * (projected + projected.T))
        first = np.zeros((len(starts), len(basis)))
        first[:, : coefficients.shape[1]] = coefficients
        yield RitzModes(np.maximum(eigenvalues, 0.0), vectors.T @ basis, first @ vectors)
        fresh = np.array([resolvent(vector) for vector in times(mass, block)])
        block, _ = _orthonormalise(mass, fresh, basis)
        if len(block) == 0:
            return
        basis = np.vstack([basis, block])


def _orthonormalise(mass: object, vectors: Array, against: Array) -> tuple[Array, Array]:
    """Rows orthonormal in M that span what `vectors` add to `against`, and the coordinates of `vectors` in them."""
    for _ in range(2):  # twice is enough (Kahan and Parlett)
        if len(against):
            vectors = vectors - (vectors @ times(mass, against).T) @ against
    gram = vectors @ times(mass, vectors).T
    values, rotation = linalg.eigh(0.5 * (gram + gram.T))
    kept = values > 1e-24 * max(float(values[-1]), 1e-300)
    kept &= values > 1e-26
    basis = (rotation[:, kept] / np.sqrt(values[kept])).T @ vectors
    # The Gram matrix alone loses half of the digits; a second pass by Cholesky gives them back.
    gram = basis @ times(mass, basis).T
    lower = linalg.cholesky(0.5 * (gram + gram.T), lower=True) if len(basis) else gram
    basis = linalg.solve_triangular(lower, basis, lower=True) if len(basis) else basis
    return basis, vectors @ times(mass, basis).T
