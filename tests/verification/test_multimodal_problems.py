from dataclasses import replace

import numpy as np
import pytest
import torch

from cmgai_fem.distributions.mixture_density import Mixture
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

STUDY = studies_folder() / "multimodal"
PROBLEMS = study_module(STUDY, "problems").PROBLEMS
bifurcations, duffing = (study_module(STUDY, f"problems.{name}") for name in ("bifurcations", "duffing"))
GAUGE_ERROR, fixed_points = bifurcations.GAUGE_ERROR, bifurcations.fixed_points
allen_cahn = study_module(STUDY, "problems.allen_cahn")
galerkin_rate = study_module(STUDY, "problems.chafee_infante").galerkin_rate
DAMPING, march = duffing.DAMPING, duffing.march


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_every_problem_draws_finite_values_of_the_stated_shape(name):
    problem = PROBLEMS[name]
    x, u, regime = problem.sample(200, np.random.default_rng(3))
    again = problem.sample(200, np.random.default_rng(3))[1]
    assert u.shape == (200, len(problem.card.value_names)) and np.isfinite(u).all()
    np.testing.assert_array_equal(u, again)
    assert set(np.unique(regime)) <= set(range(len(problem.card.regimes)))
    assert set(np.unique(problem.modes(x, u))) <= {-1, 0, 1}
    assert (problem.residual(x, u) >= 0.0).all()
    assert problem.test_conditions(4).shape == (4, len(problem.card.low))


def test_pitchfork_shares_and_branches_are_those_of_the_start():
    problem = PROBLEMS["pitchfork"]
    values = problem.conditional(np.array([0.64]), 40_000, np.random.default_rng(0))[:, 0]
    assert (values > 0).mean() == pytest.approx(0.6179, abs=0.01)
    assert values[values > 0].mean() == pytest.approx(0.8, abs=0.002)
    assert values[values > 0].std() == pytest.approx(GAUGE_ERROR, rel=0.05)
    x = np.full((3, 1), 0.64)
    assert problem.trapped(x, np.array([[0.0], [0.5], [-0.2]])).tolist() == [1, 0, 1]
    assert problem.trapped(-x, np.zeros((3, 1))).tolist() == [-1, -1, -1]


def test_roots_of_the_s_shaped_curve():
    r = np.linspace(-0.8, 0.8, 101)
    for root in fixed_points(r):
        there = ~np.isnan(root)
        np.testing.assert_allclose((r + root - root**3)[there], 0.0, atol=1e-12)
    lower, middle, upper = fixed_points(np.array([0.0]))
    np.testing.assert_allclose([lower[0], middle[0], upper[0]], [-1.0, 0.0, 1.0], atol=1e-12)
    assert np.isnan(fixed_points(np.array([0.5]))[0])[0] and np.isnan(fixed_points(np.array([-0.5]))[2])[0]


def test_duffing_near_the_hilltop_follows_the_linear_solution():
    """q'' + c q' - q = 0 from (e, 0): e (m2 exp(m1 t) - m1 exp(m2 t)) / (m2 - m1)."""
    first, second = np.roots([1.0, DAMPING, -1.0])
    small, time = 1e-6, 2.0
    exact = small * (second * np.exp(first * time) - first * np.exp(second * time)) / (second - first)
    found = march(np.array([[small], [0.0]]), np.array([time]), 150)[0, 0]
    assert found == pytest.approx(exact, rel=1e-7)


def test_two_scale_fast_variable_is_normal_about_the_slow_one():
    drawn = PROBLEMS["two_scale"].conditional(np.array([3.0]), 8_000, np.random.default_rng(1))
    away = drawn[:, 1] - drawn[:, 0]
    assert away.std() == pytest.approx(0.3, rel=0.03)
    # The slow variable lags the fast one: e d<X>/dt is all that is left of the mean distance.
    assert abs(away.mean()) < 0.02


