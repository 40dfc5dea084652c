"""POD with radial basis functions (POD-RBF), the usual non-intrusive reduced-order model."""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.interpolate import RBFInterpolator

from cmgai_fem.baselines.reduced import ReducedBaseline, Regression
from cmgai_fem.states import Array

# Kernel and the degree of the polynomial tail that makes it well posed.
SCALE_FREE_KERNELS = {"linear": 0, "thin_plate_spline": 1, "cubic": 1, "quintic": 2}
SHAPED_KERNELS = {"gaussian": 0, "multiquadric": 0, "inverse_multiquadric": 0, "inverse_quadratic": 0}
# Shape parameter times the mean distance between states: from very flat to local.
SHAPES = (0.125, 0.25, 0.5, 1.0, 2.0)
SMOOTHINGS = (0.0, 1e-6, 1e-3)


@dataclass(frozen=True)
class RadialBasis:
    """Radial basis functions with a polynomial tail (scipy's RBFInterpolator)."""

    kernel: str
    degree: int
    shape: float
    smoothing: float

    def __call__(self, known: Array, coefficients: Array, targets: Array) -> Array:
        """See `Regression`."""
        interpolator = RBFInterpolator(
            known[:, None],
            coefficients,
            kernel=self.kernel,
            degree=self.degree,
            epsilon=self.shape,
            smoothing=self.smoothing,
        )
        return interpolator(targets[:, None])


class PodRbf(ReducedBaseline):
    """POD coefficients by radial basis functions; kernel, shape and smoothing chosen by left-out known states.

    Outside the known states the chosen kernel and its tail go on.
    """

    name = "pod_rbf"

    def candidates(self, known: Array, coefficients: Array) -> Sequence[Regression]:
        """See `ReducedBaseline.candidates`."""
        count = len(known)
        kernels = [(kernel, degree, 1.0) for kernel, degree in SCALE_FREE_KERNELS.items()]
        kernels += [(name, degree, shape * (count - 1)) for name, degree in SHAPED_KERNELS.items() for shape in SHAPES]
        return [
            RadialBasis(kernel, degree, shape, smoothing)
            for kernel, degree, shape in kernels
            if degree + 1 <= count - 1
            for smoothing in SMOOTHINGS
        ]
