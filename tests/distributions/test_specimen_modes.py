"""Modes of specimens: as many as there are, and what is not in the others is said."""

import numpy as np
import pytest

from cmgai_fem.distributions.specimen_modes import SpecimenModes, left_out_errors


def specimens(noise: float, count: int = 40) -> np.ndarray:
    """Two modes of unlike size in ten dimensions, and noise."""
    rng = np.random.default_rng(3)
    axes = np.linalg.qr(rng.normal(size=(10, 2)))[0].T
    return 5.0 + rng.normal(size=(count, 2)) * [3.0, 0.7] @ axes + noise * rng.normal(size=(count, 10))


def test_as_many_modes_as_there_are() -> None:
    exact = specimens(0.0)
    modes = SpecimenModes.of(exact)
    assert len(modes.axes) == 2
    assert modes.error < 1e-6 * modes.scatter
    np.testing.assert_allclose(modes.axes @ modes.axes.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(modes.decode(modes.encode(exact)), exact, atol=1e-12)
    assert len(SpecimenModes.of(specimens(1e-3)).axes) == 2


def test_what_the_others_lack_is_the_error() -> None:
    """Each specimen moves a coordinate of its own: nobody tells it from the others."""
    errors = left_out_errors(np.eye(6))
    assert errors[-1] == pytest.approx(errors[1:].min()) and errors[-1] > 0.9
    assert np.all(np.diff(left_out_errors(specimens(0.1))) <= 1e-12)


def test_specimens_that_are_one_have_a_mode_of_no_size() -> None:
    modes = SpecimenModes.of(np.ones((4, 3)))
    assert modes.axes.shape == (1, 3) and modes.error == modes.scatter == 0.0
