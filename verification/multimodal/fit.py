"""What a method of the multimodal study is fitted with, what it gives, and the samples drawn of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmgai_fem.distributions.flow_matching import FlowNetwork
from cmgai_fem.distributions.mixture_density import MixtureShape, Samples
from cmgai_fem.distributions.networks import parameter_count
from cmgai_fem.distributions.training import Budget

from .problems import Problem

Array = NDArray[np.float64]

DTYPE = torch.float32
FLOW_STEPS = 12
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
        constrained: what it draws is on the constraint already.
    """

    method: str
    parameters: int
    seconds: float
    draw: Callable[[Tensor, int, torch.Generator], Tensor]
    log_prob: Callable[[Tensor, Tensor], Tensor] | None
    weights: tuple[float, ...] = ()
    constrained: bool = False

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
    if fit.constrained or problem.constraint() is None:
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


def mixture_shape(problem: Problem, hidden: tuple[int, ...], components: int | None = None) -> MixtureShape:
    """Of a problem's mixture, of as many components as it says by default."""
    return MixtureShape(components or problem.card.components, problem.card.covariance, hidden)


def width_for(parameters: int, inputs: int, outputs: int, hidden_layers: int) -> int:
    """Hidden width whose perceptron has the number of parameters nearest to `parameters`."""
    return min(
        range(1, 2048),
        key=lambda width: abs(parameter_count([inputs, *[width] * hidden_layers, outputs]) - parameters),
    )


def rival_layers(problem: Problem, setup: Setup, inputs: int) -> list[int]:
    """Hidden layers of a network from so many inputs to the values, of as many parameters as the mixture has."""
    condition, value = len(problem.card.low), len(problem.card.value_names)
    mixture = parameter_count(mixture_shape(problem, setup.hidden).layer_sizes(condition, value))
    return [width_for(mixture, inputs, value, len(setup.hidden))] * len(setup.hidden)


def flow_layers(problem: Problem, setup: Setup, conditions: int = 1) -> list[int]:
    """Hidden layers of a flow that is given so many conditions at once."""
    inputs = conditions * len(problem.card.low) + len(problem.card.value_names) + 1
    return rival_layers(problem, setup, inputs)


def flow_of(method: str, network: FlowNetwork, seconds: float) -> Fit:
    """Flows from noise, trained together in so many seconds, as a fitted method."""
    members = len(network.value.shift)

    def draw(conditions: Tensor, count: int, generator: torch.Generator) -> Tensor:
        tiled = conditions.repeat_interleave(count, dim=0).expand(members, -1, -1)
        flat = network.sample(tiled, generator, FLOW_STEPS)
        return flat.view(members, len(conditions), count, -1)

    def log_prob(x: Tensor, u: Tensor) -> Tensor:
        return network.log_prob(x.expand(members, -1, -1), u.expand(members, -1, -1), FLOW_STEPS)

    return Fit(method, network.network.parameters_per_member(), seconds / members, draw, log_prob)
