"""Linear systems of a vector field on the label mesh that slides along walls whose directions change from node to node.

With N the projector on a node's blocked directions and P = I - N, the system `P H P + N` is solved: exact, symmetric
positive definite, of the layout and block size of H, and with no large numbers in it that would spoil a preconditioner.
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

from itertools import count
from typing import Any

import numpy as np
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from petsc4py import PETSc

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.fem.spaces import LabelSpace
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.eigenmodes import factor_with_mumps

# Degrees of freedom in one, two and three dimensions up to which a factorisation is the faster, and from there on up to
# which conjugate gradients with the blocks of the nodes are: multigrid takes a tenth of the iterations, but is set up
# anew at every step.
FACTORED, BLOCKED = (20_000, 20_000, 3_000), (20_000, 20_000, 100_000)
MOST_ITERATIONS = 10_000
_numbers = count()


class SlipSolver:
    """Solves with an assembled form and a diagonal of node blocks.

    Args:
        space: the label space; its components are directions in space.
        dimension: their number g.
        tolerance: relative tolerance of the Krylov solver where there are too many unknowns to factor.
    """

    def __init__(self, space: LabelSpace, dimension: int, tolerance: float) -> None:
        self._nodes, self._dimension = space.size // dimension, dimension
        size = int(space.comm.allreduce(space.size))
        self._direct, self._multigrid = size <= FACTORED[dimension - 1], size > BLOCKED[dimension - 1]
        create: Any = PETSc.KSP().create
        self._solver = create(space.comm)
        self._matrix: Any = None
        self._projector: Any = None
        self._reduced: Any = None
        if self._direct:
            factor_with_mumps(self._solver)
            return
        self._solver.setType(PETSc.KSP.Type.CG)
        if not self._multigrid:
            self._solver.getPC().setType(PETSc.PC.Type.PBJACOBI)
            self._solver.setTolerances(rtol=tolerance, max_it=MOST_ITERATIONS)
            return
        prefix = f"slip_{next(_numbers)}_"
        self._solver.setOptionsPrefix(prefix)
        self._solver.getPC().setType(PETSc.PC.Type.GAMG)
        self._solver.setTolerances(rtol=tolerance, max_it=500)
        options: Any = PETSc.Options()
        # Point smoothing mixes oblique normals into the tangent.
        options[prefix + "mg_levels_pc_type"] = "pbjacobi"
        self._solver.setFromOptions()
        options.delValue(prefix + "mg_levels_pc_type")

    def __call__(self, form: fem.Form, blocks: Array, gradient: Array, frames: Array) -> Array:
        """The step `-(H + blocks)^-1 gradient` in the free directions.

        Args:
            form: of H, with its present coefficients.
            blocks: (n, g, g) added on the diagonal, of this rank's nodes.
            gradient: (n, g) gradient.
            frames: (n, g, g) projectors on the blocked directions.

        Returns:
            (n, g) step.

        Raises:
            ConvergenceError: the solver did not reach its tolerance.
        """
        free = np.eye(self._dimension) - frames
        if self._matrix is None:
            self._matrix = fem_petsc.create_matrix(form)
        matrix = self._matrix
        matrix.zeroEntries()
        fem_petsc.assemble_matrix(matrix, form)
        self._add_blocks(matrix, blocks)
        reduced = self._project(matrix, free)
        diagonal = matrix.getDiagonal().array.reshape(-1, self._dimension).max(axis=1)
        self._add_blocks(reduced, diagonal[:, None, None] * frames)
        reduced.setOption(PETSc.Mat.Option.SPD, True)
        right, solution = matrix.createVecRight(), matrix.createVecRight()
        right.array[:] = -np.einsum("nab,nb->na", free, gradient).ravel()
        self._solver.setOperators(reduced)
        self._solver.solve(right, solution)
        if self._multigrid and self._solver.getConvergedReason() < 0:
            # Multigrid may break down where the body is all but closed in places; blocks of nodes never do.
            self._solver.getPC().setType(PETSc.PC.Type.PBJACOBI)
            self._solver.setTolerances(max_it=MOST_ITERATIONS)
            self._solver.solve(right, solution)
        if self._solver.getConvergedReason() < 0:
            raise ConvergenceError(f"label map: a linear step failed ({self._solver.getConvergedReason()})")
        return np.einsum("nab,nb->na", free, solution.array.reshape(-1, self._dimension))

    def _project(self, matrix: Any, free: Array) -> Any:
        """`P H P`."""
        if self._projector is None:
            self._projector = PETSc.Mat().createAIJ(matrix.getSizes(), bsize=self._dimension, comm=matrix.comm)
            self._projector.setPreallocationNNZ((self._dimension, 0))
            self._projector.setLGMap(*matrix.getLGMap())
        self._set_blocks(self._projector, free, PETSc.InsertMode.INSERT)
        if self._reduced is not None and not self._multigrid:
            matrix.ptap(self._projector, result=self._reduced)
            return self._reduced
        if self._reduced is not None:
            # Multigrid keeps its coarse spaces with the matrix: of an old one they are ever worse.
            self._reduced.destroy()
        self._reduced = matrix.ptap(self._projector)
        self._reduced.setBlockSize(self._dimension)
        self._reduced.setLGMap(*matrix.getLGMap())
        return self._reduced

    def _add_blocks(self, matrix: Any, blocks: Array) -> None:
        self._set_blocks(matrix, blocks, PETSc.InsertMode.ADD)

    def _set_blocks(self, matrix: Any, blocks: Array, mode: Any) -> None:
        rows = np.arange(self._nodes + 1, dtype=PETSc.IntType)
        matrix.setValuesBlockedLocalIJV(rows, rows[:-1], np.ascontiguousarray(blocks), addv=mode)
        matrix.assemble()
