"""A specimen that was measured in part: the conditional normal law, and readings that tell nothing."""

import numpy as np

from cmgai_fem.distributions.conditioned import FieldReadings, conditioned, left_out_errors
from cmgai_fem.distributions.field_law import FieldLaw
from cmgai_fem.distributions.random_fields import PARTS, RandomFields
from cmgai_fem.transport.feature_space import Admissible

RNG = np.random.default_rng(3)
PLACES = np.linspace(0.0, 1.0, 11)
SHAPES = np.array([np.ones(11), PLACES])[:, :, None]


def at(rows):
    """Readings of the field at some labels."""
    return lambda fields: fields[..., rows, 0]


def test_a_normal_law_becomes_the_conditional_one():
    covariance = np.array([[4.0, 1.0], [1.0, 2.0]])
    law = FieldLaw(5.0 + PLACES[:, None], SHAPES, RNG.multivariate_normal(np.zeros(2), covariance, 40_000))
    readings = FieldReadings(at([0, 10]), np.array([7.0, 9.0]), np.array([0.5, 1.0]))
    given = conditioned(law, readings, np.random.default_rng(0))
    reads = np.array([[1.0, 0.0], [1.0, 1.0]])
    gain = covariance @ reads.T @ np.linalg.inv(reads @ covariance @ reads.T + np.diag([0.25, 1.0]))
    mean, left = gain @ (np.array([7.0, 9.0]) - [5.0, 6.0]), covariance - gain @ reads @ covariance
    np.testing.assert_allclose(given.coefficients.mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(np.cov(given.coefficients.T), left, atol=0.03)


def test_what_all_atoms_keep_is_kept():
    law = FieldLaw(np.zeros((11, 1)), SHAPES, RNG.standard_normal((50, 1)) * [1.0, -2.0])
    given = conditioned(law, FieldReadings(at([0]), np.array([0.7]), np.array([0.1])), np.random.default_rng(0))
    np.testing.assert_allclose(given.coefficients @ [2.0, 1.0], 0.0, atol=1e-12)


def random(independent: bool) -> RandomFields:
    """Levels of the field, common to all labels or each label's own, about a mean that grows with the state."""
    values = np.repeat([0.0, 1.0, 2.0, 3.0], 20)
    own = RNG.standard_normal((len(values), 11 if independent else 1))
    return RandomFields.of(values, (values[:, None] + own * np.ones(11))[..., None], np.ones(11), Admissible())


def test_places_that_tell_the_rest_lower_the_error_of_specimens_left_out():
    readings = FieldReadings(at([5]), np.array([0.0]), np.array([0.01]))
    without, given = left_out_errors(random(False), PARTS["normal per state"], [1.0, 2.0], readings, 0)
    assert given < 0.1 * without


def test_a_place_that_stands_for_itself_alone_tells_next_to_nothing():
    readings = FieldReadings(at([5]), np.array([0.0]), np.array([0.01]))
    without, given = left_out_errors(random(True), PARTS["normal per state"], [1.0, 2.0], readings, 0)
    assert given > 0.9 * without
