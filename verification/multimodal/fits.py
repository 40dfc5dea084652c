"""The methods that the multimodal study compares, each fitted to the same samples for several seeds at once."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmgai_fem.distributions.flow_matching import fit_flows
from cmgai_fem.distributions.mixture_density import MixtureShape, Samples
from cmgai_fem.distributions.mixture_training import PriorTerm, fit_mixtures
from cmgai_fem.distributions.networks import parameter_count, width_for
from cmgai_fem.distributions.training import Budget

from .problems import Problem

Array = NDArray[np.float64]

DTYPE = torch.float32
FLOW_STEPS = 12
MIXTURE, PRIORS, REGIMES, FLOW = "mixture", "mixture, priors", "mixture, priors, regimes", "flow matching"
METHODS = (MIXTURE, PRIORS, REGIMES, FLOW)
PROJECTED = "{}, projected"


@dataclass(frozen=True)
class Setup:
    """What every method is fitted with.

    Args:
        seeds: (S,) seeds of data and weights.
        hidden: units of each hidden layer.
        budget: of each network.
        penalty_weights: weights of the priors to try, in increasing order.
        device: of the networks.
    """

    seeds: tuple[int, ...]
    hidden: tuple[int, ...]
    budget: Budget
    penalty_weights: tuple[float, ...]
    device: torch.device


@dataclass(frozen=True)
class Split:
    """Training and validation samples of S seeds."""

    training: Samples
    validation: Samples


@dataclass(frozen=True)
class Fit:
    """A fitted method.

    Args:
        method: name in tables.
        parameters: numbers that are fitted; 0 for a method that only moves samples.
        seconds: training time of one network, its share of the stack it was trained in, with any sweep [s].
        draw: maps conditions (C, p), a count N and a generator to values (S, C, N, d).
        log_prob: maps conditions (T, p) and values (T, d) to log densities (S, T); None where a method has no density.
        weights: (S,) chosen penalty weights, empty without priors.
    """

    method: str
    parameters: int
    seconds: float
    draw: Callable[[Tensor, int, torch.Generator], Tensor]
    log_prob: Callable[[Tensor, Tensor], Tensor] | None
    weights: tuple[float, ...] = ()

    def sample(self, conditions: Array, count: int, seed: int, device: torch.device) -> tuple[Array, float]:
        """Values (S, C, N, d) at conditions (C, p), and the seconds that drawing them took for one network."""
        start = time.perf_counter()
        at = torch.as_tensor(conditions, dtype=DTYPE, device=device)
        with torch.no_grad():
            drawn = self.draw(at, count, torch.Generator().manual_seed(seed))
        return drawn.cpu().numpy().astype(np.float64), (time.perf_counter() - start) / len(drawn)

    def negative_log_likelihood(self, x: Array, u: Array, device: torch.device) -> Array | None:
        """(S,) mean negative log density of test samples (T, p), (T, d), for a method with a density."""
        if self.log_prob is None:
            return None
        at, value = (torch.as_tensor(part, dtype=DTYPE, device=device) for part in (x, u))
        with torch.no_grad():
            return (-self.log_prob(at, value).mean(dim=1)).cpu().numpy().astype(np.float64)


@dataclass(frozen=True)
class Drawn:
    """What a method drew at C conditions.

    Args:
        method: name in tables.
        values: (S, C, N, d).
        seconds: of drawing for one network.
        fit: the method; its density is not that of values which were moved afterwards.
        moved: whether they were.
    """

    method: str
    values: Array
    seconds: float
    fit: Fit
    moved: bool = False


def draw_each_way(problem: Problem, fit: Fit, conditions: Array, count: int, setup: Setup) -> list[Drawn]:
    """Values as a method draws them and, where each of them must satisfy a constraint, moved onto it and read again."""
    seed = setup.seeds[0]
    values, seconds = fit.sample(conditions, count, seed, setup.device)
    as_drawn = Drawn(fit.method, values, seconds, fit)
    if problem.constraint() is None:
        return [as_drawn]
    start = time.perf_counter()
    moved = project(problem, conditions, values, np.random.default_rng([seed, 104_729]))
    seconds += (time.perf_counter() - start) / len(values)
    return [as_drawn, Drawn(PROJECTED.format(fit.method), moved, seconds, fit, moved=True)]


def project(problem: Problem, conditions: Array, values: Array, rng: np.random.Generator) -> Array:
    """The states (S, C, N, d) nearest to values drawn at conditions (C, p), with the errors of fresh readings.

    Nearest in the units that W2 is measured in: no law on a linear constraint is then farther from the moved values
    than from those that were drawn, as a projection brings no two points apart.
    """
    constraint, errors = problem.constraint(), problem.card.gauge_errors
    assert constraint is not None
    x = np.broadcast_to(conditions[:, None, :], (*values.shape[:-1], conditions.shape[1]))
    metric = torch.as_tensor(problem.card.unit_sizes**2)
    found = constraint.project(torch.tensor(x), torch.as_tensor(values), metric).values.numpy()
    return found + rng.normal(size=found.shape) * np.array(errors) if errors else found


def draw_split(problem: Problem, count: int, setup: Setup) -> Split:
    """`count` samples for each seed, of which a fifth is kept back to choose weights by."""
    drawn = [problem.sample(count, np.random.default_rng([seed, count])) for seed in setup.seeds]
    x, u = (torch.as_tensor(np.stack([item[k] for item in drawn]), dtype=DTYPE, device=setup.device) for k in (0, 1))
    regime = torch.as_tensor(np.stack([item[2] for item in drawn]), device=setup.device)
    kept = count - count // 5
    return Split(
        Samples(x[:, :kept], u[:, :kept], regime[:, :kept]), Samples(x[:, kept:], u[:, kept:], regime[:, kept:])
    )


def fit_mixture(
    problem: Problem, split: Split, setup: Setup, weights: tuple[float, ...] = (), regimes: bool = False
) -> Fit:
    """A mixture: by likelihood alone, or with the problem's priors as well.

    Args:
        problem: gives priors, box of conditions and shape.
        split: samples of S seeds.
        setup: seeds, layers and budget.
        weights: penalty weights to try, in increasing order; for each seed one is chosen by validation likelihood.
            Empty for likelihood alone.
        regimes: tie components to the problem's regimes.
    """
    seeds, tried = setup.seeds, weights or (0.0,)
    repeated = [seed for seed in seeds for _ in tried]
    training, validation = (_repeated(part, len(tried), regimes) for part in (split.training, split.validation))
    each, low, high = (
        torch.tensor(numbers, dtype=DTYPE, device=setup.device)
        for numbers in (tried * len(seeds), problem.card.low, problem.card.high)
    )
    term = PriorTerm(problem.regime_priors() if regimes else problem.priors(), each, low, high)
    shape = _shape(problem, setup.hidden, len(problem.card.regimes) if regimes else None)
    network, record = fit_mixtures(shape, training, validation, repeated, setup.budget, term)
    with torch.no_grad():
        unseen = network(validation.x).log_prob(validation.u).view(len(seeds), len(tried), -1)
    best = [strongest_within_error(likelihoods) for likelihoods in unseen]
    picked = [index * len(tried) + choice for index, choice in enumerate(best)]

    def draw(conditions: Tensor, count: int, generator: torch.Generator) -> Tensor:
        drawn = network(conditions.expand(len(repeated), -1, -1)).sample(count, generator)
        return drawn[:, picked].permute(1, 2, 0, 3)

    def log_prob(x: Tensor, u: Tensor) -> Tensor:
        return network(x.expand(len(repeated), -1, -1)).log_prob(u.expand(len(repeated), -1, -1))[picked]

    return Fit(
        REGIMES if regimes else PRIORS if weights else MIXTURE,
        network.network.parameters_per_member(),
        record.seconds / len(seeds),
        draw,
        log_prob,
        tuple(weights[choice] for choice in best) if weights else (),
    )


def _repeated(samples: Samples, times: int, regimes: bool) -> Samples:
    """Every seed's samples so many times in a row, with the regimes or without."""
    x, u = (part.repeat_interleave(times, dim=0) for part in (samples.x, samples.u))
    if not regimes or samples.regime is None:
        return Samples(x, u)
    return Samples(x, u, samples.regime.repeat_interleave(times, dim=0))


