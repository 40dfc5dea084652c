"""Rivals over several state coordinates: thin-plate spline, response surface, and a spline where states fill a grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from scipy.interpolate import RBFInterpolator, make_interp_spline

from cmgai_fem.motions.nested import grid_axes
from cmgai_fem.rivals.base import LinearRival
from cmgai_fem.rivals.linear import polynomial_weights
from cmgai_fem.rivals.reduced import ReducedRival, Regression
from cmgai_fem.states.labels import Array, IntArray

HIGHEST_DEGREE = 5
SEVERAL = range(2, 4)


class ThinPlateSpline(LinearRival):
    """scipy's RBFInterpolator as it comes: thin-plate spline with a linear trend, coordinates scaled to their range."""

    name = "thin_plate_spline"
    dimensions = SEVERAL

    def weights(self, known: Array, targets: Array) -> Array:
        """See `LinearRival.weights`."""
        return np.asarray(RBFInterpolator(known, np.eye(len(known)))(targets))


@dataclass(frozen=True)
class Polynomial:
    """Polynomial of a total degree by least squares."""

    degree: int

    def __call__(self, known: Array, coefficients: Array, targets: Array) -> Array:
        """See `Regression`."""
        return polynomial_weights(known, targets, self.degree) @ coefficients


class ResponseSurface(ReducedRival):
    """Polynomial of total degree 0 to 5 by least squares in each entry, its degree chosen by left-out states."""

    name = "response_surface"
    dimensions = SEVERAL

    def candidates(self, known: Array, coefficients: Array) -> Sequence[Regression]:
        """See `ReducedRival.candidates`."""
        count, dimension = known.shape
        return [Polynomial(d) for d in range(HIGHEST_DEGREE + 1) if comb(d + dimension, dimension) < count]


class GridSpline(LinearRival):
    """Product of cubic not-a-knot splines along each coordinate, where the states fill a grid (scipy's)."""

    name = "grid_spline"
    dimensions = SEVERAL

    def objection(self, values: Array) -> str:
        """See `Rival.objection`."""
        unfilled = f"{len(values)} states do not fill a grid" if grid_axes(values) is None else ""
        return super().objection(values) or unfilled

    def weights(self, known: Array, targets: Array) -> Array:
        """See `LinearRival.weights`."""
        axes, places = _grid(known)
        factors = [_cubic(axis, targets[:, i])[:, places[:, i]] for i, axis in enumerate(axes)]
        return np.asarray(np.prod(factors, axis=0))

    def left_out_weights(self, values: Array, row: int) -> Array:
        """See `LinearRival.left_out_weights`: the grid then knows none of the lines that hold the state."""
        axes, places = _grid(values)
        if min(len(axis) for axis in axes) < 3:
            return np.full(len(values), np.inf)
        found = np.ones(len(values))
        for i, axis in enumerate(axes):
            own = places[row, i]
            factor = np.insert(_cubic(np.delete(axis, own), axis[[own]])[0], own, 0.0)
            found *= factor[places[:, i]]
        found[row] = -1.0
        return found


def _grid(values: Array) -> tuple[tuple[Array, ...], IntArray]:
    found = grid_axes(values)
    assert found is not None, "what does not fill a grid is refused"
    return found


def _cubic(axis: Array, targets: Array) -> Array:
    """(T, n) weights of n values of a coordinate; linear for two and three, the polynomial for four."""
    count = len(axis)
    return np.asarray(make_interp_spline(axis, np.eye(count), k=3 if count > 3 else 1)(targets))
