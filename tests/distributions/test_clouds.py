"""Clouds of samples: exact motions, rows in any order, and what is chosen by clouds that are left out."""

import numpy as np
import pytest

from cmgai_fem.distributions.clouds import LAWS, SPLINE, STRAIGHT, generate_clouds
from cmgai_fem.distributions.measures import wasserstein
from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array


def shuffled(clouds: list[Array], seed: int = 0) -> list[Array]:
    generator = np.random.default_rng(seed)
    return [cloud[generator.permutation(len(cloud))] for cloud in clouds]


def test_a_cloud_that_turns_goes_on_turning() -> None:
    start = np.random.default_rng(1).normal(size=(40, 2)) * 0.1 + np.array([1.0, 0.0])

    def cloud(time: float) -> Array:
        return start @ np.array([[np.cos(time), np.sin(time)], [-np.sin(time), np.cos(time)]])

    times = np.arange(0.0, 4.0, 0.7)
    made = generate_clouds(shuffled([cloud(one) for one in times]), times, [1.0, 4.2])
    assert all(name in LAWS for name in made.chosen)
    for time in (1.0, 4.2):
        assert wasserstein(made.at(time), cloud(time)).first < 0.06
    assert "period 6" in made.finding
    spline = generate_clouds(shuffled([cloud(one) for one in times]), times, [4.2], motion=SPLINE)
    assert wasserstein(spline.at(4.2), cloud(4.2)).first > 0.2


def test_points_that_fly_straight_are_no_law() -> None:
    # Points that fly apart never pass one another, so that transport finds who is who.
    start = np.random.default_rng(2).normal(size=(30, 2))
    speed = 0.2 * start + np.array([1.0, 0.5])
    times = np.arange(5.0)
    made = generate_clouds(shuffled([start + speed * time for time in times]), times, 1.5)
    assert made.chosen[0] in (STRAIGHT, SPLINE) and made.finding == ""
    np.testing.assert_allclose(np.sort(made.clouds[0], axis=0), np.sort(start + 1.5 * speed, axis=0), atol=1e-9)
    assert made.left_out["between"][STRAIGHT].first < 1e-9


def test_rows_and_order_of_the_clouds_do_not_matter() -> None:
    generator = np.random.default_rng(3)
    clouds = [generator.normal(size=(20, 2)) * 0.1 + np.array([time**2, time]) for time in range(5)]
    first = generate_clouds(clouds, np.arange(5.0), 2.5)
    order = [0, 3, 1, 4, 2]
    second = generate_clouds(shuffled([clouds[row] for row in order], 4), np.array(order, dtype=float), 2.5)
    # The search for a law ends where the evidence is flat, and sums of rows in another order end it elsewhere.
    assert wasserstein(first.at(2.5), second.at(2.5)).first < 5e-3


def test_clouds_of_unlike_size_and_what_is_refused() -> None:
    generator = np.random.default_rng(5)
    made = generate_clouds([generator.normal(size=(count, 2)) for count in (20, 30, 11)], [0.0, 1.0, 2.0], 0.5)
    assert made.clouds[0].shape == (20, 2)
    with pytest.raises(InputError, match="three or more"):
        generate_clouds([np.zeros((3, 2)), np.ones((3, 2))], [0.0, 1.0], 0.5)
    with pytest.raises(InputError, match="same coordinates"):
        generate_clouds([np.zeros((3, 2)), np.ones((3, 2)), np.ones((3, 1))], [0.0, 1.0, 2.0], 0.5)
    with pytest.raises(InputError, match="same state"):
        generate_clouds([np.zeros((3, 2))] * 3, [0.0, 1.0, 1.0], 0.5)
    with pytest.raises(InputError, match="is unknown"):
        generate_clouds([np.zeros((3, 2))] * 3, [0.0, 1.0, 2.0], 0.5, motion="drift")
