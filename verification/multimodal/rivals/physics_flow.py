"""Physics-based flow matching (PBFM): the residual of the sample that the flow is about to make stands in its loss.

From a point of the way the flow is carried to its end in a few Euler steps, which are differentiated through, and the
residual there is added with a weight; or the gradients of the two losses are combined so that neither works against the
other, which needs no weight.

Source: Baldan, Liu, Guardone and Thuerey, Flow Matching Meets PDEs, arXiv 2506.08604 (the losses and the unrolling);
Liu, Chu and Thuerey, ConFIG, arXiv 2408.11104, the case of two losses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cmgai_fem.distributions.constraints import Constraint
from cmgai_fem.distributions.flow_matching import FlowNetwork, draw_start
from cmgai_fem.distributions.training import train_on_draws

from ..fit import Fit, Setup, Split, flow_layers, flow_of
from ..problems import Problem

WEIGHT, UNROLLED, POINTS = 0.1, 4, 64


@dataclass(frozen=True)
class PhysicsFlow:
    """`|v - (u1 - u0)|^2 + weight t |R(u1_hat)|^2`, or without a weight by conflict-free gradients.

    Args:
        conflict_free: combine the gradients instead of the losses.
        has_density: its likelihood can be asked for.
    """

    conflict_free: bool = False
    has_density: bool = True

    @property
    def method(self) -> str:
        """Name in tables."""
        return "PBFM, conflict-free" if self.conflict_free else "PBFM"

    def fit(self, problem: Problem, split: Split, setup: Setup) -> Fit:
        """Flows of as many parameters, steps and batches as those without physics; stopped as those are."""
        constraint = problem.constraint()
        assert constraint is not None
        training, validation = ([part.x, part.u] for part in (split.training, split.validation))
        network = FlowNetwork(training[0], training[1], flow_layers(problem, setup), setup.seeds)

        def losses(x: Tensor, u: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
            goal, condition = network.value.apply(u), network.condition.apply(x)
            noise, time = draw_start(goal, draws)
            point = (1.0 - time) * noise + time * goal
            matching = (network.velocity(condition, point, time) - (goal - noise)).square().mean(dim=(1, 2))
            few = slice(POINTS)
            end = unrolled(network, condition[:, few], point[:, few], time[:, few])
            return matching, (time[:, few, 0] * _square(constraint, x[:, few], network.value.undo(end))).mean(dim=1)

        def objective(x: Tensor, u: Tensor, draws: torch.Generator) -> Tensor:
            matching, physics = losses(x, u, draws)
            if self.conflict_free:
                return conflict_free((matching, physics), list(network.parameters()))
            return matching + WEIGHT * physics

        def misfit(x: Tensor, u: Tensor, draws: torch.Generator) -> Tensor:
            return losses(x, u, draws)[0]

        record = train_on_draws(network, misfit, training, validation, setup.seeds[0], setup.budget, None, objective)
        return flow_of(self.method, network, record.seconds)


def unrolled(network: FlowNetwork, condition: Tensor, point: Tensor, time: Tensor) -> Tensor:
    """Where points (M, B, d) at times (M, B, 1) are carried by t = 1, in a few equal Euler steps."""
    step = (1.0 - time) / UNROLLED
    for index in range(UNROLLED):
        point = point + step * network.velocity(condition, point, time + index * step)
    return point


def conflict_free(losses: tuple[Tensor, Tensor], parameters: Sequence[Tensor]) -> Tensor:
    """A loss (M,) whose gradient is ConFIG's: along the bisector of what each of two losses asks beyond the other.

    Args:
        losses: two losses (M,) of M members.
        parameters: tensors with the members in their first axis.
    """
    first, second = (
        torch.cat([part.flatten(1) for part in torch.autograd.grad(loss.sum(), parameters, retain_graph=True)], dim=1)
        for loss in losses
    )
    direction = _unit(_unit(_across(first, second)) + _unit(_across(second, first)))
    length = ((first + second) * direction).sum(dim=1, keepdim=True)
    values = torch.cat([part.flatten(1) for part in parameters], dim=1)
    return (values * (length * direction).detach()).sum(dim=1)


def _across(along: Tensor, other: Tensor) -> Tensor:
    """The part of `other` (M, n) at a right angle to `along` (M, n)."""
    unit = _unit(along)
    return other - (other * unit).sum(dim=1, keepdim=True) * unit


def _unit(vector: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vector, dim=1)


def _square(constraint: Constraint, x: Tensor, u: Tensor) -> Tensor:
    """Mean square of the scaled residual (M, B)."""
    return (constraint.residual(x, u) / constraint.scale).square().mean(dim=-1)
