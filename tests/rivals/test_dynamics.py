"""Rivals that fit a linear law along a time: decays and swings that they hold exactly."""

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.rivals.dynamics import DYNAMICS
from cmgai_fem.states.labels import Array

KNOWN, ASKED = 0.5 * np.arange(7.0), np.array([0.25, 1.75, 3.5, 5.0])
SHAPES = np.random.default_rng(0).normal(size=(3, 40))


def decays(times: Array) -> Array:
    return np.exp(-np.outer(times, [0.1, 0.4, 0.9])) @ SHAPES


def swings(times: Array) -> Array:
    return np.stack([np.cos(times), np.sin(times)], axis=1) @ SHAPES[:2]


@pytest.mark.parametrize(("name", "error"), [("optimised_dmd", 1e-4), ("higher_order_dmd", 1e-6)])
def test_decompositions_are_exact_where_the_law_is(name: str, error: float) -> None:
    pytest.importorskip("pydmd")
    for field in (decays, swings):
        found = DYNAMICS[name].fit(KNOWN[:, None], field(KNOWN))(ASKED[:, None])
        np.testing.assert_allclose(found, field(ASKED), atol=error)


def test_operator_inference_finds_the_law_but_for_its_slopes() -> None:
    found = DYNAMICS["operator_inference"].fit(KNOWN[:, None], decays(KNOWN))(ASKED[:, None])
    assert np.abs(found - decays(ASKED)).max() < 0.02 * np.ptp(decays(KNOWN))


def test_the_exact_decomposition_of_as_many_decays_as_states_is_exact() -> None:
    found = DYNAMICS["dmd"].fit(KNOWN[:4, None], decays(KNOWN[:4]))(ASKED[:, None])
    np.testing.assert_allclose(found, decays(ASKED), atol=1e-6)


def test_few_states_and_uneven_times_are_refused() -> None:
    with pytest.raises(InputError, match="at least 4 known states"):
        DYNAMICS["operator_inference"].fit(KNOWN[:3, None], decays(KNOWN[:3]))
    with pytest.raises(InputError, match="equal distances"):
        DYNAMICS["higher_order_dmd"].fit(KNOWN[[0, 1, 2, 4, 6], None], decays(KNOWN[[0, 1, 2, 4, 6]]))
