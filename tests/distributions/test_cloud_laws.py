"""Laws at unseen states: exact where clouds only move, and what is refused."""

import numpy as np
import pytest

from cmgai_fem.distributions import cloud_laws
from cmgai_fem.distributions.cloud_laws import LAWS, RIVALS
from cmgai_fem.distributions.known_states import Clouds
from cmgai_fem.distributions.measures import wasserstein
from cmgai_fem.errors import InputError


def moving(count: int = 12, bend: float = 0.0) -> Clouds:
    """One cloud that drifts, its rows in any order."""
    rng = np.random.default_rng(2)
    cloud, states = rng.normal(size=(count, 2)), np.array([0.0, 1.0, 2.0, 4.0])
    return Clouds(states, [rng.permutation(cloud) + np.array([s, bend * s**2]) for s in states])


def test_laws_of_a_cloud_that_drifts() -> None:
    clouds = moving(60)
    exact = clouds.values[0] + np.array([3.0, 0.0])
    scatter = np.sqrt(((exact - exact.mean(axis=0)) ** 2).sum(axis=1).mean())
    for name, law in LAWS.items():
        (made,) = law(clouds, [3.0], 0)
        np.testing.assert_allclose(made.mean(axis=0), exact.mean(axis=0), atol=0.25 * scatter, err_msg=name)
        assert wasserstein(made, exact).second < 0.5 * scatter, name
    assert len(LAWS["CM-GAI"](clouds, [3.0], 0)[0]) == 60 * (cloud_laws.ATOMS // 60)


def test_rivals_are_what_they_are_called() -> None:
    clouds = moving()
    np.testing.assert_array_equal(RIVALS["nearest state"](clouds, [1.2, 9.0], 0), [clouds.values[1], clouds.values[3]])
    (made,) = RIVALS["Wasserstein interpolation"](moving(bend=1.0), [3.0], 0)
    np.testing.assert_allclose(made.mean(axis=0) - clouds.values[0].mean(axis=0), [3.0, 10.0], atol=1e-9)


def test_draws_follow_their_seed() -> None:
    for name in LAWS:
        first, again, other = (LAWS[name](moving(), [3.0], seed)[0] for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_a_mixture_needs_samples() -> None:
    with pytest.raises(InputError, match="a mixture of 2 needs 4 samples a state, one has 3"):
        LAWS["mixture of 2"](moving(3), [3.0], 0)
