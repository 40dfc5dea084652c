"""Mixture density networks: p(u | x) = sum_k pi_k(x) N(u; mu_k(x), Sigma_k(x)).

The mixture's parameters are the outputs of a small network of the condition x. Component means start spread over the
data, so that no two components begin alike and collapse onto each other. `mixture_training` fits them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from cmgai_fem.distributions.networks import StackedPerceptron, Standardisation
from cmgai_fem.errors import InputError


@dataclass(frozen=True)
class Mixture:
    """Normal mixtures at a batch of conditions.

    Args:
        log_shares: (..., K) logarithms of the shares pi_k.
        means: (..., K, d) component means, in the units of u.
        scale: (..., K, d) standard deviations (diagonal covariance) or (..., K, d, d) lower Cholesky factors (full).
    """

    log_shares: Tensor
    means: Tensor
    scale: Tensor

    @property
    def diagonal(self) -> bool:
        """Whether the covariances are diagonal."""
        return self.scale.ndim == self.means.ndim

    @property
    def cholesky(self) -> Tensor:
        """Lower Cholesky factors (..., K, d, d) of the covariances."""
        return torch.diag_embed(self.scale) if self.diagonal else self.scale

    def spread_points(self) -> Tensor:
        """(..., K, 2 d, d) values of equal weight that have each component's mean and covariance.

        Source: Arasaratnam and Haykin, Cubature Kalman filters, IEEE Trans. Autom. Control 54 (2009), eq. 32.
        """
        away = self.cholesky.mT * self.means.shape[-1] ** 0.5
        return self.means.unsqueeze(-2) + torch.cat([away, -away], dim=-2)

    def components(self) -> Independent | MultivariateNormal:
        """The K components as one batched torch distribution."""
        if self.diagonal:
            return Independent(Normal(self.means, self.scale, validate_args=False), 1, validate_args=False)
        return MultivariateNormal(self.means, scale_tril=self.scale, validate_args=False)

    def distribution(self) -> MixtureSameFamily:
        """The mixture as a torch distribution."""
        shares = Categorical(logits=self.log_shares, validate_args=False)
        return MixtureSameFamily(shares, self.components(), validate_args=False)

    def log_prob(self, values: Tensor) -> Tensor:
        """Log density (...) at values (..., d)."""
        return self.distribution().log_prob(values)

    def log_prob_in_regime(self, values: Tensor, regime: Tensor) -> Tensor:
        """Log of pi_c N(u; mu_c, Sigma_c) (...) at values (..., d) whose component c (...) is known."""
        joint = self.log_shares + self.components().log_prob(values.unsqueeze(-2))
        return joint.gather(-1, regime.unsqueeze(-1)).squeeze(-1)

    def mean(self) -> Tensor:
        """Mean (..., d) in closed form: sum_k pi_k mu_k."""
        return (self.log_shares.exp().unsqueeze(-1) * self.means).sum(-2)

    def covariance(self) -> Tensor:
        """Covariance (..., d, d) in closed form: within the components plus between their means."""
        factor = self.cholesky
        away = self.means - self.mean().unsqueeze(-2)
        each = factor @ factor.mT + away.unsqueeze(-1) * away.unsqueeze(-2)
        return (self.log_shares.exp()[..., None, None] * each).sum(-3)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` samples (count, ..., d) at each condition, drawn on the CPU by `generator`."""
        shares = self.log_shares.exp().cpu()
        flat = shares.reshape(-1, shares.shape[-1])
        choice = torch.multinomial(flat, count, replacement=True, generator=generator).T
        choice = choice.reshape(count, *shares.shape[:-1], 1, 1).to(self.means.device)
        dimension = self.means.shape[-1]
        mean = self.means.expand(count, *self.means.shape)
        mean = mean.gather(-2, choice.expand(*choice.shape[:-1], dimension)).squeeze(-2)
        factor = self.cholesky.expand(count, *self.cholesky.shape)
        factor = factor.gather(-3, choice.unsqueeze(-1).expand(*choice.shape[:-1], dimension, dimension)).squeeze(-3)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype).to(mean.device)
        return mean + (factor @ noise.unsqueeze(-1)).squeeze(-1)


@dataclass(frozen=True)
class Slope:
    """Derivatives of a mixture's parameters along one condition, of the first or the second order.

    Args:
        log_shares: (..., K).
        means: (..., K, d).
    """

    log_shares: Tensor
    means: Tensor


@dataclass(frozen=True)
class MixtureShape:
    """Size of a mixture density network.

    Args:
        components: number K of components.
        covariance: "diagonal" or "full".
        hidden: units of each hidden layer.
        smallest_deviation: floor of the standard deviations, as a fraction of the data's.
    """

    components: int
    covariance: str = "full"
    hidden: tuple[int, ...] = (32, 32)
    smallest_deviation: float = 1e-3

    def __post_init__(self) -> None:
        if self.components < 1:
            raise InputError(f"a mixture needs one component or more, not components = {self.components}")
        if self.covariance not in ("diagonal", "full"):
            raise InputError(f"covariance must be 'diagonal' or 'full', not {self.covariance!r}")

    def layer_sizes(self, condition: int, value: int) -> list[int]:
        """Layer sizes for conditions and values of these dimensions."""
        spread = value if self.covariance == "diagonal" else value * (value + 1) // 2
        return [condition, *self.hidden, self.components * (1 + value + spread)]


