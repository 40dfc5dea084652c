import importlib

import numpy as np
import pytest
import torch

from cmgai_fem.distributions.flow_matching import fit_flows, optional_module
from cmgai_fem.distributions.training import Budget
from cmgai_fem.errors import InputError


def test_a_missing_extra_is_named():
    with pytest.raises(InputError, match=r"pip install 'cmgai-fem\[cfm\]'"):
        optional_module("no_such_flow_package.part")
    assert optional_module("json") is importlib.import_module("json")


@pytest.fixture(scope="module")
def flow():
    pytest.importorskip("torchcfm")
    pytest.importorskip("torchdiffeq")
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
