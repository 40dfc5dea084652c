"""POD with radial basis functions (POD-RBF), the usual non-intrusive reduced-order model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import comb

import numpy as np
from numpy.linalg import LinAlgError
from scipy.interpolate import RBFInterpolator
from scipy.spatial.distance import cdist
from scipy.special import xlogy

from cmgai_fem.motions.polyharmonic import monomials
from cmgai_fem.rivals.reduced import ReducedRival, Regression
from cmgai_fem.states.labels import Array, IntArray

# scipy's kernels of the distance times the shape parameter.
KERNELS: Mapping[str, Callable[[Array], Array]] = {
    "linear": lambda r: -r,
    "thin_plate_spline": lambda r: xlogy(r**2, r),
    "cubic": lambda r: r**3,
    "quintic": lambda r: -(r**5),
    "gaussian": lambda r: np.exp(-(r**2)),
    "multiquadric": lambda r: -np.sqrt(r**2 + 1.0),
    "inverse_multiquadric": lambda r: 1.0 / np.sqrt(r**2 + 1.0),
    "inverse_quadratic": lambda r: 1.0 / (r**2 + 1.0),
}
# Kernel and the degree of the polynomial tail that makes it well posed.
SCALE_FREE_KERNELS = {"linear": 0, "thin_plate_spline": 1, "cubic": 1, "quintic": 2}
SHAPED_KERNELS = {"gaussian": 0, "multiquadric": 0, "inverse_multiquadric": 0, "inverse_quadratic": 0}
# Shape parameter times the mean distance between states: from very flat to local.
SHAPES = (0.125, 0.25, 0.5, 1.0, 2.0)
SMOOTHINGS = (0.0, 1e-6, 1e-3)
# Scale of a further coordinate against the first.
RATIOS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class RadialBasis:
    """Radial basis functions with a polynomial tail (scipy's RBFInterpolator).

    Args:
        kernel: scipy's name of it.
        degree: of the polynomial.
        shape: scipy's epsilon.
        smoothing: scipy's smoothing.
        ratios: scale of each coordinate against the first.
    """

    kernel: str
    degree: int
    shape: float
    smoothing: float
    ratios: tuple[float, ...] = (1.0,)

    def __call__(self, known: Array, coefficients: Array, targets: Array) -> Array:
        """See `Regression`."""
        interpolator = RBFInterpolator(
            known * self.ratios,
            coefficients,
            kernel=self.kernel,
            degree=self.degree,
            epsilon=self.shape,
            smoothing=self.smoothing,
        )
        return interpolator(targets * self.ratios)

    def left_out(self, known: Array, coefficients: Array) -> Array:
        """(K, r) errors at the known states, each left out, from one inverse.

        Raises:
            LinAlgError: the kernel matrix is singular.

        Source: S. Rippa, Advances in Computational Mathematics 11 (1999) 193-210.
        """
        points, count = known * self.ratios, len(known)
        kernel = KERNELS[self.kernel](self.shape * cdist(points, points)) + self.smoothing * np.eye(count)
        tail = monomials((points - points.mean(axis=0)) / np.ptp(points, axis=0), self.degree)
        none = np.zeros((tail.shape[1], tail.shape[1]))
        inverse = np.linalg.inv(np.block([[kernel, tail], [tail.T, none]]))[:count, :count]
        return np.asarray(inverse @ coefficients / np.diag(inverse)[:, None])


class PodRbf(ReducedRival):
    """POD coefficients by radial basis functions; kernel, shape and smoothing chosen by left-out known states.

    Outside the known states the chosen kernel and its tail go on. With several coordinates their ratio is chosen, too.
    """

    name = "pod_rbf"

    def candidates(self, known: Array, coefficients: Array) -> Sequence[Regression]:
        """See `ReducedRival.candidates`."""
        count, dimension = known.shape
        density = count ** (1.0 / dimension) - 1.0
        kernels = [(kernel, degree, 1.0) for kernel, degree in SCALE_FREE_KERNELS.items()]
        kernels += [(name, degree, shape * density) for name, degree in SHAPED_KERNELS.items() for shape in SHAPES]
        return [
            RadialBasis(kernel, degree, shape, smoothing, (1.0, *ratios))
            for kernel, degree, shape in kernels
            if comb(degree + dimension, dimension) < count
            for smoothing in SMOOTHINGS
            for ratios in product(RATIOS, repeat=dimension - 1)
        ]

    def left_out_errors(self, regression: Regression, known: Array, coefficients: Array, rows: IntArray) -> Array:
        """See `ReducedRival.left_out_errors`."""
        assert isinstance(regression, RadialBasis)
        try:
            return np.asarray(np.sum(regression.left_out(known, coefficients)[rows] ** 2, axis=1))
        except LinAlgError:
            return np.full(len(rows), np.inf)
