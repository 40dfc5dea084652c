"""How known states lie, and the ways to carry curves that lead over them: a line, a grid, a cross, or anyhow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgai_fem.curves.calibrate import Trial, WayShares, mix
from cmgai_fem.curves.choice import EVERYTHING, Offer
from cmgai_fem.curves.generated import CurveGenerator
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import State
from cmgai_fem.curves.trials import LEAST_VALUES, grid_trials, places_of, scattered_trials
from cmgai_fem.curves.ways import TriedWay
from cmgai_fem.curves.ways.arms import ArmsWay, Cross
from cmgai_fem.curves.ways.constitutive import constitutive_ways
from cmgai_fem.curves.ways.line import LineWay, line_trials
from cmgai_fem.curves.ways.nested import CurveGrid, NestedWay
from cmgai_fem.curves.ways.path import PathWay
from cmgai_fem.curves.ways.surface import SurfaceWay
from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.states.labels import Array

# States of two coordinates that leave a plane to the others when one is left out.
LEAST_STATES = 4
# Missing states with which scattered ones are still told to be nearly a grid.
MOST_HOLES = 2
# Left-out error of a constitutive model, of the least of the transports', from which it joins them.
FAR_BETTER = 0.7


@dataclass(frozen=True)
class StateLayout:
    """How the known states lie.

    Args:
        curves: the known states.
        grid: the grid of two coordinates that they fill, if any.
        cross: the cross that they make, if any.
        path: the path through all of them, where they neither fill a grid nor lie on a line.
    """

    curves: MeanCurves
    grid: CurveGrid | None = None
    cross: Cross | None = None
    path: PathWay | None = None

    @classmethod
    def of(cls, curves: MeanCurves) -> "StateLayout":
        """The layout of the known states.

        Raises:
            InputError: too few states of two coordinates, or all on one line.
        """
        if len(curves.coordinates) == 1:
            return cls(curves)
        names = " and ".join(coordinate.name for coordinate in curves.coordinates)
        if len(curves.values) < LEAST_STATES:
            raise InputError(
                f"columns {names}: {len(curves.values)} states of two coordinates are too few to leave one out: give "
                f"at least {LEAST_STATES}"
            )
        try:
            highest_order(places_of(curves, curves.values))
        except InputError as error:
            raise InputError(f"columns {names}: {error}") from error
        sizes = [len(np.unique(column)) for column in curves.values.T]
        if sizes[0] * sizes[1] == len(curves.values) and min(sizes) >= LEAST_VALUES:
            return cls(curves, CurveGrid.of(curves))
        return cls(curves, None, Cross.of(curves.values), PathWay.fit(curves))

    def trials(self, targets: Sequence[State]) -> list[Trial]:
        """The states to leave out for targets that lie alike."""
        if len(self.curves.coordinates) == 1:
            return line_trials(self.curves, [target[0] for target in targets])
        return grid_trials(self.grid, targets) if self.grid else scattered_trials(self.curves, targets)

    def generator(
        self, targets: Sequence[State], trials: Sequence[Trial], hardening: bool, offer: Offer = EVERYTHING
    ) -> CurveGenerator:
        """Calibrate for targets that lie alike to the known states, by the states that are left out.

        Args:
            targets: the targets.
            trials: the states that are left out.
            hardening: generated curves rise with strain.
            offer: what may be chosen.
        """
        curves = self.curves
        if len(curves.coordinates) == 1:
            line = LineWay.fit(curves, targets, offer)
            alone = CurveGenerator.alone(curves, line, line.calibration.error, hardening)
            return _with_models(alone, [line.calibration.left_out], trials, offer)
        if self.grid and not trials:
            nested = NestedWay.fit(self.grid, targets, offer)
            return CurveGenerator.alone(curves, nested, nested.error, hardening)
        ways = [
            fit(targets, trials, offer) for kind, fit in self._fits().items() if not offer.ways or kind in offer.ways
        ]
        made = [way.left_out(trials) for way in ways]
        known = [curves.stress[trial.row] for trial in trials]
        told = [
            row
            for row, left_out in enumerate(made)
            if all(np.any(np.isfinite(one) & np.isfinite(truth)) for one, truth in zip(left_out, known, strict=True))
        ]
        mixed = _mixed(curves, [made[row] for row in told], trials, offer)
        mixture = CurveGenerator(curves, tuple(ways[row] for row in told), mixed, hardening, self.grid is None)
        return _with_models(mixture, [made[row] for row in told], trials, offer)

    @property
    def ways(self) -> tuple[str, ...]:
        """Kinds of ways that lead over the known states; of one coordinate the line alone."""
        return ("line",) if len(self.curves.coordinates) == 1 else tuple(self._fits())

    def _fits(self) -> dict[str, Callable[[Sequence[State], Sequence[Trial], Offer], TriedWay]]:
        """How each kind of way over two coordinates is calibrated."""
        curves, grid, path, cross = self.curves, self.grid, self.path, self.cross
        fits: dict[str, Callable[[Sequence[State], Sequence[Trial], Offer], TriedWay]] = {}
        if grid:
            fits["both paths"] = lambda targets, trials, offer: NestedWay.fit(grid, targets, offer)
        fits["surface"] = lambda targets, trials, offer: SurfaceWay.fit(curves, targets, trials, offer)
        if path:
            fits["one path"] = lambda targets, trials, offer: (
                path if offer is EVERYTHING else PathWay.fit(curves, offer)
            )
        if cross:
            fits["arms"] = lambda targets, trials, offer: ArmsWay.fit(curves, cross, targets, offer)
        return fits

    def alike(self, targets: Sequence[State]) -> list[list[State]]:
        """Targets in groups that lie alike to the known states: below, between, beyond or on a value of a grid."""
        groups: dict[tuple[int, ...], list[State]] = {}
        for target in targets:
            key = []
            for column, value in zip(self.curves.values.T, target, strict=True):
                outside = int(value > column.max()) - int(value < column.min())
                key.append(2 if self.grid and value in column else outside)
            groups.setdefault(tuple(key), []).append(target)
        return list(groups.values())

    def __str__(self) -> str:
        values = self.curves.values
        ranges = ", ".join(
            f"{coordinate.name} {column.min():g} to {column.max():g} {coordinate.unit}"
            for coordinate, column in zip(self.curves.coordinates, values.T, strict=True)
        )
        sizes = [len(np.unique(column)) for column in values.T]
        size = " x ".join(map(str, sizes))
        if self.grid:
            shape = f"a grid of {size} values"
        elif self.cross:
            shape = f"a cross through {self.curves.coordinates.label(self.cross.centre)}"
        elif len(sizes) == 1:
            shape = "a line"
        else:
            lacking = int(np.prod(sizes)) - len(values)
            holes = f", a grid of {size} values but for {lacking}" if lacking <= MOST_HOLES else ""
            shape = f"scattered{holes}"
        return f"{len(values)} known states, {shape}: {ranges}"


def _mixed(curves: MeanCurves, left_out: Sequence[Sequence[Array]], trials: Sequence[Trial], offer: Offer) -> WayShares:
    """The shares of ways by the curves (L,) that each generates of the left-out states; of one alone where they may not
    share."""
    mixed = mix(curves, left_out, trials)
    return mixed if offer.superposed else mixed.best()


def _with_models(
    generator: CurveGenerator, left_out: Sequence[Sequence[Array]], trials: Sequence[Trial], offer: Offer
) -> CurveGenerator:
    """With the constitutive models among the ways that err far less at the states left out than any of these does.

    Args:
        generator: the ways.
        left_out: for each of them the curves (L,) of the states that are left out.
        trials: these.
        offer: what may be chosen.
    """
    if not trials:
        return generator
    curves, least = generator.curves, float(generator.mixed.alone.min())
    tried = [(way, way.left_out(trials)) for way in constitutive_ways(curves)] if offer.fits else []
    better = [(way, made) for way, made in tried if mix(curves, [made], trials).alone[0] <= FAR_BETTER * least]
    every = [*left_out, *(made for _, made in better)]
    if better:
        ways = (*generator.ways, *(way for way, _ in better))
        generator = replace(generator, ways=ways, mixed=_mixed(curves, every, trials, offer))
    shares = generator.mixed.shares
    together = [
        sum((share * one for share, one in zip(shares, each, strict=True) if share > 0.0), np.zeros(len(curves.strain)))
        for each in zip(*every, strict=True)
    ]
    known = [curves.stress[trial.row] for trial in trials]
    return replace(generator, left_out=tuple(zip(known, together, strict=True)))
