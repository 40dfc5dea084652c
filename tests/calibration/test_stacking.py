import numpy as np
import pytest
from scipy.optimize import minimize

from cmgai_fem.calibration.stacking import (
    LEAST_WEIGHT,
    least_on_simplex,
    stack_globally,
    stack_locally,
)


def test_weights_are_those_of_a_general_optimiser():
    generator = np.random.default_rng(1)
    grams = np.array([errors @ errors.T for errors in generator.normal(size=(4, 6, 9))])
    for gram, weights in zip(grams, least_on_simplex(grams), strict=True):
        exact = minimize(
            lambda x, gram=gram: x @ gram @ x,
            np.full(6, 1.0 / 6.0),
            bounds=[(0.0, 1.0)] * 6,
            constraints={"type": "eq", "fun": lambda x: x.sum() - 1.0},
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert weights @ gram @ weights <= exact.fun * (1.0 + 1e-6)


@pytest.mark.parametrize("numbers", [3, 9, 40])
def test_no_member_would_lower_the_minimum(numbers):
    """Kuhn and Tucker: members with weight have the slope `x.G.x`, none has less; with few numbers and twins too."""
    errors = np.random.default_rng(4).normal(size=(300, 12, numbers)) + 1.0
    errors[::3, 5] = errors[::3, 2]
    grams = errors @ np.swapaxes(errors, 1, 2)
    weights = least_on_simplex(grams)
    assert weights.min() >= 0.0
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-14)
    slopes = np.einsum("bmn,bn->bm", grams, weights)
    value = np.einsum("bm,bm->b", slopes, weights)[:, None]
    slack = 1e-9 * value + 1e-13 * np.trace(grams, axis1=1, axis2=2)[:, None]
    assert np.all(slopes >= value - slack)
    assert np.all((np.abs(slopes - value) <= slack) | (weights == 0.0))


def test_members_without_error_take_all():
    gram = np.diag([1.0, 0.0, 2.0])
    assert least_on_simplex(np.array([gram, np.zeros((3, 3))]))[0] == pytest.approx([0.0, 1.0, 0.0], abs=1e-12)


def test_errors_of_opposite_sign_cancel_and_useless_members_go():
    signal = np.random.default_rng(2).normal(size=200)
    rows, weights = stack_globally(np.array([signal, -3.0 * signal, 50.0 + signal]))
    assert list(rows) == [0, 1]
    assert weights == pytest.approx([0.75, 0.25], abs=1e-6)


def test_no_more_members_are_kept_than_asked_for():
    errors = np.random.default_rng(5).normal(size=(6, 300))
    assert len(stack_globally(errors)[0]) == 6
    rows, weights = stack_globally(errors, most=2)
    assert len(rows) == 2
    assert weights.sum() == pytest.approx(1.0)
    assert np.sum((weights @ errors[rows]) ** 2) < min(np.sum(errors**2, axis=1))


def test_weights_follow_the_body():
    """Member 0 is good on the left, member 1 on the right: each side takes its own."""
    x = np.linspace(0.0, 1.0, 400)
    noise = np.random.default_rng(3).normal(size=(2, 2, 400, 1))
    size = np.stack([np.where(x < 0.5, 0.01, 1.0), np.where(x < 0.5, 1.0, 0.01)])
    errors = noise * size[:, None, :, None]
    rows, weights = stack_locally(errors, x[:, None], np.full(400, 1.0 / 400.0))
    by_member = weights[np.argsort(rows)]
    assert weights.sum(axis=0) == pytest.approx(np.ones(400), abs=1e-12)
    assert by_member[0, x < 0.3].min() > 0.6
    assert by_member[1, x > 0.7].min() > 0.6
    assert weights.mean(axis=1).min() >= LEAST_WEIGHT
    together = np.einsum("ml,mtlc->tlc", weights, errors[rows])
    alone, everywhere = stack_globally(errors.reshape(2, -1))
    assert np.mean(together**2) < 0.8 * np.mean(np.einsum("m,mr->r", everywhere, errors[alone].reshape(2, -1)) ** 2)
