import numpy as np
import pytest

from cmgai_fem.transport.label_mesh import felt, slow_limit

NODES = np.array([0.0, 0.25, 0.5, 1.0])


def test_the_limit_is_a_mode_that_swings_through_part_of_half_a_period():
    frequency = np.sqrt(slow_limit(NODES))
    assert frequency * 0.5 == pytest.approx(0.8 * np.pi)


def test_slow_modes_feel_the_law_and_fast_ones_do_not():
    limit = slow_limit(NODES)
    eigenvalues = limit * np.array([0.0, 0.05, 0.25, 1.0, 3.0, 1e6])
    found = felt(eigenvalues, NODES) / np.maximum(eigenvalues, 1e-300)
    np.testing.assert_allclose(found[1:3], 1.0, atol=0.012)
    np.testing.assert_array_equal(found[[0, 3, 4, 5]], 0.0)


def test_the_law_fades_without_a_jump_or_a_kink():
    limit, step = slow_limit(NODES), 1e-4
    near = limit * (1.0 + step * np.arange(-3, 4))
    slopes = np.diff(felt(near, NODES)) / (limit * step)
    assert np.abs(slopes).max() < 1e-4


def test_no_mode_feels_enough_to_swing_through_half_a_period():
    limit = slow_limit(NODES)
    assert felt(np.linspace(0.0, 2.0, 401) * limit, NODES).max() < 0.5 * limit
