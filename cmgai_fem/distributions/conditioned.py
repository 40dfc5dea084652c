"""One specimen that was measured in part: the law of its field, given what sensors read of it.

Atoms of a law are moved by the Gaussian update of their sample covariance with readings of their own noise, which is
exact for normal laws and keeps whatever linear relations all of the atoms keep. It is taken only where readings at the
same places tell more of specimens left out than the law's mean does.

Source: G. Evensen, J. Geophys. Res. 99 (1994) 10143-10162; noise for every atom: G. Burgers, P. J. van Leeuwen,
G. Evensen, Mon. Weather Rev. 126 (1998) 1719-1724.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from cmgai_fem.calibration.correction import LeftOutTest
from cmgai_fem.distributions.cloud_laws import CloudLaw
from cmgai_fem.distributions.field_law import FieldLaw
from cmgai_fem.distributions.random_fields import RandomFields, make_laws
from cmgai_fem.states.labels import Array


@dataclass(frozen=True)
class FieldReadings:
    """What sensors read of one specimen's field.

    Args:
        of: from fields (..., L, n) to readings (..., M), linear.
        values: (M,) read.
        deviations: (M,) standard deviations of the sensors.
    """

    of: Callable[[Array], Array]
    values: Array
    deviations: Array


def conditioned(law: FieldLaw, readings: FieldReadings, rng: np.random.Generator) -> FieldLaw:
    """The law of the field of a specimen of which sensors read something."""
    predicted, gain = _update(law, readings)
    seen = readings.values + readings.deviations * rng.standard_normal(predicted.shape)
    return replace(law, coefficients=law.coefficients + (seen - predicted) @ gain.T)


def _update(law: FieldLaw, readings: FieldReadings) -> tuple[Array, Array]:
    """Readings (N, M) of every atom, and the gain (r, M) of the atoms' coefficients."""
    predicted = readings.of(law.origin) + law.coefficients @ readings.of(law.shapes)
    apart, amplitudes = (each - each.mean(axis=0) for each in (predicted, law.coefficients))
    system = apart.T @ apart / (len(apart) - 1) + np.diag(readings.deviations**2)
    return predicted, linalg.solve(system, apart.T @ amplitudes / (len(apart) - 1), assume_a="pos").T


def left_out_errors(
    random: RandomFields, law: CloudLaw, left_out: Sequence[float], readings: FieldReadings, seed: int
) -> LeftOutTest:
    """What is got wrong of the single specimens of clouds left out, without and with exact readings of them.

    Args:
        random: the specimens.
        law: the law.
        left_out: states of the clouds.
        readings: where readings are taken, and how well.
        seed: of draws and networks.

    Returns:
        Root mean square errors over body and specimens, of the mean field and of the mean given the readings.
    """
    squares, count = np.zeros(2), 0
    share = random.weights / random.weights.sum()
    for state in left_out:
        (made,) = make_laws(random.without(state), [state], law, seed)
        predicted, gain = _update(made, readings)
        mean = made.coefficients.mean(axis=0)
        for field in random.fields[random.values == state]:
            given = mean + gain @ (readings.of(field) - predicted.mean(axis=0))
            for side, coefficients in enumerate((mean, given)):
                drawn = made.origin + np.tensordot(coefficients, made.shapes, axes=1)
                squares[side] += float(share @ ((drawn - field) ** 2).sum(axis=1))
            count += 1
    return LeftOutTest(*np.sqrt(squares / count).tolist())
