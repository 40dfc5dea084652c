"""Mixtures carried along a state: shares that stay, components told apart where they overlap, and closed forms."""

import numpy as np
import pytest
from scipy import stats
from sklearn.covariance import oas

from cmgai_fem.distributions.carried_mixture import CarriedMixture
from cmgai_fem.distributions.known_states import Clouds, interpolate_normals, normal_law
from cmgai_fem.distributions.optimal_transport import Gaussian
from cmgai_fem.errors import InputError
from cmgai_fem.motions.line import Line

STATES = np.array([0.0, 1.0, 2.0, 4.0])


def heats(count: int, seed: int = 0) -> Clouds:
    """A third of the samples moves up and the others down; at the first state nobody can tell them apart."""
    rng = np.random.default_rng(seed)
    values = []
    for state in STATES:
        up = rng.uniform(size=count) < 1.0 / 3.0
        values.append(rng.normal(size=(count, 2)) * [1.0, 0.5] + np.where(up, 3.0, -2.0)[:, None] * state * [0.0, 1.0])
    return Clouds(STATES, values)


def test_two_heats_are_told_apart_and_keep_their_shares() -> None:
    found = CarriedMixture.of(heats(300), 2)
    order = np.argsort([law.mean[1] for law in found.at(3.0)])
    np.testing.assert_allclose(found.shares[order], [2.0 / 3.0, 1.0 / 3.0], atol=0.03)
    low, high = (found.at(3.0)[k] for k in order)
    np.testing.assert_allclose(low.mean, [0.0, -6.0], atol=0.2)
    np.testing.assert_allclose(high.mean, [0.0, 9.0], atol=0.2)
    for law in (low, high):
        np.testing.assert_allclose(law.covariance, np.diag([1.0, 0.25]), atol=0.15)


def test_one_component_is_the_normal_law_of_each_state() -> None:
    clouds = heats(40)
    found = CarriedMixture.of(clouds, 1)
    (law,) = found.at(1.5)
    weights = Line(0).weights(STATES, np.array([1.5]))[0]
    np.testing.assert_allclose(law.mean, weights @ np.array([cloud.mean(axis=0) for cloud in clouds.values]))
    between = interpolate_normals(STATES, [normal_law(cloud) for cloud in clouds.values], 1.5)
    np.testing.assert_allclose(law.covariance, between.covariance, atol=2e-3)
    drawn = found.sample(1.5, 20_000, np.random.default_rng(0))
    np.testing.assert_allclose(np.cov(drawn.T), law.covariance, rtol=0.05, atol=0.1)


def test_density_and_draws_are_those_of_the_mixture() -> None:
    laws = [[Gaussian(np.full(2, at + k), np.diag([1.0, 2.0])) for at in STATES] for k in (0.0, 5.0)]
    mixture = CarriedMixture(STATES, np.array([0.25, 0.75]), laws)
    points = np.random.default_rng(1).normal(size=(6, 2))
    each = [stats.multivariate_normal(np.full(2, 3.0 + k), np.diag([1.0, 2.0])).pdf(points) for k in (0.0, 5.0)]
    np.testing.assert_allclose(mixture.log_density(3.0, points), np.log(0.25 * each[0] + 0.75 * each[1]))
    drawn = mixture.sample(3.0, 400, np.random.default_rng(2))
    assert drawn.shape == (400, 2) and 80 < (drawn.sum(axis=1) < 11.0).sum() < 120


def test_a_mixture_needs_samples() -> None:
    with pytest.raises(InputError, match="a mixture of 3 needs 6 samples a state, one has 5"):
        CarriedMixture.of(heats(5), 3)


def test_parts_of_samples_count_as_often() -> None:
    cloud = np.random.default_rng(3).normal(size=(9, 4))
    law = normal_law(np.concatenate([cloud, cloud[:3]]))
    parts = normal_law(cloud, np.r_[np.full(3, 2.0), np.ones(6)], floor=0.5)
    np.testing.assert_allclose(parts.mean, law.mean)
    np.testing.assert_allclose(parts.covariance, law.covariance + 0.5 * np.eye(4))
    scale = cloud.std(axis=0, ddof=1)
    shrunk = oas((cloud - cloud.mean(axis=0)) / scale, assume_centered=True)[0] * 9 / 8 * np.outer(scale, scale)
    np.testing.assert_allclose(normal_law(cloud).covariance, shrunk)
