"""J2 plasticity at many points at once: the radial return, in small and in finite strain.

Both models take the deformation gradient at every quadrature point, update the state in place and return the first
Piola-Kirchhoff stress. The deviatoric and the volumetric part are separate calls because selective reduced integration
evaluates them at different points.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics import tensors
from cmgai_fem.mechanics.hardening import HardeningLaw
from cmgai_fem.states import Array


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
        initial_temperature: temperature before the impact [K].
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
        """Temperature [K] after adiabatic heating by the plastic work (P,) [J/m^3]."""
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

    def block(self, points: slice) -> "PointState":
        """A view of some of the points."""
        return PointState(
            self.internal[:, points],
            self.plastic_strain[points],
            self.plastic_work[points],
            self.elastic_energy[points],
            self.flow_stress[points],
        )


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

    @abstractmethod
    def cauchy_stress(self, gradient: Array, centre_gradient: Array, state: PointState) -> Array:
        """Cauchy stress (6, P) [Pa], Voigt order, from the gradients (m, P) at the points and at their cells' centres."""

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
    smallest = jacobian.min()
    if not smallest > 0.0:
        raise ConvergenceError(
            f"a cell has the Jacobian {smallest:.3g}: the mesh is turned inside out; refine the mesh along the rod "
            "or shorten the time step"
        )


class SmallStrainJ2(PointModel):
    """J2 plasticity in small strain; the internal tensor is the plastic strain (deviatoric)."""

    def undeformed(self, points: int) -> PointState:
        """See `PointModel.undeformed`."""
        internal = np.zeros((len(self.layout.symmetric), points))
        return PointState(internal, *(np.zeros(points) for _ in range(4)))

    def deviatoric(self, gradient: Array, state: PointState, step: float, out: Array) -> None:
        """See `PointModel.deviatoric`."""
        shear = self.metal.shear_modulus
        strain = self._deviatoric_strain(gradient)
        strain -= state.internal
        norm = np.sqrt(np.maximum(self._square(strain), 1e-300))
        trial = np.sqrt(6.0) * shear * norm
        increment = self.radial_return(trial, np.full_like(trial, 3.0 * shear), state, step)
        flow = strain * (np.sqrt(1.5) * increment / norm)
        state.internal += flow
        strain -= flow
        state.elastic_energy[:] = shear * self._square(strain)
        strain *= 2.0 * shear
        self._spread(strain, out)

    def volumetric(self, gradient: Array, out: Array) -> Array:
        """See `PointModel.volumetric`."""
        diagonal = list(self.layout.diagonal)
        dilatation = gradient[diagonal].sum(axis=0) - 3.0
        out[:] = 0.0
        out[diagonal] = self.metal.bulk_modulus * dilatation
        return 0.5 * self.metal.bulk_modulus * dilatation**2

    def cauchy_stress(self, gradient: Array, centre_gradient: Array, state: PointState) -> Array:
        """See `PointModel.cauchy_stress`."""
        stress = np.zeros((6, gradient.shape[1]))
        symmetric = len(self.layout.symmetric)
        stress[:symmetric] = 2.0 * self.metal.shear_modulus * (self._deviatoric_strain(gradient) - state.internal)
        stress[:3] += self.metal.bulk_modulus * (centre_gradient[list(self.layout.diagonal)].sum(axis=0) - 3.0)
        return stress

    def wave_speed(self, centre_gradient: Array) -> Array | float:
        """See `PointModel.wave_speed`."""
        return self.metal.wave_speed

    def _deviatoric_strain(self, gradient: Array) -> Array:
        general = self.layout.general
        strain = np.stack(
            [
                0.5 * (gradient[general.index((i, j))] + gradient[general.index((j, i))])
                for i, j in self.layout.symmetric
            ]
        )
        # The unit of the gradient cancels here.
        strain[:3] -= strain[:3].mean(axis=0)
        return strain

    def _square(self, tensor: Array) -> Array:
        square: Array = (tensor[:3] ** 2).sum(axis=0) + 2.0 * (tensor[3:] ** 2).sum(axis=0)
        return square

    def _spread(self, tensor: Array, out: Array) -> None:
        for row, (i, j) in zip(out, self.layout.general, strict=True):
            row[:] = tensor[self.layout.symmetric.index((min(i, j), max(i, j)))]


