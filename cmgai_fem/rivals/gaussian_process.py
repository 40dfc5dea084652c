"""POD and functional PCA with Gaussian process regression (POD-GPR, FPCA-GPR)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from cmgai_fem.rivals.reduced import ReducedRival, Regression
from cmgai_fem.states.labels import Array

# scikit-learn takes a second to load, and most runs ask for no Gaussian process: it is imported where one is made.
if TYPE_CHECKING:
    from sklearn.gaussian_process.kernels import Kernel

SEED = 0
RESTARTS = 2
# In units of the known range: shorter, each state stands alone; longer, the process is all but a polynomial.
LENGTH_SCALES = (0.05, 20.0)
AMPLITUDES = (1e-3, 1e6)
NOISE = (1e-10, 1.0)
# Prior variance of a trend, in units of the variance of the coefficients: wide, yet far from the nugget's inverse.
TREND_VARIANCE = 100.0


@dataclass(frozen=True)
class Processes:
    """One Gaussian process a mode, each with its own settled kernel; modes without one are predicted as zero."""

    kernels: tuple["Kernel", ...]

    def __call__(self, known: Array, coefficients: Array, targets: Array) -> Array:
        """See `Regression`."""
        from sklearn.gaussian_process import GaussianProcessRegressor

        predicted = np.zeros((len(targets), coefficients.shape[1]))
        for mode, kernel in enumerate(self.kernels):
            process = GaussianProcessRegressor(kernel, normalize_y=True, optimizer=None)
            predicted[:, mode] = process.fit(known, coefficients[:, mode]).predict(targets)
        return predicted


class PodGpr(ReducedRival):
    """POD coefficients by an interpolating Matern 5/2 Gaussian process around a trend of degree 0 to 3.

    The degree is chosen by left-out known states, the kernel's amplitude and length by the marginal likelihood with
    restarts. The trend is part of the covariance with a wide prior, so that it is fitted together with the process
    (universal kriging): a least-squares fit beforehand leaves residuals that zigzag and mislead the length scale.
    Outside the known states the process returns to its trend.
    """

    name = "pod_gpr"

    def candidates(self, known: Array, coefficients: Array) -> Sequence[Regression]:
        """See `ReducedRival.candidates`."""
        count, dimension = known.shape
        process = matern(dimension)
        trends = [_trend(degree) for degree in range(1, 4) if comb(degree + dimension, dimension) < count]
        kernels = [process, *(process + trend for trend in trends)]
        return [likeliest(kernel, known, coefficients) for kernel in kernels]


@dataclass(frozen=True)
class NoisyGpr(ReducedRival):
    """A few POD coefficients by Gaussian processes with a nugget: known states are not met exactly.

    The modes are truncated by explained variance. The kernel is chosen among `shapes` by left-out known states, its
    amplitude, length and noise by the marginal likelihood.

    Args:
        name: of the rival.
        shapes: smoothness of the Matern kernels to choose from; infinite is the squared exponential.
        explained: share of the variance that the modes must explain.
        trend: add a linear trend to the covariance, see `PodGpr`; without one the process returns to the mean of the
            states outside of them.
    """

    name: str
    shapes: tuple[float, ...]
    explained: float
    trend: bool = False

    def candidates(self, known: Array, coefficients: Array) -> Sequence[Regression]:
        """See `ReducedRival.candidates`."""
        from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel

        variance = np.sum(coefficients**2, axis=0)
        kept = int(np.searchsorted(np.cumsum(variance) / variance.sum(), self.explained)) + 1
        kernels = [ConstantKernel(1.0, AMPLITUDES) * _shape(nu, known.shape[1]) for nu in self.shapes]
        if self.trend:
            kernels = [kernel + _trend(1) for kernel in kernels]
        return [likeliest(kernel + WhiteKernel(1e-4, NOISE), known, coefficients[:, :kept]) for kernel in kernels]


FPCA_GPR = NoisyGpr("fpca_gpr", (np.inf, 2.5), explained=1.0 - 1e-6)
"""Functional principal components by Gaussian processes: the rival that the CM-GAI paper names.

The paper's own settings are not known to us: these are our choice.
"""


def _trend(degree: int) -> "Kernel":
    from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct

    return ConstantKernel(TREND_VARIANCE, "fixed") * DotProduct(1.0, "fixed") ** degree


def matern(dimension: int) -> "Kernel":
    """Matern's 5/2 kernel with an amplitude."""
    from sklearn.gaussian_process.kernels import ConstantKernel

    return ConstantKernel(1.0, AMPLITUDES) * _shape(2.5, dimension)


def _shape(smoothness: float, dimension: int) -> "Kernel":
    """Matern's kernel, for several coordinates with a length of each (automatic relevance determination)."""
    from sklearn.gaussian_process.kernels import RBF, Matern

    lengths = 0.5 if dimension == 1 else np.full(dimension, 0.5)
    if np.isinf(smoothness):
        return RBF(lengths, LENGTH_SCALES)
    return Matern(lengths, LENGTH_SCALES, nu=smoothness)


def likeliest(kernel: "Kernel", known: Array, coefficients: Array) -> Processes:
    """The processes whose hyperparameters make each mode's (K,) coefficients likeliest."""
    from sklearn.gaussian_process import GaussianProcessRegressor

    processes = [
        GaussianProcessRegressor(
            kernel, normalize_y=True, n_restarts_optimizer=RESTARTS, optimizer=maximise_likelihood, random_state=SEED
        ).fit(known, values)
        for values in coefficients.T
    ]
    return Processes(tuple(process.kernel_ for process in processes))


def maximise_likelihood(
    objective: Callable[[Array], tuple[float, Array]], start: Array, bounds: Array
) -> tuple[Array, float]:
    """Minimise the negative log likelihood over the log hyperparameters, a hair inside their bounds.

    The likelihood of few smooth data often grows up to a bound (the longest length scale): a legitimate answer, which
    scikit-learn would otherwise report as a warning. The best of the restarts counts, so a single one may end early.
    """
    margin = 1e-3 * (bounds[:, 1] - bounds[:, 0])
    box = np.column_stack([bounds[:, 0] + margin, bounds[:, 1] - margin])
    found = minimize(objective, np.clip(start, *box.T), jac=True, method="L-BFGS-B", bounds=box)
    return found.x, float(found.fun)
