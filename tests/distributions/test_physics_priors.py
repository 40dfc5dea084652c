from dataclasses import replace

import numpy as np
import pytest
import torch

from cmgai_fem.distributions.mixture_density import Mixture, MixtureShape, Samples
from cmgai_fem.distributions.mixture_training import PriorTerm, fit_mixtures
from cmgai_fem.distributions.physics_priors import (
    AlgebraicResidual,
    Bounds,
    DifferentialResidual,
    Monotonicity,
    RegimeResidual,
    Slope,
    Stability,
    SteadyShares,
    jacobian,
    largest_growth_rate,
)
from cmgai_fem.distributions.training import Budget


def mixture_of(means: list[list[float]], shares: list[float]) -> Mixture:
    centre = torch.tensor([means], dtype=torch.float64)
    return Mixture(torch.tensor([shares], dtype=torch.float64).log(), centre, torch.ones_like(centre))


X = torch.tensor([[0.64]], dtype=torch.float64)
SLOPE = Slope(
    torch.tensor([[0.5, -0.5]], dtype=torch.float64), torch.tensor([[[2.0, -1.0], [0.5, 3.0]]], dtype=torch.float64)
)


def along(axis: int, order: int = 1) -> Slope:
    assert (axis, order) == (0, 1)
    return SLOPE


def test_algebraic_residual_is_zero_on_every_branch_and_squared_off_it():
    prior = AlgebraicResidual(lambda x, u: x * u - u**3, scale=0.1)
    penalty = prior.penalty(X, mixture_of([[0.8], [0.5], [0.0]], [0.2, 0.3, 0.5]), along)
    assert penalty[0].tolist() == pytest.approx([0.0, ((0.64 * 0.5 - 0.125) / 0.1) ** 2, 0.0], abs=1e-12)


def test_residual_of_the_spread_is_that_of_the_component_itself():
    """r = a . u - 1: the mean of r^2 over N(m, L L^T) is (a . m - 1)^2 + |L^T a|^2."""
    factor = torch.tensor([[[[0.5, 0.0], [0.2, 0.3]], [[1.0, 0.0], [-0.4, 0.1]]]], dtype=torch.float64)
    mixture = replace(mixture_of([[1.0, 2.0], [0.0, -1.0]], [0.5, 0.5]), scale=factor)
    normal = torch.tensor([2.0, -1.0], dtype=torch.float64)
    prior = AlgebraicResidual(lambda x, u: (u @ normal - 1.0).unsqueeze(-1), scale=2.0, spread=True)
    expected = ((mixture.means @ normal - 1.0) ** 2 + (factor.mT @ normal).square().sum(dim=-1)) / 4.0
    torch.testing.assert_close(prior.penalty(X, mixture, along), expected)
    along_it = replace(mixture, scale=torch.tensor([[[[1.0, 0.0], [2.0, 0.0]]] * 2], dtype=torch.float64))
    assert float(prior.penalty(X, along_it, along)[0, 0]) == pytest.approx(0.25)


def test_stability_tells_the_unstable_branch_from_the_stable_ones():
    prior = Stability(lambda x, u: x * u - u**3)
    penalty = prior.penalty(X, mixture_of([[0.8], [-0.8], [0.0]], [0.3, 0.3, 0.4]), along)
    assert penalty[0].tolist() == pytest.approx([0.0, 0.0, 0.64**2], rel=1e-12)


def test_growth_rate_is_the_largest_eigenvalue_of_a_gradient_system():
    matrix = torch.tensor([[1.0, 2.0], [2.0, -3.0]], dtype=torch.float64)
    u = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    found = largest_growth_rate(lambda x, v: v @ matrix, X, u)
    assert float(found) == pytest.approx(float(torch.linalg.eigvalsh(matrix)[-1]), rel=1e-12)