class FiniteStrainJ2(PointModel):
    """Multiplicative J2 plasticity, isochoric neo-Hookean in shear and Hencky in volume.

    The internal tensor is the inverse of the plastic right Cauchy-Green tensor C_p^-1, so that the elastic left
    Cauchy-Green tensor is J^(-2/3) F C_p^-1 F^T and nothing but products is needed: no eigenvalues, no rotation. The
    return is radial in the Kirchhoff stress; its spherical part is set so that det C_p stays 1, because the error of
    keeping the trace instead adds up over thousands of steps.

    Source: Simo and Hughes, Computational Inelasticity (1998), section 9.3 and box 9.1, pulled back to the undeformed
    configuration.
    """

    def undeformed(self, points: int) -> PointState:
        """See `PointModel.undeformed`."""
        internal = np.zeros((len(self.layout.symmetric), points))
        internal[:3] = 1.0
        return PointState(internal, *(np.zeros(points) for _ in range(4)))

    def deviatoric(self, gradient: Array, state: PointState, step: float, out: Array) -> None:
        """See `PointModel.deviatoric`."""
        layout, shear, count = self.layout, self.metal.shear_modulus, gradient.shape[1]
        symmetric, general = len(layout.symmetric), len(layout.general)
        scratch, jacobian, square, minor = self._buffer("scalars", 4, count)
        tensors.determinant(layout, gradient, jacobian, scratch)
        check_jacobian(jacobian)
        right_cauchy = tensors.bilinear(layout.gram, gradient, gradient, self._buffer("C", symmetric, count), scratch)
        cofactor = tensors.symmetric_cofactor(layout, right_cauchy, self._buffer("cof", symmetric, count), scratch)
        # J^(-2/3) C C_p^-1 has the invariants of the elastic left Cauchy-Green tensor; its deviator follows.
        elastic = tensors.bilinear(
            layout.symmetric_product, right_cauchy, state.internal, self._buffer("CG", general, count), scratch
        )
        isochoric = np.power(jacobian, -2.0 / 3.0)
        elastic *= isochoric
        xx, yy, zz = layout.diagonal
        mean = elastic[xx] + elastic[yy]
        mean += elastic[zz]
        mean /= 3.0
        for row in layout.diagonal:
            elastic[row] -= mean
        tensors.square(layout, elastic, square, scratch)
        trial = np.sqrt(1.5 * np.maximum(square, 1e-300))
        trial *= shear
        stiffness = 3.0 * shear * mean
        increment = self.radial_return(trial, stiffness, state, step)
        kept = 1.0 - stiffness * increment / trial
        tensors.determinant(layout, elastic, minor, scratch)
        new_mean = self._unimodular_mean(square, minor, kept, scratch)
        # Where nothing yields, nothing may change by round-off either.
        np.copyto(new_mean, mean, where=increment == 0.0)
        np.multiply(new_mean - 1.0, 1.5 * shear, out=state.elastic_energy)
        jacobian *= jacobian
        shift = (new_mean - kept * mean) / (isochoric * jacobian)
        state.internal *= kept
        np.multiply(cofactor, shift, out=right_cauchy)
        state.internal += right_cauchy
        # Second Piola-Kirchhoff stress, in the array of C.
        new_mean *= shear
        new_mean /= jacobian
        isochoric *= shear
        cofactor *= new_mean
        np.multiply(state.internal, isochoric, out=right_cauchy)
        right_cauchy -= cofactor
        tensors.bilinear(layout.mixed_product, gradient, right_cauchy, out, scratch)

    @staticmethod
    def _unimodular_mean(square: Array, minor: Array, kept: Array, scratch: Array) -> Array:
        """q such that det(q I + D) = 1, D the returned deviator: one Newton step from 1, exact to elastic strain^4."""
        np.multiply(kept, kept, out=scratch)
        square *= 0.5
        square *= scratch
        minor *= scratch
        minor *= kept
        return np.asarray(1.0 + (square - minor) / (3.0 - square))

    def volumetric(self, gradient: Array, out: Array) -> Array:
        """See `PointModel.volumetric`."""
        jacobian, scratch = self._buffer("volumetric", 2, gradient.shape[1])
        tensors.determinant(self.layout, gradient, jacobian, scratch)
        check_jacobian(jacobian)
        strain = np.log(jacobian)
        tensors.cofactor(self.layout, gradient, out, scratch)
        out *= self.metal.bulk_modulus * strain / jacobian
        return np.asarray(0.5 * self.metal.bulk_modulus * strain**2)

    def cauchy_stress(self, gradient: Array, centre_gradient: Array, state: PointState) -> Array:
        """See `PointModel.cauchy_stress`."""
        layout, count = self.layout, gradient.shape[1]
        scratch, jacobian, centre = np.empty((3, count))
        tensors.determinant(layout, gradient, jacobian, scratch)
        tensors.determinant(layout, centre_gradient, centre, scratch)
        moved = tensors.bilinear(layout.mixed_product, gradient, state.internal, np.empty_like(gradient), scratch)
        stress = np.zeros((6, count))
        for row, (i, j) in zip(stress, layout.symmetric, strict=False):
            row[:] = sum(
                _component(moved, layout.general, i, k) * _component(gradient, layout.general, j, k) for k in range(3)
            )
        stress[:3] -= stress[:3].mean(axis=0)
        stress *= self.metal.shear_modulus * jacobian ** (-2.0 / 3.0) / jacobian
        stress[:3] += self.metal.bulk_modulus * np.log(centre) / centre
        return stress

    def wave_speed(self, centre_gradient: Array) -> Array | float:
        """See `PointModel.wave_speed`; compression stiffens and the density rises with 1/J."""
        jacobian = np.empty(centre_gradient.shape[1])
        tensors.determinant(self.layout, centre_gradient, jacobian, np.empty_like(jacobian))
        return np.asarray(self.metal.wave_speed * np.sqrt(np.maximum(1.0 - np.log(jacobian), 1.0) / jacobian))


def _component(tensor: Array, general: tuple[tuple[int, int], ...], i: int, j: int) -> Array | float:
    return tensor[general.index((i, j))] if (i, j) in general else 0.0
