"""Score-based generation: noise is added by a diffusion, its score learnt, and the probability-flow ODE run backwards.

The diffusion is variance preserving, `dz = -½ β(t) z dt + sqrt(β(t)) dW` with β linear in t, so that z(t) given z(0) is
normal with mean `a(t) z(0)` and deviation `sqrt(1 - a²)`. Its densities are also those of the ODE
`dz/dt = -½ β (z + score)`, which carries a normal cloud at t = 1 to data at t = 0.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cmgai_fem.distributions.flow_matching import integrate
from cmgai_fem.distributions.networks import StackedPerceptron, Standardisation
from cmgai_fem.distributions.training import Budget, TrainingRecord, train_on_draws

SLOWEST, FASTEST = 0.1, 20.0
# The score grows without bound towards t = 0; the ODE stops where the noise left is 1 % of the data's width.
EARLIEST = 1e-3
FREQUENCIES = 4


def decay(time: Tensor) -> Tensor:
    """a(t): what is left of the data at time t; exp(-½ ∫ β)."""
    return torch.exp(-0.5 * (SLOWEST * time + 0.5 * (FASTEST - SLOWEST) * time**2))


def deviation(time: Tensor) -> Tensor:
    """sqrt(1 - a(t)²): deviation of the noise at time t."""
    return torch.sqrt(-torch.expm1(2.0 * torch.log(decay(time))))


class ScoreNetwork(nn.Module):
    """M conditional networks that predict the noise in z(t); the score is minus that over the deviation.

    The prediction for unit normal data, deviation times z, is built in; the network adds what the data differ by.

    Args:
        x: (M, B, p) training conditions.
        u: (M, B, d) training points, which fix the scaling.
        hidden: units of each hidden layer.
        seeds: (M,) seeds of the initial weights.
    """

    def __init__(self, x: Tensor, u: Tensor, hidden: Sequence[int], seeds: Sequence[int]) -> None:
        super().__init__()
        self.value = Standardisation.of(u)
        self.dimension = u.shape[-1]
        sizes = [x.shape[-1] + self.dimension + 2 * FREQUENCIES, *hidden, self.dimension]
        self.network = StackedPerceptron(sizes, seeds, u.dtype, u.device)

    def noise(self, x: Tensor, point: Tensor, time: Tensor) -> Tensor:
        """Predicted unit noise (M, B, d) in points (M, B, d) at times (M, B, 1) for conditions (M, B, p)."""
        # Of the square root of time, which the noise level follows near t = 0, where the score is sharp.
        octaves = torch.pi * 2.0 ** torch.arange(-1, FREQUENCIES - 1, dtype=point.dtype, device=point.device)
        waves = time.sqrt() * octaves
        correction = self.network(torch.cat([x, point, torch.sin(waves), torch.cos(waves)], dim=-1))
        return deviation(time) * point + decay(time) * correction

    def path(self, x: Tensor, start: Tensor, reached: float = 1.0, steps: int = 60) -> Tensor:
        """Points (M, B, d), in data units, that unit normal noise (M, B, d) reaches on its way from t = 1 to data.

        Args:
            x: (M, B, p) conditions.
            start: noise.
            reached: part of the way gone, in the square root of time; 1 ends at the data.
            steps: Runge-Kutta steps of the whole way.
        """

        # Equal steps in the square root of time: most of the way happens near t = 0.
        def rate(root: Tensor, point: Tensor) -> Tensor:
            time = root**2
            at = time.expand(*point.shape[:-1], 1)
            speed = SLOWEST + (FASTEST - SLOWEST) * time
            drift = -0.5 * speed * (point - self.noise(x, point, at) / deviation(time))
            return 2.0 * root * drift

        with torch.no_grad():
            end = 1.0 - reached * (1.0 - EARLIEST**0.5)
            return self.value.undo(integrate(rate, start, 1.0, end, max(1, round(steps * reached))))


def fit_scores(
    hidden: Sequence[int],
    training: Sequence[Tensor],
    validation: Sequence[Tensor],
    seeds: Sequence[int],
    budget: Budget,
) -> tuple[ScoreNetwork, TrainingRecord]:
    """Fit M score networks by denoising score matching, weighted so that every noise level counts alike.

    Times are drawn with uniform square roots (our choice): uniform times leave one in ten to the sharp scores below
    t = 0.1.

    Args:
        hidden: units of each hidden layer.
        training: conditions (M, B, p) and points (M, B, d).
        validation: the same for the points that choose the weights, with fixed noise.
        seeds: (M,) seeds of initial weights; the first also seeds the draws.
        budget: steps, batch and patience.

    Returns:
        The networks with their best weights, and the record of the training.

    Source: Vincent, Neural Comput. 23 (2011); Song et al., ICLR (2021), eqs 7, 13 and 29.
    """
    network = ScoreNetwork(training[0], training[1], hidden, seeds)

    def misfit(x: Tensor, u: Tensor, draws: torch.Generator) -> Tensor:
        point, noise, time = noised(network.value.apply(u), draws)
        return (network.noise(x, point, time) - noise).square().mean(dim=(1, 2))

    return network, train_on_draws(network, misfit, training, validation, seeds[0], budget)


def noised(clean: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Points (M, B, d) between clean ones (M, B, d) and noise, the noise, and their times (M, B, 1)."""
    noise = torch.randn(clean.shape, generator=draws, dtype=clean.dtype).to(clean.device)
    root = torch.rand(*clean.shape[:2], 1, generator=draws, dtype=clean.dtype).to(clean.device)
    time = (EARLIEST**0.5 + (1.0 - EARLIEST**0.5) * root) ** 2
    return decay(time) * clean + deviation(time) * noise, noise, time
