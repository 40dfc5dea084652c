import numpy as np
import pytest
import torch

from cmgai_fem.distributions.probability_flow import decay, deviation, fit_scores
from cmgai_fem.distributions.training import Budget


def test_noise_and_data_share_unit_variance():
    time = torch.linspace(0.0, 1.0, 11, dtype=torch.float64)
    torch.testing.assert_close(decay(time) ** 2 + deviation(time) ** 2, torch.ones_like(time))
    assert float(decay(time)[-1]) == pytest.approx(np.exp(-0.25 * 19.9 - 0.05), rel=1e-12)


@pytest.fixture(scope="module")
def two_humps():
    rng = np.random.default_rng(0)
    x = np.eye(2)[rng.integers(2, size=1200)]
    side = np.where(rng.uniform(size=1200) < 0.5, -1.0, 1.0)
    u = (side + 0.15 * rng.normal(size=1200) + 0.5 * x[:, 1])[:, None]
    data = [torch.tensor(part)[None] for part in (x, u)]
    network, _ = fit_scores([32, 32], [p[:, :1000] for p in data], [p[:, 1000:] for p in data], [0], Budget(500))
    return network


def test_flow_draws_both_humps_of_each_class(two_humps):
    noise = torch.randn(1, 2000, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for k in (0, 1):
        x = torch.eye(2, dtype=torch.float64)[k].expand(1, 2000, 2)
        drawn = two_humps.path(x, noise).flatten().numpy() - 0.5 * k
        assert np.mean(drawn > 0) == pytest.approx(0.5, abs=0.08)
        assert np.mean(np.abs(np.abs(drawn) - 1.0) < 0.5) > 0.9


def test_the_way_starts_at_the_noise(two_humps):
    noise = torch.ones(1, 3, 1, dtype=torch.float64)
    x = torch.eye(2, dtype=torch.float64)[:1].expand(1, 3, 2)
    early = two_humps.value.apply(two_humps.path(x, noise, reached=0.01))
    torch.testing.assert_close(early, noise, atol=0.15, rtol=0.0)
