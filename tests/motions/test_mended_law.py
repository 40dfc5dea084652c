"""An operator that is off: what it is off by is told by exact motions, and by noise it is not."""

import numpy as np
import pytest
from scipy.linalg import expm

from cmgai_fem.motions.mended_law import MendedLaw
from cmgai_fem.motions.modal_law import Amplitudes, ModalLaw
from cmgai_fem.states.labels import Array

KNOWN, ASKED = np.linspace(0.0, 1.0, 6), np.array([0.1, 0.7, 1.2, 1.6])
EIGENVALUES = (np.arange(1, 25) * np.pi) ** 2
RATE = 0.1


def motion(times: Array, off: float) -> Array:
    """(T, M) amplitudes that decay by rates and a matrix beside them."""
    size = off * np.sqrt(EIGENVALUES)[:, None] * EIGENVALUES
    system = RATE * (np.diag(EIGENVALUES) + size * np.random.default_rng(3).normal(size=2 * EIGENVALUES.shape))
    start = 1.0 / np.arange(1, 25)
    return np.array([expm(-system * time) @ start for time in times])


def known(off: float, noise: float = 0.0) -> Amplitudes:
    values = motion(KNOWN, off)
    values = values + noise * np.random.default_rng(0).normal(size=values.shape)
    return Amplitudes.of(KNOWN, values, EIGENVALUES, np.ones(len(EIGENVALUES)))


def error(law: ModalLaw, amplitudes: Amplitudes, off: float, rows: slice) -> float:
    return float(np.abs(law.at(amplitudes, ASKED[rows])[0] - motion(ASKED[rows], off)).max())


@pytest.mark.parametrize(("rows", "share"), [(slice(0, 2), 0.5), (slice(2, 4), 0.05)])
def test_what_an_operator_is_off_by_is_told(rows: slice, share: float) -> None:
    states = known(5e-5)
    mended, plain = MendedLaw(1).fit(states), ModalLaw(1).fit(states)
    assert not mended.right
    assert error(mended, states, 5e-5, rows) < share * error(plain, states, 5e-5, rows)


@pytest.mark.parametrize(("off", "noise"), [(0.0, 3e-3), (1e-5, 3e-2)])
def test_noise_tells_nothing_of_it(off: float, noise: float) -> None:
    states = known(off, noise)
    mended, plain = MendedLaw(1).fit(states), ModalLaw(1).fit(states)
    for rows in (slice(0, 2), slice(2, 4)):
        assert error(mended, states, off, rows) < 1.5 * error(plain, states, off, rows)
