"""Physics priors on a conditional mixture: each says how far a component, or its values, are from what physics allows.

A prior returns one non-negative penalty a component; the fit weights it by the component's probability. Residuals are
divided by a scale in their own unit, so that one penalty weight means the same for every problem.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cmgai_fem.distributions.mixture_density import Mixture, Slope


class SlopeAlong(Protocol):
    """Gives the exact slope of the mixtures at hand along a condition."""

    def __call__(self, axis: int, order: int = 1) -> Slope:
        """First or second derivative along the condition number `axis`."""
        ...


class MeanDerivative(Protocol):
    """Gives an exact derivative of the component means along a condition."""

    def __call__(self, axis: int, order: int = 1) -> Tensor:
        """(..., K, d) first or second derivative along the condition number `axis`."""
        ...


Residual = Callable[[Tensor, Tensor], Tensor]


class Prior(Protocol):
    """What the fit asks of a prior."""

    def penalty(self, x: Tensor, mixture: Mixture, slope_along: SlopeAlong) -> Tensor:
        """Squared, scaled residual of each component.

        Args:
            x: (..., p) conditions.
            mixture: the mixtures at x.
            slope_along: exact slopes of the mixtures along any condition.

        Returns:
            (..., K) penalties, zero where the physics holds.
        """
        ...


@dataclass(frozen=True)
class AlgebraicResidual:
    """The component means, or all their values, satisfy `residual(x, u) = 0`.

    Args:
        residual: maps x (..., 1, p) and u (..., n, d) to residuals (..., n, m).
        scale: size of a residual that counts as one.
        spread: asked of values that have each component's mean and covariance, which are moved with them, not of the
            mean alone; for a linear residual the penalty is then the mean square over the component itself.
    """

    residual: Residual
    scale: float = 1.0
    spread: bool = False

    def penalty(self, x: Tensor, mixture: Mixture, slope_along: SlopeAlong) -> Tensor:
        """Mean square of the scaled residual (..., K)."""
        u = mixture.spread_points().flatten(-3, -2) if self.spread else mixture.means
        square = (self.residual(x.unsqueeze(-2), u) / self.scale).square().mean(dim=-1)
        return square.unflatten(-1, (mixture.means.shape[-2], -1)).mean(dim=-1)


@dataclass(frozen=True)
class RegimeResidual:
    """Each component has its own equation: component k satisfies `residuals[k](x, u) = 0`.

    For mixtures whose components are tied to named regimes.

    Args:
        residuals: one for each component, mapping x (..., p) and u (..., d) to (..., m).
        scale: size of a residual that counts as one.
    """

    residuals: tuple[Residual, ...]
    scale: float = 1.0

    def penalty(self, x: Tensor, mixture: Mixture, slope_along: SlopeAlong) -> Tensor:
        """Mean square of each component's own scaled residual (..., K)."""
        each = [
            (residual(x, mixture.means[..., k, :]) / self.scale).square().mean(dim=-1)
            for k, residual in enumerate(self.residuals)
        ]
        return torch.stack(each, dim=-1)


@dataclass(frozen=True)
class DifferentialResidual:
    """The component means, as functions of the conditions, satisfy a differential equation.

    Ordinary along one condition (time), partial along several (time and place).

    Args:
        residual: maps x (..., 1, p), u (..., K, d) and the derivatives of u along any condition to (..., K, m); the
            heat equation is `lambda x, u, derivative: derivative(0) - k * derivative(1, 2)` with x = (time, place).
        scale: size of a residual that counts as one.
    """

    residual: Callable[[Tensor, Tensor, MeanDerivative], Tensor]
    scale: float = 1.0

    def penalty(self, x: Tensor, mixture: Mixture, slope_along: SlopeAlong) -> Tensor:
        """Mean square of the scaled residual (..., K)."""

        def derivative(axis: int, order: int = 1) -> Tensor:
            return slope_along(axis, order).means

        return (self.residual(x.unsqueeze(-2), mixture.means, derivative) / self.scale).square().mean(dim=-1)