def test_jacobian_is_exact_with_and_without_gradients():
    u = torch.tensor([[0.3, -0.2]], dtype=torch.float64)

    def rate(x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return torch.stack([v[..., 0] * v[..., 1], torch.sin(v[..., 0])], dim=-1)

    expected = torch.tensor([[[-0.2, 0.3], [torch.cos(u[0, 0]), 0.0]]], dtype=torch.float64)
    torch.testing.assert_close(jacobian(rate, X, u), expected)
    with torch.no_grad():
        torch.testing.assert_close(jacobian(rate, X, u), expected)


def test_differential_residual_and_monotonicity_use_the_slope():
    mixture = mixture_of([[1.0, 2.0], [3.0, 4.0]], [0.5, 0.5])
    equation = DifferentialResidual(lambda x, u, derivative: derivative(0)[..., :1] - u[..., 1:], scale=2.0)
    assert equation.penalty(X, mixture, along)[0].tolist() == pytest.approx([0.0, (3.5 / 2.0) ** 2])
    rising = Monotonicity(value=1, sign=1.0)
    assert rising.penalty(X, mixture, along)[0].tolist() == pytest.approx([1.0, 0.0])
    falling = Monotonicity(value=1, sign=-1.0)
    assert falling.penalty(X, mixture, along)[0].tolist() == pytest.approx([0.0, 9.0])
    assert SteadyShares(scale=0.5).penalty(X, mixture, along)[0].tolist() == pytest.approx([1.0, 1.0])


def test_bounds_count_only_the_excess():
    mixture = mixture_of([[1.5], [-0.5], [0.5]], [0.3, 0.3, 0.4])
    prior = Bounds(lambda x, u: u, lower=0.0, upper=1.0, scale=0.5)
    assert prior.penalty(X, mixture, along)[0].tolist() == pytest.approx([1.0, 1.0, 0.0])


def test_regime_residual_holds_each_component_to_its_own_equation():
    mixture = mixture_of([[1.0], [2.0]], [0.5, 0.5])
    prior = RegimeResidual((lambda x, u: u - 1.0, lambda x, u: u - 1.0))
    assert prior.penalty(X, mixture, along)[0].tolist() == pytest.approx([0.0, 1.0])


def test_a_prior_carries_a_component_where_there_are_no_data():
    """Data on x < 0 alone; the residual says u = x everywhere."""
    generator = torch.Generator().manual_seed(0)
    x = -torch.rand(2, 60, 1, generator=generator, dtype=torch.float64)
    u = x + 0.05 * torch.randn(x.shape, generator=generator, dtype=torch.float64)
    samples = Samples(x[:1].expand(2, -1, -1), u[:1].expand(2, -1, -1))
    term = PriorTerm(
        [AlgebraicResidual(lambda x, u: u - x, 0.1)], torch.tensor([0.0, 1.0], dtype=torch.float64),
        torch.tensor([-1.0], dtype=torch.float64), torch.tensor([2.0], dtype=torch.float64),
    )  # fmt: skip
    network, _ = fit_mixtures(MixtureShape(1, "diagonal", (16,)), samples, samples, [0, 0], Budget(400), term)
    at = torch.full((2, 1, 1), 2.0, dtype=torch.float64)
    free, held = network(at).means.detach().flatten().tolist()
    assert abs(held - 2.0) < 0.1
    assert abs(free - 2.0) > 2.0 * abs(held - 2.0)


def test_a_partial_differential_equation_carries_the_means_beyond_the_data():
    """Heat equation u_t = u_xx on sines: the data end at t = 0.3, the law holds to t = 1."""
    rng = np.random.default_rng(0)
    count = 300
    place = rng.uniform(0.0, np.pi, count)
    time = rng.uniform(0.0, 0.3, count)
    clean = np.exp(-time) * np.sin(place)
    x = torch.tensor(np.stack([time, place], axis=1)).expand(2, -1, -1)
    u = torch.tensor(clean + 0.02 * rng.normal(size=count))[None, :, None].expand(2, -1, -1)
    heat = DifferentialResidual(lambda x, u, derivative: derivative(0) - derivative(1, 2), 0.1)
    term = PriorTerm(
        [heat], torch.tensor([0.0, 1.0], dtype=torch.float64),
        torch.tensor([0.0, 0.0], dtype=torch.float64), torch.tensor([1.0, np.pi], dtype=torch.float64),
    )  # fmt: skip
    network, _ = fit_mixtures(
        MixtureShape(1, "diagonal", (16, 16)), Samples(x, u), Samples(x, u), [0, 0], Budget(600), term
    )
    late = np.stack([np.full(40, 0.8), np.linspace(0.3, np.pi - 0.3, 40)], axis=1)
    exact = torch.tensor(np.exp(-late[:, 0]) * np.sin(late[:, 1]))
    found = network(torch.tensor(late).expand(2, -1, -1)).means.detach()[:, :, 0, 0]
    free, held = (found - exact).square().mean(dim=1).sqrt().tolist()
    assert held < 0.05
    assert held < 0.5 * free
