"""Measures of a generated field: its error against a reference, and whether it is physically admissible."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array


@dataclass(frozen=True)
class FieldError:
    """Error of one generated field at one state, in the field's unit and in the normalisations that papers use.

    Args:
        nrmse: root mean square error / (max - min of the reference).
        nrmse_rms: root mean square error / root mean square of the reference.
        nrmse_mean: root mean square error / mean absolute value of the reference.
        max_error: largest absolute error / (max - min of the reference).
        rmse: root mean square error, in the field's unit.
        largest: largest absolute error, in the field's unit.
        label: row of the label where it is.
    """

    nrmse: float
    nrmse_rms: float
    nrmse_mean: float
    max_error: float
    rmse: float
    largest: float
    label: int


def field_error(generated: Array, reference: Array, weights: Array) -> FieldError:
    """Volume-weighted error of a generated field against a reference.

    Means are taken over the volume, so that refining the mesh does not change the figure. Several components are
    measured together: their squared errors are averaged and the range is taken over all of them; measure components
    of different size one at a time.

    Args:
        generated: (L,) or (L, n) generated values, in the field's unit.
        reference: values of the same shape and unit.
        weights: (L,) volume of each label [m^g].

    Returns:
        The error.

    Raises:
        InputError: shapes disagree, a value is not finite, or the reference is constant: it then has no range to
            divide by and no NRMSE exists.
    """
    if generated.shape != reference.shape or generated.ndim not in (1, 2):
        raise InputError(
            f"generated field {generated.shape} and reference {reference.shape} must both be (L,) or (L, n)"
        )
    if weights.shape != reference.shape[:1]:
        raise InputError(f"{reference.shape[0]} labels need {reference.shape[0]} weights, not {weights.shape}")
    for name, values in (("generated", generated), ("reference", reference)):
        if not np.all(np.isfinite(values)):
            raise InputError(f"the {name} field is not finite at label {int(np.argwhere(~np.isfinite(values))[0][0])}")
    spread = float(np.ptp(reference))
    if spread == 0.0:
        raise InputError("the reference field is constant: it has no range, so no NRMSE; leave this field or state out")
    # In units of a power of two, which changes no digit, squares stay within what a number holds.
    unit = 2.0 ** np.floor(np.log2(max(np.abs(generated).max(), np.abs(reference).max())) - 1.0)
    generated, reference, spread = generated / unit, reference / unit, spread / unit
    error = generated - reference
    rmse, largest = np.sqrt(_volume_mean(error**2, weights)), np.max(np.abs(error))
    return FieldError(
        nrmse=float(rmse / spread),
        nrmse_rms=float(rmse / np.sqrt(_volume_mean(reference**2, weights))),
        nrmse_mean=float(rmse / _volume_mean(np.abs(reference), weights)),
        max_error=float(largest / spread),
        rmse=float(rmse * unit),
        largest=float(largest * unit),
        label=int(np.argmax(np.abs(error.reshape(len(error), -1)).max(axis=1))),
    )


def nrmse(generated: ArrayLike, reference: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Root mean square error over the range of the reference; see `field_error`.

    Args:
        generated: (L,) or (L, n) generated values, in the field's unit.
        reference: values of the same shape and unit.
        weights: (L,) volume of each label [m^g]; the same for all by default.
    """
    made, truth = np.asarray(generated, dtype=float), np.asarray(reference, dtype=float)
    return field_error(made, truth, np.ones(truth.shape[:1]) if weights is None else np.asarray(weights)).nrmse


def von_mises(stress: Array) -> Array:
    """Von Mises equivalent stress.

    Args:
        stress: (..., 6) components xx, yy, zz, xy, yz, xz [Pa].

    Returns:
        (...,) equivalent stress [Pa].

    Source: sqrt(3 J2), J2 the second invariant of the stress deviator.
    """
    if stress.shape[-1] != 6:
        raise InputError(f"von Mises stress needs the 6 components xx, yy, zz, xy, yz, xz, not {stress.shape[-1]}")
    xx, yy, zz, xy, yz, xz = np.moveaxis(stress, -1, 0)
    normal = 0.5 * ((xx - yy) ** 2 + (yy - zz) ** 2 + (zz - xx) ** 2)
    return np.sqrt(normal + 3.0 * (xy**2 + yz**2 + xz**2))


@dataclass(frozen=True)
class PlasticStrainViolation:
    """How far an equivalent plastic strain is from being admissible; zero and zero if it is.

    Args:
        most_negative: magnitude of the most negative value [-].
        largest_decrease: largest fall of one label's value from a state to the next [-].
    """

    most_negative: float
    largest_decrease: float


def plastic_strain_violation(plastic_strain: Array) -> PlasticStrainViolation:
    """Check that an equivalent plastic strain is nowhere negative and never decreases from state to state.

    Args:
        plastic_strain: (K, L) values at the states in increasing order [-]. `largest_decrease` is a violation only
            where the state coordinate is time or any other in which plastic flow accumulates.

    Returns:
        The violation, both figures >= 0.
    """
    if plastic_strain.ndim != 2:
        raise InputError(f"plastic strain must be (states, labels), not {plastic_strain.shape}")
    return PlasticStrainViolation(
        most_negative=float(np.max(-plastic_strain, initial=0.0)),
        largest_decrease=float(np.max(-np.diff(plastic_strain, axis=0), initial=0.0)),
    )


def _volume_mean(values: Array, weights: Array) -> float:
    per_label = values if values.ndim == 1 else values.mean(axis=1)
    return float(weights @ per_label / weights.sum())
