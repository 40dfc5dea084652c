"""The laws' operations in torch, and stress and its divergence by automatic differentiation."""

import torch
from torch import Tensor

from cmgai_fem.transport.laws import Law


class TorchOperations:
    """The operations on tensors (..., n, d); see `cmgai_fem.transport.laws.Operations`."""

    def det(self, matrix: Tensor) -> Tensor:
        """Determinant, d = 1, 2, 3, as a polynomial: its derivatives stand at singular matrices too."""
        if matrix.shape[-1] == 1:
            return matrix[..., 0, 0]
        if matrix.shape[-1] == 2:
            return matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] * matrix[..., 1, 0]
        return torch.sum(matrix[..., 0, :] * torch.linalg.cross(matrix[..., 1, :], matrix[..., 2, :]), dim=-1)

    def trace(self, matrix: Tensor) -> Tensor:
        """Trace."""
        return torch.diagonal(matrix, dim1=-2, dim2=-1).sum(-1)

    def transpose(self, matrix: Tensor) -> Tensor:
        """Transpose."""
        return matrix.transpose(-1, -2)

    def product(self, left: Tensor, right: Tensor) -> Tensor:
        """Matrix product."""
        return left @ right

    def inner(self, left: Tensor, right: Tensor) -> Tensor:
        """`left : right`."""
        return torch.sum(left * right, dim=(-2, -1))

    def identity(self, matrix: Tensor) -> Tensor:
        """Identity of the size of `matrix`."""
        return torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)

    def log(self, value: Tensor) -> Tensor:
        """Natural logarithm."""
        return torch.log(value)

    def power(self, value: Tensor, exponent: float) -> Tensor:
        """Constant power of a positive scalar."""
        return value**exponent

    def where_less(self, value: Tensor, limit: float, below: Tensor | float, above: Tensor) -> Tensor:
        """`below` where `value < limit`, else `above`."""
        return torch.where(value < limit, below, above)


OPERATIONS = TorchOperations()


def first_piola_kirchhoff(law: Law, gradient: Tensor) -> Tensor:
    """Stress `P = ∂W/∂H`.

    Args:
        law: the constitutive law.
        gradient: (..., n, d) displacement gradient.

    Returns:
        (..., n, d) stress; differentiable again.
    """

    # Each point's energy depends on its own gradient alone, so the gradient of the sum is the stress at every point.
    def total_energy(value: Tensor) -> Tensor:
        return law.energy(value, OPERATIONS).sum()

    return torch.func.grad(total_energy)(gradient)
