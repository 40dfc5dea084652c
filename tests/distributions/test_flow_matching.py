import numpy as np
import pytest
import torch

from cmgai_fem.distributions.flow_matching import fit_flows, integrate
from cmgai_fem.distributions.training import Budget


def test_an_integration_step_is_exact_to_the_fourth_order():
    """On u' = z u a step multiplies by the exponential's Taylor polynomial; of u' = t^3 it is exact."""
    start = torch.ones(1, dtype=torch.float64)
    z = -0.7
    grown = integrate(lambda time, state: z * state, start, 0.0, 1.0, 1)
    assert float(grown) == pytest.approx(1.0 + z + z**2 / 2.0 + z**3 / 6.0 + z**4 / 24.0, rel=1e-14)
    assert float(integrate(lambda time, state: time**3, start, 1.0, 3.0, 2)) == pytest.approx(21.0, rel=1e-14)
    reached = 2.0 * np.arctan(np.tanh(np.arctanh(np.tan(0.5)) - 1.0))
    errors = [abs(float(integrate(lambda time, state: state.cos(), start, 2.0, 0.0, n)) - reached) for n in (10, 20)]
    assert errors[0] / errors[1] == pytest.approx(16.0, rel=0.15)


@pytest.fixture(scope="module")
def flow():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, (1, 1500, 1))
    u = x + 0.3 * rng.normal(size=x.shape)
    data = [torch.tensor(part) for part in (x, u)]
    network, _ = fit_flows([24, 24], [part[:, :1200] for part in data], [part[:, 1200:] for part in data], [0],
                           Budget(300))  # fmt: skip
    return network


def test_flow_draws_the_conditional_law(flow):
    before = torch.get_rng_state()
    at = torch.full((1, 2000, 1), 0.5, dtype=torch.float64)
    drawn = flow.sample(at, torch.Generator().manual_seed(1))
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.06)
    assert float(drawn.std()) == pytest.approx(0.3, abs=0.06)
    assert torch.equal(before, torch.get_rng_state())


def test_density_of_the_flow_integrates_to_one(flow):
    grid = torch.linspace(-2.5, 3.5, 600, dtype=torch.float64).view(1, -1, 1)
    density = flow.log_prob(torch.full_like(grid, 0.5), grid).exp()
    assert float(density.sum() * 6.0 / 599) == pytest.approx(1.0, abs=0.01)
