"""Fields of the Chafee-Infante equation grown from random starts: two stable fields, and unstable ones as the trap.

The equation is `u_t = u_xx + lambda (u - u^3)` on (0, pi), u = 0 at both ends. For lambda <= 1 every field dies out. At
each lambda = k^2 a pair of steady fields with k half waves branches off; only the pair without an inner zero (k = 1) is
stable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.linalg
import scipy.sparse
import torch
from torch import Tensor

from cmgai_fem.distributions.constraints import Constraint
from cmgai_fem.distributions.physics_priors import AlgebraicResidual, Prior, Stability

from .base import Array, Card, IntArray, Problem

MODES = 3
DURATION = 10.0
GAUGE_ERROR = 0.02
RESIDUAL_SCALE = 0.1
# Below it the two stable fields are too small, or too slow to form, to be told apart.
DEVELOPED = 1.6
QUADRATURE = 16


@dataclass(frozen=True)
class ChafeeInfanteFields(Problem):
    """First three sine coefficients of the field at time 10; the condition is lambda.

    Args:
        start_mean: mean of the first coefficient of the random starting field.
        start_deviation: standard deviation of its coefficient k, divided by k; four coefficients start.
    """

    start_mean: float = 0.05
    start_deviation: float = 0.3

    card = Card(
        "chafee_infante", "Chafee-Infante reaction-diffusion", ("lambda",), ("a1", "a2", "a3"), (0.5,), (6.0,),
        ("negative", "positive"), 2, "full", "Galerkin rate of the three coefficients over 0.1, root mean square",
        gauge_errors=(GAUGE_ERROR,) * MODES,
    )  # fmt: skip

    def values(self, x: Array, rng: np.random.Generator) -> tuple[Array, IntArray]:
        """Coefficients of the finite element field, with gauge error; the regime is the sign of the field."""
        model = ChafeeInfante()
        order = np.arange(1, 5)
        drawn = rng.normal(size=(len(x), 4)) * self.start_deviation / order
        drawn[:, 0] += self.start_mean
        start = drawn @ np.sin(np.outer(order, model.nodes()))
        start[:, [0, -1]] = 0.0
        clean = sine_coefficients(model.march(start, x[:, 0], DURATION), MODES)
        return clean + rng.normal(0.0, GAUGE_ERROR, clean.shape), (clean[:, 0] > 0.0).astype(np.int64)

    def modes(self, x: Array, u: Array) -> IntArray:
        """The sign of the first coefficient, once the fields have developed."""
        return np.where(x[:, 0] > DEVELOPED, (u[:, 0] > 0.0).astype(np.int64), -1)

    def trapped(self, x: Array, u: Array) -> IntArray:
        """Nearer to the unstable zero field, or a field with a node, than to a stable one, in the first coefficient."""
        height = np.sqrt(np.maximum(4.0 / 3.0 * (1.0 - 1.0 / x[:, 0]), 0.0))
        return np.where(x[:, 0] > DEVELOPED, (np.abs(u[:, 0]) < 0.5 * height).astype(np.int64), -1)

    def residual(self, x: Array, u: Array) -> Array:
        """Root mean square of the rates of the three coefficients, in the equation truncated to them."""
        error = galerkin_rate(torch.as_tensor(x), torch.as_tensor(u)).numpy() / RESIDUAL_SCALE
        return np.asarray(np.sqrt((error**2).mean(axis=1)))

    def constraint(self) -> Constraint:
        """The field is steady, in the truncated equation."""
        return Constraint(galerkin_rate, RESIDUAL_SCALE)

    def priors(self) -> Sequence[Prior]:
        """Components are steady fields of the truncated equation, and stable ones."""
        return (AlgebraicResidual(galerkin_rate, RESIDUAL_SCALE), Stability(galerkin_rate, RESIDUAL_SCALE))


def galerkin_rate(x: Tensor, u: Tensor) -> Tensor:
    """Rates (..., 3) of the sine coefficients u (..., 3): `(lambda - k^2) a_k - lambda <u^3>_k`.

    Equal-step quadrature with 16 intervals is exact for the cube of three modes.
    """
    nodes = torch.arange(1, QUADRATURE, dtype=u.dtype, device=u.device) * (torch.pi / QUADRATURE)
    order = torch.arange(1, MODES + 1, dtype=u.dtype, device=u.device)
    waves = torch.sin(order.unsqueeze(-1) * nodes)
    cube = (u @ waves) ** 3 @ waves.mT * (2.0 / QUADRATURE)
    load = x[..., :1]
    return (load - order**2) * u - load * cube


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
        solve = factorised((mass + step * stiffness)[inner, inner])
        inner_mass = mass[inner, inner].tocsr()
        field = start[:, inner].T.copy()
        for _ in range(steps):
            moved = field + step * loads * (field - field**3)
            field = solve(inner_mass @ moved)
        end = np.zeros_like(start)
        end[:, inner] = field.T
        return end

    def matrices(self) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
        """Mass and stiffness matrix (cells + 1, cells + 1), rows and columns in the order of `nodes`."""
        return _matrices(self.cells)


def factorised(system: scipy.sparse.csr_array) -> Callable[[Array], Array]:
    """What solves a tridiagonal system, factorised once, for right-hand sides (N, n)."""
    band = np.zeros((2, system.shape[0]))
    band[1], band[0, 1:] = system.diagonal(), system.diagonal(1)
    factor = scipy.linalg.cholesky_banded(band)
    return lambda right: np.asarray(scipy.linalg.cho_solve_banded((factor, False), right))


@cache
def _matrices(cells: int) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
    """Kept once made: preparing the forms takes longer than marching a small ensemble."""
    # Imported here: the other problems need no DOLFINx.
    import cmgai_fem.dolfinx_environment  # noqa: F401  (first: it makes DOLFINx ready)

    # isort: split
    import dolfinx.fem
    import dolfinx.mesh
    import ufl
    from mpi4py import MPI

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
