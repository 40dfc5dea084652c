"""Projection during sampling: a trained flow is kept on the constraint while it draws, without any training.

At each step the end of the way is extrapolated, moved onto the constraint, and joined again with the noise that the
sample started from. What is drawn satisfies the constraint.

Source: Cheng et al., Gradient-Free Generation for Hard-Constrained Systems (ECI), arXiv 2412.01786; for nonlinear
constraints by Gauss-Newton as in Utkarsh et al., Physics-Constrained Flow Matching, arXiv 2506.04171.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cmgai_fem.distributions.flow_matching import FlowNetwork

from ..fit import FLOW_STEPS, Fit
from ..problems import Problem


@dataclass(frozen=True)
class ConstrainedSampling:
    """`u1 = P(u_t + (1 - t) v)`, then `u_{t + dt} = (1 - t - dt) u0 + (t + dt) u1`."""

    method: str = "projection during sampling"

    def fit(self, problem: Problem, flow: Fit, network: FlowNetwork) -> Fit:
        """The flows that were trained without physics, drawn from in another way."""
        members = len(network.value.shift)

        def draw(conditions: Tensor, count: int, generator: torch.Generator) -> Tensor:
            x = conditions.repeat_interleave(count, dim=0).expand(members, -1, -1)
            states = self.states(problem, network, x, generator)
            errors = torch.tensor(problem.card.gauge_errors or (0.0,) * states.shape[-1], dtype=states.dtype)
            readings = states + torch.randn(states.shape, generator=generator, dtype=states.dtype) * errors
            return readings.view(members, len(conditions), count, -1)

        return replace(flow, method=self.method, draw=draw, log_prob=None, constrained=True)

    def states(self, problem: Problem, network: FlowNetwork, x: Tensor, generator: torch.Generator) -> Tensor:
        """One state (M, B, d) on the constraint at each condition (M, B, p)."""
        constraint = problem.constraint()
        assert constraint is not None
        metric = torch.as_tensor(problem.card.unit_sizes**2)
        condition = network.condition.apply(x)
        noise = torch.randn(*x.shape[:-1], network.dimension, generator=generator, dtype=x.dtype).to(x.device)
        point = noise
        for step in range(FLOW_STEPS):
            time, later = step / FLOW_STEPS, (step + 1) / FLOW_STEPS
            ahead = point + (1.0 - time) * network.velocity(condition, point, torch.full_like(point[..., :1], time))
            states = constraint.project(x.double(), network.value.undo(ahead).double(), metric).values
            point = (1.0 - later) * noise + later * network.value.apply(states.to(x.dtype))
        return states
