"""The handful of operations that a constitutive law is written in, and NumPy's version of them.

UFL's stands in `fem.ufl_ops`, torch's in `pinn.torch_ops`.
"""

from typing import Any, Protocol

import numpy as np

# An array, a torch tensor or a UFL expression: what the three backends share is arithmetic alone.
Value = Any


class Operations(Protocol):
    """What a law asks of a backend. Matrices are the last two axes; any axes before them are points."""

    def det(self, matrix: Value) -> Value:
        """Determinant of a d x d matrix."""

    def trace(self, matrix: Value) -> Value:
        """Trace of a d x d matrix."""

    def transpose(self, matrix: Value) -> Value:
        """Transpose of an n x d matrix."""

    def product(self, left: Value, right: Value) -> Value:
        """Matrix product."""

    def inner(self, left: Value, right: Value) -> Value:
        """Sum of the products of equal entries, `left : right`."""

    def identity(self, matrix: Value) -> Value:
        """Identity of the size of `matrix`."""

    def log(self, value: Value) -> Value:
        """Natural logarithm of a positive scalar."""

    def power(self, value: Value, exponent: float) -> Value:
        """A positive scalar to a constant power."""

    def where_less(self, value: Value, limit: float, below: Value, above: Value) -> Value:
        """`below` where `value < limit`, else `above`; both are evaluated and both must be finite."""


class NumpyOperations:
    """The operations on NumPy arrays (..., n, d)."""

    def det(self, matrix: Value) -> Value:
        """Determinant."""
        return np.linalg.det(matrix)

    def trace(self, matrix: Value) -> Value:
        """Trace."""
        return np.trace(matrix, axis1=-2, axis2=-1)

    def transpose(self, matrix: Value) -> Value:
        """Transpose."""
        return np.swapaxes(matrix, -1, -2)

    def product(self, left: Value, right: Value) -> Value:
        """Matrix product."""
        return left @ right

    def inner(self, left: Value, right: Value) -> Value:
        """`left : right`."""
        return np.sum(left * right, axis=(-2, -1))

    def identity(self, matrix: Value) -> Value:
        """Identity of the size of `matrix`."""
        return np.eye(matrix.shape[-1])

    def log(self, value: Value) -> Value:
        """Natural logarithm."""
        return np.log(value)

    def power(self, value: Value, exponent: float) -> Value:
        """Constant power of a positive scalar."""
        return value**exponent

    def where_less(self, value: Value, limit: float, below: Value, above: Value) -> Value:
        """`below` where `value < limit`, else `above`."""
        return np.where(value < limit, below, above)
