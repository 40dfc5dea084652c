"""Constitutive laws of the feature space: the stored energy `W` that resists a feature displacement gradient.

A law is one small class with `energy(gradient, ops)`, written once and evaluated by NumPy, torch and UFL through the
handful of operations in `Operations`; nothing else in the package knows which law it has. Its argument is the
displacement gradient `H = ∇u` (n components by d label directions), so that the laws that need no `F` serve field
mode, where n and d differ, and the others form `F = I + H` themselves (density mode, n = d).

Stress and tangent are never written by hand: `∂W/∂H` is taken by `fem.ufl_ops` and `pinn.torch_ops`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, override

import numpy as np

from cmgai_fem.errors import InputError

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


@dataclass(frozen=True)
class Law(ABC):
    """A stored energy per unit of label volume.

    Args:
        stiffness: kappa, the factor of the whole energy; calibration chooses it. Its unit is that of
            `rho0 |u|^2 / s^2` over the square of the displacement gradient.
    """

    name: ClassVar[str]
    is_linear: ClassVar[bool]  # quadratic with constant coefficients: the stress is linear in the gradient
    needs_square: ClassVar[bool]  # needs as many components as label directions (F = I + H)

    stiffness: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not np.isfinite(value) or value < 0.0:
                raise InputError(f"law {self.name!r}: {field.name} = {value:g} must be a finite number >= 0")

    @abstractmethod
    def energy(self, gradient: Value, ops: Operations) -> Value:
        """Stored energy.

        Args:
            gradient: (..., n, d) feature displacement gradient, the unit of the feature over that of the label.
            ops: the backend's operations.

        Returns:
            (...) energy per unit of label volume.
        """


@dataclass(frozen=True)
class NoLaw(Law):
    """`W = 0`: labels do not feel each other, and with no force each moves straight (optimal transport)."""

    name: ClassVar[str] = "none"
    is_linear: ClassVar[bool] = True
    needs_square: ClassVar[bool] = False

    stiffness: float = 0.0

    def __post_init__(self) -> None:
        if self.stiffness != 0.0:
            raise InputError(f"law 'none' has no stiffness, but stiffness = {self.stiffness:g} was asked for")

    @override
    def energy(self, gradient: Value, ops: Operations) -> Value:
        return 0.0 * ops.inner(gradient, gradient)


@dataclass(frozen=True)
class Membrane(Law):
    """Linear elastic membrane `W = kappa/2 |∇u|²`, each component by itself: field mode, any n and d."""

    name: ClassVar[str] = "membrane"
    is_linear: ClassVar[bool] = True
    needs_square: ClassVar[bool] = False

    @override
    def energy(self, gradient: Value, ops: Operations) -> Value:
        return 0.5 * self.stiffness * ops.inner(gradient, gradient)


@dataclass(frozen=True)
class LinearElastic(Law):
    """Isotropic linear elasticity `W = kappa [lambda/2 (tr e)² + mu e:e]`, `e = sym ∇u`.

    Not objective: a finite rotation stores energy. `Membrane` is the linear law where n and d differ.

    Args:
        stiffness: kappa.
        lame: lambda, as a multiple of kappa.
        shear: mu, as a multiple of kappa.
    """

    name: ClassVar[str] = "linear_elastic"
    is_linear: ClassVar[bool] = True
    needs_square: ClassVar[bool] = True

    lame: float = 1.0
    shear: float = 1.0

    @override
    def energy(self, gradient: Value, ops: Operations) -> Value:
        strain = 0.5 * (gradient + ops.transpose(gradient))
        return self.stiffness * (0.5 * self.lame * ops.trace(strain) ** 2 + self.shear * ops.inner(strain, strain))


@dataclass(frozen=True)
class StVenantKirchhoff(Law):
    """St Venant-Kirchhoff `W = kappa [lambda/2 (tr E)² + mu E:E]`, `E = (FᵀF − I)/2`.

    It softens without limit under compression: J = 0 costs finite energy.

    Args:
        stiffness: kappa.
        lame: lambda, as a multiple of kappa.
        shear: mu, as a multiple of kappa.

    Source: Ogden, Non-linear Elastic Deformations (1984), section 4.3.
    """

    name: ClassVar[str] = "st_venant_kirchhoff"
    is_linear: ClassVar[bool] = False
    needs_square: ClassVar[bool] = True

    lame: float = 1.0
    shear: float = 1.0

    @override
    def energy(self, gradient: Value, ops: Operations) -> Value:
        turned = ops.transpose(gradient)
        # E from H and not from FᵀF − I: no cancellation near the reference.
        strain = 0.5 * (gradient + turned + ops.product(turned, gradient))
        return self.stiffness * (0.5 * self.lame * ops.trace(strain) ** 2 + self.shear * ops.inner(strain, strain))


@dataclass(frozen=True)
class NeoHookean(Law):
    """Compressible neo-Hookean `W = kappa [mu/2 (tr FᵀF − d − 2 ln J) + lambda/2 (ln J)²]`: the law of CM-GAI.

    Below `small_jacobian` the logarithm goes on as its second-order Taylor polynomial there: twice continuously
    differentiable, finite for every J, and still growing as J falls, so that a solver's bad step is thrown back.

    Args:
        stiffness: kappa.
        lame: lambda, as a multiple of kappa.
        shear: mu, as a multiple of kappa.
        small_jacobian: J below which the extension stands.

    Source: Bonet and Wood, Nonlinear Continuum Mechanics for Finite Element Analysis (2008), eq. 6.27; the
        extension is our choice.
    """

    name: ClassVar[str] = "neo_hookean"
    is_linear: ClassVar[bool] = False
    needs_square: ClassVar[bool] = True

    lame: float = 1.0
    shear: float = 1.0
    small_jacobian: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_guard(self.name, self.small_jacobian)

    @override
    def energy(self, gradient: Value, ops: Operations) -> Value:
        log_jacobian = _guarded_log(ops.det(ops.identity(gradient) + gradient), self.small_jacobian, ops)
        # tr FᵀF − d = 2 tr H + H:H, without cancellation near the reference.
        stretch = 2.0 * ops.trace(gradient) + ops.inner(gradient, gradient)
        shear_part = 0.5 * self.shear * (stretch - 2.0 * log_jacobian)
        return self.stiffness * (shear_part + 0.5 * self.lame * log_jacobian**2)


@dataclass(frozen=True)
class BarotropicGas(Law):
    """Barotropic gas at pressure `p = kappa/gamma (J^−gamma − 1)` over its reference: resists volume change alone.

    `W = kappa/gamma [(J^(1−gamma) − 1)/(gamma − 1) + J − 1]`, for gamma = 1 `kappa (J − 1 − ln J)`; bulk modulus
    kappa at J = 1. Below `small_jacobian` the power goes on as its second-order Taylor polynomial.

    Args:
        stiffness: kappa.
        exponent: gamma >= 1.
        small_jacobian: J below which the extension stands.

    Source: Landau and Lifshitz, Fluid Mechanics (1987), section 2, in label coordinates; the extension is our choice.
    """

    name: ClassVar[str] = "barotropic_gas"
    is_linear: ClassVar[bool] = False
    needs_square: ClassVar[bool] = True

    exponent: float = 1.4
    small_jacobian: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_guard(self.name, self.small_jacobian)
        if self.exponent < 1.0:
            raise InputError(f"law 'barotropic_gas': exponent = {self.exponent:g} must be >= 1")

    @override
    def energy(self, gradient: Value, ops: Operations) -> Value:
        jacobian = ops.det(ops.identity(gradient) + gradient)
        if self.exponent == 1.0:
            compression = -_guarded_log(jacobian, self.small_jacobian, ops)
        else:
            power = _guarded_power(jacobian, 1.0 - self.exponent, self.small_jacobian, ops)
            compression = (power - 1.0) / (self.exponent - 1.0)
        return self.stiffness / self.exponent * (compression + jacobian - 1.0)


def _guarded_log(jacobian: Value, limit: float, ops: Operations) -> Value:
    safe = ops.where_less(jacobian, limit, limit, jacobian)
    step = (jacobian - limit) / limit
    return ops.where_less(jacobian, limit, float(np.log(limit)) + step - 0.5 * step**2, ops.log(safe))


def _guarded_power(jacobian: Value, exponent: float, limit: float, ops: Operations) -> Value:
    safe = ops.where_less(jacobian, limit, limit, jacobian)
    step = (jacobian - limit) / limit
    extension = limit**exponent * (1.0 + exponent * step + 0.5 * exponent * (exponent - 1.0) * step**2)
    return ops.where_less(jacobian, limit, extension, ops.power(safe, exponent))


def _check_guard(name: str, limit: float) -> None:
    if not 0.0 < limit < 1.0:
        raise InputError(f"law {name!r}: small_jacobian = {limit:g} must lie between 0 and 1")


LAWS: dict[str, type[Law]] = {
    law.name: law for law in (NoLaw, Membrane, LinearElastic, StVenantKirchhoff, NeoHookean, BarotropicGas)
}


def make_law(name: str, stiffness: float | None = None, **parameters: float) -> Law:
    """The law called `name`.

    Args:
        name: a key of `LAWS`.
        stiffness: kappa; None takes the law's own default (0 for "none", else 1).
        parameters: the law's further parameters, e.g. `lame`, `shear`.

    Raises:
        InputError: no such law, no such parameter, or a value out of range.
    """
    if name not in LAWS:
        raise InputError(f"no constitutive law {name!r}; there are: {', '.join(LAWS)}")
    known = {field.name for field in fields(LAWS[name])}
    if unknown := set(parameters) - known:
        raise InputError(f"law {name!r} has no parameter {sorted(unknown)[0]!r}; it has: {', '.join(sorted(known))}")
    given = parameters if stiffness is None else {"stiffness": stiffness, **parameters}
    return LAWS[name](**given)
