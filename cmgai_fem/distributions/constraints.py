"""Constraints that every sample must satisfy, and the nearest values that do.

A prior asks a law's components for the physics; a constraint holds for each single value: `residual(x, u) = 0`. Values
that miss it are moved to the nearest ones that do, in the metric of a covariance C: by
`u -> u - C J^T (J C J^T)^-1 residual` with J the residual's exact Jacobian, which is one step for a linear residual and
is repeated for any other.

Source: J. Nocedal, S. J. Wright, Numerical Optimization (2006), eq. 10.23 (Gauss-Newton) and 3.4 (backtracking); the
metric is our choice.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from cmgai_fem.distributions.physics_priors import Residual, jacobian
from cmgai_fem.errors import InputError

# Of a residual's row in the metric, so that equations that say the same twice do no harm.
DAMPING = 1e-12
STEPS, HALVINGS = 30, 12
# A residual, in its scale, that counts as zero.
CONVERGED = 1e-12


@dataclass(frozen=True)
class Projection:
    """Values moved onto a constraint.

    Args:
        values: (..., d).
        before: (...) root mean square residual, in its scale, of the values given.
        after: (...) the same of the values found; as good as zero but where the equations have no solution nearby.
    """

    values: Tensor
    before: Tensor
    after: Tensor


@dataclass(frozen=True)
class Constraint:
    """Every value satisfies `residual(x, u) = 0`.

    Args:
        residual: maps x (..., p) and u (..., d), point by point, to (..., m).
        scale: size of a residual that counts as one.
    """

    residual: Residual
    scale: float = 1.0

    @classmethod
    def linear(cls, matrix: Tensor, target: Tensor, scale: float = 1.0) -> "Constraint":
        """`matrix @ u = target`, whatever the condition.

        Args:
            matrix: (m, d).
            target: (m,).
            scale: size of an error that counts as one.

        Raises:
            InputError: the two do not fit.
        """
        if matrix.ndim != 2 or target.shape != matrix.shape[:1]:
            raise InputError(
                f"a linear constraint needs a matrix (m, d) and m targets, not shapes {tuple(matrix.shape)} and "
                f"{tuple(target.shape)}"
            )
        return cls(lambda x, u: u @ matrix.to(u).mT - target.to(u), scale)

    def size(self, x: Tensor, u: Tensor) -> Tensor:
        """Root mean square residual (...), in its scale, of values u (..., d) at conditions x (..., p)."""
        return (self.residual(x, u) / self.scale).square().mean(dim=-1).sqrt()

    def project(self, x: Tensor, u: Tensor, covariance: Tensor) -> Projection:
        """The nearest values that satisfy the constraint; where the search ends without, the best ones it met.

        Args:
            x: (..., p) conditions.
            u: (..., d) values.
            covariance: (d,) variances or (..., d, d) covariances of the metric: what varies much is moved first.

        Raises:
            InputError: the covariance is not of the values' size.
        """
        metric = torch.diag_embed(covariance) if covariance.ndim == 1 else covariance
        if metric.shape[-2:] != (u.shape[-1], u.shape[-1]):
            raise InputError(
                f"values of {u.shape[-1]} components need a covariance of that size, not {tuple(covariance.shape)}"
            )
        before = self.size(x, u)
        count = before.numel()
        x, values = x.expand(*before.shape, -1).reshape(count, -1), u.reshape(count, -1).clone()
        metric = metric.expand(*before.shape, -1, -1).reshape(count, *metric.shape[-2:])
        after = before.flatten().clone()
        # Only those go on that are not there yet and came nearer.
        rows = torch.nonzero(after > CONVERGED).flatten()
        for _ in range(STEPS):
            if not len(rows):
                break
            step = self._step(x[rows], values[rows], metric[rows])
            moved, size = self._shortened(x[rows], values[rows], step, after[rows])
            nearer = size < after[rows]
            rows = rows[nearer]
            values[rows], after[rows] = moved[nearer], size[nearer]
            rows = rows[after[rows] > CONVERGED]
        return Projection(values.view(u.shape), before, after.view(before.shape))

    def _step(self, x: Tensor, u: Tensor, metric: Tensor) -> Tensor:
        """Gauss-Newton step (..., d) of least length in the metric."""
        slope = jacobian(self.residual, x, u).detach()
        spread = metric @ slope.mT
        matrix = slope @ spread
        size = matrix.diagonal(dim1=-2, dim2=-1).sqrt()
        size = torch.where(size > 0.0, size, torch.ones_like(size))
        scaled = matrix / (size.unsqueeze(-1) * size.unsqueeze(-2))
        scaled = scaled + DAMPING * torch.eye(scaled.shape[-1], dtype=u.dtype, device=u.device)
        force = torch.linalg.solve(scaled, self.residual(x, u) / size) / size
        return -(spread @ force.unsqueeze(-1)).squeeze(-1)

    def _shortened(self, x: Tensor, u: Tensor, step: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        """Values with a smaller residual along the step, halved as often as need be, and that residual."""
        part = torch.ones_like(size)
        for _ in range(HALVINGS):
            moved = u + part.unsqueeze(-1) * step
            found = self.size(x, moved)
            worse = ~(found < size)
            if not bool(worse.any()):
                break
            part = torch.where(worse, 0.5 * part, part)
        return torch.where(worse.unsqueeze(-1), u, moved), torch.where(worse, size, found)
