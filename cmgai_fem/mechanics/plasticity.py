"""Metals, the state of their quadrature points, and what a J2 model in small or finite strain has to offer.

A model takes the deformation gradient at every quadrature point, updates the state in place and gives the first
Piola-Kirchhoff stress. The deviatoric and the volumetric part are separate calls because selective reduced integration
evaluates them at different points.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields

import numpy as np

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.mechanics import tensors
from cmgai_fem.mechanics.hardening import HardeningLaw
from cmgai_fem.states.labels import Array, IntArray


@dataclass(frozen=True)
class Metal:
    """An isotropic elastic-plastic metal.

    Args:
        youngs_modulus: E [Pa].
        poissons_ratio: nu.
        density: mass density of the undeformed metal [kg/m^3].
        hardening: the hardening law; None is elastic.
        taylor_quinney: share of the plastic work that becomes heat (0 is isothermal).
        specific_heat: c [J/(kg K)].
        initial_temperature: temperature at the start [the unit of the hardening law's temperatures].
    """

    youngs_modulus: float
    poissons_ratio: float
    density: float
    hardening: HardeningLaw | None
    taylor_quinney: float = 0.0
    specific_heat: float = 1.0
    initial_temperature: float = 293.0

    @property
    def shear_modulus(self) -> float:
        """G [Pa]."""
        return 0.5 * self.youngs_modulus / (1.0 + self.poissons_ratio)

    @property
    def bulk_modulus(self) -> float:
        """K [Pa]."""
        return self.youngs_modulus / (3.0 - 6.0 * self.poissons_ratio)

    @property
    def wave_speed(self) -> float:
        """Speed of plane pressure waves in the undeformed metal [m/s]."""
        return float(np.sqrt((self.bulk_modulus + 4.0 / 3.0 * self.shear_modulus) / self.density))

    def temperature(self, plastic_work: Array) -> Array:
        """Temperature (P,) after adiabatic heating by the plastic work (P,) [J/m^3]."""
        heating = self.taylor_quinney / (self.density * self.specific_heat)
        return self.initial_temperature + heating * plastic_work


@dataclass
class PointState:
    """State of P quadrature points; every array is updated in place.

    Args:
        internal: (m, P) tensor that remembers the plastic deformation, Voigt order (see the model).
        plastic_strain: (P,) equivalent plastic strain.
        plastic_work: (P,) plastic work by undeformed volume [J/m^3].
        elastic_energy: (P,) deviatoric elastic energy by undeformed volume [J/m^3].
        flow_stress: (P,) von Mises (Kirchhoff) stress [Pa].
    """

    internal: Array
    plastic_strain: Array
    plastic_work: Array
    elastic_energy: Array
    flow_stress: Array

    def block(self, points: slice | IntArray) -> "PointState":
        """Some of the points: a view of a slice, a copy of an array of indices."""
        return PointState(
            self.internal[:, points],
            self.plastic_strain[points],
            self.plastic_work[points],
            self.elastic_energy[points],
            self.flow_stress[points],
        )

    def put(self, points: IntArray, block: "PointState") -> None:
        """Take over some of the points from a `block` of them."""
        for item in fields(self):
            getattr(self, item.name)[..., points] = getattr(block, item.name)


@dataclass
class PointModel(ABC):
    """Constitutive update of a metal at quadrature points.

    Args:
        metal: the metal.
        layout: which tensor components there are.
    """

    metal: Metal
    layout: tensors.Layout
    _work: dict[tuple[str, int], Array] = field(default_factory=dict, repr=False)

    @abstractmethod
    def undeformed(self, points: int) -> PointState:
        """State of `points` points before any deformation."""

    @abstractmethod
    def deviatoric(self, gradient: Array, state: PointState, step: float, out: Array) -> None:
        """Update the state over one time step and give the deviatoric stress.

        Args:
            gradient: (m, P) deformation gradient at the end of the step.
            state: state at the start of the step; holds that of its end afterwards.
            step: time step [s].
            out: (m, P) deviatoric part of the first Piola-Kirchhoff stress [Pa].

        Raises:
            ConvergenceError: a negative Jacobian, or a radial return that did not converge.
        """

    @abstractmethod
    def volumetric(self, gradient: Array, out: Array) -> Array:
        """Volumetric part of the first Piola-Kirchhoff stress [Pa] (m, P) into `out`; returns its energy [J/m^3] (P,).

        Raises:
            ConvergenceError: a negative Jacobian.
        """

    def pressure(self, jacobian: Array) -> tuple[Array, Array]:
        """Derivative of the volumetric energy by the Jacobian [Pa], and the energy itself [J/m^3], at Jacobians (P,).

        Raises:
            InputError: the model knows no Jacobian.
        """
        raise InputError(f"{type(self).__name__} takes meshes of quadrilaterals and hexahedra alone")

    @abstractmethod
    def cauchy_stress(self, gradient: Array, centre_gradient: Array, state: PointState) -> Array:
        """Cauchy stress (6, P) [Pa], Voigt order, from the gradients (m, P) at points and at their cells' centres."""

    @abstractmethod
    def wave_speed(self, centre_gradient: Array) -> Array | float:
        """Speed of pressure waves [m/s] in cells with these gradients (m, C), as seen in the deformed body."""

    def radial_return(self, trial: Array, stiffness: Array, state: PointState, step: float) -> Array:
        """Plastic increments (P,) of trial von Mises stresses (P,) [Pa]; updates strain, work and flow stress.

        The temperature is that of the start of the step: its change in one explicit step is below 1 K.
        """
        law = self.metal.hardening
        if law is None:
            state.flow_stress[:] = trial
            return np.zeros_like(trial)
        temperature = self.metal.temperature(state.plastic_work)
        increment = law.plastic_increment(trial, stiffness, state.plastic_strain, step, temperature, state.flow_stress)
        returned = trial - stiffness * increment
        state.plastic_strain += increment
        state.flow_stress += returned
        state.flow_stress *= increment
        state.flow_stress *= 0.5
        state.plastic_work += state.flow_stress
        state.flow_stress[:] = returned
        return increment

    def _buffer(self, name: str, rows: int, points: int) -> Array:
        """Work array kept between steps, so that the hot loop allocates nothing that grows."""
        if (name, points) not in self._work:
            self._work[name, points] = np.empty((rows, points))
        return self._work[name, points]


def check_jacobian(jacobian: Array) -> None:
    """Refuse a cell that is turned inside out or not a number any more."""
    smallest = jacobian.min(initial=np.inf)
    if not smallest > 0.0:
        raise ConvergenceError(
            f"a cell has the Jacobian {smallest:.3g}: the mesh is turned inside out; refine the mesh there or "
            "shorten the time step"
        )
