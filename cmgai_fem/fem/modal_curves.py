"""Amplitudes of modes over s: the least-force curve of each eigenvalue, and the body force that drives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import BSpline

from cmgai_fem.motions.state_splines import StateElements, cardinal_curves
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem


@dataclass(frozen=True)
class ModalCurve:
    """Amplitudes of some modes over s, as B-splines on shared elements.

    Args:
        elements: the elements in s.
        coefficients: (size, r) B-spline coefficients.
    """

    elements: StateElements
    coefficients: Array

    @cached_property
    def _spline(self) -> BSpline:
        return BSpline(self.elements.knots, self.coefficients, self.elements.degree)

    def __call__(self, s: float | Array, derivative: int = 0) -> Array:
        """(r,) amplitudes, or their derivative in s; (T, r) at T places."""
        return np.asarray(self._spline(s, nu=derivative))


@dataclass(frozen=True)
class ModalAmplitudes:
    """All amplitudes of a motion: one curve a mode or one for all."""

    curves: tuple[ModalCurve, ...]

    def __call__(self, s: float | Array, derivative: int = 0) -> Array:
        """(m,) amplitudes at s, or their derivative in s; (T, m) at T places."""
        if not self.curves:
            return np.zeros((*np.shape(s), 0))
        return np.concatenate([curve(s, derivative) for curve in self.curves], axis=-1)


@dataclass(frozen=True)
class SplineAmplitudes:
    """The B-splines themselves, as amplitudes of a motion whose shapes are their coefficients."""

    elements: StateElements

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(size,) B-spline values or derivatives at s."""
        splines = BSpline(self.elements.knots, np.eye(self.elements.size), self.elements.degree)
        return np.asarray(splines(s, nu=derivative))


@dataclass(frozen=True)
class ModalForce:
    """Amplitudes of the body force `b = u'' + eta u' + kappa lam u`, eigenmode by eigenmode."""

    motion: ModalAmplitudes
    damping: float
    eigenvalues: Array

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(m,) force amplitudes at s, or their derivative in s."""
        acceleration, velocity, position = (self.motion(s, derivative + rise) for rise in (2, 1, 0))
        return acceleration + self.damping * velocity + self.eigenvalues * position


def least_force_curves(problem: Problem, eigenvalues: Array, data: Sequence[Array]) -> ModalAmplitudes:
    """The least-force curves through the modal data (K, r_j) of each eigenvalue; the problem's force is `Least`."""
    assert isinstance(problem.force, Least)
    order, damping = problem.force.order, problem.damping
    softness = problem.softness if np.any(problem.softness > 0.0) else None
    curves = []
    for eigenvalue, values in zip(eigenvalues, data, strict=True):
        rate = max(damping, float(np.sqrt(eigenvalue)))
        elements = StateElements.for_states(problem.nodes, problem.span, order, rate)
        cardinal = cardinal_curves(elements, problem.nodes, order, damping, float(eigenvalue), softness)
        curves.append(ModalCurve(elements, cardinal @ values))
    return ModalAmplitudes(tuple(curves))
