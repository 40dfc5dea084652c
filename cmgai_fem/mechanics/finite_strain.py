"""J2 plasticity in finite strain."""

import numpy as np

from cmgai_fem.mechanics import tensors
from cmgai_fem.mechanics.plasticity import PointModel, PointState, check_jacobian
from cmgai_fem.states.labels import Array


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
        trial = np.maximum(square, 1e-300)
        trial *= 1.5 * shear**2
        np.sqrt(trial, out=trial)
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
        pressure, energy = self.pressure(jacobian)
        tensors.cofactor(self.layout, gradient, out, scratch)
        out *= pressure
        return energy

    def pressure(self, jacobian: Array) -> tuple[Array, Array]:
        """See `PointModel.pressure`."""
        strain = np.log(jacobian)
        return self.metal.bulk_modulus * strain / jacobian, 0.5 * self.metal.bulk_modulus * strain**2

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
