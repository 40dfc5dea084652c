"""Green's functions of the least force in a state space, and their derivatives in the squared distance.

All are sums of `x^power (a + b log x)`, x the squared distance, and of a screened potential where there is tension:
then the terms are left away that partial fractions cancel or that are polynomials of the tail.

Source: J. Duchon (1977); Abramowitz and Stegun, Handbook of Mathematical Functions (1964), chapter 9.
"""

from dataclasses import dataclass
from math import comb, factorial, gamma, pi

import numpy as np
from scipy import special

from cmgai_fem.states.labels import Array

# Below this argument the rest of a series is summed, with so many terms; above it is a difference.
NEAR, TERMS = 2.0, 24


@dataclass(frozen=True)
class _Term:
    """`x^power (a + b log x)`."""

    power: float
    a: float
    b: float = 0.0

    def derivative(self) -> "_Term":
        """The derivative in x."""
        return _Term(self.power - 1.0, self.power * self.a + self.b, self.power * self.b)

    def __call__(self, x: Array) -> Array:
        logarithm = self.b * np.log(x) if self.b else 0.0
        return np.asarray(x**self.power * (self.a + logarithm))


def green_function(distances: Array, order: int, dimension: int, tension: float = 0.0) -> Array:
    """Fundamental solution of `(-lap)^(q-1) (tau^2 - lap)` in R^m, up to polynomials that the tail of a spline absorbs.

    Args:
        distances: distances, any shape.
        order: q >= 2.
        dimension: m, 1 to 3.
        tension: tau >= 0.
    """
    found = np.zeros_like(distances)
    apart = distances > 0.0
    found[apart] = green_derivatives(distances[apart] ** 2, order, dimension, tension, 0)[0]
    return found


def green_derivatives(squares: Array, order: int, dimension: int, tension: float, highest: int) -> Array:
    """(highest + 1, ...) derivatives of the Green's function in the squared distance x, at `squares` > 0.

    Args:
        squares: squared distances, any shape.
        order: q >= 2.
        dimension: m, 1 to 3.
        tension: tau >= 0.
        highest: highest derivative.
    """
    if tension == 0.0:
        term, found = _polyharmonic(order, dimension), []
        for _ in range(highest + 1):
            found.append(term(squares))
            term = term.derivative()
        return np.array(found)
    sign = (-1.0) ** (order - 1) * tension ** (-2.0 * (order - 1))
    lower, upper = _series(0, order - 1, dimension, tension), _series(order - 1, TERMS, dimension, tension)
    edge = (NEAR / tension) ** 2
    near, far = np.minimum(squares, edge), np.maximum(squares, edge)
    found = []
    for rank in range(highest + 1):
        small = sum((term(near) for term in upper), np.zeros_like(near))
        large = _screened(np.sqrt(far), dimension, tension, rank) - sum(term(far) for term in lower)
        found.append(sign * np.where(squares < edge, small, large))
        lower, upper = ([term.derivative() for term in terms] for terms in (lower, upper))
    return np.array(found)


def direction_jets(derivatives: Array, slopes: Array, order: int) -> Array:
    """Taylor coefficients of a radial function along a line, `g(|d + t e|^2)` with |e| = 1.

    Args:
        derivatives: (order + 1, ...) derivatives of g at |d|^2.
        slopes: (...) products d . e.
        order: highest coefficient.

    Returns:
        (order + 1, ...) coefficients of t^k.
    """
    jets = np.zeros((order + 1, *slopes.shape))
    for k in range(order + 1):
        for j in range((k + 1) // 2, k + 1):
            # The t^k of (2 (d . e) t + t^2)^j.
            share = comb(j, k - j) / factorial(j)
            jets[k] += share * derivatives[j] * (2.0 * slopes) ** (2 * j - k)
    return jets


def _polyharmonic(order: int, dimension: int) -> _Term:
    """Fundamental solution of `(-lap)^q` in R^m."""
    power = order - 0.5 * dimension
    if dimension % 2 == 0:
        sign = (-1.0) ** (order - dimension // 2 + 1)
        scale = 2.0 ** (2 * order - 1) * pi ** (dimension / 2) * factorial(order - 1) * factorial(round(power))
        return _Term(power, 0.0, 0.5 * sign / scale)
    return _Term(power, gamma(-power) / (2.0 ** (2 * order) * pi ** (dimension / 2) * gamma(order)))


def _series(first: int, last: int, dimension: int, tension: float) -> list[_Term]:
    """Terms k = first ... last - 1, a pair of powers each, of the screened potential of R^m."""
    terms = []
    for k in range(first, last):
        if dimension == 2:
            scale = (0.5 * tension) ** (2 * k) / factorial(k) ** 2 / (2.0 * pi)
            terms.append(_Term(float(k), scale * (special.digamma(k + 1) - np.log(0.5 * tension)), -0.5 * scale))
            continue
        # exp(-tau r) / (2 tau) or / (4 pi r): an odd and an even power of r.
        lift, unit = (0.0, 0.5 / tension) if dimension == 1 else (-0.5, 0.25 / pi)
        terms += [_Term(0.5 * n + lift, unit * (-tension) ** n / factorial(n)) for n in (2 * k, 2 * k + 1)]
    return terms


def _screened(distances: Array, dimension: int, tension: float, rank: int) -> Array:
    """Derivative of the given rank, in the squared distance, of the fundamental solution of `tau^2 - lap` in R^m."""
    index = 0.5 * dimension - 1.0 + rank
    bessel = (tension / distances) ** index * special.kv(index, tension * distances)
    return np.asarray((-0.5) ** rank * (2.0 * pi) ** (-0.5 * dimension) * bessel)
