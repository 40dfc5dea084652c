"""The methods that the multimodal study compares, each fitted to the same samples for several seeds at once."""

import torch
from torch import Tensor

from cmgai_fem.distributions.flow_matching import fit_flows
from cmgai_fem.distributions.mixture_density import Samples
from cmgai_fem.distributions.mixture_training import PriorTerm, fit_mixtures

from .fit import DTYPE, Fit, Setup, Split, flow_layers, flow_of, mixture_shape
from .problems import Problem
from .rivals.constrained_sampling import ConstrainedSampling
from .rivals.interpolants import NeighbourInterpolant
from .rivals.physics_diffusion import PhysicsDiffusion
from .rivals.physics_flow import PhysicsFlow

MIXTURE, PRIORS, REGIMES, FLOW = "mixture", "mixture, priors", "mixture, priors, regimes", "flow matching"
# Rivals that need a constraint of single values, and those that do not.
CONSTRAINED = ConstrainedSampling()
INFORMED = (PhysicsFlow(), PhysicsFlow(conflict_free=True), PhysicsDiffusion())
INTERPOLANT = NeighbourInterpolant()


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
    shape = mixture_shape(problem, setup.hidden, len(problem.card.regimes) if regimes else None)
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


def fit_flows_from_noise(problem: Problem, split: Split, setup: Setup) -> list[Fit]:
    """Conditional flow matching and, where values must satisfy a constraint, the same flows kept on it as they draw."""
    training, validation = ([part.x, part.u] for part in (split.training, split.validation))
    network, record = fit_flows(flow_layers(problem, setup), training, validation, setup.seeds, setup.budget)
    flow = flow_of(FLOW, network, record.seconds)
    return [flow] if problem.constraint() is None else [flow, CONSTRAINED.fit(problem, flow, network)]


def fit_all(problem: Problem, split: Split, setup: Setup) -> list[Fit]:
    """Every method of networks on the same samples, with the same steps and batches."""
    informed = [] if problem.constraint() is None else INFORMED
    return [
        fit_mixture(problem, split, setup),
        fit_mixture(problem, split, setup, setup.penalty_weights),
        fit_mixture(problem, split, setup, setup.penalty_weights, regimes=True),
        *fit_flows_from_noise(problem, split, setup),
        *(rival.fit(problem, split, setup) for rival in (*informed, INTERPOLANT)),
    ]


def methods_for(problem: Problem) -> list[str]:
    """Names of the methods that `fit_all` fits."""
    free = problem.constraint() is None
    informed = [] if free else [CONSTRAINED.method, *(rival.method for rival in INFORMED)]
    return [MIXTURE, PRIORS, REGIMES, FLOW, *informed, INTERPOLANT.method]
