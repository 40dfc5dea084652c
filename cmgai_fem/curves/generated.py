"""Generated curves: calibrated ways superposed, made admissible, with the band that scatter and left-out error give."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

from cmgai_fem.curves.calibrate import Trial, WayShares, curve_error
from cmgai_fem.curves.cheap import CheapCurves
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import EXACT, State
from cmgai_fem.curves.ways import TriedWay
from cmgai_fem.errors import InputError
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array

# Left-out error beyond which a generated curve is not to be trusted: that of the paper's own benchmark.
TRUSTED = 0.04
# Ways that err less than this many times the best are told apart by nothing that is known.
ALIKE = 2.0


@dataclass(frozen=True)
class GeneratedCurve:
    """A generated curve.

    Args:
        strain: (L,) strain [-], from the origin if it is the total strain.
        stress: (L,) mean stress [Pa].
        error: (L,) standard error of that mean: scatter of the tests, carried, and the left-out error [Pa].
        scatter: (L,) standard deviation of a single measured point about the mean [Pa].
        trusted: the calibration's left-out error supports it.
        parting: how far the motions of one way part on their way to the state (NRMSE).
    """

    strain: Array
    stress: Array
    error: Array
    scatter: Array
    trusted: bool
    parting: float = 0.0


@dataclass(frozen=True)
class CurveGenerator:
    """Calibrated ways and what each of them counts.

    Args:
        curves: the known states.
        ways: the ways.
        mixed: their shares and left-out errors.
        hardening: generated curves rise with strain.
        compared: how far ways of like left-out error part is added to the error. States are left out of a grid or a
            line as far as the targets lie; of others as they happen to lie.
        left_out: curve (L,) of each left-out state, and what all ways together generate of it.
        cheap: the model that has been divided out of `curves`, and is multiplied with what is carried.
    """

    curves: MeanCurves
    ways: tuple[TriedWay, ...]
    mixed: WayShares
    hardening: bool
    compared: bool = False
    left_out: tuple[tuple[Array, Array], ...] = ()
    cheap: CheapCurves | None = None

    @classmethod
    def alone(cls, curves: MeanCurves, way: TriedWay, error: float, hardening: bool) -> "CurveGenerator":
        """One way, of known left-out error."""
        return cls(curves, (way,), WayShares(np.ones(1), np.array([error]), error), hardening)

    def at(self, state: State, solver: Solver = EXACT) -> GeneratedCurve:
        """The curve at a state (m,).

        Raises:
            InputError: no strain is known at enough states to reach it.
        """
        shares, curves = self.mixed.shares, self.curves
        each = [way.carry(state, solver) for way in self.ways]
        if self.cheap is not None:
            ratio = self.cheap.ratio(state)
            each = [replace(found, stress=found.stress * ratio) for found in each]
        counting = [(share, found) for share, found in zip(shares, each, strict=True) if share > 0.0]
        stress = sum((share * found.stress for share, found in counting), np.zeros(len(curves.strain)))
        # All carry the scatter of the same tests: their errors go together.
        carried = sum((share * found.error for share, found in counting), np.zeros(len(curves.strain)))
        if self.cheap is not None:
            carried = np.hypot(carried, self.cheap.error(state))
        if not np.any(np.isfinite(stress)):
            where = curves.coordinates.label(state)
            raise InputError(f"{where}: no strain is known at enough states to generate a curve")
        apart = sum(share * found.parting for share, found in counting)
        if self.compared:
            alike = self.mixed.alone <= ALIKE * self.mixed.alone.min()
            apart = max(_apart(found.stress, stress, curves) for found, near in zip(each, alike, strict=True) if near)
        growth = sum(share * found.growth for share, found in counting)
        left_out = float(np.hypot(self.mixed.error * growth, apart))
        return finish(curves, stress, carried, left_out, self.hardening, max(found.parting for found in each))

    def superposed(self, trials: Sequence[Trial]) -> list[tuple[Array, Array]]:
        """The curve (L,) of each state that is left out, and what all ways together generate of it by their shares."""
        counting = [(way, share) for way, share in zip(self.ways, self.mixed.shares, strict=True) if share > 0.0]
        each = [[share * made for made in way.left_out(trials)] for way, share in counting]
        found = []
        for trial, made in zip(trials, zip(*each, strict=True), strict=True):
            ratio = 1.0 if self.cheap is None else self.cheap.ratio(self.curves.values[trial.row])
            found.append((self.curves.stress[trial.row] * ratio, np.sum(made, axis=0) * ratio))
        return found

    def describe(self) -> dict[str, Any]:
        """Calibrations as plain data, by where they were made."""
        several = len(self.ways) > 1
        return {
            where: facts | ({"share": float(share), "left_out_error_of_mix": self.mixed.error} if several else {})
            for way, share in zip(self.ways, self.mixed.shares, strict=True)
            for where, facts in way.describe().items()
        }

    def lines(self) -> Sequence[str]:
        """What was chosen, for the terminal."""
        if len(self.ways) == 1:
            return [f"{self.ways[0].name} (left-out error {100 * self.mixed.error:.2f} %)"]
        rows = zip(self.ways, self.mixed.shares, self.mixed.alone, strict=True)
        return [
            *(f"  {100 * share:.0f} % {way.name} (left-out error {100 * error:.2f} %)" for way, share, error in rows),
            f"  together: left-out error {100 * self.mixed.error:.2f} %",
        ]


def finish(
    curves: MeanCurves, stress: Array, carried: Array, left_out: float, hardening: bool, parting: float = 0.0
) -> GeneratedCurve:
    """The admissible curve of a generated stress: rising if it must, from the origin if its strain is the total one.

    Args:
        curves: the known states.
        stress: (L,) generated stress [Pa], NaN where nothing is known.
        carried: (L,) standard error that the known states carry to it, relative to the stress.
        left_out: left-out error of the calibration, and how far its choices part here, in NRMSE.
        hardening: the curve must not fall.
        parting: see `GeneratedCurve`.
    """
    made = np.isfinite(stress)
    strain, mean = curves.strain[made], (rising(curves, stress) if hardening else stress)[made]
    spread = float(np.ptp(mean) if curves.plastic else np.max(mean))
    error = np.hypot(carried[made] * mean, left_out * spread)
    scatter = curves.scatter * mean
    if not curves.plastic:
        strain, mean, error, scatter = (np.concatenate([[0.0], values]) for values in (strain, mean, error, scatter))
    return GeneratedCurve(strain, mean, error, scatter, left_out <= TRUSTED, parting)


def rising(curves: MeanCurves, stress: Array) -> Array:
    """(L,) the nearest rising curve in the mean square over the strain; NaN where nothing is known."""
    made = np.isfinite(stress)
    found = np.full(len(stress), np.nan)
    found[made] = IsotonicRegression().fit_transform(
        curves.strain[made], stress[made], sample_weight=curves.weights[made]
    )
    return found


def _apart(one: Array, other: Array, curves: MeanCurves) -> float:
    """How far two generated curves part (NRMSE); 0 without a common strain."""
    return curve_error(one, other, curves) if np.any(np.isfinite(one) & np.isfinite(other)) else 0.0
