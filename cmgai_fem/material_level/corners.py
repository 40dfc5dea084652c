"""Two state coordinates: transport to a corner along both paths around the known grid.

On the first path every line of the grid is carried along the first coordinate, and the curves that arise there along
the second; on the other path the other way round. Where the known motions are linear both agree; how far they part is
a measure of trust beside the left-out error.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from functools import cached_property

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.curve_calibration import CurveCalibration, calibrate_lines, curve_error
from cmgai_fem.material_level.curve_transport import CurveTransport, Line, Solve, carry
from cmgai_fem.material_level.curves import CurveTable
from cmgai_fem.material_level.mean_curves import MeanCurves
from cmgai_fem.states.states import Array, IntArray

# A corner lies outside in both coordinates, and the second motion magnifies what the first brings: motions of a higher
# order than the one that goes on straight run away there.
HIGHEST_ORDER = 0
# Left-out states test each motion alone; the scatter that the first magnifies is magnified again by the second.
SCATTER_WEIGHT = 1.0

Carrier = Callable[[Line, float], tuple[Array, Array]]
"""Takes a line and a value, returns stress (L,) and the factor of its error's covariance (L, m)."""


@dataclass(frozen=True)
class Grid:
    """Mean curves at every pair of two coordinates' values.

    Args:
        table: the known tests.
        curves: mean curves of its states.
        axes: values of each coordinate.
    """

    table: CurveTable
    curves: MeanCurves
    axes: tuple[Array, Array]

    @classmethod
    def of(cls, table: CurveTable, curves: MeanCurves) -> "Grid":
        """The grid of a table whose states fill it.

        Raises:
            InputError: a pair is missing.
        """
        if len(table.coordinates) != 2:
            raise InputError("two state coordinates are needed to go to a corner")
        axes = (np.unique(curves.states[:, 0]), np.unique(curves.states[:, 1]))
        if len(axes[0]) * len(axes[1]) != len(curves.states):
            raise InputError(
                f"{len(curves.states)} states do not fill a grid of {len(axes[0])} x {len(axes[1])} values"
            )
        return cls(table, curves, axes)

    def only(self, rows: IntArray) -> "Grid":
        """The states at `rows`, which fill a grid."""
        return Grid.of(self.table, self.curves.only(rows))

    def lines(self, axis: int) -> list[Line]:
        """The known lines along coordinate `axis`, one for each value of the other."""
        return self._lines[axis]

    @cached_property
    def _lines(self) -> tuple[list[Line], list[Line]]:
        return self._find_lines(0), self._find_lines(1)

    def _find_lines(self, axis: int) -> list[Line]:
        other = 1 - axis
        found = []
        for value in self.axes[other]:
            rows = np.flatnonzero(self.curves.states[:, other] == value)
            found.append(Line.of(self.table.coordinates[axis], self.curves.states[rows, axis], self.curves.only(rows)))
        return found

    def go(self, state: Sequence[float], first: int, carriers: Mapping[int, Carrier]) -> tuple[Array, Array]:
        """Stress (L,) and error factor (L, m) at `state`, first along coordinate `first`.

        Args:
            state: values of both coordinates.
            first: coordinate to go along first.
            carriers: how a line is carried, by coordinate.
        """
        arrived = [self._widened(line, *carriers[first](line, state[first])) for line in self.lines(first)]
        second = 1 - first
        curves = replace(
            self.curves,
            states=self.axes[second][:, None],
            stress=np.array([stress for stress, _ in arrived]),
            noise=np.array([noise for _, noise in arrived]),
        )
        line = Line(self.table.coordinates[second], self.axes[second], curves)
        return carriers[second](line, state[second])

    def _widened(self, line: Line, stress: Array, noise: Array) -> tuple[Array, Array]:
        """What arrived along a line on all labels of the grid: a line need not know all of them."""
        labels = np.isin(self.curves.strain, line.curves.strain)
        wide, factor = np.full(len(labels), np.nan), np.zeros((len(labels), noise.shape[1]))
        wide[labels], factor[labels] = stress, noise
        return wide, factor


