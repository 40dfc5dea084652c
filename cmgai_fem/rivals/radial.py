"""POD with radial basis functions (POD-RBF), the usual non-intrusive reduced-order model."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import comb

from scipy.interpolate import RBFInterpolator

from cmgai_fem.rivals.reduced import ReducedRival, Regression
from cmgai_fem.states.labels import Array

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
