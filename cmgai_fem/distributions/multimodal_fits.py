"""The methods that the multimodal study compares, each fitted to the same samples for several seeds at once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmgai_fem.distributions.flow_matching import fit_flows
from cmgai_fem.distributions.mixture_density import MixtureNetwork, MixtureShape, Samples
from cmgai_fem.distributions.mixture_training import PriorTerm, fit_mixtures
from cmgai_fem.distributions.networks import parameter_count, width_for
from cmgai_fem.distributions.problems import Problem
from cmgai_fem.distributions.training import Budget

Array = NDArray[np.float64]

DTYPE = torch.float32
FLOW_STEPS = 12
MIXTURE, PRIORS, REGIMES, FLOW = "mixture", "mixture, priors", "mixture, priors, regimes", "flow matching"


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


def draw_split(problem: Problem, count: int, seeds: Sequence[int], device: torch.device) -> Split:
    """`count` samples for each seed, of which a fifth is kept back to choose weights by."""
    drawn = [problem.sample(count, np.random.default_rng([seed, count])) for seed in seeds]
    x, u = (torch.as_tensor(np.stack([item[k] for item in drawn]), dtype=DTYPE, device=device) for k in (0, 1))
    regime = torch.as_tensor(np.stack([item[2] for item in drawn]), device=device)
    kept = count - count // 5
    return Split(
        Samples(x[:, :kept], u[:, :kept], regime[:, :kept]), Samples(x[:, kept:], u[:, kept:], regime[:, kept:])
    )


def fit_mixture(problem: Problem, split: Split, seeds: Sequence[int], hidden: tuple[int, ...], budget: Budget) -> Fit:
    """The mixture without priors and without regimes: likelihood alone."""
    training = Samples(split.training.x, split.training.u)
    network, record = fit_mixtures(_shape(problem, hidden), training, split.validation, seeds, budget)
    return _mixture_fit(MIXTURE, network, record.seconds / len(seeds), range(len(seeds)))


def fit_mixture_with_priors(
    problem: Problem,
    split: Split,
    seeds: Sequence[int],
    hidden: tuple[int, ...],
    budget: Budget,
    weights: Sequence[float],
    regimes: bool = False,
) -> Fit:
    """The mixture with the problem's priors; for each seed with a penalty weight chosen by validation likelihood.

    Args:
        problem: gives priors, box of conditions and shape.
        split: samples of S seeds.
        seeds: (S,) seeds.
        hidden: units of each hidden layer.
        budget: of each network.
        weights: penalty weights to try, in increasing order.
        regimes: tie components to the problem's regimes.
    """
    count = len(weights)
    parts = []
    for samples in (split.training, split.validation):
        x, u = (part.repeat_interleave(count, dim=0) for part in (samples.x, samples.u))
        tied = samples.regime.repeat_interleave(count, dim=0) if regimes and samples.regime is not None else None
        parts.append(Samples(x, u, tied))
    device = split.training.x.device
    term = PriorTerm(
        problem.regime_priors() if regimes else problem.priors(),
        torch.tensor(list(weights) * len(seeds), dtype=DTYPE, device=device),
        torch.tensor(problem.card.low, dtype=DTYPE, device=device),
        torch.tensor(problem.card.high, dtype=DTYPE, device=device),
    )
    repeated = [seed for seed in seeds for _ in weights]
    shape = _shape(problem, hidden, len(problem.card.regimes) if regimes else None)
    network, record = fit_mixtures(shape, parts[0], parts[1], repeated, budget, term)
    with torch.no_grad():
        unseen = network(parts[1].x).log_prob(parts[1].u).view(len(seeds), count, -1)
    best = [strongest_within_error(likelihoods) for likelihoods in unseen]
    rows = [seed * count + choice for seed, choice in enumerate(best)]
    name = REGIMES if regimes else PRIORS
    return _mixture_fit(name, network, record.seconds / len(seeds), rows, tuple(weights[choice] for choice in best))


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


def fit_flow(problem: Problem, split: Split, seeds: Sequence[int], hidden: tuple[int, ...], budget: Budget) -> Fit:
    """Conditional flow matching with as many parameters as the mixture has, as nearly as the width allows."""
    condition, value = len(problem.card.low), len(problem.card.value_names)
    mixture = parameter_count(_shape(problem, hidden).layer_sizes(condition, value))
    width = width_for(mixture, condition + value + 1, value, len(hidden))
    network, record = fit_flows(
        [width] * len(hidden),
        [split.training.x, split.training.u],
        [split.validation.x, split.validation.u],
        seeds,
        budget,
    )
    members = len(seeds)

    def draw(conditions: Tensor, count: int, generator: torch.Generator) -> Tensor:
        tiled = conditions.repeat_interleave(count, dim=0).expand(members, -1, -1)
        flat = network.sample(tiled, generator, FLOW_STEPS)
        return flat.view(members, len(conditions), count, -1)

    def log_prob(x: Tensor, u: Tensor) -> Tensor:
        return network.log_prob(x.expand(members, -1, -1), u.expand(members, -1, -1), FLOW_STEPS)

    return Fit(FLOW, network.network.parameters_per_member(), record.seconds / members, draw, log_prob)


def fit_all(
    problem: Problem,
    split: Split,
    seeds: Sequence[int],
    hidden: tuple[int, ...],
    budget: Budget,
    weights: Sequence[float],
) -> list[Fit]:
    """Every method of networks on the same samples, with the same steps and batches."""
    return [
        fit_mixture(problem, split, seeds, hidden, budget),
        fit_mixture_with_priors(problem, split, seeds, hidden, budget, weights),
        fit_mixture_with_priors(problem, split, seeds, hidden, budget, weights, regimes=True),
        fit_flow(problem, split, seeds, hidden, budget),
    ]


def _shape(problem: Problem, hidden: tuple[int, ...], components: int | None = None) -> MixtureShape:
    return MixtureShape(components or problem.card.components, problem.card.covariance, hidden)


def _mixture_fit(
    name: str, network: MixtureNetwork, seconds: float, rows: Sequence[int], weights: tuple[float, ...] = ()
) -> Fit:
    members, picked = network.network.members, list(rows)

    def draw(conditions: Tensor, count: int, generator: torch.Generator) -> Tensor:
        drawn = network(conditions.expand(members, -1, -1)).sample(count, generator)
        return drawn[:, picked].permute(1, 2, 0, 3)

    def log_prob(x: Tensor, u: Tensor) -> Tensor:
        return network(x.expand(members, -1, -1)).log_prob(u.expand(members, -1, -1))[picked]

    return Fit(name, network.network.parameters_per_member(), seconds, draw, log_prob, weights)