def test_allen_cahn_under_little_noise_is_the_linear_equation():
    """Each cosine coefficient is then a random walk of its own, in time steps and, nearly, in continuous time."""
    time, noise, start, count = 0.8, 1e-3, 2e-3, 4_000
    step, order = allen_cahn.STEP, np.arange(64)
    problem = replace(PROBLEMS["allen_cahn"], start_mean=start, noise=noise, cells=64)
    mean, variance = problem.conditional(np.array([time]), count, np.random.default_rng(4)).T
    held = 1.0 + step * allen_cahn.DIFFUSION * order**2
    steps = ((1.0 + step) / held[:, None]) ** (2.0 * np.arange(round(time / step)))
    sizes = noise**2 / np.pi * step * steps.sum(axis=1) / held**2
    rates = allen_cahn.DIFFUSION * order**2 - 1.0
    continuous = noise**2 / np.pi * -np.expm1(-2.0 * rates * time) / (2.0 * rates)
    assert sizes[1:].sum() == pytest.approx(continuous[1:].sum(), rel=0.1)
    assert mean.mean() == pytest.approx(start * np.exp(time), rel=0.03)
    assert mean.std() == pytest.approx(np.sqrt(sizes[0]), rel=0.05)
    assert variance.mean() == pytest.approx(sizes[1:].sum(), rel=0.05)


def test_allen_cahn_falls_to_one_side():
    mean, variance = PROBLEMS["allen_cahn"].conditional(np.array([6.0]), 1_000, np.random.default_rng(5)).T
    assert np.median(np.abs(mean)) == pytest.approx(0.95, abs=0.05) and np.abs(mean).max() < 1.3
    assert 0.5 < (mean > 0.0).mean() < 0.65 and 0.0 < variance.min() < 0.05


def test_shock_states_keep_mass_and_momentum():
    problem = PROBLEMS["shock"]
    assert problem.elastic_limit == pytest.approx(0.324 * 0.67 / 0.34)
    impact, count = 0.3, 40_000
    x = np.full((count, 1), impact)
    values, regime = problem.values(x, np.random.default_rng(2))
    speed, fast = 5.35 + 1.34 * impact, problem.elastic_speed
    assert (regime == 0).mean() == pytest.approx((fast / speed - 1.0) / 0.25, abs=0.02)
    elastic, plastic = (values[regime == k].mean(axis=0) for k in (0, 1))
    assert elastic[0] == pytest.approx(problem.density * fast * elastic[1], rel=0.01)
    assert plastic[0] - elastic[0] == pytest.approx(problem.density * speed * (plastic[1] - elastic[1]), rel=0.01)
    assert plastic[1] == pytest.approx(impact, abs=1e-3)
    overdriven = problem.values(np.full((500, 1), problem.overdriven_from + 0.1), np.random.default_rng(0))[1]
    assert (overdriven == 1).all()


def test_galerkin_rate_is_the_projection_of_the_equation():
    a = torch.tensor([[0.9, 0.1, -0.2]], dtype=torch.float64)
    load = 3.0
    s = np.linspace(0.0, np.pi, 4001)
    waves = np.sin(np.outer(np.arange(1, 4), s))
    field = a.numpy()[0] @ waves
    cube = 2.0 / np.pi * np.trapezoid(field**3 * waves, s)
    expected = (load - np.array([1.0, 4.0, 9.0])) * a.numpy()[0] - load * cube
    np.testing.assert_allclose(galerkin_rate(torch.tensor([[load]]).double(), a)[0], expected, atol=1e-10)


def test_each_regime_of_the_shock_has_its_own_equation():
    problem = PROBLEMS["shock"]
    impact = torch.tensor([[0.4]], dtype=torch.float64)
    limit, fast, density = problem.elastic_limit, problem.elastic_speed, problem.density
    elastic = torch.tensor([limit, limit / (density * fast), limit / (density * fast**2)], dtype=torch.float64)
    speed = 5.35 + 1.34 * 0.4
    rise = 0.4 - elastic[1]
    plastic = elastic + torch.stack([density * speed * rise, rise, rise / speed])
    means = torch.stack([elastic, plastic])[None]
    (prior,) = problem.regime_priors()

    def penalty(at: torch.Tensor) -> torch.Tensor:
        mixture = Mixture(torch.zeros(1, 2, dtype=torch.float64), at, torch.ones_like(at))
        return prior.penalty(impact, mixture, lambda axis, order=1: pytest.fail("no slope is needed"))[0]

    torch.testing.assert_close(penalty(means), torch.zeros(2, dtype=torch.float64), atol=1e-20, rtol=0.0)
    assert (penalty(means.flip(dims=(1,))) > 1.0).all()
    torch.testing.assert_close(
        problem._jumps(impact, means), torch.zeros(1, 2, 3, dtype=torch.float64), atol=1e-12, rtol=0.0
    )
