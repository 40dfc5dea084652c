"""Fitting mixture density networks by likelihood, with physics priors weighted by the components' probability."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from cmgai_fem.distributions.mixture_density import MixtureNetwork, MixtureShape, Samples, Slope
from cmgai_fem.distributions.physics_priors import Prior
from cmgai_fem.distributions.training import Budget, TrainingRecord, draw_rows, train_stacked


@dataclass(frozen=True)
class PriorTerm:
    """Physics priors in a fit.

    Args:
        priors: the priors, added up.
        weights: (M,) penalty weight of each member; zero switches the priors off.
        low: (p,) lower ends of the box of conditions on which the priors are asked for.
        high: (p,) upper ends.
        points: conditions drawn a step.
    """

    priors: Sequence[Prior]
    weights: Tensor
    low: Tensor
    high: Tensor
    points: int = 64


def fit_mixtures(
    shape: MixtureShape,
    training: Samples,
    validation: Samples,
    seeds: Sequence[int],
    budget: Budget,
    prior: PriorTerm | None = None,
) -> tuple[MixtureNetwork, TrainingRecord]:
    """Fit M mixture density networks at once.

    The loss of a member is the negative log likelihood, plus its weight times the mean over random conditions of
    `sum_k pi_k r_k^2`, with r_k the priors' residual of component k. The shares in that sum are held fixed: the
    priors move components, not probability from a component with a large residual to one with a small one (our
    choice). With known regimes the likelihood is that of value and regime together, which ties component k to
    regime k.

    Args:
        shape: components, covariance and layers.
        training: (M, B, ...) samples to learn from.
        validation: (M, V, ...) samples by whose likelihood the weights are chosen.
        seeds: (M,) seeds of initial weights; the first also seeds the batches.
        budget: steps, batch and patience.
        prior: physics priors and their weights, or None.

    Returns:
        The networks with their best weights, and the record of the training, whose `validation` is the negative log
        likelihood (of the values alone) of the validation samples.

    Source: Bishop, Mixture Density Networks (1994); Han and Bahmani, arXiv 2602.10451, for the weighted penalty.
    """
    network = MixtureNetwork(shape, training, seeds)

    def loss(generator: torch.Generator) -> Tensor:
        rows = draw_rows(training.tensors(), budget.batch, generator)
        mixture = network(rows[0])
        fit = mixture.log_prob(rows[1]) if len(rows) == 2 else mixture.log_prob_in_regime(rows[1], rows[2])
        total = -fit.mean(dim=1)
        if prior is not None and prior.priors and bool((prior.weights > 0.0).any()):
            total = total + prior.weights * prior_penalty(network, prior, generator)
        return total

    def unseen() -> Tensor:
        return -network(validation.x).log_prob(validation.u).mean(dim=1)

    return network, train_stacked(network, loss, unseen, seeds[0], budget)


def prior_penalty(network: MixtureNetwork, prior: PriorTerm, generator: torch.Generator) -> Tensor:
    """Mean weighted penalty (M,) of each member at freshly drawn conditions."""
    members = network.network.members
    drawn = torch.rand(prior.points, len(prior.low), generator=generator, dtype=prior.low.dtype).to(prior.low.device)
    x = (prior.low + drawn * (prior.high - prior.low)).expand(members, -1, -1)
    mixture = network(x)

    @cache
    def slope_along(axis: int, order: int = 1) -> Slope:
        return network.slope(x, mixture, axis, order)

    each = torch.stack([item.penalty(x, mixture, slope_along) for item in prior.priors]).sum(dim=0)
    return (mixture.log_shares.detach().exp() * each).sum(dim=-1).mean(dim=1)
