"""Curves at states of two coordinates whose known states fill a grid: both paths along it and the surface over it.

Corners beyond the grid are what it was made for; states between its values, or beyond it in one coordinate, are reached
the same way. What paths and surface get wrong of states of the known grid, when the rows and columns that lead to them
are left out, says how much each of them counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from cmgai_fem.calibration.stacking import stack_globally
from cmgai_fem.material_level.choices import axes_for, stretch
from cmgai_fem.material_level.corners import CornerPaths, Grid
from cmgai_fem.material_level.curve_transport import Line, Solve
from cmgai_fem.material_level.generator import GeneratedCurve, finish
from cmgai_fem.material_level.pair_trials import Trial, trial_errors
from cmgai_fem.material_level.surfaces import SolveSpace, Surface, SurfaceCalibration, calibrate_surface
from cmgai_fem.states.states import Array
from cmgai_fem.transport.space import SpaceSolution

# Values of a coordinate that must stay: fewer do not show whether the motion bends.
LEAST_VALUES = 3


@dataclass(frozen=True)
class CornerGenerator:
    """Calibrated transport to states off a grid.

    Args:
        paths: transport along one coordinate and then the other.
        surface: choice of the transport over both at once; None where the grid is too small to leave a corner out.
        shares: of the paths and of the surface, adding up to one.
        error: left-out error of the superposition, in NRMSE.
        solvers: solvers of the surface by method.
        hardening: generated curves rise with strain.
    """

    paths: CornerPaths
    surface: SurfaceCalibration | None
    shares: tuple[float, float]
    error: float
    solvers: Mapping[str, SolveSpace]
    hardening: bool
    solved: dict[str, tuple[SpaceSolution, ...]] = field(default_factory=dict, compare=False)

    @classmethod
    def fit(
        cls,
        grid: Grid,
        targets: Sequence[Sequence[float]],
        solvers: Mapping[str, Solve],
        space_solvers: Mapping[str, SolveSpace],
        report: Callable[[str], None],
        hardening: bool | None = None,
    ) -> "CornerGenerator":
        """Calibrate for targets that lie alike to the grid in each coordinate: below, between, beyond or on its values.

        Args:
            grid: the known states.
            targets: states that will be asked for.
            solvers: solvers along a line, by method.
            space_solvers: solvers over both coordinates, of the same methods.
            report: takes lines of progress.
            hardening: whether generated curves must harden; as the known curves do if None.
        """
        paths = CornerPaths.fit(grid, targets, solvers, report)
        hardens = grid.curves.hardens if hardening is None else hardening
        trials = corner_trials(grid, targets)
        if not trials:
            error = float(np.linalg.norm([calibration.error for calibration in paths.calibrations.values()]))
            return cls(paths, None, (1.0, 0.0), error, space_solvers, hardens)
        surface = calibrate_surface(grid.table.coordinates, grid.curves, targets, trials)
        along = [_path_curve(paths, grid, trial) for trial in trials]
        known = [grid.curves.stress[row] for _, row in trials]
        errors = np.array([trial_errors(grid.curves, made, known) for made in (along, surface.left_out)])
        rows, weights = stack_globally(errors.reshape(2, -1))
        shares = np.zeros(2)
        shares[rows] = weights
        mixed = float(np.sqrt(np.sum(np.tensordot(shares, errors, axes=1) ** 2) / len(trials)))
        report(f"grid over both coordinates: {surface.chosen} (left-out error {100 * surface.error:.2f} %)")
        report(
            f"grid: {100 * shares[0]:.0f} % paths, {100 * shares[1]:.0f} % surface (left-out error of the paths "
            f"{100 * np.sqrt(np.sum(errors[0] ** 2) / len(trials)):.2f} %, of both {100 * mixed:.2f} %)"
        )
        return cls(paths, surface, (float(shares[0]), float(shares[1])), mixed, space_solvers, hardens)

    def at(self, state: Sequence[float], method: str = "fem") -> tuple[GeneratedCurve, float]:
        """The curve at a state, and how far the paths part (NRMSE)."""
        grid = self.paths.grid
        stress, carried, parting = self.paths.at(state, method)
        if self.surface is not None and self.shares[1] > 0.0:
            over, error = self._motion.at(state, self._solutions(method))
            stress = self.shares[0] * stress + self.shares[1] * over
            # Both carry the scatter of the same tests: their errors go together.
            carried = self.shares[0] * carried + self.shares[1] * error
        line = Line(grid.table.coordinates[0], grid.axes[0], grid.curves)
        left_out = float(np.hypot(self.error, self.shares[0] * parting))
        return finish(line, stress, carried, left_out, self.hardening), parting

    def describe(self) -> dict[str, Any]:
        """The calibration as plain data."""
        coordinates = self.paths.grid.table.coordinates
        found: dict[str, Any] = {
            coordinate.name: self.paths.calibrations[axis].describe() for axis, coordinate in enumerate(coordinates)
        }
        if self.surface is not None:
            found["both"] = self.surface.describe() | {"share": self.shares[1], "left_out_error_of_mix": self.error}
        return found

    @property
    def _motion(self) -> Surface:
        assert self.surface is not None
        return Surface.of(self.paths.grid.table.coordinates, self.paths.grid.curves, self.surface.chosen)

    def _solutions(self, method: str) -> tuple[SpaceSolution, ...]:
        if method not in self.solved:
            self.solved[method] = tuple(self.solvers[method](part.problem) for part in self._motion.parts)
        return self.solved[method]


def corner_trials(grid: Grid, targets: Sequence[Sequence[float]]) -> list[Trial]:
    """States of the known grid to generate from what is left without the rows and columns that lead to them.

    Along a coordinate in which the targets lie beyond the grid, as many values are left out at an end as it takes to go
    as far, and all fewer, as long as three stay; both ends count: one law rules the whole grid. Where the targets lie
    between its values, each inner one is left out; where they lie on one of them, none is.
    """
    asked = [[float(target[axis]) for target in targets] for axis in (0, 1)]
    level = [all(np.isin(values, grid.axes[axis])) for axis, values in enumerate(asked)]
    # A known state that is asked for is judged by states that are left out, too.
    options = [_options(grid, axis, asked[axis], level[axis] and not all(level)) for axis in (0, 1)]
    found = []
    for (first, one), (second, other) in product(*options):
        row = int(np.flatnonzero(np.all(grid.curves.states == [one, other], axis=1))[0])
        stay = ~np.isin(grid.curves.states[:, 0], first) & ~np.isin(grid.curves.states[:, 1], second)
        found.append((np.flatnonzero(stay), row))
    return found


def _options(grid: Grid, axis: int, targets: Sequence[float], level: bool) -> list[tuple[Array, float]]:
    """Values to leave out along a coordinate, and the one to generate then."""
    values = grid.axes[axis]
    if level:
        return [(np.zeros(0), float(value)) for value in values]
    if all(values[0] <= target <= values[-1] for target in targets):
        return [(np.array([value]), float(value)) for value in values[1:-1]]
    depths = _depths(grid, axis, targets)
    return [(values[:depth], float(values[0])) for depth in depths] + [
        (values[-depth:], float(values[-1])) for depth in depths
    ]


def _depths(grid: Grid, axis: int, targets: Sequence[float]) -> range:
    kind = axes_for(grid.table.coordinates[axis].name, np.append(grid.axes[axis], targets))[0]
    known, asked = stretch(kind, grid.axes[axis]), stretch(kind, np.asarray(targets, dtype=float))
    reach = max(known[0] - asked.min(), asked.max() - known[-1])
    steps = int(np.ceil(reach / float(np.mean(np.diff(known))) - 1e-9))
    return range(1, min(max(steps, 1), len(known) - LEAST_VALUES) + 1)


def _path_curve(paths: CornerPaths, grid: Grid, trial: Trial) -> Array:
    rows, row = trial
    state = (float(grid.curves.states[row, 0]), float(grid.curves.states[row, 1]))
    left = grid.only(rows)
    stress = np.full(len(grid.curves.strain), np.nan)
    stress[np.isin(grid.curves.strain, left.curves.strain)] = paths.over(left, [state]).at(state)[0]
    return stress
