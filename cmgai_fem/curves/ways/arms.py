"""States on a cross: one line of temperatures and one of strain rates through a common state.

Metals are often tested so. Each arm is carried along its coordinate as any line is, and what both do together is taken
as the product of factors: nothing on a cross can tell otherwise, since no known state lies off its two lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from cmgai_fem.curves.calibrate import CurveCalibration, Trial
from cmgai_fem.curves.choice import EVERYTHING, Choice, Offer
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import EXACT, CurveMotion, State
from cmgai_fem.curves.ways import Carried
from cmgai_fem.curves.ways.line import SCATTER_WEIGHT, calibrate_lines
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array

# Fewest states of an arm, the common one included: fewer leave none to leave out.
LEAST_VALUES = 3
# Off its arm a state is reached by two motions: those of a higher order run away, as at the corner of a grid.
HIGHEST_ORDER = 0


@dataclass(frozen=True)
class Cross:
    """Where two lines of states meet: `centre` (2,) is the common state."""

    centre: State

    @classmethod
    def of(cls, states: Array) -> Self | None:
        """The cross that states (K, 2) make, every state on one of its arms; None if they make none."""
        for centre in states:
            on = states == centre
            # The centre counts to both arms; fewer than two more on one of them are no arm.
            if np.all(on.any(axis=1)) and np.all(on.sum(axis=0) >= LEAST_VALUES):
                return cls((float(centre[0]), float(centre[1])))
        return None

    def holds(self, state: Sequence[float]) -> bool:
        """Whether a state lies on one of the lines."""
        return bool(np.any(np.isclose(state, self.centre, rtol=1e-9, atol=0.0)))

    def arm(self, curves: MeanCurves, axis: int) -> MeanCurves:
        """The known states that differ from the centre in coordinate `axis` alone, and the centre if it is known."""
        return curves.line(axis, np.flatnonzero(curves.values[:, 1 - axis] == self.centre[1 - axis]))


@dataclass(frozen=True)
class ArmsWay:
    """Calibrated motions along both arms.

    Args:
        curves: the known states.
        cross: where the arms meet.
        calibrations: by coordinate; the best choice carries an arm.
    """

    curves: MeanCurves
    cross: Cross
    calibrations: tuple[CurveCalibration[Choice], ...]

    @classmethod
    def fit(cls, curves: MeanCurves, cross: Cross, targets: Sequence[State], offer: Offer = EVERYTHING) -> Self:
        """Calibrate each arm for targets that lie on one side of it."""
        found = [
            calibrate_lines(
                [cross.arm(curves, axis)],
                [target[axis] for target in targets],
                SCATTER_WEIGHT,
                HIGHEST_ORDER,
                offer=offer,
            )
            for axis in (0, 1)
        ]
        return cls(curves, cross, tuple(found))

    @property
    def name(self) -> str:
        """See `Way`."""
        return "arms of the cross as factors: " + "; ".join(str(found.chosen) for found in self.calibrations)

    def left_out(self, trials: Sequence[Trial]) -> list[Array]:
        """See `TriedWay`."""
        found = []
        for stay, row in trials:
            kept, state = self.curves.only(stay), tuple(map(float, self.curves.values[row]))
            made = type(self)(kept, self.cross, self.calibrations).carry(state, EXACT)
            found.append(self.curves.spread(made.stress, kept.strain))
        return found

    def carry(self, state: State, solver: Solver) -> Carried:
        """See `Way`: the geometric mean of going along either arm first."""
        stress, squares = np.ones(len(self.curves.strain)), np.zeros(len(self.curves.strain))
        for axis in (0, 1):
            line, ends = self.cross.arm(self.curves, axis), [(state[axis],), (self.cross.centre[axis],)]
            motion = CurveMotion.of(line, self.calibrations[axis].chosen, ends)
            reached, centre = (self.curves.spread(motion.stress(end, solver), line.strain) for end in ends)
            error, middle = (self.curves.spread(motion.noise(end), line.strain) for end in ends)
            # One half of the way begins at this arm's own centre, one at the other's.
            stress *= reached / np.sqrt(centre)
            squares += np.sum((error - 0.5 * middle) ** 2, axis=1)
        return Carried(stress, np.sqrt(squares))

    def describe(self) -> dict[str, Any]:
        """See `Way`."""
        each = zip(self.curves.coordinates, self.calibrations, strict=True)
        return {f"arm along {coordinate.name}": found.describe() for coordinate, found in each}
