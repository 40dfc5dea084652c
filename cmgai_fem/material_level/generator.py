"""Generated curves: calibrated transport along one coordinate, made admissible, with the band that scatter gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.curve_calibration import CurveCalibration, calibrate_lines, side
from cmgai_fem.material_level.curve_transport import CurveTransport, Line, Solve, carry
from cmgai_fem.states import Array

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
        transports: by method and side.
        hardening: generated curves rise with strain.
    """

    line: Line
    calibrations: Mapping[int, CurveCalibration]
    transports: Mapping[tuple[str, int], CurveTransport]
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
        calibrations, transports = {}, {}
        for place in sorted({side(line, value) for value in targets}):
            asked = [value for value in targets if side(line, value) == place]
            calibrations[place] = calibrate_lines([line], asked)
            chosen = calibrations[place]
            report(
                f"{line.coordinate.name} {SIDES[place]} the known states: {chosen.chosen} "
                f"(left-out error {100 * chosen.error:.2f} %)"
            )
            for method, solve in solvers.items():
                transports[method, place] = carry(line, chosen.chosen, asked, solve)
        hardens = line.curves.hardens if hardening is None else hardening
        return cls(line, calibrations, transports, hardens, tuple(solvers))

    def at(self, value: float, method: str = "fem") -> GeneratedCurve:
        """The curve at a value of the coordinate."""
        place = side(self.line, value)
        if (method, place) not in self.transports:
            raise InputError(f"{self.line.coordinate.label(value)} was not among the values to generate")
        transport = self.transports[method, place]
        stress = transport.at(value)
        carried = np.sqrt(np.sum(transport.noise_at(value) ** 2, axis=1))
        return finish(self.line, stress, carried, self.calibrations[place].error, self.hardening)

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
        left_out: left-out error of the calibration, in NRMSE.
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
