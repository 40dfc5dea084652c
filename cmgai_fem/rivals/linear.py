"""Linear interpolation: straight pieces along one coordinate, planes in Delaunay's simplices over several."""

import numpy as np
from scipy.interpolate import LinearNDInterpolator, make_interp_spline

from cmgai_fem.motions.polyharmonic import monomials
from cmgai_fem.rivals.base import LinearRival
from cmgai_fem.states.labels import Array


class Linear(LinearRival):
    """Straight pieces between neighbouring states; outside, the end pieces go on.

    Over several coordinates linear in each simplex of the states (scipy's LinearNDInterpolator), and outside their hull
    the plane of least squares.
    """

    name = "linear"

    def weights(self, known: Array, targets: Array) -> Array:
        """See `LinearRival.weights`."""
        units = np.eye(len(known))
        if known.shape[1] == 1:
            return np.asarray(make_interp_spline(known[:, 0], units, k=1)(targets[:, 0]))
        inside = LinearNDInterpolator(known, units)(targets)
        return np.where(np.isfinite(inside), inside, polynomial_weights(known, targets, 1))


def polynomial_weights(known: Array, targets: Array, degree: int) -> Array:
    """(T, K) weights of the polynomial of a total degree that fits (K, m) known states by least squares."""
    fitted = np.linalg.lstsq(monomials(known, degree), np.eye(len(known)), rcond=None)[0]
    return np.asarray(monomials(targets, degree) @ fitted)
