"""The laws' operations in UFL, and stress and tangent by symbolic differentiation."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

import ufl
from ufl.core.expr import Expr

from cmgai_fem.transport.laws import Law


class UflOperations:
    """The operations on UFL expressions; see `cmgai_fem.transport.laws.Operations`."""

    def det(self, matrix: Expr) -> Expr:
        """Determinant."""
        return ufl.det(matrix)

    def trace(self, matrix: Expr) -> Expr:
        """Trace."""
        return ufl.tr(matrix)

    def transpose(self, matrix: Expr) -> Expr:
        """Transpose."""
        return ufl.transpose(matrix)

    def product(self, left: Expr, right: Expr) -> Expr:
        """Matrix product."""
        return ufl.dot(left, right)

    def inner(self, left: Expr, right: Expr) -> Expr:
        """`left : right`."""
        return ufl.inner(left, right)

    def identity(self, matrix: Expr) -> Expr:
        """Identity of the size of `matrix`."""
        return ufl.Identity(matrix.ufl_shape[-1])

    def log(self, value: Expr) -> Expr:
        """Natural logarithm."""
        return ufl.ln(value)

    def power(self, value: Expr, exponent: float) -> Expr:
        """Constant power of a positive scalar."""
        return value**exponent

    def where_less(self, value: Expr, limit: float, below: Expr | float, above: Expr) -> Expr:
        """`below` where `value < limit`, else `above`."""
        return ufl.conditional(ufl.lt(value, limit), below, above)


OPERATIONS = UflOperations()


def stored_energy(law: Law, displacement: Expr) -> Expr:
    """`W(∇u)` of a vector-valued displacement; its derivatives are the weak form's stress and tangent terms.

    Args:
        law: the constitutive law.
        displacement: (n,) UFL displacement; a scalar one needs shape (1,).

    Returns:
        Scalar expression to be integrated over the labels.
    """
    return law.energy(ufl.grad(displacement), OPERATIONS)


def first_piola_kirchhoff(law: Law, gradient: Expr) -> Expr:
    """Stress `P = ∂W/∂H` (n, d) at a displacement gradient (n, d)."""
    variable = ufl.variable(gradient)
    return ufl.diff(law.energy(variable, OPERATIONS), variable)


def tangent(law: Law, gradient: Expr) -> Expr:
    """Tangent `∂²W/∂H∂H` (n, d, n, d) at a displacement gradient (n, d)."""
    variable = ufl.variable(gradient)
    return ufl.diff(ufl.diff(law.energy(variable, OPERATIONS), variable), variable)