@dataclass(frozen=True)
class CornerPaths:
    """Calibrated transport along both paths to states beyond a grid in both coordinates.

    Args:
        grid: the known states.
        calibrations: by coordinate.
        solvers: transport solvers by method.
        targets: states that will be asked for.
        carried: transports of known lines already solved, by method, coordinate and number of the line.
    """

    grid: Grid
    calibrations: Mapping[int, CurveCalibration]
    solvers: Mapping[str, Solve]
    targets: tuple[tuple[float, float], ...]
    carried: dict[tuple[str, int, int], CurveTransport] = attribute(default_factory=dict, compare=False)

    @classmethod
    def fit(
        cls,
        grid: Grid,
        targets: Sequence[Sequence[float]],
        solvers: Mapping[str, Solve],
        report: Callable[[str], None],
    ) -> "CornerPaths":
        """Calibrate for targets that lie on one side of the grid in each coordinate."""
        calibrations = {}
        for axis, coordinate in enumerate(grid.table.coordinates):
            asked = [target[axis] for target in targets]
            chosen = calibrate_lines(grid.lines(axis), asked, HIGHEST_ORDER, SCATTER_WEIGHT)
            # The best choice alone goes both ways round.
            calibrations[axis] = replace(chosen, shares=((chosen.chosen, 1.0),), error=chosen.table[0][1])
            report(
                f"grid along {coordinate.name}: {chosen.chosen} (left-out error {100 * chosen.table[0][1]:.2f} %, "
                f"{len(grid.axes[1 - axis])} lines)"
            )
        return cls(grid, calibrations, solvers, tuple((target[0], target[1]) for target in targets))

    def over(self, grid: Grid, targets: Sequence[tuple[float, float]]) -> "CornerPaths":
        """The same choices over another grid."""
        return CornerPaths(grid, self.calibrations, self.solvers, tuple(targets))

    def at(self, state: Sequence[float], method: str = "fem") -> tuple[Array, Array, float]:
        """Stress (L,) at a state, the geometric mean of both paths, its relative standard error, and the parting.

        The standard error is what arrives from the known states; the parting of the paths is in NRMSE.
        """

        def carrier(axis: int) -> Carrier:
            def carry_line(line: Line, value: float) -> tuple[Array, Array]:
                transport = self._carry(method, axis, line, value)
                stress, noise = transport.at(value), transport.noise_at(value)
                if not noise.any():
                    return stress, noise
                # What arrives is as uncertain as the left-out states say, not only as the scatter that it carries.
                made = np.isfinite(stress)
                spread = float(np.ptp(stress[made]) if line.curves.plastic else np.max(stress[made]))
                squares = np.sum(noise[made] ** 2, axis=1) * stress[made] ** 2
                carried = np.average(squares, weights=line.curves.weights[made])
                error = self.calibrations[axis].error * spread
                return stress, noise * float(np.sqrt(1.0 + error**2 / carried))

            return carry_line

        carriers = {axis: carrier(axis) for axis in (0, 1)}
        (one, noise), (two, _) = (self.grid.go(state, first, carriers) for first in (0, 1))
        curves = self.grid.curves
        parting = curve_error(one, two, curves.weights, curves.plastic)
        return np.sqrt(one * two), np.sqrt(np.sum(noise**2, axis=1)), parting

    def _carry(self, method: str, axis: int, line: Line, value: float) -> CurveTransport:
        """The transport of a line; a known line is solved once for all targets."""
        choice, solve = self.calibrations[axis].chosen, self.solvers[method]
        known = [number for number, other in enumerate(self.grid.lines(axis)) if other is line]
        if not known:
            return carry(line, choice, [value], solve)
        key = (method, axis, known[0])
        if key not in self.carried:
            self.carried[key] = carry(line, choice, [target[axis] for target in self.targets], solve)
        return self.carried[key]
