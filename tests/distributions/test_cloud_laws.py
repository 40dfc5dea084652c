"""Laws at unseen states: exact where clouds only move, and what is refused."""

import numpy as np
import pytest

from cmgai_fem.distributions.cloud_laws import (
    ATOMS,
    GRAINS,
    RIVALS,
    WeighedGrains,
    attempt,
    left_out_distance,
    row_by_row,
    superposed,
)
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
    for name, law in {**GRAINS, "CM-GAI": superposed}.items():
        (made,) = law(clouds, [3.0], 0)
        assert made.shape == (ATOMS, 2), name
        np.testing.assert_allclose(made.mean(axis=0), exact.mean(axis=0), atol=0.25 * scatter, err_msg=name)
        assert wasserstein(made, exact).second < 0.5 * scatter, name


def test_grains_weigh_by_how_near_they_come_and_those_that_cannot_be_made_not_at_all() -> None:
    found = WeighedGrains.weighed({"row by row": 1.0, "1 bundle": 2.0, "2 bundles": np.inf})
    assert found.weights == pytest.approx({"row by row": 16 / 17, "1 bundle": 1 / 17, "2 bundles": 0.0})
    assert WeighedGrains.weighed({"row by row": 0.0, "1 bundle": 1.0}).weights["row by row"] == 1.0


def test_the_mean_of_laws_lies_on_the_way_between_them() -> None:
    """Of two normal laws of one shape, in any order of their atoms, it is the law half way."""
    rng = np.random.default_rng(4)
    cloud = rng.normal(size=(200, 3))
    mean = WeighedGrains({"row by row": 0.75, "1 bundle": 0.25, "2 bundles": 0.0}).mean({
        "1 bundle": rng.permutation(cloud) + 8.0, "row by row": cloud, "2 bundles": cloud - 99.0,
    })  # fmt: skip
    np.testing.assert_allclose(mean, cloud + 2.0, atol=1e-12)


def test_two_heats_are_no_single_bundle_and_grains_together_are_nearer_than_the_finest() -> None:
    """Few samples of two far heats: one bundle is no law of them, and a coupling knows only the samples drawn."""
    rng = np.random.default_rng(0)
    states = np.arange(5.0)
    values = [np.repeat([[0.0, 0.0], [20.0, 3.0 * s]], 12, axis=0) + rng.normal(size=(24, 2)) for s in states]
    clouds = Clouds(states, values)
    errors = {name: left_out_distance(law, clouds, [1, 2, 3], 0) for name, law in GRAINS.items()}
    assert errors["2 bundles"] < 0.8 * errors["1 bundle"] == 0.8 * max(errors.values())
    exact = np.repeat([[0.0, 0.0], [20.0, 4.5]], 500, axis=0) + rng.normal(size=(1000, 2))
    found, alone = (wasserstein(law(clouds, [1.5], 0)[0], exact).second for law in (superposed, row_by_row))
    assert found < alone


def test_rivals_are_what_they_are_called() -> None:
    clouds = moving()
    np.testing.assert_array_equal(RIVALS["nearest state"](clouds, [1.2, 9.0], 0), [clouds.values[1], clouds.values[3]])
    (made,) = RIVALS["Wasserstein interpolation"](moving(bend=1.0), [3.0], 0)
    np.testing.assert_allclose(made.mean(axis=0) - clouds.values[0].mean(axis=0), [3.0, 10.0], atol=1e-9)


def test_draws_follow_their_seed() -> None:
    for law in (*GRAINS.values(), superposed):
        first, again, other = (law(moving(), [3.0], seed)[0] for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_a_mixture_needs_samples() -> None:
    with pytest.raises(InputError, match="a mixture of 2 needs 4 samples a state, one has 3"):
        GRAINS["2 bundles"](moving(3), [3.0], 0)
    assert attempt(GRAINS["2 bundles"], moving(3), 3.0, 0) is None
