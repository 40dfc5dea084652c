"""Steady heat conduction with a temperature-dependent conductivity."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import ufl
from dolfinx import fem
from dolfinx.fem.petsc import NonlinearProblem

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.meshing import Body


@dataclass(frozen=True)
class Convection:
    """Heat transfer to a fluid, q = coefficient (T - ambient).

    Args:
        coefficient: heat transfer coefficient [W/(m^2 K)].
        ambient: temperature of the fluid [degC].
    """

    coefficient: float
    ambient: float


class SteadyConduction:
    """-div(k(T) grad T) = 0 with given temperatures and convection; boundaries not named are insulated.

    Newton's method by PETSc's SNES with a direct solver. Forms are compiled once; `solve` may be called for as many
    states as wanted.

    Args:
        body: the meshed body; 2-D meshes are of unit thickness.
        conductivity: k(T) [W/(m K)] as a function of a UFL temperature [degC].
        fixed: given temperature [degC] by boundary name.
        convection: convection by boundary name.
        degree: polynomial degree of the temperature. One below the displacement's is consistent: thermal and
            mechanical strain are then of one degree, and the difference of the two does not oscillate inside cells.
    """

    def __init__(
        self,
        body: Body,
        conductivity: Callable[[Any], Any],
        fixed: Mapping[str, float],
        convection: Mapping[str, Convection] | None = None,
        degree: int = 1,
    ) -> None:
        mesh = body.mesh
        space = fem.functionspace(mesh, ("Lagrange", degree))
        self.temperature = fem.Function(space, name="temperature")
        self._fixed = {name: fem.Constant(mesh, float(value)) for name, value in fixed.items()}
        facet_dimension = mesh.topology.dim - 1
        self._conditions = [
            fem.dirichletbc(value, fem.locate_dofs_topological(space, facet_dimension, body.facets_of(name)), space)
            for name, value in self._fixed.items()
        ]
        temperature, test = self.temperature, ufl.TestFunction(space)
        # k is a low polynomial of T: two degrees more than the constant-k form keep its quadrature error below the
        # discretisation error.
        dx = ufl.dx(mesh, metadata={"quadrature_degree": 2 * degree + 2})
        ds = ufl.Measure("ds", mesh, subdomain_data=body.facets)
        balance = ufl.inner(conductivity(temperature) * ufl.grad(temperature), ufl.grad(test)) * dx
        for name, exchange in (convection or {}).items():
            balance += exchange.coefficient * (temperature - exchange.ambient) * test * ds(body.tag(name))
        self._problem = NonlinearProblem(
            balance,
            temperature,
            bcs=self._conditions,
            petsc_options_prefix="heat_",
            petsc_options={
                "snes_type": "newtonls",
                "snes_rtol": 1e-11,
                # [W]: rounding of the heat flow at a node; all that is left where the temperature is uniform.
                "snes_atol": 1e-12,
                "snes_stol": 0.0,
                "snes_max_it": 25,
                "ksp_type": "preonly",
                "pc_type": "lu",
                "pc_factor_mat_solver_type": "mumps",
            },
        )

    def solve(self, state: str, fixed: Mapping[str, float] | None = None) -> fem.Function:
        """Solve for the temperature. Collective.

        Args:
            state: name of the state, for messages.
            fixed: new values [degC] of given temperatures.

        Returns:
            The temperature [degC]; the same function at every call.

        Raises:
            ConvergenceError: Newton's method did not reach a relative residual of 1e-11.
        """
        for name, value in (fixed or {}).items():
            self._fixed[name].value = value
        array = self.temperature.x.array
        # The start must not depend on the state solved before; it satisfies the given temperatures so that the first
        # residual, which the tolerance is relative to, is a heat flow and not a temperature.
        array[:] = next(iter(self._fixed.values())).value
        for condition in self._conditions:
            condition.set(array)
        self._problem.solve()
        reason = self._problem.solver.getConvergedReason()
        if reason <= 0:
            raise ConvergenceError(
                f"state {state}: heat conduction did not converge in {self._problem.solver.getIterationNumber()} "
                f"Newton steps (SNES reason {reason})"
            )
        return self.temperature
