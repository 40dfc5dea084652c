import numpy as np
import pytest

from cmgai_fem.distributions.measures import (
    energy_distance,
    mode_shares,
    nearest_distances,
    sliced_wasserstein,
    wasserstein,
)


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


def test_energy_distance_of_normals_one_apart():
    rng = np.random.default_rng(1)
    left, right, same = (rng.normal(size=(2000, 1)) for _ in range(3))
    # E|a - b| of two unit normals whose means differ by m: closed form with the folded normal.
    from scipy import stats

    spread, mean = np.sqrt(2.0), 1.0
    folded = spread * np.sqrt(2 / np.pi) * np.exp(-(mean**2) / 4) + mean * (1 - 2 * stats.norm.cdf(-mean / spread))
    expected = 2 * folded - 2 * spread * np.sqrt(2 / np.pi)
    assert energy_distance(left, right + 1.0) == pytest.approx(expected, abs=0.06)
    assert abs(energy_distance(left, same)) < 0.005


def test_sliced_wasserstein_of_a_shift():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(200, 4))
    found = sliced_wasserstein(points, points + np.array([1.0, 0, 0, 0]), rng, directions=4000)
    assert found == pytest.approx(0.5, rel=0.05)


def test_shares_and_nearest():
    assert mode_shares(np.array([0, 1, 1, 1]), 3).tolist() == [0.25, 0.75, 0.0]
    assert mode_shares(np.array([0, -1]), 2) is None
    assert nearest_distances(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0]])).tolist() == [0.0, 5.0]
