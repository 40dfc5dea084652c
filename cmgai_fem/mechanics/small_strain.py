"""J2 plasticity in small strain: the update of explicit dynamics, and the return with its consistent tangent."""

from dataclasses import dataclass

import numpy as np

from cmgai_fem.mechanics.hardening import HardeningLaw
from cmgai_fem.mechanics.plasticity import PointModel, PointState
from cmgai_fem.states.labels import Array

TINY = 1e-300


@dataclass(frozen=True)
class Returned:
    """Outcome of a small-strain return at P points with m strain components.

    Args:
        stress: (m, P) stress [Pa].
        plastic: (m, P) tensor components of the plastic strain.
        equivalent: (P,) equivalent plastic strain.
        tangent: (m, m, P) consistent tangent [Pa], by engineering shear strains.
    """

    stress: Array
    plastic: Array
    equivalent: Array
    tangent: Array


def return_stress(
    elastic: Array,
    plastic: Array,
    equivalent: Array,
    shear: Array,
    bulk: Array,
    law: HardeningLaw | None,
    temperature: Array,
) -> Returned:
    """Radial return of a rate-independent law, and its consistent tangent.

    Args:
        elastic: (m, P) total strain less thermal and old plastic strain, tensor components in Voigt's order.
        plastic: (m, P) plastic strain at the start of the step.
        equivalent: (P,) equivalent plastic strain at the start of the step.
        shear: (P,) shear modulus [Pa].
        bulk: (P,) bulk modulus [Pa].
        law: the hardening law; None is elastic.
        temperature: (P,) temperature, in the law's unit.

    Source: Simo and Hughes, Computational Inelasticity (1998), box 3.2.
    """
    dilatation = elastic[:3].sum(axis=0)
    deviator = elastic.copy()
    deviator[:3] -= dilatation / 3.0
    norm = np.sqrt(np.maximum(square(deviator), TINY))
    direction = deviator / norm
    trial = np.sqrt(6.0) * shear * norm
    if law is None:
        increment, slope = np.zeros_like(trial), np.zeros_like(trial)
    else:
        # A unit step and the trial itself as the stress before: neither plays a part in a rate-independent law.
        increment = law.plastic_increment(trial, 3.0 * shear, equivalent, 1.0, temperature, np.zeros_like(trial))
        slope = law.curve(temperature)(equivalent + increment, increment)[1]
    kept = 1.0 - 3.0 * shear * increment / np.maximum(trial, TINY)
    stress = 2.0 * shear * kept * deviator
    stress[:3] += bulk * dilatation
    size = len(elastic)
    tangent = np.zeros((size, size, len(trial)))
    tangent[:3, :3] = bulk - 2.0 / 3.0 * shear * kept
    rows = np.arange(size)
    tangent[rows[:3], rows[:3]] += 2.0 * shear * kept
    tangent[rows[3:], rows[3:]] = shear * kept
    softer = np.where(increment > 0.0, kept - 1.0 + 3.0 * shear / (3.0 * shear + slope), 0.0)
    tangent -= (2.0 * shear * softer) * direction[:, None] * direction[None, :]
    flow = np.sqrt(1.5) * increment * direction
    return Returned(stress, plastic + flow, equivalent + increment, tangent)


def turning_error(start: Array, end: Array, returned: Array) -> Array:
    """Error of the radial return where the strain turns the stress along the yield surface.

    The return against the exact solution for a straight strain path and a yield surface of the radius at the end, from
    where the elastic path meets that surface on.

    Args:
        start: (m, P) stress before the step [Pa], Voigt's order.
        end: (m, P) stress after it.
        returned: (m, P) stress that the return took off, 2 G times the plastic strain increment.

    Returns:
        (P,) length of the error of the deviator [Pa]; 0 where nothing yielded.

    Source: Krieg and Krieg, Accuracies of numerical solution methods for the elastic-perfectly plastic model, J. Press.
    Vessel Technol. 99 (1977).
    """
    old, new = start.copy(), end.copy()
    for tensor in (old, new):
        tensor[:3] -= tensor[:3].mean(axis=0)
    step = new + returned - old
    length, radius = np.sqrt(np.maximum(square(step), TINY)), np.sqrt(np.maximum(square(new), TINY))
    along = (square(old + step) - square(old) - square(step)) / (2.0 * length)
    inside = np.maximum(radius**2 - square(old) + along**2, 0.0)
    # How far along the step the surface is met, as a length of stress; 0 where the point is on it already.
    met = np.where(square(old) < (1.0 - 1e-9) * radius**2, np.clip(np.sqrt(inside) - along, 0.0, length), 0.0)
    cosine = np.clip((along + met) / radius, -1.0, 1.0)
    angle, reach = np.arccos(cosine), (length - met) / radius
    exact = 2.0 * np.arctan2(np.sin(0.5 * angle) * np.exp(-reach), np.cos(0.5 * angle))
    error = radius * np.abs(np.arctan2(np.sin(angle), cosine + reach) - exact)
    return np.where(square(returned) > 0.0, error, 0.0)


def square(tensor: Array) -> Array:
    """Squared norms (P,) of symmetric tensors (m, P), Voigt's order."""
    shear = np.einsum("ip,ip->p", tensor[3:], tensor[3:])
    return np.asarray(np.einsum("ip,ip->p", tensor[:3], tensor[:3]) + 2.0 * shear)


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
        norm = np.sqrt(np.maximum(square(strain), TINY))
        trial = np.sqrt(6.0) * shear * norm
        increment = self.radial_return(trial, np.full_like(trial, 3.0 * shear), state, step)
        # The flow is along the strain: what is left of it is a share.
        gone = np.sqrt(1.5) * increment / norm
        state.internal += strain * gone
        kept = 1.0 - gone
        norm *= kept
        np.multiply(norm, shear * norm, out=state.elastic_energy)
        kept *= 2.0 * shear
        strain *= kept
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
        strain = np.empty((len(self.layout.symmetric), gradient.shape[1]))
        for row, (i, j) in zip(strain, self.layout.symmetric, strict=True):
            if i == j:
                row[:] = gradient[general.index((i, i))]
            else:
                np.add(gradient[general.index((i, j))], gradient[general.index((j, i))], out=row)
                row *= 0.5
        # The unit of the gradient cancels here.
        strain[:3] -= (strain[0] + strain[1] + strain[2]) / 3.0
        return strain

    def _spread(self, tensor: Array, out: Array) -> None:
        for row, (i, j) in zip(out, self.layout.general, strict=True):
            row[:] = tensor[self.layout.symmetric.index((min(i, j), max(i, j)))]