def strongest_within_error(log_likelihoods: Tensor) -> int:
    """Index of the strongest prior that the validation samples do not speak against.

    The physics is trusted more than a noisy best: chosen is the last weight whose mean log likelihood falls short of
    the best one's by no more than one standard error of their paired difference.

    Args:
        log_likelihoods: (W, V) of V validation samples, for W penalty weights in increasing order.

    Source: the one-standard-error rule of Breiman et al., Classification and Regression Trees (1984), paired.
    """
    best = log_likelihoods[log_likelihoods.mean(dim=1).argmax()]
    short = best - log_likelihoods
    error = short.std(dim=1) / short.shape[1] ** 0.5
    return int(torch.nonzero(short.mean(dim=1) <= error)[-1])


def fit_flow(problem: Problem, split: Split, setup: Setup) -> Fit:
    """Conditional flow matching with as many parameters as the mixture has, as nearly as the width allows."""
    condition, value = len(problem.card.low), len(problem.card.value_names)
    mixture = parameter_count(_shape(problem, setup.hidden).layer_sizes(condition, value))
    width = width_for(mixture, condition + value + 1, value, len(setup.hidden))
    training, validation = ([part.x, part.u] for part in (split.training, split.validation))
    network, record = fit_flows([width] * len(setup.hidden), training, validation, setup.seeds, setup.budget)
    members = len(setup.seeds)

    def draw(conditions: Tensor, count: int, generator: torch.Generator) -> Tensor:
        tiled = conditions.repeat_interleave(count, dim=0).expand(members, -1, -1)
        flat = network.sample(tiled, generator, FLOW_STEPS)
        return flat.view(members, len(conditions), count, -1)

    def log_prob(x: Tensor, u: Tensor) -> Tensor:
        return network.log_prob(x.expand(members, -1, -1), u.expand(members, -1, -1), FLOW_STEPS)

    return Fit(FLOW, network.network.parameters_per_member(), record.seconds / members, draw, log_prob)


def fit_all(problem: Problem, split: Split, setup: Setup) -> list[Fit]:
    """Every method of networks on the same samples, with the same steps and batches."""
    return [
        fit_mixture(problem, split, setup),
        fit_mixture(problem, split, setup, setup.penalty_weights),
        fit_mixture(problem, split, setup, setup.penalty_weights, regimes=True),
        fit_flow(problem, split, setup),
    ]


def _shape(problem: Problem, hidden: tuple[int, ...], components: int | None = None) -> MixtureShape:
    return MixtureShape(components or problem.card.components, problem.card.covariance, hidden)
