"""Random fields: the distance is that of fields, the band holds what it should, and the plain way is taken in a tie."""

import numpy as np
import pytest

from cmgai_fem.distributions.cloud_laws import GRAINS, RIVALS, superposed
from cmgai_fem.distributions.random_fields import RandomFields, judge_laws, make_laws
from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.feature_space import Admissible

X = np.linspace(0.0, 1.0, 9)
STATES = (0.0, 1.0, 2.0, 3.0)


def fields(state: float, strengths: Array) -> Array:
    """A field that grows with the state and, unlike from specimen to specimen, in its second half."""
    return (state * np.sin(np.pi * X) + np.multiply.outer(strengths, (1.0 + 0.5 * state) * X**2))[..., None]


def specimens(count: int, seed: int = 0) -> RandomFields:
    rng = np.random.default_rng(seed)
    every = np.concatenate([fields(state, rng.normal(size=count)) for state in STATES])
    return RandomFields.of(np.repeat(STATES, count), every, np.ones(len(X)), Admissible())


def test_distances_are_those_of_fields() -> None:
    random = specimens(5)
    apart = np.sqrt(((random.fields[0] - random.fields[7]) ** 2).mean())
    assert random.unit * np.linalg.norm(random.coefficients[0] - random.coefficients[7]) == pytest.approx(apart)
    made = random.origin + np.tensordot(random.coefficients, random.shapes, axes=1)
    np.testing.assert_allclose(made, random.fields, atol=1e-12)


def test_the_law_between_states_is_near_the_exact_one() -> None:
    random = specimens(100)
    (law,) = make_laws(random, [1.5], superposed, 0)
    exact = fields(1.5, np.array([-1.645, 0.0, 1.645]))
    np.testing.assert_allclose(law.quantiles((0.05, 0.5, 0.95)), exact, atol=0.35 * 1.75)
    assert len(law.shapes) == 2


@pytest.mark.medium
def test_clouds_left_out_tell_the_laws_apart() -> None:
    judged = judge_laws(specimens(25), [1.0, 2.0], 0)
    assert judged.chosen == "CM-GAI" and judged.left_out == (1.0, 2.0)
    assert judged.errors["nearest state"] > 2.0 * judged.errors["CM-GAI"]
    assert judged.errors["CM-GAI"] < judged.scatter and 0.1 < judged.floor / judged.scatter < 0.6
    assert judged.size < 0.6 and 0.7 < judged.coverage <= 1.0
    assert sum(judged.superposition.weights.values()) == pytest.approx(1.0) and judged.law == judged.superposition
    other = judge_laws(specimens(25), [1.0], 0, "normal per state")
    assert other.chosen == "normal per state" and other.law == RIVALS["normal per state"]
    assert other.errors["CM-GAI"] < 1.1 * max(other.errors[name] for name in GRAINS)


def test_specimens_that_do_not_differ_have_no_distribution() -> None:
    with pytest.raises(InputError, match="all specimens have the same field"):
        RandomFields.of(np.repeat(STATES, 3), np.ones((12, 4, 1)), np.ones(4), Admissible())
