"""Heat conduction, steady or transient, with properties that depend on the temperature."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem.petsc import NonlinearProblem

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.conditions import Condition, WeakForm
from cmgai_fem.mechanics.given_values import GivenValues
from cmgai_fem.mechanics.inputs import StateInputs
from cmgai_fem.mechanics.meshing import COMPILER_FLAGS
from cmgai_fem.mechanics.ranks import largest
from cmgai_fem.states.labels import Array

# From a UFL temperature to a UFL property.
OfTemperature = Callable[[Any], Any]
# Of the implicit two-stage method: both stages have the same matrix, and the second is the step's end.
GAMMA = 1.0 - 0.5**0.5


class Conduction:
    """rho c dT/dt = div(k grad T) + conditions; boundaries without a condition are insulated.

    Newton's method by PETSc's SNES with a direct solver; forms are compiled once, for as many states as wanted. A time
    step is that of Alexander's two-stage, second-order, L-stable implicit Runge-Kutta method.

    Args:
        body: the meshed body; 2-D meshes are of unit thickness, or of one radian where `axisymmetric`.
        conductivity: k(T) [W/(m K)] by group of cells; "" stands for all cells.
        conditions: given temperatures and exchanges of heat.
        inputs: state, time and what of the conditions depends on them.
        capacity: rho c(T) [J/(m^3 K)] by group of cells, for transient conduction; None is steady.
        axisymmetric: whether x is a radius.
        degree: polynomial degree of the temperature. One below the displacement's is consistent: thermal and
            mechanical strain are then of one degree, and the difference of the two does not oscillate inside cells.

    Attributes:
        temperature: the temperature, the same function throughout.

    Source: Alexander, Diagonally implicit Runge-Kutta methods for stiff ODEs, SIAM J. Numer. Anal. 14 (1977).
    """

    order = 2

    def __init__(
        self,
        body: Body,
        conductivity: Mapping[str, OfTemperature],
        conditions: Sequence[Condition],
        inputs: StateInputs | None = None,
        capacity: Mapping[str, OfTemperature] | None = None,
        axisymmetric: bool = False,
        degree: int = 1,
    ) -> None:
        mesh = body.mesh
        self.inputs = inputs or StateInputs(mesh)
        space = fem.functionspace(mesh, ("Lagrange", degree))
        self.temperature = temperature = fem.Function(space, name="temperature")
        for condition in conditions:
            condition.check(body)
        self._comm, self._extremes = mesh.comm, (0.0, 0.0)
        self._given = GivenValues(body, space, conditions, self.inputs)
        # k is a low polynomial of T: two degrees more than the constant-k form keep its quadrature error below the
        # discretisation error.
        weak = WeakForm(body, self.inputs, temperature, axisymmetric, 2 * degree + 2)
        if capacity is None and not any(c.table in ("temperature", "convection") for c in conditions):
            raise InputError("nothing fixes the level of the temperature: add [[temperature]] or [[convection]]")
        balance = weak.residual(conditions)
        for group, k in conductivity.items():
            flow = ufl.inner(k(temperature) * ufl.grad(temperature), ufl.grad(weak.test))
            balance += weak.integral(flow, group)
        self._base, self._rate = fem.Function(space), fem.Constant(mesh, 1.0)
        for group, c in (capacity or {}).items():
            balance += weak.integral(c(temperature) * self._rate * (temperature - self._base) * weak.test, group)
        self._problem = NonlinearProblem(
            balance,
            temperature,
            bcs=self._given.conditions,
            jit_options={"cffi_extra_compile_args": COMPILER_FLAGS},
            petsc_options_prefix="heat_",
            petsc_options={
                "snes_type": "newtonls",
                "snes_rtol": 1e-11,
                # [W]: rounding of the heat flow at a node; all that is left where the temperature is uniform.
                "snes_atol": 1e-12,
                # A Newton step as small as the rounding of the temperature: fluxes may round above the tolerance.
                "snes_stol": 1e-14,
                "snes_max_it": 25,
                "ksp_type": "preonly",
                "pc_type": "lu",
                "pc_factor_mat_solver_type": "mumps",
            },
        )

    def solve(self, state: str) -> fem.Function:
        """Solve for the steady temperature with the present values of the conditions. Collective.

        Args:
            state: name of the state, for messages.

        Returns:
            The temperature; the same function at every call.

        Raises:
            InputError: two conditions give one place different temperatures.
            ConvergenceError: Newton's method did not reach a relative residual of 1e-11.
        """
        self._given.update(state)
        # The start must not depend on the state solved before, and be a temperature that the properties hold at.
        self.temperature.x.array[:] = self._given.mean()
        self._newton(state)
        return self.temperature

    def begin(self, initial: float) -> None:
        """Start a transient from a uniform temperature."""
        self._extremes = (initial, initial)
        self.temperature.x.array[:] = initial

    def save(self) -> Array:
        """See `stepping.Steppable`."""
        return np.array(self.temperature.x.array)

    def restore(self, saved: Array) -> None:
        """See `stepping.Steppable`."""
        self.temperature.x.array[:] = saved

    def step(self, time: float, size: float, label: str) -> None:
        """See `stepping.Steppable`."""
        start = self.save()
        self._rate.value = 1.0 / (GAMMA * size)
        self._base.x.array[:] = start
        self._stage(time + GAMMA * size, label)
        self._base.x.array[:] += (1.0 / GAMMA - 1.0) * (self.temperature.x.array - start)
        self._stage(time + size, label)

    def difference(self, one: Array, other: Array) -> float:
        """See `stepping.Steppable`; the largest difference over the range of the temperature so far."""
        local = [np.abs(one - other).max(initial=0.0), other.max(initial=-np.inf), -other.min(initial=np.inf)]
        apart, high, low = largest(self._comm, np.array(local))
        self._extremes = (min(self._extremes[0], -low), max(self._extremes[1], high))
        size = max(map(abs, self._extremes))
        return float(apart / max(self._extremes[1] - self._extremes[0], 1e-12 * size, 1e-300))

    def _stage(self, time: float, label: str) -> None:
        self.inputs.move(time, label)
        self._given.update(label)
        self._newton(label)

    def _newton(self, state: str) -> None:
        for condition in self._given.conditions:
            # So that the first residual, which the tolerance is relative to, is a heat flow and no temperature.
            condition.set(self.temperature.x.array)
        self._problem.solve()
        reason = self._problem.solver.getConvergedReason()
        if reason <= 0:
            raise ConvergenceError(
                f"state {state}: heat conduction did not converge in {self._problem.solver.getIterationNumber()} "
                f"Newton steps (SNES reason {reason})"
            )
