import numpy as np
import pytest
import torch
from scipy import stats

from cmgai_fem.distributions.mixture_density import Mixture, MixtureNetwork, MixtureShape, Samples
from cmgai_fem.distributions.mixture_training import fit_mixtures
from cmgai_fem.distributions.networks import StackedPerceptron
from cmgai_fem.distributions.training import Budget
from cmgai_fem.errors import ConvergenceError, InputError


def full_mixture() -> Mixture:
    shares = torch.tensor([0.3, 0.7], dtype=torch.float64)
    means = torch.tensor([[-1.0, 0.5], [2.0, 0.0]], dtype=torch.float64)
    factor = torch.tensor([[[0.5, 0.0], [0.2, 0.3]], [[0.4, 0.0], [-0.1, 0.6]]], dtype=torch.float64)
    return Mixture(shares.log(), means, factor)


def test_density_of_full_mixture_is_the_sum_of_normal_densities():
    mixture = full_mixture()
    points = torch.tensor([[0.0, 0.0], [2.0, 0.3], [-1.2, 0.8]], dtype=torch.float64)
    expected = np.zeros(3)
    for share, mean, factor in zip([0.3, 0.7], mixture.means.numpy(), mixture.scale.numpy(), strict=True):
        expected += share * stats.multivariate_normal(mean, factor @ factor.T).pdf(points.numpy())
    found = torch.stack([mixture.log_prob(point) for point in points]).exp()
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_diagonal_mixture_agrees_with_the_same_full_one():
    full = full_mixture()
    diagonal = Mixture(full.log_shares, full.means, torch.tensor([[0.5, 0.3], [0.4, 0.6]], dtype=torch.float64))
    same = Mixture(full.log_shares, full.means, diagonal.cholesky)
    point = torch.tensor([0.4, 0.1], dtype=torch.float64)
    assert float(diagonal.log_prob(point)) == pytest.approx(float(same.log_prob(point)), rel=1e-12)
    torch.testing.assert_close(diagonal.covariance(), same.covariance())


def test_moments_in_closed_form_agree_with_samples():
    mixture = full_mixture()
    drawn = mixture.sample(200_000, torch.Generator().manual_seed(1))
    np.testing.assert_allclose(mixture.mean(), [1.1, 0.15], rtol=1e-12)
    np.testing.assert_allclose(drawn.mean(dim=0), mixture.mean(), atol=0.015)
    np.testing.assert_allclose(torch.cov(drawn.T), mixture.covariance(), atol=0.03)


def test_sampling_uses_only_its_generator():
    before = torch.get_rng_state()
    first = full_mixture().sample(10, torch.Generator().manual_seed(3))
    second = full_mixture().sample(10, torch.Generator().manual_seed(3))
    torch.testing.assert_close(first, second, rtol=0.0, atol=0.0)
    assert torch.equal(before, torch.get_rng_state())


