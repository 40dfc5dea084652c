"""Rivals that interpolate every entry of the snapshots by itself, as a function of the state coordinate.

All but PCHIP are linear in the snapshots: a (T, K) matrix of cardinal functions, each one at its own known state and
zero at the others, carries all the work, and the large array is read once.
"""

from abc import abstractmethod

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator, make_interp_spline

from cmgai_fem.rivals.base import Baseline, Predictor
from cmgai_fem.states.states import Array

# Columns interpolated at a time where coefficients are needed for each: bounds the memory, not the result.
CHUNK = 65536


class CardinalBaseline(Baseline):
    """A method that is linear in the snapshots."""

    def _fit(self, values: Array, snapshots: Array, weights: Array | None) -> Predictor:
        return lambda targets: self.cardinal(values, np.asarray(targets, dtype=float)) @ snapshots

    @abstractmethod
    def cardinal(self, values: Array, targets: Array) -> Array:
        """Cardinal functions of the (K,) known `values`, evaluated at the (T,) `targets`: (T, K), dimensionless."""


class Linear(CardinalBaseline):
    """Straight pieces between neighbouring states; outside, the end pieces go on."""

    name = "linear"

    def cardinal(self, values: Array, targets: Array) -> Array:
        """See `CardinalBaseline.cardinal`."""
        return np.asarray(make_interp_spline(values, np.eye(len(values)), k=1)(targets))


class NaturalSpline(CardinalBaseline):
    """Natural cubic spline, least in bending; outside, the straight lines that least bending continues it by.

    Two states give a straight line.
    """

    name = "natural_spline"

    def cardinal(self, values: Array, targets: Array) -> Array:
        """See `CardinalBaseline.cardinal`."""
        spline = CubicSpline(values, np.eye(len(values)), bc_type="natural")
        inside = np.clip(targets, values[0], values[-1])
        # The clipped distance is zero inside, so the slope acts outside only.
        return np.asarray(spline(inside) + (targets - inside)[:, None] * spline(inside, 1))


class NotAKnotSpline(CardinalBaseline):
    """Cubic spline whose first and last inner states are no knots; outside, the end cubics go on.

    Two, three and four states give the interpolating polynomial.
    """

    name = "not_a_knot"

    def cardinal(self, values: Array, targets: Array) -> Array:
        """See `CardinalBaseline.cardinal`."""
        return np.asarray(CubicSpline(values, np.eye(len(values)), bc_type="not-a-knot")(targets))


class InterpolatingPolynomial(CardinalBaseline):
    """The polynomial of degree K - 1 through all K states; outside, the same polynomial.

    Evaluated as a product of ratios (the first Lagrange form): stable outside the states as well as between them,
    where scipy's barycentric quotient loses digits.

    Source: M. Webb, L. N. Trefethen, P. Gonnet, SIAM J. Sci. Comput. 34 (2012) A3009.
    """

    name = "polynomial"

    def cardinal(self, values: Array, targets: Array) -> Array:
        """See `CardinalBaseline.cardinal`."""
        columns = []
        for index, own in enumerate(values):
            others = np.delete(values, index)
            columns.append(np.prod((targets[:, None] - others) / (own - others), axis=1))
        return np.stack(columns, axis=1)


class Pchip(Baseline):
    """Monotone piecewise cubic Hermite interpolation; outside, the end cubics go on. Two states give a line.

    Its slopes are not linear in the data, so the columns are taken a chunk at a time.

    Source: F. N. Fritsch, J. Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300.
    """

    name = "pchip"

    def _fit(self, values: Array, snapshots: Array, weights: Array | None) -> Predictor:
        def predict(targets: Array) -> Array:
            result = np.empty((len(targets), snapshots.shape[1]))
            for start in range(0, snapshots.shape[1], CHUNK):
                columns = slice(start, start + CHUNK)
                result[:, columns] = PchipInterpolator(values, snapshots[:, columns])(targets)
            return result

        return predict
