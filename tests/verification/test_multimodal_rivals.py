from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cmgai_fem.distributions.constraints import Constraint
from cmgai_fem.distributions.training import Budget
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

STUDY = studies_folder() / "multimodal"
fit, fits, problems = (study_module(STUDY, name) for name in ("fit", "fits", "problems"))
physics_flow = study_module(STUDY, "rivals.physics_flow")
Neighbours = study_module(STUDY, "rivals.interpolants").Neighbours


@dataclass(frozen=True)
class Line(problems.Problem):
    """u = (a, 2 a), a normal about x with deviation 0.3, with a gauge error in the second value."""

    card = problems.Card("line", "A line", ("x",), ("a", "b"), (-1.0,), (1.0,), ("one",), 1, "full", "b - 2 a")

    def values(self, x, rng):
        a = x[:, 0] + 0.3 * rng.normal(size=len(x))
        return np.stack([a, 2.0 * a + 0.2 * rng.normal(size=len(x))], axis=1), np.zeros(len(x), dtype=np.int64)

    def modes(self, x, u):
        return np.zeros(len(x), dtype=np.int64)

    def residual(self, x, u):
        return np.abs(u[:, 1] - 2.0 * u[:, 0])

    def priors(self):
        return ()

    def constraint(self):
        return Constraint(lambda x, u: u[..., 1:] - 2.0 * u[..., :1])


@pytest.fixture(scope="module")
def drawn():
    """Values (M, 1, N, 2) at x = 0.5 of every rival, and of flow matching, from the same samples."""
    problem, setup = Line(), fit.Setup((0, 1), (16, 16), Budget(250), (0.1,), torch.device("cpu"))
    split = fit.draw_split(problem, 300, setup)
    fitted = fits.fit_flows_from_noise(problem, split, setup)
    fitted += [rival.fit(problem, split, setup) for rival in (*fits.INFORMED, fits.INTERPOLANT)]
    sizes = {one.method: one.parameters for one in fitted}
    assert max(sizes.values()) < 1.15 * min(sizes.values())
    assert list(sizes) == fits.methods_for(problem)[3:]
    return {one.method: one.sample(np.array([[0.5]]), 400, 0, setup.device)[0] for one in fitted}


@pytest.mark.medium
def test_every_rival_draws_the_law_at_a_condition(drawn):
    for values in drawn.values():
        assert values.shape == (2, 1, 400, 2)
        np.testing.assert_allclose(values.mean(axis=(0, 1, 2)) / [1.0, 2.0], 0.5, atol=0.2)
        np.testing.assert_allclose(values.std(axis=(1, 2)).mean(axis=0), [0.3, 0.63], rtol=0.45)


@pytest.mark.medium
def test_physics_in_the_loss_or_in_the_sampling_lowers_the_residual(drawn):
    size = {name: float(np.sqrt(np.mean((v[..., 1] - 2.0 * v[..., 0]) ** 2))) for name, v in drawn.items()}
    assert size["projection during sampling"] < 1e-9
    assert size["PBFM, conflict-free"] < 0.8 * size["PBFM"] < 0.8 * size["flow matching"]


def test_conflict_free_gradients_work_against_neither_loss():
    """At a right angle ConFIG's step is the bisector, as long as half the sum of the two times root two."""
    weights = torch.tensor([[0.3, -0.2], [1.0, 2.0]], dtype=torch.float64, requires_grad=True)

    def step(first: list[float], second: list[float]) -> torch.Tensor:
        losses = tuple((weights @ torch.tensor(one, dtype=torch.float64)) for one in (first, second))
        return torch.autograd.grad(physics_flow.conflict_free(losses, [weights]).sum(), weights)[0]

    torch.testing.assert_close(step([3.0, 0.0], [0.0, 1.0]), torch.full((2, 2), 2.0, dtype=torch.float64))
    against = step([1.0, 0.2], [-0.9, 0.4])[0]
    assert float(against @ torch.tensor([1.0, 0.2]).double()) > 0.0
    assert float(against @ torch.tensor([-0.9, 0.4]).double()) > 0.0


def test_a_steady_flow_is_unrolled_to_its_end():
    speed = torch.tensor([1.0, -2.0])
    network = SimpleNamespace(velocity=lambda condition, point, time: speed.expand_as(point))
    time = torch.tensor([[[0.2], [0.9]]])
    end = physics_flow.unrolled(network, torch.zeros(1, 2, 1), torch.zeros(1, 2, 2), time)
    torch.testing.assert_close(end, (1.0 - time) * speed)


def test_neighbours_come_from_the_nearest_clouds_whole_and_never_from_ones_own():
    x = torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0, 2.0] * 3).view(1, -1, 1)
    found = Neighbours(x, 10.0 * x)
    at, values = found(torch.full((1, 4000, 1), 1.0), torch.Generator().manual_seed(0))
    shares = [float((at == state).float().mean()) for state in (0.0, 1.0, 2.0)]
    assert shares == pytest.approx([2.0 / 3.0, 0.0, 1.0 / 3.0], abs=0.03)
    assert torch.equal(values, 10.0 * at)
    between, _ = found(torch.full((1, 500, 1), 1.6), torch.Generator().manual_seed(0))
    assert set(between.unique().tolist()) == {1.0, 2.0}
