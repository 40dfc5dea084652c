"""Rivals that interpolate every entry of the snapshots by itself along one state coordinate."""

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

from cmgai_fem.rivals.base import LinearRival, Predictor, Rival
from cmgai_fem.states.labels import Array, IntArray

# Columns interpolated at a time where coefficients are needed for each: bounds the memory, not the result.
CHUNK = 65536
ONE = range(1, 2)


class NaturalSpline(LinearRival):
    """Natural cubic spline, least in bending; outside, the straight lines that least bending continues it by.

    Two states give a straight line.
    """

    name = "natural_spline"
    dimensions = ONE

    def weights(self, known: Array, targets: Array) -> Array:
        """See `LinearRival.weights`."""
        spline = CubicSpline(known[:, 0], np.eye(len(known)), bc_type="natural")
        inside = np.clip(targets, known[0], known[-1])
        # The clipped distance is zero inside, so the slope acts outside only.
        return np.asarray(spline(inside[:, 0]) + (targets - inside) * spline(inside[:, 0], 1))


class NotAKnotSpline(LinearRival):
    """Cubic spline whose first and last inner states are no knots; outside, the end cubics go on.

    Two, three and four states give the interpolating polynomial.
    """

    name = "not_a_knot"
    dimensions = ONE

    def weights(self, known: Array, targets: Array) -> Array:
        """See `LinearRival.weights`."""
        return np.asarray(CubicSpline(known[:, 0], np.eye(len(known)), bc_type="not-a-knot")(targets[:, 0]))


class InterpolatingPolynomial(LinearRival):
    """The polynomial of degree K - 1 through all K states; outside, the same polynomial.

    Evaluated as a product of ratios (the first Lagrange form): stable outside the states as well as between them,
    where scipy's barycentric quotient loses digits.

    Source: M. Webb, L. N. Trefethen, P. Gonnet, SIAM J. Sci. Comput. 34 (2012) A3009.
    """

    name = "polynomial"
    dimensions = ONE

    def weights(self, known: Array, targets: Array) -> Array:
        """See `LinearRival.weights`."""
        columns = []
        for index, own in enumerate(known[:, 0]):
            others = np.delete(known[:, 0], index)
            columns.append(np.prod((targets - others) / (own - others), axis=1))
        return np.stack(columns, axis=1)


class Pchip(Rival):
    """Monotone piecewise cubic Hermite interpolation; outside, the end cubics go on. Two states give a line.

    Its slopes are not linear in the data, so the columns are taken a chunk at a time.

    Source: F. N. Fritsch, J. Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300.
    """

    name = "pchip"
    dimensions = ONE

    def fit_scaled(self, known: Array, snapshots: Array, weights: Array | None, trials: IntArray | None) -> Predictor:
        """See `Rival.fit_scaled`."""

        def predict(targets: Array) -> Array:
            result = np.empty((len(targets), snapshots.shape[1]))
            for start in range(0, snapshots.shape[1], CHUNK):
                columns = slice(start, start + CHUNK)
                result[:, columns] = PchipInterpolator(known[:, 0], snapshots[:, columns])(targets[:, 0])
            return result

        return predict
