"""Taylor mode: value and derivatives in s carried through a network's layers by hand.

A jet of order q is a tensor (q + 1, points, width) of Taylor coefficients `f^(k)(s) / k!`. One pass through the layers
gives all derivatives at once, at a third of the cost of nested automatic differentiation.
"""

from math import factorial

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.states.labels import Array


def tanh_jet(jet: Tensor) -> Tensor:
    """Jet of `tanh` of a jet, by the recurrence of `y' = (1 - y²) x'`.

    Source: Griewank and Walther, Evaluating Derivatives (2008), section 13.2.
    """
    value = torch.tanh(jet[0])
    coefficients, slopes = [value], [1.0 - value * value]  # of y and of 1 - y²
    for k in range(1, len(jet)):
        terms = [j * jet[j] * slopes[k - j] for j in range(1, k + 1)]
        coefficients.append(sum(terms[1:], start=terms[0]) / k)
        if k + 1 < len(jet):
            squares = [coefficients[j] * coefficients[k - j] for j in range(k + 1)]
            slopes.append(-sum(squares[1:], start=squares[0]))
    return torch.stack(coefficients)


def tanh_slope(jet: Tensor) -> Tensor:
    """Jet of the slope `1 - y²` of a layer, out of the jet of its output `y = tanh x`."""
    square = product_jet(jet, jet)
    return torch.cat([1.0 - square[:1], -square[1:]])


def product_jet(left: Tensor, right: Tensor) -> Tensor:
    """Jet of the product of two jets (Leibniz); the axes after the first broadcast."""
    terms = [sum((left[j] * right[k - j] for j in range(1, k + 1)), start=left[0] * right[k]) for k in range(len(left))]
    return torch.stack(terms)


def derivative(jet: Tensor, order: int) -> Tensor:
    """The derivative of the given order, out of a jet."""
    return jet[order] * float(factorial(order))


def kink_jet(distance: Array, power: int, order: int) -> Array:
    """Jet of `|r|^power`, or of `r |r|^(power - 1)` where the power is even; r = s - s_k.

    Both have their first jump at r = 0 in the derivative of order `power`; derivatives above it are left at zero.

    Args:
        distance: (points, k) signed distances r.
        power: exponent.
        order: highest derivative.

    Returns:
        (order + 1, points, k) Taylor coefficients.
    """
    size, sign = np.abs(distance), np.sign(distance)
    jet = np.zeros((order + 1, *distance.shape))
    factor = 1.0
    for k in range(min(order, power) + 1):
        jet[k] = factor * size ** (power - k) * sign ** (k + 1 - power % 2)
        factor *= (power - k) / (k + 1)
    return jet
