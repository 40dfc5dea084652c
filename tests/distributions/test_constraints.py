import numpy as np
import pytest
import torch

from cmgai_fem.distributions.constraints import Constraint
from cmgai_fem.distributions.measures import wasserstein
from cmgai_fem.errors import InputError

X = torch.zeros(50, 1, dtype=torch.float64)
U = torch.tensor(np.random.default_rng(0).normal(size=(50, 3)))
PLANE = Constraint.linear(torch.tensor([[1.0, 2.0, -1.0]]), torch.tensor([0.5]))
COVARIANCE = torch.tensor([[2.0, 0.3, 0.0], [0.3, 1.0, 0.1], [0.0, 0.1, 0.5]], dtype=torch.float64)


def test_a_linear_constraint_holds_exactly_and_nothing_nearer_does():
    """The way there is normal to the plane in the metric: C^-1 (v - u) is a multiple of the plane's normal."""
    found = PLANE.project(X, U, COVARIANCE)
    assert float(found.after.max()) < 1e-12 < float(found.before.min())
    pull = torch.linalg.solve(COVARIANCE, (found.values - U).mT).mT
    torch.testing.assert_close(pull, pull[:, :1] * torch.tensor([[1.0, 2.0, -1.0]], dtype=torch.float64))
    torch.testing.assert_close(PLANE.project(X, found.values, COVARIANCE).values, found.values)


def test_projection_of_a_normal_law_is_its_law_given_the_constraint():
    """In the metric of its own covariance (kriging by conditioning): exact mean and covariance."""
    rng, normal = np.random.default_rng(1), np.array([[1.0, 2.0, -1.0]])
    covariance = COVARIANCE.numpy()
    drawn = rng.multivariate_normal([1.0, 0.0, 0.0], covariance, 200_000)
    found = PLANE.project(torch.zeros(200_000, 1, dtype=torch.float64), torch.tensor(drawn), COVARIANCE).values.numpy()
    gain = covariance @ normal.T / (normal @ covariance @ normal.T)
    np.testing.assert_allclose(found.mean(axis=0), [1.0, 0.0, 0.0] + gain[:, 0] * (0.5 - 1.0), atol=0.01)
    np.testing.assert_allclose(np.cov(found.T), covariance - gain @ normal @ covariance, atol=0.02)


def test_no_law_on_the_constraint_is_farther_from_projected_values_than_from_those_given():
    units = torch.tensor([1.0, 10.0, 0.1], dtype=torch.float64)
    law = PLANE.project(X, 2.0 * U.flip(0) + 1.0, units**2).values
    moved = PLANE.project(X, U, units**2).values
    near, far = (wasserstein((values / units).numpy(), (law / units).numpy()) for values in (moved, U))
    assert near.first < far.first and near.second < far.second


def test_variances_alone_are_a_metric_and_equations_said_twice_do_no_harm():
    twice = Constraint.linear(torch.tensor([[1.0, 2.0, -1.0], [2.0, 4.0, -2.0]]), torch.tensor([0.5, 1.0]))
    once, again = (one.project(X, U, torch.ones(3, dtype=torch.float64)) for one in (PLANE, twice))
    torch.testing.assert_close(once.values, again.values, atol=1e-9, rtol=0.0)
    assert float(again.after.max()) < 1e-10


def test_a_circle_is_reached_along_the_radius():
    circle = Constraint(lambda x, u: u.square().sum(dim=-1, keepdim=True) - 1.0)
    found = circle.project(X, U[:, :2], torch.ones(2, dtype=torch.float64))
    assert float(found.after.max()) < 1e-12
    torch.testing.assert_close(found.values, U[:, :2] / U[:, :2].norm(dim=-1, keepdim=True))


def test_branches_that_are_flat_or_do_not_exist_end_with_the_residual_said():
    """u^3 = r u from u = sqrt(r/3), where the slope is zero; and u^2 = -1, which nothing solves."""
    branches = Constraint(lambda x, u: x * u - u**3)
    start = torch.linspace(-1.0, 1.0, 201, dtype=torch.float64).unsqueeze(-1)
    start[0] = (0.64 / 3.0) ** 0.5
    found = branches.project(torch.full_like(start, 0.64), start, torch.ones(1, dtype=torch.float64))
    reached = found.values[found.after < 1e-9]
    assert len(reached) >= 200
    torch.testing.assert_close((reached.abs() - 0.4).abs(), torch.full_like(reached, 0.4), atol=1e-7, rtol=0.0)
    nothing = Constraint(lambda x, u: u.square() + 1.0, scale=0.5).project(X, U[:, :1], torch.ones(1).double())
    assert float(nothing.after.min()) >= 2.0 and bool((nothing.after <= nothing.before).all())


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="values of 3 components need a covariance of that size"):
        PLANE.project(X, U, torch.ones(2))
    with pytest.raises(InputError, match="a linear constraint needs a matrix"):
        Constraint.linear(torch.ones(2, 3), torch.ones(3))