@dataclass(frozen=True)
class Samples:
    """Training and validation samples of M members.

    Args:
        x: (M, B, p) conditions.
        u: (M, B, d) values.
        regime: (M, B) component that each sample belongs to, or None where that is not known.
    """

    x: Tensor
    u: Tensor
    regime: Tensor | None = None

    def tensors(self) -> list[Tensor]:
        """The tensors that are not None."""
        return [self.x, self.u] if self.regime is None else [self.x, self.u, self.regime]


class MixtureNetwork(nn.Module):
    """M conditional mixtures, each with its own network and data scaling.

    Args:
        shape: components, covariance and layers.
        samples: training samples, which fix the scaling and where the components start.
        seeds: (M,) seeds of the initial weights.
    """

    def __init__(self, shape: MixtureShape, samples: Samples, seeds: Sequence[int]) -> None:
        super().__init__()
        self.shape = shape
        self.dimension = samples.u.shape[-1]
        self.condition = Standardisation.of(samples.x)
        self.value = Standardisation.of(samples.u)
        sizes = shape.layer_sizes(samples.x.shape[-1], self.dimension)
        self.network = StackedPerceptron(sizes, seeds, samples.x.dtype, samples.x.device)
        self._spread(replace(samples, u=self.value.apply(samples.u)))

    @torch.no_grad()
    def _spread(self, samples: Samples) -> None:
        """Start each component at the mean and width of its own slice of the data."""
        components, dimension = self.shape.components, self.dimension
        bias = self.network.biases[-1]
        self.network.weights[-1].mul_(0.1)
        for member in range(self.network.members):
            values = samples.u[member]
            regime = None if samples.regime is None else samples.regime[member]
            for k, part in enumerate(_slices(values, regime, components)):
                bias[member, 0, components + k * dimension : components + (k + 1) * dimension] = part.mean(dim=0)
                width = part.std(dim=0).clamp_min(0.05) if len(part) > 1 else torch.full_like(part[0], 0.5)
                start = components * (1 + dimension) + k * (self._spread_size())
                bias[member, 0, start : start + dimension] = torch.log(torch.expm1(width))

    def _spread_size(self) -> int:
        return self.dimension if self.shape.covariance == "diagonal" else self.dimension * (self.dimension + 1) // 2

    def forward(self, x: Tensor) -> Mixture:
        """Mixtures at conditions x (M, B, p)."""
        components, dimension = self.shape.components, self.dimension
        raw = self.network(self.condition.apply(x))
        logits, means, spread = raw.split(
            [components, components * dimension, components * self._spread_size()], dim=-1
        )
        means = means.unflatten(-1, (components, dimension))
        spread = spread.unflatten(-1, (components, self._spread_size()))
        deviation = nn.functional.softplus(spread[..., :dimension]) + self.shape.smallest_deviation
        unit = self.value.scale.unsqueeze(-2)
        means = means * unit + self.value.shift.unsqueeze(-2)
        if self.shape.covariance == "diagonal":
            scale = deviation * unit
        else:
            factor = torch.diag_embed(deviation)
            row, column = torch.tril_indices(dimension, dimension, offset=-1, device=x.device)
            lower = torch.zeros_like(factor)
            lower[..., row, column] = spread[..., dimension:]
            scale = (factor + lower) * unit.unsqueeze(-1)
        return Mixture(torch.log_softmax(logits, dim=-1), means, scale)

    def slope(self, x: Tensor, mixture: Mixture, axis: int, order: int = 1) -> Slope:
        """Exact first or second derivative along one condition of the mixtures at x (M, B, p), which are given."""
        direction = torch.zeros_like(x)
        direction[..., axis] = 1.0
        first, second = self.network.derivatives(
            self.condition.apply(x), direction / self.condition.scale, curvature=order == 2
        )
        shares = mixture.log_shares.exp()
        components, dimension = self.shape.components, self.dimension
        logits = first[..., :components]
        logits = logits - (shares * logits).sum(dim=-1, keepdim=True)
        raw = first
        if second is not None:
            raw = second
            bent = second[..., :components]
            logits = bent - (shares * (bent + logits.square())).sum(dim=-1, keepdim=True)
        means = raw[..., components : components * (1 + dimension)].unflatten(-1, (components, dimension))
        return Slope(logits, means * self.value.scale.unsqueeze(-2))


def _slices(values: Tensor, regime: Tensor | None, components: int) -> list[Tensor]:
    """Split (B, d) values among the components: by known regime, else in equal parts along the widest direction."""
    if regime is not None:
        parts = [values[regime == k] for k in range(components)]
        return [part if len(part) else values for part in parts]
    direction = torch.linalg.svd(values - values.mean(dim=0), full_matrices=False)[2][0]
    # A singular vector has no sign of its own: the components should start in the same order whatever the library. Of
    # two scaled values both entries are equally large but for rounding, so that the largest one would not tell.
    sizes = direction.abs()
    direction = direction * direction[sizes > 0.5 * sizes.max()][0].sign()
    order = torch.argsort(values @ direction)
    return [values[part] for part in torch.tensor_split(order, components)]
