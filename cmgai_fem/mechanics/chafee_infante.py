"""The Chafee-Infante reaction-diffusion equation `u_t = u_xx + lambda (u - u^3)` on (0, pi), u = 0 at both ends.

For lambda <= 1 every field dies out. At each lambda = k^2 a pair of steady fields with k half waves branches off; only
the pair without an inner zero (k = 1) is stable.
"""

from dataclasses import dataclass
from functools import cache

import cmgai_fem.dolfinx_environment  # noqa: F401  (first: it makes DOLFINx ready)

# isort: split
import dolfinx.fem
import dolfinx.mesh
import numpy as np
import scipy.linalg
import scipy.sparse
import ufl
from mpi4py import MPI
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ChafeeInfante:
    """The equation on linear finite elements, for many fields at once.

    Diffusion is implicit and the reaction, taken at the nodes, explicit. The matrix of a time step then depends on
    neither the field nor lambda, and a whole ensemble is one banded solve a step.

    Args:
        cells: number of elements.
        step: time step; the explicit reaction wants `step * lambda` well below one.
    """

    cells: int = 64
    step: float = 0.02

    def nodes(self) -> Array:
        """(cells + 1,) node coordinates."""
        return np.linspace(0.0, np.pi, self.cells + 1)

    def march(self, start: Array, loads: Array, duration: float) -> Array:
        """Carry fields through time.

        Args:
            start: (n, cells + 1) nodal values, zero at both ends.
            loads: (n,) lambda of each field.
            duration: time to march; rounded up to whole steps, which are shortened to fit.

        Returns:
            (n, cells + 1) nodal values at the end.
        """
        mass, stiffness = self.matrices()
        steps = int(np.ceil(duration / self.step))
        step = duration / steps
        inner = slice(1, -1)
        system = (mass + step * stiffness)[inner, inner]
        band = np.zeros((2, self.cells - 1))
        band[1] = system.diagonal()
        band[0, 1:] = system.diagonal(1)
        factor = scipy.linalg.cholesky_banded(band)
        inner_mass = mass[inner, inner].tocsr()
        field = start[:, inner].T.copy()
        for _ in range(steps):
            moved = field + step * loads * (field - field**3)
            field = scipy.linalg.cho_solve_banded((factor, False), inner_mass @ moved)
        end = np.zeros_like(start)
        end[:, inner] = field.T
        return end

    def matrices(self) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
        """Mass and stiffness matrix (cells + 1, cells + 1), rows and columns in the order of `nodes`."""
        return _matrices(self.cells)

    def residual(self, fields: Array, loads: Array) -> Array:
        """Nodal values (n, cells - 1) of the rate of change `u_xx + lambda (u - u^3)` at the inner nodes.

        Args:
            fields: (n, cells + 1) nodal values.
            loads: (n,) lambda of each field.
        """
        mass, stiffness = self.matrices()
        reaction = loads[:, None] * (fields - fields**3)
        balance = (mass @ reaction.T - stiffness @ fields.T)[1:-1]
        return np.asarray(scipy.sparse.linalg.spsolve(mass[1:-1, 1:-1].tocsc(), balance).T)


@cache
def _matrices(cells: int) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
    """Kept once made: preparing the forms takes longer than marching a small ensemble."""
    mesh = dolfinx.mesh.create_interval(MPI.COMM_SELF, cells, [0.0, np.pi])
    space = dolfinx.fem.functionspace(mesh, ("Lagrange", 1))
    trial, test = ufl.TrialFunction(space), ufl.TestFunction(space)
    order = np.argsort(space.tabulate_dof_coordinates()[:, 0])
    pair = []
    for form in (trial * test * ufl.dx, trial.dx(0) * test.dx(0) * ufl.dx):
        matrix = dolfinx.fem.assemble_matrix(dolfinx.fem.form(form))
        matrix.scatter_reverse()
        pair.append(scipy.sparse.csr_array(matrix.to_scipy())[order][:, order])
    return pair[0], pair[1]


def sine_coefficients(fields: Array, count: int) -> Array:
    """First coefficients (n, count) of nodal fields (n, N + 1) in `sum_k a_k sin(k x)`, by the trapezoid rule."""
    nodes = np.linspace(0.0, np.pi, fields.shape[1])
    waves = np.sin(np.outer(nodes, np.arange(1, count + 1)))
    return np.asarray(2.0 / (fields.shape[1] - 1) * fields @ waves)
