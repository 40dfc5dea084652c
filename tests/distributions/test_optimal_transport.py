"""Couplings against closed forms and brute force."""

import itertools

import numpy as np
import pytest

from cmgai_fem.distributions import optimal_transport
from cmgai_fem.distributions.optimal_transport import (
    Gaussian,
    couple,
    label_clouds,
    wasserstein_squared,
)
from cmgai_fem.errors import ConvergenceError, InputError

NARROW = Gaussian(np.array([0.0, 0.0]), np.array([[1.0, 0.3], [0.3, 0.5]]))
WIDE = Gaussian(np.array([3.0, 1.0]), np.array([[0.6, -0.4], [-0.4, 2.0]]))


def test_exact_plan_is_the_best_permutation():
    rng = np.random.default_rng(0)
    source, target = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    best = min(
        np.mean(np.sum((source - target[list(order)]) ** 2, axis=1)) for order in itertools.permutations(range(6))
    )
    coupling = couple(source, target)
    assert coupling.cost == pytest.approx(best, rel=1e-12)
    np.testing.assert_array_equal(coupling.images, target[coupling.permutation])


def test_one_dimension_is_the_monotone_rearrangement():
    rng = np.random.default_rng(1)
    source, target = rng.standard_normal(50), 2.0 + rng.standard_normal(50)
    coupling = couple(source, target)
    np.testing.assert_array_equal(coupling.images[np.argsort(source), 0], np.sort(target))
    flat = np.column_stack([source, np.zeros(50)]), np.column_stack([target, np.zeros(50)])
    assert couple(*flat).cost == pytest.approx(coupling.cost, rel=1e-12)


def test_clouds_of_unlike_size_in_one_dimension():
    """Mass ½ at 0 and ½ at 1 to mass ¼ at 0 and ¾ at 2: a quarter goes 0 to 2, a half 1 to 2."""
    coupling = couple(np.array([0.0, 1.0]), np.array([0.0, 2.0, 2.0, 2.0]))
    assert coupling.cost == pytest.approx(0.25 * 4.0 + 0.5 * 1.0)
    np.testing.assert_allclose(coupling.images[:, 0], [1.0, 2.0])


def test_gaussian_map_pushes_the_one_into_the_other():
    points = np.random.default_rng(2).standard_normal((4, 2))
    images = NARROW.map_to(WIDE, points)
    np.testing.assert_allclose(WIDE.map_to(NARROW, images), points, atol=1e-12)
    jacobian = np.column_stack([NARROW.map_to(WIDE, row[None])[0] for row in np.eye(2)])
    jacobian = jacobian - NARROW.map_to(WIDE, np.zeros((1, 2))).T
    np.testing.assert_allclose(jacobian, jacobian.T, atol=1e-12)  # the gradient of a convex potential
    assert np.all(np.linalg.eigvalsh(jacobian) > 0.0)
    np.testing.assert_allclose(WIDE.density(images) * np.linalg.det(jacobian), NARROW.density(points), rtol=1e-12)


def test_gaussian_distance_is_the_cost_of_the_map_and_of_the_curve():
    distance = NARROW.wasserstein_squared(WIDE)
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    grid = np.array(list(itertools.product(nodes, nodes))) @ np.linalg.cholesky(NARROW.covariance).T
    mass = np.outer(weights, weights).ravel() / (2.0 * np.pi)
    cost = np.sum(mass * np.sum((NARROW.map_to(WIDE, grid) - grid) ** 2, axis=1))
    assert cost == pytest.approx(distance, rel=1e-12)
    assert NARROW.wasserstein_squared(NARROW.between(WIDE, 0.3)) == pytest.approx(0.09 * distance, rel=1e-9)
    np.testing.assert_allclose(NARROW.between(WIDE, 1.0).covariance, WIDE.covariance, atol=1e-12)


def test_clouds_of_a_translation_keep_their_labels():
    rng = np.random.default_rng(3)
    first = rng.standard_normal((200, 2))
    clouds = [first] + [rng.permutation(first) + shift for shift in ([2.0, 0.5], [3.0, -1.0])]
    motion = label_clouds(clouds)
    np.testing.assert_allclose(motion[1] - first, np.tile([2.0, 0.5], (200, 1)), atol=1e-12)
    np.testing.assert_allclose(motion[2] - first, np.tile([3.0, -1.0], (200, 1)), atol=1e-12)


def test_entropic_plan_tends_to_the_exact_one():
    rng = np.random.default_rng(4)
    source, target = rng.standard_normal((60, 2)), rng.standard_normal((60, 2)) + 1.0
    exact = couple(source, target).cost
    costs = [couple(source, target, regularisation=value).cost for value in (2.0, 0.4)]
    assert exact <= costs[1] <= costs[0]
    assert costs[1] - exact < 0.4 * (costs[0] - exact)


def test_an_unfinished_plan_is_an_error(monkeypatch):
    whole = optimal_transport.ot.emd
    monkeypatch.setattr(optimal_transport.ot, "emd", lambda *args, **kw: whole(*args, **kw | {"numItermax": 3}))
    rng = np.random.default_rng(5)
    with pytest.raises(ConvergenceError, match="numItermax"):
        couple(rng.standard_normal((200, 2)), rng.standard_normal((200, 2)))


def test_bad_clouds_are_one_clear_line(monkeypatch):
    cloud = np.zeros((4, 2))
    with pytest.raises(InputError, match="2 coordinates, target points 3"):
        couple(cloud, np.zeros((4, 3)))
    with pytest.raises(InputError, match="same number of samples"):
        label_clouds([cloud, np.zeros((5, 2))])
    with pytest.raises(InputError, match="finite"):
        wasserstein_squared(cloud, np.full((4, 2), np.nan))
    with pytest.raises(InputError, match="positive definite"):
        Gaussian(np.zeros(2), np.array([[1.0, 2.0], [2.0, 1.0]]))
    monkeypatch.setattr(optimal_transport, "EXACT_LIMIT", 3)
    with pytest.raises(InputError, match="give a regularisation"):
        wasserstein_squared(cloud, cloud)
