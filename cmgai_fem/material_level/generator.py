"""Generated curves: calibrated transport along one coordinate, made admissible, with the band that scatter gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.curve_calibration import CurveCalibration, calibrate_lines, curve_error, side
from cmgai_fem.material_level.curve_transport import CurveTransport, Line, Solve, carry
from cmgai_fem.states.states import Array

# Left-out error beyond which a generated curve is not to be trusted: that of the paper's own benchmark.
TRUSTED = 0.04


@dataclass(frozen=True)
class GeneratedCurve:
    """A generated curve.

    Args:
        strain: (L,) strain [-], from the origin if it is the total strain.
        stress: (L,) mean stress [Pa].
        error: (L,) standard error of that mean: scatter of the tests, carried, and the left-out error [Pa].
        scatter: (L,) standard deviation of a single measured point about the mean [Pa].
        trusted: the calibration's left-out error supports it.
    """

    strain: Array
    stress: Array
    error: Array
    scatter: Array
    trusted: bool


@dataclass(frozen=True)
class Generator:
    """Calibrated transports along a line, one for each side where curves are asked for.

    Args:
        line: the known states.
        calibrations: by side: -1 below the known states, 0 between, 1 beyond.
        transports: by method and side, one for each choice that has a share.
        hardening: generated curves rise with strain.
    """

    line: Line
    calibrations: Mapping[int, CurveCalibration]
    transports: Mapping[tuple[str, int], tuple[CurveTransport, ...]]
    hardening: bool
    methods: tuple[str, ...] = field(default=("fem",))

    @classmethod
    def fit(
        cls,
        line: Line,
        targets: Sequence[float],
        solvers: Mapping[str, Solve],
        report: Callable[[str], None],
        hardening: bool | None = None,
    ) -> "Generator":
        """Calibrate and solve for the values that will be asked for.

        Args:
            line: the known states.
            targets: values of the coordinate.
            solvers: transport solvers by method.
            report: takes lines of progress.
            hardening: whether generated curves must harden; as the known curves do if None.
        """
        calibrations: dict[int, CurveCalibration] = {}
        transports: dict[tuple[str, int], tuple[CurveTransport, ...]] = {}
        for place in sorted({side(line, value) for value in targets}):
            asked = [value for value in targets if side(line, value) == place]
            calibrations[place] = calibrate_lines([line], asked)
            found = calibrations[place]
            parts = "; ".join(
                str(choice) if share == 1.0 else f"{100 * share:.0f} % {choice}" for choice, share in found.shares
            )
            report(
                f"{line.coordinate.name} {SIDES[place]} the known states: {parts} "
                f"(left-out error {100 * found.error:.2f} %)"
            )
            for method, solve in solvers.items():
                transports[method, place] = tuple(carry(line, choice, asked, solve) for choice, _ in found.shares)
        hardens = line.curves.hardens if hardening is None else hardening
        return cls(line, calibrations, transports, hardens, tuple(solvers))

    def at(self, value: float, method: str = "fem") -> GeneratedCurve:
        """The curve at a value of the coordinate."""
        place = side(self.line, value)
        if (method, place) not in self.transports:
            raise InputError(f"{self.line.coordinate.label(value)} was not among the values to generate")
        members, calibration = self.transports[method, place], self.calibrations[place]
        shares = np.array([share for _, share in calibration.shares])
        stresses = np.array([member.at(value) for member in members])
        stress = shares @ stresses
        # All carry the scatter of the same tests: their errors go together, in units of the stress.
        noise = sum(
            share * made[:, None] * member.noise_at(value)
            for share, made, member in zip(shares, stresses, members, strict=True)
        )
        carried = np.sqrt(np.sum(np.asarray(noise) ** 2, axis=1)) / stress
        curves = self.line.curves
        apart = [curve_error(made, stress, curves.weights, curves.plastic) for made in stresses]
        # Choices that agree at the left-out states part on the way to a target far beyond them.
        left_out = float(np.sqrt(calibration.error**2 + shares @ np.square(apart)))
        return finish(self.line, stress, carried, left_out, self.hardening)

    def describe(self) -> dict[str, Any]:
        """Calibrations as plain data, by side."""
        return {SIDES[place]: calibration.describe() for place, calibration in self.calibrations.items()}


SIDES = {-1: "below", 0: "between", 1: "beyond"}


def finish(line: Line, stress: Array, carried: Array, left_out: float, hardening: bool) -> GeneratedCurve:
    """The admissible curve of a generated stress: rising if it must, from the origin if its strain is the total one.

    Args:
        line: the known states.
        stress: (L,) generated stress [Pa], NaN where nothing is known.
        carried: (L,) standard error that the known states carry to it, relative to the stress.
        left_out: left-out error of the calibration, and how far its choices part here, in NRMSE.
        hardening: the curve must not fall.
    """
    made = np.isfinite(stress)
    strain, weights, mean = line.curves.strain[made], line.curves.weights[made], stress[made]
    if hardening:
        # The nearest rising curve, in the mean square over the strain.
        mean = IsotonicRegression().fit_transform(strain, mean, sample_weight=weights)
    spread = float(np.ptp(mean) if line.curves.plastic else np.max(mean))
    error = np.hypot(carried[made] * mean, left_out * spread)
    scatter = line.curves.scatter * mean
    if not line.curves.plastic:
        strain, mean, error, scatter = (np.concatenate([[0.0], values]) for values in (strain, mean, error, scatter))
    return GeneratedCurve(strain, mean, error, scatter, left_out <= TRUSTED)
