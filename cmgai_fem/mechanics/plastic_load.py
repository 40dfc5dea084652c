"""Quasi-static plasticity along a path of loads, for `stepping.Stepper`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from dolfinx import fem

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.conditions import Condition, Foundation, WeakForm
from cmgai_fem.mechanics.given_values import GivenValues
from cmgai_fem.mechanics.hardening import HardeningLaw
from cmgai_fem.mechanics.inputs import StateInputs
from cmgai_fem.mechanics.material_card import MaterialPoints, Materials
from cmgai_fem.mechanics.materials import JohnsonCookTable
from cmgai_fem.mechanics.multigrid import set_two_level
from cmgai_fem.mechanics.quasi_static import DIRECT, QuasiStaticPlasticity
from cmgai_fem.mechanics.ranks import largest
from cmgai_fem.mechanics.small_strain import turning_error
from cmgai_fem.states.labels import Array

ITERATIVE: dict[str, Any] = {"ksp_type": "cg", "ksp_rtol": 1e-5, "ksp_max_it": 300, "snes_lag_preconditioner": 10}


@dataclass(frozen=True)
class Saved:
    """State of a plastic body: displacement [m], plastic strain, equivalent plastic strain and stress [Pa]."""

    displacement: Array
    plastic: Array
    equivalent: Array
    stress: Array


class PlasticLoad:
    """A body of J2 metals in small strain whose loads, supports and temperature follow time or state. Collective.

    Backward Euler: of first order in the step, and exact where the direction of strain does not turn.

    Args:
        body: the meshed body.
        materials: of its groups of cells.
        conditions: loads and supports.
        inputs: state, time and what of the conditions depends on them.
        warm: gives the temperature of the present time and state, a DOLFINx function.
        axisymmetric: whether x is a radius; a 2-D body is else in plane strain.
        degree: polynomial degree of the displacement.
        quadrature: degree of the points that hold the state.

    Raises:
        InputError: a law that depends on the rate, a condition that the body does not take, or no support.
    """

    order = 1

    def __init__(
        self,
        body: Body,
        materials: Materials,
        conditions: list[Condition],
        inputs: StateInputs,
        warm: Callable[[str], fem.Function],
        axisymmetric: bool,
        degree: int,
        quadrature: int,
    ) -> None:
        mesh = body.mesh
        self._comm, self._inputs, self._warm, self._range = mesh.comm, inputs, warm, 0.0
        self._turned = [0.0, 0.0]
        self.points = MaterialPoints(body, materials, quadrature)
        space = fem.functionspace(mesh, ("Lagrange", degree, (mesh.geometry.dim,)))
        displacement = fem.Function(space, name="displacement")
        self._given = GivenValues(body, space, conditions, inputs)
        springs = [condition for condition in conditions if isinstance(condition, Foundation)]
        self._given.refuse_loose(springs, body, axisymmetric)
        weak = WeakForm(
            body, inputs, displacement, axisymmetric, quadrature, lambda group: inputs.number(materials.density(group))
        )
        count, per_cell = len(self.points.cells), len(self.points.points)
        numbers = np.arange(count * per_cell).reshape(count, per_cell)
        laws = [(_law(materials, name), numbers[body.groups[name].entities].ravel()) for name in materials.cards]
        iterative = mesh.geometry.dim == 3 and degree > 1
        self.solver = QuasiStaticPlasticity(
            space,
            self._given.conditions,
            lambda test: -weak.residual(conditions, test),
            0.3,
            laws,
            quadrature,
            ITERATIVE if iterative else DIRECT,
            axisymmetric,
            displacement,
        )
        if iterative:
            self.solver.precondition(set_two_level)

    @property
    def displacement(self) -> fem.Function:
        """The displacement [m]."""
        return self.solver.displacement

    def save(self) -> Saved:
        """See `stepping.Steppable`."""
        own = self.solver
        return Saved(
            own.displacement.x.array.copy(),
            own.plastic_strain,
            own.equivalent_plastic_strain,
            own.stress.x.array.copy(),
        )

    def restore(self, saved: Saved) -> None:
        """See `stepping.Steppable`."""
        own = self.solver
        own.displacement.x.array[:], own.stress.x.array[:] = saved.displacement, saved.stress
        own.plastic_strain, own.equivalent_plastic_strain = saved.plastic, saved.equivalent

    def step(self, time: float, size: float, label: str) -> None:
        """See `stepping.Steppable`."""
        self._inputs.move(time + size, label)
        self._given.update(label)
        self.points.temperature[:] = self.points.at(self._warm(label))
        self.points.update(label)
        own = self.solver
        own.temperature = self.points.temperature.ravel()
        own.young, own.thermal_strain = self.points.young.x.array, self.points.thermal_strain.x.array
        own.poissons_ratio = self.points.poisson.x.array
        before, plastic = own.stress.x.array.copy(), own.plastic_strain
        own.solve(label)
        shape = plastic.shape
        taken = (own.plastic_strain - plastic) * (own.young / (1.0 + own.poissons_ratio))[:, None]
        turned = turning_error(before.reshape(shape).T, own.stress.x.array.reshape(shape).T, taken.T)
        self._turned = [*self._turned[-1:], float(turned.max(initial=0.0))]

    def difference(self, one: Saved, other: Saved) -> float:
        """See `stepping.Steppable`: of a stress component, over the largest stress so far.

        Where a point yields in the second half of a step alone, whole and halves agree and are both wrong; so the error
        of the return itself counts, too.
        """
        local = [np.abs(one.stress - other.stress).max(initial=0.0), np.abs(other.stress).max(initial=0.0)]
        apart, high, first, second = largest(self._comm, np.array([*local, *self._turned]))
        self._range = max(self._range, float(high), 1e-300)
        return float(max(apart, first + second)) / self._range

    def largest_strain(self) -> float:
        """The largest equivalent plastic strain."""
        local = self.solver.equivalent_plastic_strain.max(initial=0.0)
        return float(largest(self._comm, np.array([local]))[0])


def _law(materials: Materials, name: str) -> HardeningLaw | None:
    table = materials.cards[name].hardening
    if isinstance(table, JohnsonCookTable) and table.rate_factor != 0.0:
        raise InputError(
            f"material.{name}.hardening.rate_factor: quasi-static plasticity knows no rate of strain; say 0 for it"
        )
    return None if table is None else table.build()
