"""Lowest eigenmodes of `K v = lam M v` by SLEPc: what a law makes of a label mesh, and its Laplace-Beltrami features.

Matrices and vectors may be distributed over MPI ranks; eigenvalues are the same on every rank.
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

from typing import Any

import numpy as np
from petsc4py import PETSc
from scipy import sparse
from slepc4py import SLEPc

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.states.labels import Array

TOLERANCE = 1e-12
FIRST_COUNT = 40


def lowest_eigenmodes(stiffness: PETSc.Mat, mass: PETSc.Mat, count: int, scale: float) -> tuple[Array, Array]:
    """The `count` lowest eigenmodes of a symmetric pencil.

    Args:
        stiffness: K (D, D), symmetric and not negative; it may be singular (rigid motions).
        mass: M (D, D), symmetric positive definite.
        count: number of eigenmodes; all of them if there are fewer.
        scale: size of an eigenvalue of interest: the pole of the shift-and-invert lies a thousandth of it below zero.

    Returns:
        Eigenvalues (r,), increasing and not negative, and vectors (r, D on this rank), orthonormal in M.

    Raises:
        ConvergenceError: fewer eigenmodes converged.

    Source: Stewart, SIAM J. Matrix Anal. Appl. 23 (2002) 601-614 (Krylov-Schur), as SLEPc has it.
    """
    count = min(count, mass.getSize()[0])
    solver: Any = SLEPc.EPS().create(mass.comm)
    solver.setOperators(stiffness, mass)
    solver.setProblemType(SLEPc.EPS.ProblemType.GHEP)
    solver.setDimensions(nev=count)
    solver.setWhichEigenpairs(SLEPc.EPS.Which.TARGET_REAL)
    solver.setTarget(-1e-3 * scale)
    solver.setTolerances(TOLERANCE, 200)
    transform = solver.getST()
    transform.setType(SLEPc.ST.Type.SINVERT)
    factor_with_mumps(transform.getKSP())
    # A fixed start, so that two runs give the same digits.
    pair: Any = mass.createVecs()
    start, vector = pair
    first, last = start.getOwnershipRange()
    start.array[:] = np.cos(np.arange(first, last, dtype=float))
    solver.setInitialSpace(start)
    solver.solve()
    if solver.getConverged() < count:
        raise ConvergenceError(
            f"eigenmodes of the label mesh: {solver.getConverged()} of {count} converged "
            f"(SLEPc reason {solver.getConvergedReason()})"
        )
    values, vectors = np.empty(count), np.empty((count, last - first))
    for row in range(count):
        values[row] = solver.getEigenpair(row, vector).real
        vectors[row] = vector.array
    solver.destroy()
    order = np.argsort(values, kind="stable")
    return np.maximum(values[order], 0.0), vectors[order]


def eigenmodes_below(
    stiffness: PETSc.Mat, mass: PETSc.Mat, limit: float, most: int | None = None
) -> tuple[Array, Array]:
    """All eigenmodes below an eigenvalue, or the `most + 1` lowest of them; else as `lowest_eigenmodes`."""
    count = FIRST_COUNT if most is None else most + 1
    while True:
        values, vectors = lowest_eigenmodes(stiffness, mass, count, limit)
        slow = values < limit
        if most is not None or not slow[-1] or len(values) < count or count >= mass.getSize()[0]:
            return values[slow], vectors[slow]
        count *= 2


def factor_with_mumps(solver: Any) -> None:
    """Make a PETSc KSP one sparse Cholesky factorisation, on any number of ranks."""
    solver.setType(PETSc.KSP.Type.PREONLY)
    solver.getPC().setType(PETSc.PC.Type.CHOLESKY)
    solver.getPC().setFactorSolverType(PETSc.Mat.SolverType.MUMPS)


def to_petsc(matrix: sparse.csr_matrix) -> PETSc.Mat:
    """A serial PETSc copy of a square sparse matrix."""
    rows = matrix.tocsr()
    rows.sort_indices()
    parts = (rows.indptr.astype(PETSc.IntType), rows.indices.astype(PETSc.IntType), rows.data)
    copy: PETSc.Mat = PETSc.Mat().createAIJ(rows.shape, csr=parts, comm=PETSc.COMM_SELF)
    return copy


def to_scipy(matrix: PETSc.Mat) -> sparse.csr_matrix:
    """A SciPy copy of a serial PETSc matrix."""
    rows, columns, values = matrix.getValuesCSR()
    return sparse.csr_matrix((values, columns, rows), shape=matrix.getSize())
