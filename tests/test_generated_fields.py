"""Generation in one call: what calibration chose is what is generated, however many states there are."""

import numpy as np
import pytest

from cmgai_fem import Coordinate, Field, Labels, States, generate
from cmgai_fem.states.states import Coordinates


def states_of(at: np.ndarray, values: np.ndarray) -> States:
    """Known states (K,) of a scalar field (K, L) at bare points."""
    count = values.shape[1]
    labels = Labels(np.linspace(0.0, 1.0, count)[:, None], np.full(count, 1.0 / count), {})
    return States(labels, Coordinate("T"), at, {"f": Field(values[:, :, None], "", ("",))})


def test_states_asked_for_on_both_sides_of_zero_are_answered() -> None:
    """A square of the coordinate, good above the known states, has no value below zero: there it takes no part."""
    at = np.array([20.0, 99.0, 203.0, 340.0, 520.0])
    known = states_of(at, np.exp(-3.0 * (at[:, None] / 520.0) ** 2) * np.array([0.5, 1.0, 1.5]))
    both = generate(known, [-58.0, 554.0])
    assert any(one.problem.pseudo_time != "linear" for one in both.generators[0].solution.members)
    assert np.all(np.isfinite(both.at(-58.0)))
    np.testing.assert_allclose(both.at(554.0), generate(known, [554.0]).at(554.0), rtol=1e-12)


@pytest.mark.parametrize("count", [10, 13, 20])
def test_smooth_states_in_number_are_answered_as_closely_as_the_estimate_says(count) -> None:
    """The highest orders are chosen here; their transports must hold what the rule promised of them."""
    at = np.linspace(0.2, 1.0, count)
    scale = np.array([0.7, 0.8, 0.9])
    known = states_of(at, scale * at[:, None] ** 0.3)
    asked = [0.16, 0.215, 0.5, 0.9, 1.05, 1.2]
    generated = generate(known, asked)
    for one in asked:
        error = np.abs(generated.at(one)[:, 0] - scale * one**0.3)
        assert np.all(error <= 3.0 * generated.error(one)[:, 0] + 1e-8)
        assert error.max() <= 1e-2


def test_a_field_that_never_varies_is_answered_far_beyond_states_of_many_decades() -> None:
    at = np.array([0.0254, 0.0603, 0.49, 1.056, 1.22, 26.4, 254.0])
    generated = generate(states_of(at, np.full((7, 200), 2.3e10)), [-106.7, 403.0])
    for one in (-106.7, 403.0):
        np.testing.assert_allclose(generated.at(one), 2.3e10, rtol=1e-12)
        assert np.all(np.isfinite(generated.error(one)))


def test_states_of_two_coordinates_over_many_decades_are_answered_without_a_warning() -> None:
    random = np.random.default_rng(3)
    places = 10.0 ** (4.0 * random.random((16, 2)))
    x = np.linspace(0.0, 1.0, 200)
    values = np.sin(np.log10(places).sum(axis=1)[:, None] + x)
    labels = Labels(x[:, None], np.full(200, 1.0 / 200.0), {})
    known = States(
        labels, Coordinates((Coordinate("a"), Coordinate("b"))), places, {"f": Field(values[:, :, None], "", ("",))}
    )
    generated = generate(known, [[100.0, 200.0]])
    assert np.all(np.isfinite(generated.at([100.0, 200.0])))
    np.testing.assert_allclose(generated.at(places[3])[:, 0], values[3], atol=1e-9)
