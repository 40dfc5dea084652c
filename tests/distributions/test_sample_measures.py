import numpy as np
import pytest

from cmgai_fem.distributions.measures import wasserstein


def test_wasserstein_of_a_shift_is_the_shift():
    rng = np.random.default_rng(0)
    for dimension in (1, 3):
        points = rng.normal(size=(60, dimension))
        shift = np.zeros(dimension)
        shift[0] = 0.7
        found = wasserstein(points, points + shift)
        assert found == pytest.approx((0.7, 0.7), rel=1e-9)


def test_wasserstein_against_a_finer_law():
    left = np.array([[0.0], [1.0]])
    right = np.array([[0.0], [0.5], [1.0], [2.0]])
    assert wasserstein(left, right).first == pytest.approx((0.0 + 0.5 + 0.0 + 1.0) / 4)
    # 0, 0, 0, 1, 1, 1 against 0, 0, 0.5, 0.5, 1, 1, either way round.
    for found in (wasserstein(left, right[:3]), wasserstein(right[:3], left)):
        assert found == pytest.approx((1 / 6, np.sqrt(0.5 / 6)))
