"""Physics-informed diffusion (PIDM): the residual of the predicted clean sample is a virtual observation of zero.

Its variance is that of what the noise leaves undecided, so that it counts for little where the noise is strong.

Source: Bastek, Sun and Kochmann, Physics-Informed Diffusion Models, arXiv 2403.14404 (the loss with the clean sample
estimated by its mean; their c = 1e-3). In place of the discrete posterior variance stands the ratio of noise to data,
`deviation^2 / decay^2`, of the continuous diffusion (our choice).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from cmgai_fem.distributions.networks import Standardisation
from cmgai_fem.distributions.probability_flow import FREQUENCIES, ScoreNetwork, decay, deviation, noised
from cmgai_fem.distributions.training import train_on_draws

from ..fit import DTYPE, Fit, Setup, Split, rival_layers
from ..problems import Problem

RESIDUAL_SHARE = 1e-3
SAMPLING_STEPS = 20


@dataclass(frozen=True)
class PhysicsDiffusion:
    """`|e - e_hat|^2 + c / (2 variance) |R(u_hat)|^2`."""

    method: str = "PIDM"
    has_density: bool = False

    def fit(self, problem: Problem, split: Split, setup: Setup) -> Fit:
        """Score networks of as many parameters, steps and batches as the flows."""
        constraint = problem.constraint()
        assert constraint is not None
        scaling = Standardisation.of(split.training.x)
        training, validation = ([scaling.apply(part.x), part.u] for part in (split.training, split.validation))
        inputs, values = split.training.x.shape[-1], split.training.u.shape[-1]
        hidden = rival_layers(problem, setup, inputs + values + 2 * FREQUENCIES)
        network = ScoreNetwork(training[0], training[1], hidden, setup.seeds)

        def losses(x: Tensor, u: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
            point, noise, time = noised(network.value.apply(u), draws)
            predicted = network.noise(x, point, time)
            clean = network.value.undo((point - deviation(time) * predicted) / decay(time))
            square = (constraint.residual(scaling.undo(x), clean) / constraint.scale).square().sum(dim=-1)
            certain = (decay(time) / deviation(time)).square().squeeze(-1)
            physics = 0.5 * RESIDUAL_SHARE * (certain * square).mean(dim=1)
            return (predicted - noise).square().mean(dim=(1, 2)), physics

        def objective(x: Tensor, u: Tensor, draws: torch.Generator) -> Tensor:
            return torch.stack(losses(x, u, draws)).sum(dim=0)

        def misfit(x: Tensor, u: Tensor, draws: torch.Generator) -> Tensor:
            return losses(x, u, draws)[0]

        record = train_on_draws(network, misfit, training, validation, setup.seeds[0], setup.budget, None, objective)
        members = len(setup.seeds)

        def draw(conditions: Tensor, count: int, chance: torch.Generator) -> Tensor:
            x = scaling.apply(conditions.repeat_interleave(count, dim=0).expand(members, -1, -1))
            noise = torch.randn(*x.shape[:-1], values, generator=chance, dtype=DTYPE).to(x.device)
            return network.path(x, noise, steps=SAMPLING_STEPS).view(members, len(conditions), count, -1)

        parameters = network.network.parameters_per_member()
        return Fit(self.method, parameters, record.seconds / members, draw, None)
