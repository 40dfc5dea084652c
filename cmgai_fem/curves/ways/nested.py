"""Over a grid of two state coordinates: along one and then the other, on both paths.

On the first path every line of the grid is carried along the first coordinate, and the curves that arise there along
the second; on the other path the other way round. Where the known motions are linear both agree; how far they part is
a measure of trust beside the left-out error.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from typing import Any, Self

import numpy as np

from cmgai_fem.curves.calibrate import CurveCalibration, Trial, curve_error
from cmgai_fem.curves.choice import EVERYTHING, Choice, Offer
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import EXACT, CurveMotion, State
from cmgai_fem.curves.ways import Carried
from cmgai_fem.curves.ways.line import calibrate_lines
from cmgai_fem.errors import InputError
from cmgai_fem.motions.nested import grid_axes
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinates

# A corner lies outside in both coordinates, and the second motion magnifies what the first brings: motions of a higher
# order than the one that goes on straight run away there.
HIGHEST_ORDER = 0
# Left-out states test each motion alone; the scatter that the first magnifies is magnified again by the second.
SCATTER_WEIGHT = 1.0

Carrier = Callable[[MeanCurves, float], tuple[Array, Array]]
"""Takes a line and a value, returns stress (L,) and the factor of its error's covariance (L, n)."""


@dataclass(frozen=True)
class CurveGrid:
    """Mean curves at every pair of two coordinates' values.

    Args:
        curves: the curves.
        axes: values of each coordinate.
        lines: the known lines along each coordinate, one for each value of the other.
    """

    curves: MeanCurves
    axes: tuple[Array, ...]
    lines: tuple[tuple[MeanCurves, ...], tuple[MeanCurves, ...]]

    @classmethod
    def of(cls, curves: MeanCurves) -> Self:
        """The grid that the states fill.

        Raises:
            InputError: they are no states of two coordinates, or fill none.
        """
        if len(curves.coordinates) != 2:
            raise InputError("two state coordinates are needed to go to a corner")
        if (found := grid_axes(curves.values)) is None:
            sizes = " x ".join(str(len(np.unique(column))) for column in curves.values.T)
            raise InputError(f"{len(curves.values)} states do not fill a grid of {sizes} values")
        axes = found[0]
        lines = (
            tuple(curves.line(axis, np.flatnonzero(curves.values[:, 1 - axis] == value)) for value in axes[1 - axis])
            for axis in (0, 1)
        )
        return cls(curves, axes, tuple(lines))  # type: ignore[arg-type]

    def go(self, state: State, first: int, carriers: Mapping[int, Carrier]) -> tuple[Array, Array]:
        """Stress (L,) and error factor (L, n) at `state`, first along coordinate `first`.

        Args:
            state: values of both coordinates.
            first: coordinate to go along first.
            carriers: how a line is carried, by coordinate.
        """
        curves, second = self.curves, 1 - first
        arrived = []
        for line in self.lines[first]:
            # A line need not know all labels of the grid.
            stress, noise = (curves.spread(part, line.strain) for part in carriers[first](line, state[first]))
            arrived.append((stress, np.nan_to_num(noise)))
        line = replace(
            curves,
            coordinates=Coordinates((curves.coordinates.each[second],)),
            values=self.axes[second][:, None],
            stress=np.array([stress for stress, _ in arrived]),
            noise=np.array([noise for _, noise in arrived]),
        )
        return carriers[second](line, state[second])


@dataclass(frozen=True)
class NestedWay:
    """Calibrated transport along both paths.

    Args:
        grid: the known states.
        calibrations: by coordinate; the best choice goes both ways round.
        targets: states that will be asked for.
    """

    grid: CurveGrid
    calibrations: tuple[CurveCalibration[Choice], ...]
    targets: tuple[State, ...]
    _motions: dict[tuple[int, int], CurveMotion] = attribute(default_factory=dict, compare=False)

    @classmethod
    def fit(cls, grid: CurveGrid, targets: Sequence[State], offer: Offer = EVERYTHING) -> Self:
        """Calibrate for targets that lie on one side of the grid in each coordinate."""
        found = [
            calibrate_lines(
                grid.lines[axis], [target[axis] for target in targets], SCATTER_WEIGHT, HIGHEST_ORDER, offer=offer
            )
            for axis in (0, 1)
        ]
        return cls(grid, tuple(found), tuple(targets))

    @property
    def name(self) -> str:
        """See `Way`."""
        each = zip(self.grid.curves.coordinates, self.calibrations, strict=True)
        return "both paths: " + "; ".join(
            f"along {coordinate.name} {found.chosen} (left-out error {100 * found.error:.2f} %)"
            for coordinate, found in each
        )

    @property
    def error(self) -> float:
        """Left-out error along both coordinates, where none of the grid can be left out."""
        return float(np.linalg.norm([found.error for found in self.calibrations]))

    def left_out(self, trials: Sequence[Trial]) -> list[Array]:
        """See `TriedWay`; the states that stay must fill a grid."""
        curves, found = self.grid.curves, []
        for stay, row in trials:
            state = tuple(map(float, curves.values[row]))
            rest = type(self)(CurveGrid.of(curves.only(stay)), self.calibrations, (state,))
            found.append(curves.spread(rest.carry(state, EXACT).stress, rest.grid.curves.strain))
        return found

    def carry(self, state: State, solver: Solver) -> Carried:
        """See `Way`: the geometric mean of both paths; its error is what arrives from the known states."""
        carriers = {axis: self._carrier(axis, solver) for axis in (0, 1)}
        (one, noise), (two, _) = (self.grid.go(state, first, carriers) for first in (0, 1))
        parting = curve_error(one, two, self.grid.curves)
        return Carried(np.sqrt(one * two), np.sqrt(np.sum(noise**2, axis=1)), parting)

    def describe(self) -> dict[str, Any]:
        """See `Way`."""
        each = zip(self.grid.curves.coordinates, self.calibrations, strict=True)
        return {coordinate.name: found.describe() for coordinate, found in each}

    def _carrier(self, axis: int, solver: Solver) -> Carrier:
        def carry_line(line: MeanCurves, value: float) -> tuple[Array, Array]:
            motion = self._motion(axis, line, value)
            stress, noise = motion.stress((value,), solver), motion.noise((value,))
            if not noise.any():
                return stress, noise
            # What arrives is as uncertain as the left-out states say, not only as the scatter that it carries.
            made = np.isfinite(stress)
            spread = float(np.ptp(stress[made]) if line.plastic else np.max(stress[made]))
            squares = np.sum(noise[made] ** 2, axis=1) * stress[made] ** 2
            carried = np.average(squares, weights=line.weights[made])
            return stress, noise * float(np.sqrt(1.0 + (self.calibrations[axis].error * spread) ** 2 / carried))

        return carry_line

    def _motion(self, axis: int, line: MeanCurves, value: float) -> CurveMotion:
        """The motion of a line; a known line has one for all targets."""
        choice = self.calibrations[axis].chosen
        known = [number for number, other in enumerate(self.grid.lines[axis]) if other is line]
        if not known:
            return CurveMotion.of(line, choice, [(value,)])
        if (axis, known[0]) not in self._motions:
            reach = [(target[axis],) for target in self.targets]
            self._motions[axis, known[0]] = CurveMotion.of(line, choice, reach)
        return self._motions[axis, known[0]]
