"""Laws that labels share: the natural spline where there is none, and exact motions that they return and continue."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from cmgai_fem.errors import InputError
from cmgai_fem.motions import shared_law
from cmgai_fem.motions.shared_law import Moments, SharedLaw
from cmgai_fem.states.labels import Array

KNOWN, ASKED = np.linspace(0.0, 1.0, 6), np.array([0.1, 0.5, 0.9, 1.2])


def fitted(law: SharedLaw, values: Array) -> tuple[SharedLaw, Array]:
    """The law found in values (K, L, n) at the known times, and what it says at those asked for."""
    moments = Moments.of(KNOWN, values, np.ones(values.shape[1]))
    found = law.fit(moments)
    return found, found.at(moments, ASKED)[0]


def turned(angle: float) -> Array:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def test_without_a_law_it_is_the_natural_spline() -> None:
    times, values = np.array([0.0, 0.1, 0.3, 0.7, 1.0]), np.random.default_rng(0).normal(size=(5, 3, 2))
    asked = np.array([0.05, 0.2, 0.5, 0.9, 1.0])
    moments = Moments.of(times, values, np.ones(3))
    found, deviation = SharedLaw(2, noise=-60.0).at(moments, asked)
    np.testing.assert_allclose(found, CubicSpline(times, values, bc_type="natural")(asked), atol=1e-12)
    assert deviation[-1] == pytest.approx(0.0, abs=1e-7) and np.all(deviation[:-1] > 0.0)
    slopes = SharedLaw(2, noise=-60.0).at(moments, asked, 1)[0]
    np.testing.assert_allclose(slopes, CubicSpline(times, values, bc_type="natural")(asked, 1), atol=1e-10)


def test_a_rotation_goes_on_turning() -> None:
    start = np.random.default_rng(1).normal(size=(20, 2)) + np.array([1.0, 0.2])
    law, found = fitted(SharedLaw(1, matrix=True), np.stack([start @ turned(5.0 * s) for s in KNOWN]))
    np.testing.assert_allclose(found, np.stack([start @ turned(5.0 * s) for s in ASKED]), atol=2e-3)
    np.testing.assert_allclose(np.abs(law.rates(2).imag), 5.0, rtol=1e-3)


def test_every_label_decays_to_its_own_rest() -> None:
    generator = np.random.default_rng(2)
    rest, start = generator.normal(size=(20, 2)), generator.normal(size=(20, 2))

    def values(times: Array) -> Array:
        return rest + (start - rest) * np.exp(-2.5 * times)[:, None, None]

    law, found = fitted(SharedLaw(1, 1), values(KNOWN))
    np.testing.assert_allclose(found, values(ASKED), atol=1e-4)
    assert law.rates(1)[0].real == pytest.approx(-2.5, rel=1e-3)


def test_a_damped_swing_under_noise() -> None:
    generator = np.random.default_rng(3)
    phase, size = generator.uniform(0.0, 6.0, (50, 1)), generator.uniform(0.5, 1.5, (50, 1))

    def values(times: Array) -> Array:
        return np.stack([size * np.exp(-0.8 * s) * np.cos(8.0 * s + phase) for s in times])

    law, found = fitted(SharedLaw(2), values(KNOWN) + 0.01 * generator.normal(size=(6, 50, 1)))
    assert np.sqrt(np.mean((found - values(ASKED)) ** 2)) < 0.015
    np.testing.assert_allclose(np.abs(law.rates(1).imag), 8.0, rtol=0.01)
    assert np.exp(0.5 * law.noise) == pytest.approx(0.01 / np.std(values(KNOWN)), rel=0.5)


@pytest.mark.parametrize("own", [False, True])
def test_the_constant_force_is_that_of_all_labels_or_of_each(own: bool) -> None:
    """Against least squares of all labels at once, written out for `x' = a x + c + r`."""
    rate, noise, labels = -2.0, 0.3, 4
    values = np.random.default_rng(5).normal(size=(len(KNOWN), labels, 1))
    moments = Moments.of(KNOWN, values, np.ones(labels))
    found = SharedLaw(1, own=own, entries=(rate,), intensity=0.0, noise=float(np.log(noise))).at(moments, ASKED)[0]

    every = np.concatenate([KNOWN, ASKED])
    earlier = np.minimum.outer(every, every)
    spread = (np.exp(rate * np.add.outer(every, every)) / (2.0 * rate)) * (1.0 - np.exp(-2.0 * rate * earlier))
    start, pushed = np.exp(rate * every), np.expm1(rate * every) / rate
    forces = np.kron(np.eye(labels) if own else np.ones((labels, 1)), pushed[:, None])
    free = np.hstack([np.kron(np.eye(labels), start[:, None]), forces])
    is_known = np.tile(np.arange(len(every)) < len(KNOWN), labels)
    covariance = np.kron(np.eye(labels), spread)
    inverse = np.linalg.inv(covariance[np.ix_(is_known, is_known)] + noise * np.eye(is_known.sum()))
    seen = moments.rows.T.ravel()
    told = free[is_known]
    factors = np.linalg.solve(told.T @ inverse @ told, told.T @ inverse @ seen)
    rest = covariance[np.ix_(~is_known, is_known)] @ inverse @ (seen - told @ factors)
    expected = (free[~is_known] @ factors + rest).reshape(labels, -1).T[:, :, None]
    np.testing.assert_allclose(found, expected * moments.scale + moments.mean, atol=1e-5)


def test_too_few_states_are_refused() -> None:
    moments = Moments.of(KNOWN[:3], np.zeros((3, 2, 1)), np.ones(2))
    with pytest.raises(InputError, match="order 2 needs 4 states"):
        SharedLaw(2, 1).fit(moments)


@pytest.mark.parametrize("last", [1.0, 1.0 + 1e-17])
def test_states_that_tell_the_same_twice_share_their_weight(last) -> None:
    """Two states that the law makes of each other leave many weights: the shortest are taken."""
    whole = np.array([[1.0, 1.0, 0.0], [1.0, last, 0.0], [0.0, 0.0, 2.0]])
    np.testing.assert_allclose(shared_law._solved(whole, np.array([2.0, 2.0, 4.0])), [1.0, 1.0, 2.0], rtol=1e-12)
