"""Stochastic interpolants from the neighbouring known samples: the flow starts at a state that is known, not at noise.

A sample at one condition is joined with one drawn from those known at neighbouring conditions, other than its own;
`u_t = (1 - t) u0 + t u1 + s sin^2(pi t) z` with z normal noise. The network learns the mean velocity of such ways,
given both conditions, and carries known neighbours to an unseen condition.

Source: Albergo, Boffi and Vanden-Eijnden, Stochastic Interpolants, arXiv 2303.08797; for physical states that start at
their neighbours, arXiv 2509.26282. The neighbours are our choice.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from cmgai_fem.distributions.flow_matching import FlowNetwork, integrate
from cmgai_fem.distributions.training import train_on_draws

from ..fit import FLOW_STEPS, Fit, Setup, Split, flow_layers
from ..problems import Problem

# At least so many, or this share of the known samples: what is drawn are as many different values.
NEIGHBOURS, SHARE = 8, 0.05
LATENT = 0.5


@dataclass(frozen=True)
class NeighbourInterpolant:
    """`|v - (u1 - u0 + s pi sin(2 pi t) z)|^2` over pairs of neighbours."""

    method: str = "interpolant"

    def fit(self, problem: Problem, split: Split, setup: Setup) -> Fit:
        """Flows of as many parameters, steps and batches as those from noise."""
        training, validation = ([part.x, part.u] for part in (split.training, split.validation))
        known_x, known_u = training
        hidden = flow_layers(problem, setup, conditions=2)
        network = FlowNetwork(torch.cat([known_x, known_x], dim=-1), known_u, hidden, setup.seeds)
        start_of = Neighbours(known_x, network.value.apply(known_u))

        def misfit(x: Tensor, u: Tensor, draws: torch.Generator) -> Tensor:
            goal = network.value.apply(u)
            start_x, start = start_of(x, draws)
            latent = torch.randn(goal.shape, generator=draws, dtype=goal.dtype).to(goal.device)
            time = torch.rand(*goal.shape[:2], 1, generator=draws, dtype=goal.dtype).to(goal.device)
            point = (1.0 - time) * start + time * goal + LATENT * torch.sin(torch.pi * time).square() * latent
            wanted = goal - start + LATENT * torch.pi * torch.sin(2.0 * torch.pi * time) * latent
            both = network.condition.apply(torch.cat([x, start_x], dim=-1))
            return (network.velocity(both, point, time) - wanted).square().mean(dim=(1, 2))

        record = train_on_draws(network, misfit, training, validation, setup.seeds[0], setup.budget)
        members = len(setup.seeds)

        def draw(conditions: Tensor, count: int, generator: torch.Generator) -> Tensor:
            x = conditions.repeat_interleave(count, dim=0).expand(members, -1, -1)
            start_x, start = start_of(x, generator)
            both = network.condition.apply(torch.cat([x, start_x], dim=-1))

            def rate(time: Tensor, point: Tensor) -> Tensor:
                return network.velocity(both, point, time.expand(*point.shape[:-1], 1))

            end = network.value.undo(integrate(rate, start, 0.0, 1.0, FLOW_STEPS))
            return end.view(members, len(conditions), count, -1)

        return Fit(self.method, network.network.parameters_per_member(), record.seconds / members, draw, None)


@dataclass(frozen=True)
class Neighbours:
    """Known samples to start from.

    Args:
        x: (M, N, p) their conditions.
        u: (M, N, d) their values.
    """

    x: Tensor
    u: Tensor

    def __call__(self, x: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Condition (M, B, p) and value (M, B, d) of one of the nearest known samples, none of them at x (M, B, p).

        All that lie as near as the last of the nearest take part, so that a cloud is never cut.
        """
        rows = []
        # Of equal conditions, which are asked for many at a time, the distances are found once.
        for member, asked in enumerate(x):
            places, back = torch.unique(asked, dim=0, return_inverse=True)
            distance = torch.cdist(places, self.x[member])
            distance[distance <= 0.0] = torch.inf
            count = min(max(NEIGHBOURS, round(SHARE * distance.shape[1])), distance.shape[1])
            last = distance.kthvalue(count, dim=1, keepdim=True).values
            reached = (distance <= last * (1.0 + 1e-6)).cumsum(dim=1, dtype=torch.int32)[back]
            drawn = torch.rand(len(asked), generator=draws, dtype=asked.dtype).to(asked.device)
            pick = (drawn * reached[:, -1]).int()
            rows.append(torch.searchsorted(reached, pick[:, None] + 1).squeeze(1))
        at = torch.stack(rows)
        members = torch.arange(len(x), device=x.device)[:, None]
        return self.x[members, at], self.u[members, at]
