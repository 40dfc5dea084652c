"""What transport makes of clouds at known states: exact motions, McCann's normal laws."""

import numpy as np

from cmgai_fem.distributions.known_states import Clouds, carry_clouds, interpolate_normals, normal_law
from cmgai_fem.distributions.optimal_transport import Gaussian


def test_clouds_that_drift_at_constant_speed_are_carried_exactly():
    rng = np.random.default_rng(2)
    cloud, drift = rng.normal(size=(40, 2)), np.array([0.3, -0.1])
    states = np.array([0.0, 1.0, 2.0, 4.0])
    clouds = Clouds(states, [rng.permutation(cloud + s * drift) for s in states])
    found = carry_clouds(clouds, [3.0, 5.0])
    for s, moved in zip((3.0, 5.0), found, strict=True):
        expected = cloud + s * drift
        order = np.lexsort(moved.T), np.lexsort(expected.T)
        np.testing.assert_allclose(moved[order[0]], expected[order[1]], atol=1e-6)


def test_normals_between_states_are_mccanns():
    first, last = Gaussian(np.zeros(2), np.eye(2)), Gaussian(np.array([2.0, 0.0]), np.diag([9.0, 1.0]))
    middle = interpolate_normals(np.array([0.0, 1.0]), [first, last], 0.5)
    np.testing.assert_allclose(middle.mean, [1.0, 0.0])
    np.testing.assert_allclose(middle.covariance, np.diag([4.0, 1.0]))
    beyond = interpolate_normals(np.array([0.0, 1.0]), [first, last], 1.5)
    np.testing.assert_allclose(beyond.covariance, np.diag([16.0, 1.0]))
    sampled = normal_law(np.random.default_rng(0).normal(size=(4000, 2)) * [3.0, 0.1])
    np.testing.assert_allclose(np.sqrt(np.diag(sampled.covariance)), [3.0, 0.1], rtol=0.05)


def test_clouds_of_unlike_size_and_two_states_go_straight():
    cloud = np.array([[0.0], [1.0]])
    found = carry_clouds(Clouds(np.array([0.0, 2.0]), [cloud, np.repeat(cloud, 2, axis=0) + 4.0]), [1.0])
    np.testing.assert_allclose(np.sort(found[0, :, 0]), [2.0, 2.0, 3.0, 3.0])