def test_regime_density_is_share_times_component_density():
    mixture = full_mixture()
    point = torch.tensor([0.4, 0.1], dtype=torch.float64)
    each = [mixture.log_prob_in_regime(point, torch.tensor(k)).exp() for k in (0, 1)]
    assert float(sum(each)) == pytest.approx(float(mixture.log_prob(point).exp()), rel=1e-12)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_slope_of_the_network_is_its_derivative(covariance):
    rng = np.random.default_rng(2)
    samples = Samples(torch.tensor(rng.normal(size=(2, 30, 2))), torch.tensor(rng.normal(size=(2, 30, 3))))
    network = MixtureNetwork(MixtureShape(2, covariance, (8, 8)), samples, [0, 1])
    x = torch.tensor(rng.normal(size=(2, 5, 2)))
    slope = network.slope(x, network(x), axis=1)
    step = torch.tensor([0.0, 1e-5], dtype=torch.float64)
    up, down = network(x + step), network(x - step)
    torch.testing.assert_close(slope.means, (up.means - down.means) / 2e-5, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(slope.log_shares, (up.log_shares - down.log_shares) / 2e-5, rtol=1e-6, atol=1e-8)
    bend = network.slope(x, network(x), axis=1, order=2)
    above, below = network.slope(x + step, up, axis=1), network.slope(x - step, down, axis=1)
    torch.testing.assert_close(bend.means, (above.means - below.means) / 2e-5, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(bend.log_shares, (above.log_shares - below.log_shares) / 2e-5, rtol=1e-6, atol=1e-8)


def test_components_start_spread_over_the_data():
    u = torch.cat([torch.full((1, 20, 1), -1.0), torch.full((1, 20, 1), 3.0)], dim=1).double()
    u = u + 0.01 * torch.randn(u.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.linspace(-1.0, 1.0, 40, dtype=torch.float64).view(1, 40, 1)
    means = MixtureNetwork(MixtureShape(2, "diagonal", (8,)), Samples(x, u), [0])(x).means.detach()
    assert float(means[..., 0, 0].mean()) == pytest.approx(-1.0, abs=0.4)
    assert float(means[..., 1, 0].mean()) == pytest.approx(3.0, abs=0.4)


def test_components_start_in_one_order_whatever_the_rounding():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(12, 200, 1, generator=generator, dtype=torch.float64)
    u = torch.randn(12, 200, 2, generator=generator, dtype=torch.float64)
    shuffled = torch.randperm(200, generator=generator)
    starts = [
        MixtureNetwork(MixtureShape(3), Samples(x[:, rows], u[:, rows]), range(12)).network.biases[-1]
        for rows in (slice(None), shuffled)
    ]
    torch.testing.assert_close(*starts, rtol=1e-9, atol=1e-9)


def test_stacked_members_are_those_trained_alone():
    rng = np.random.default_rng(5)
    x, u = torch.tensor(rng.normal(size=(2, 40, 1))), torch.tensor(rng.normal(size=(2, 40, 1)))
    shape, budget = MixtureShape(2, "diagonal", (6,)), Budget(30, check_every=10)
    both, _ = fit_mixtures(shape, Samples(x, u), Samples(x, u), [1, 2], budget)
    alone, _ = fit_mixtures(shape, Samples(x[1:], u[1:]), Samples(x[1:], u[1:]), [2], budget)
    at = x[1:]
    torch.testing.assert_close(both(x).means[1:], alone(at).means, rtol=1e-9, atol=1e-9)


def test_fit_finds_two_branches_whose_law_is_known():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, (1, 800, 1))
    upper = rng.uniform(size=(1, 800, 1)) < 0.7
    u = np.where(upper, 1.0 + x, -1.0 - x * 0.5) + 0.1 * rng.normal(size=x.shape)
    train = Samples(torch.tensor(x[:, :600]), torch.tensor(u[:, :600]))
    network, record = fit_mixtures(
        MixtureShape(2, "diagonal", (16, 16)), train, Samples(torch.tensor(x[:, 600:]), torch.tensor(u[:, 600:])), [0],
        Budget(300),
    )  # fmt: skip
    at = torch.tensor([[[0.5]]], dtype=torch.float64)
    mixture = network(at)
    np.testing.assert_allclose(mixture.means.detach().flatten(), [-1.25, 1.5], atol=0.06)
    assert float(mixture.log_shares.detach().exp()[0, 0, 1]) == pytest.approx(0.7, abs=0.08)
    entropy = 0.5 * np.log(2 * np.pi * np.e * 0.01) - (0.7 * np.log(0.7) + 0.3 * np.log(0.3))
    assert float(record.validation[0].detach()) == pytest.approx(entropy, abs=0.15)


def test_parameters_of_a_member():
    assert StackedPerceptron([3, 4, 1], [0], torch.float64, torch.device("cpu")).parameters_per_member() == 21


def test_bad_shapes_are_refused():
    with pytest.raises(InputError, match="components = 0"):
        MixtureShape(0)
    with pytest.raises(InputError, match="'diagonal' or 'full'"):
        MixtureShape(2, "banded")


def test_training_that_is_never_finite_says_so():
    x = torch.linspace(0.0, 1.0, 4, dtype=torch.float64).view(1, 4, 1)
    bad = Samples(x, torch.full_like(x, float("nan")))
    with pytest.raises(ConvergenceError, match="never had a finite validation loss"):
        fit_mixtures(MixtureShape(1, "diagonal", (4,)), Samples(x, x), bad, [0], Budget(5))
