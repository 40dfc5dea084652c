"""Rivals for states at scattered points of several coordinates, tuned on the same left-out states as the transport.

The reduced rivals (POD-RBF, POD-GPR, FPCA-GPR) are those of one coordinate, with one length a coordinate. The others
are linear in the snapshots.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import ClassVar

import numpy as np
from scipy.interpolate import LinearNDInterpolator, RBFInterpolator, make_interp_spline

from cmgai_fem.errors import InputError
from cmgai_fem.motions.choices import grid_axes
from cmgai_fem.motions.polyharmonic import monomials
from cmgai_fem.rivals.gaussian_process import FpcaGpr, PodGpr
from cmgai_fem.rivals.radial import PodRbf
from cmgai_fem.rivals.reduced import ReducedBaseline, Regression, decompose, left_out_errors
from cmgai_fem.states.states import Array, IntArray

HIGHEST_DEGREE = 5


class ScatteredBaseline(ABC):
    """A simple method that generates snapshots at unseen points from known ones at scattered points."""

    name: ClassVar[str]

    def predict(
        self, values: Array, snapshots: Array, targets: Array, trials: IntArray, weights: Array | None = None
    ) -> Array:
        """Snapshots at unseen states.

        Args:
            values: (K, m) coordinates of the known states.
            snapshots: (K, D) known snapshots.
            targets: (T, m) states asked for.
            trials: rows of the known states to leave out, one at a time, where something is to be chosen.
            weights: (D,) volumes, for methods that reduce the snapshots.

        Returns:
            (T, D) snapshots.

        Raises:
            InputError: shapes disagree, or states on one line.
        """
        if values.ndim != 2 or snapshots.shape[:1] != values.shape[:1] or targets.shape[1:] != values.shape[1:]:
            raise InputError(f"{self.name}: {values.shape} states do not fit {snapshots.shape} snapshots")
        low, span = values.min(axis=0), np.ptp(values, axis=0)
        if np.any(span == 0.0):
            raise InputError(f"{self.name}: a coordinate has one value alone")
        return self._predict((values - low) / span, snapshots, (targets - low) / span, trials, weights)

    @abstractmethod
    def _predict(
        self, known: Array, snapshots: Array, targets: Array, trials: IntArray, weights: Array | None
    ) -> Array:
        """The same in coordinates scaled to [0, 1]."""


class ScatteredLinear(ScatteredBaseline):
    """Linear in each Delaunay triangle (scipy's LinearNDInterpolator); outside the hull the plane of least squares."""

    name = "linear"

    def _predict(
        self, known: Array, snapshots: Array, targets: Array, trials: IntArray, weights: Array | None
    ) -> Array:
        inside = LinearNDInterpolator(known, np.eye(len(known)))(targets)
        plane = monomials(targets, 1) @ np.linalg.pinv(monomials(known, 1))
        return np.where(np.isfinite(inside), inside, plane) @ snapshots


class ThinPlateSpline(ScatteredBaseline):
    """scipy's RBFInterpolator as it comes: thin-plate spline with a linear trend, coordinates scaled to their range."""

    name = "thin_plate_spline"

    def _predict(
        self, known: Array, snapshots: Array, targets: Array, trials: IntArray, weights: Array | None
    ) -> Array:
        return np.asarray(RBFInterpolator(known, np.eye(len(known)))(targets)) @ snapshots


class ResponseSurface(ScatteredBaseline):
    """Polynomial of total degree 0 to 5 by least squares in each entry, its degree chosen by left-out states."""

    name = "response_surface"

    def _predict(
        self, known: Array, snapshots: Array, targets: Array, trials: IntArray, weights: Array | None
    ) -> Array:
        reduced = decompose(snapshots, weights).coefficients
        degrees = [d for d in range(HIGHEST_DEGREE + 1) if comb(d + known.shape[1], known.shape[1]) < len(known)]
        errors = [
            left_out_errors(_Polynomial(degree), known, reduced, trials).sum() if reduced.size else 0.0
            for degree in degrees
        ]
        return _Polynomial(degrees[int(np.argmin(errors))])(known, snapshots, targets)


@dataclass(frozen=True)
class _Polynomial:
    degree: int

    def __call__(self, known: Array, coefficients: Array, targets: Array) -> Array:
        """See `Regression`."""
        return np.asarray(
            monomials(targets, self.degree) @ np.linalg.pinv(monomials(known, self.degree)) @ coefficients
        )


class GridSpline(ScatteredBaseline):
    """Product of cubic not-a-knot splines along each coordinate, where the states fill a grid (scipy's)."""

    name = "grid_spline"

    def _predict(
        self, known: Array, snapshots: Array, targets: Array, trials: IntArray, weights: Array | None
    ) -> Array:
        found = grid_axes(known)
        if found is None:
            raise InputError(f"{self.name}: {len(known)} states do not fill a grid")
        axes, places = found
        factors = [
            make_interp_spline(axis, np.eye(len(axis)), k=min(3, len(axis) - 1 - (len(axis) == 3)))(targets[:, i])
            for i, axis in enumerate(axes)
        ]
        return np.prod([factor[:, places[:, i]] for i, factor in enumerate(factors)], axis=0) @ snapshots


@dataclass(frozen=True)
class ReducedScattered(ScatteredBaseline):
    """POD with a regression of its coefficients over several coordinates.

    Args:
        method: the method of one coordinate whose regressions are chosen among.
    """

    method: ReducedBaseline

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the method."""
        return self.method.name

    def _predict(
        self, known: Array, snapshots: Array, targets: Array, trials: IntArray, weights: Array | None
    ) -> Array:
        parts = decompose(snapshots, weights)
        if parts.coefficients.shape[1] == 0:
            return np.repeat(snapshots[:1], len(targets), axis=0)
        options: Sequence[Regression] = self.method.candidates(known, parts.coefficients)
        errors = [left_out_errors(option, known, parts.coefficients, trials).sum() for option in options]
        chosen = options[int(np.argmin(errors))]
        return parts.cardinal(chosen(known, parts.coefficients, targets)) @ snapshots


SCATTERED_BASELINES: dict[str, ScatteredBaseline] = {
    rival.name: rival
    for rival in (
        ScatteredLinear(),
        ThinPlateSpline(),
        ResponseSurface(),
        ReducedScattered(PodRbf()),
        ReducedScattered(PodGpr()),
        ReducedScattered(FpcaGpr()),
        GridSpline(),
    )
}


def rivals_for(values: Array) -> list[str]:
    """Names of the rivals that states at (K, m) values admit: the grid spline where they fill a grid."""
    return [name for name in SCATTERED_BASELINES if name != GridSpline.name or grid_axes(values) is not None]