@dataclass(frozen=True)
class Monotonicity:
    """One value never falls (sign = 1) or never rises (sign = -1) along one condition, in every component.

    Args:
        axis: which condition.
        value: which component of u.
        sign: 1 or -1.
        scale: slope that counts as one.
    """

    axis: int = 0
    value: int = 0
    sign: float = 1.0
    scale: float = 1.0

    def penalty(self, x: Tensor, mixture: Mixture, slope_along: SlopeAlong) -> Tensor:
        """Square of the slope of the wrong sign (..., K)."""
        slope = slope_along(self.axis).means[..., self.value]
        return torch.relu(-self.sign * slope / self.scale).square()


@dataclass(frozen=True)
class Stability:
    """The component means are stable fixed points of `du/dt = rate(x, u)`.

    Penalised is the largest eigenvalue of the symmetric part of the rate's Jacobian. For a gradient system that is
    the largest growth rate itself; otherwise it bounds it from above, so the prior asks for more than stability.

    Args:
        rate: maps x (..., 1, p) and u (..., K, d) to rates (..., K, d).
        scale: growth rate that counts as one.
    """

    rate: Residual
    scale: float = 1.0

    def penalty(self, x: Tensor, mixture: Mixture, slope_along: SlopeAlong) -> Tensor:
        """Square of the positive part of the growth rate (..., K)."""
        growth = largest_growth_rate(self.rate, x.unsqueeze(-2), mixture.means)
        return torch.relu(growth / self.scale).square()


@dataclass(frozen=True)
class SteadyShares:
    """The components' shares do not change along one condition: probability is conserved in each basin.

    Holds along time where a component is a bundle of paths, and along a load where the boundary between the basins of
    attraction stays where it is while the law of the starts does not depend on the load.

    Args:
        axis: which condition.
        scale: slope of a share's logarithm that counts as one.
    """

    axis: int = 0
    scale: float = 1.0

    def penalty(self, x: Tensor, mixture: Mixture, slope_along: SlopeAlong) -> Tensor:
        """Square of the scaled slope of each share's logarithm (..., K)."""
        return (slope_along(self.axis).log_shares / self.scale).square()


@dataclass(frozen=True)
class Bounds:
    """A quantity of the component means stays within bounds.

    Args:
        quantity: maps x (..., 1, p) and u (..., K, d) to (..., K, m).
        lower: least allowed value.
        upper: greatest allowed value.
        scale: excess that counts as one.
    """

    quantity: Residual
    lower: float = -float("inf")
    upper: float = float("inf")
    scale: float = 1.0

    def penalty(self, x: Tensor, mixture: Mixture, slope_along: SlopeAlong) -> Tensor:
        """Mean square of the excess over the bounds (..., K)."""
        value = self.quantity(x.unsqueeze(-2), mixture.means)
        excess = torch.relu(self.lower - value) + torch.relu(value - self.upper)
        return (excess / self.scale).square().mean(dim=-1)


def jacobian(rate: Residual, x: Tensor, u: Tensor) -> Tensor:
    """Exact derivative (..., d, d) of a rate (..., d) that acts point by point, with respect to u (..., d)."""
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        at = u if u.requires_grad else u.detach().requires_grad_()
        value = rate(x, at)
        count = value.shape[-1]
        rows = [
            torch.autograd.grad(value[..., row].sum(), at, create_graph=keep, retain_graph=keep or row + 1 < count)[0]
            for row in range(count)
        ]
    return torch.stack(rows, dim=-2)


def largest_growth_rate(rate: Residual, x: Tensor, u: Tensor) -> Tensor:
    """Largest eigenvalue (...) of the symmetric part of the rate's Jacobian at u (..., d)."""
    slope = jacobian(rate, x, u)
    if slope.shape[-1] == 1:
        return slope[..., 0, 0]
    return torch.linalg.eigvalsh(0.5 * (slope + slope.mT))[..., -1]
