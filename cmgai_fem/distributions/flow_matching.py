"""Conditional flow matching: the rival of the mixtures and of the transport.

A velocity network v(u, t | x) is regressed on straight ways from normal noise to data; its flow carries noise to
samples of p(u | x). Noise and value are paired independently: pairing them by minibatch optimal transport that does
not see the condition breaks conditional laws.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from cmgai_fem.distributions.networks import StackedPerceptron, Standardisation
from cmgai_fem.distributions.physics_priors import jacobian
from cmgai_fem.distributions.training import Budget, TrainingRecord, train_on_draws


class FlowNetwork(nn.Module):
    """M conditional velocity fields, each with its own data scaling.

    Args:
        x: (M, B, p) training conditions, which fix the scaling.
        u: (M, B, d) training values.
        hidden: units of each hidden layer.
        seeds: (M,) seeds of the initial weights.
    """

    def __init__(self, x: Tensor, u: Tensor, hidden: Sequence[int], seeds: Sequence[int]) -> None:
        super().__init__()
        self.condition = Standardisation.of(x)
        self.value = Standardisation.of(u)
        self.dimension = u.shape[-1]
        sizes = [x.shape[-1] + self.dimension + 1, *hidden, self.dimension]
        self.network = StackedPerceptron(sizes, seeds, x.dtype, x.device)

    def velocity(self, condition: Tensor, point: Tensor, time: Tensor) -> Tensor:
        """Velocity (M, B, d) at scaled conditions (M, B, p), scaled points (M, B, d) and times (M, B, 1)."""
        return self.network(torch.cat([condition, point, time], dim=-1))

    def sample(self, x: Tensor, generator: torch.Generator, steps: int = 20) -> Tensor:
        """One value (M, B, d) at each condition (M, B, p): noise carried from t = 0 to 1 by fixed-step rk4."""
        condition = self.condition.apply(x)
        noise = torch.randn(*x.shape[:-1], self.dimension, generator=generator, dtype=x.dtype).to(x.device)

        def rate(time: Tensor, point: Tensor) -> Tensor:
            return self.velocity(condition, point, time.expand(*point.shape[:-1], 1))

        with torch.no_grad():
            return self.value.undo(integrate(rate, noise, 0.0, 1.0, steps))

    def log_prob(self, x: Tensor, u: Tensor, steps: int = 20) -> Tensor:
        """Log density (M, B) of values (M, B, d): carried back to the noise, with the exact divergence on the way."""
        condition = self.condition.apply(x)
        start = torch.cat([self.value.apply(u), torch.zeros_like(u[..., :1])], dim=-1)

        def rate(time: Tensor, state: Tensor) -> Tensor:
            point = state[..., :-1]
            at = time.expand(*point.shape[:-1], 1)
            slope = jacobian(lambda _, p: self.velocity(condition, p, at), condition, point)
            divergence = slope.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
            velocity = self.velocity(condition, point, at)
            return torch.cat([velocity, divergence.unsqueeze(-1)], dim=-1)

        with torch.no_grad():
            end = integrate(rate, start, 1.0, 0.0, steps)
        normal = torch.distributions.Normal(0.0, 1.0)
        scaling = self.value.scale.log().sum(dim=-1)
        return normal.log_prob(end[..., :-1]).sum(dim=-1) + end[..., -1] - scaling


def integrate(rate: Callable[[Tensor, Tensor], Tensor], start: Tensor, begin: float, end: float, steps: int) -> Tensor:
    """Carry `start` along `rate(time, state)` from `begin` to `end` in equal steps of Kutta's 3/8 rule.

    Source: Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I (1993), table II.1.2.
    """
    state, step = start, (end - begin) / steps
    for time in torch.linspace(begin, end, steps + 1, dtype=start.dtype, device=start.device)[:-1]:
        first = rate(time, state)
        second = rate(time + step / 3.0, state + step / 3.0 * first)
        third = rate(time + 2.0 * step / 3.0, state + step * (second - first / 3.0))
        fourth = rate(time + step, state + step * (first - second + third))
        state = state + step / 8.0 * (first + 3.0 * (second + third) + fourth)
    return state


def fit_flows(
    hidden: Sequence[int],
    training: Sequence[Tensor],
    validation: Sequence[Tensor],
    seeds: Sequence[int],
    budget: Budget,
    check: Callable[[FlowNetwork], Tensor] | None = None,
) -> tuple[FlowNetwork, TrainingRecord]:
    """Fit M conditional flows at once.

    Args:
        hidden: units of each hidden layer.
        training: conditions (M, B, p) and values (M, B, d).
        validation: the same for the samples that choose the weights, by their flow matching loss with fixed draws.
        seeds: (M,) seeds of initial weights; the first also seeds the draws.
        budget: steps, batch and patience, the same as a mixture's.
        check: maps the network to (M,) figures by which weights are kept instead of the validation misfit.

    Returns:
        The networks with their best weights, and the record of the training.

    Source: Lipman et al., Flow Matching for Generative Modeling (2023), eq. 9; Tong et al., TMLR (2024), I-CFM.
    """
    network = FlowNetwork(training[0], training[1], hidden, seeds)

    def misfit(x: Tensor, u: Tensor, draws: torch.Generator) -> Tensor:
        goal = network.value.apply(u)
        noise, time = draw_start(goal, draws)
        point = (1.0 - time) * noise + time * goal
        predicted = network.velocity(network.condition.apply(x), point, time)
        return (predicted - (goal - noise)).square().mean(dim=(1, 2))

    own = None if check is None else partial(check, network)
    return network, train_on_draws(network, misfit, training, validation, seeds[0], budget, own)


def draw_start(goal: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Unit normal noise (M, B, d), paired with goals (M, B, d) at random, and times (M, B, 1) uniform in [0, 1]."""
    noise = torch.randn(goal.shape, generator=draws, dtype=goal.dtype).to(goal.device)
    return noise, torch.rand(*goal.shape[:2], 1, generator=draws, dtype=goal.dtype).to(goal.device)
