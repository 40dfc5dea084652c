"""States on a cross: one line of temperatures and one of strain rates through a common state.

Metals are often tested so. Each arm is carried along its coordinate as any line is, and what both do together is taken
as the product of factors: nothing on a cross can tell otherwise, since no known state lies off its two lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgai_fem.material_level.choices import Choice
from cmgai_fem.material_level.curve_calibration import calibrate_lines
from cmgai_fem.material_level.curve_transport import Line, assemble, assemble_noise, parts_of, place
from cmgai_fem.material_level.mean_curves import MeanCurves
from cmgai_fem.states.states import Array, Coordinate

# Fewest states of an arm, the common one included: fewer leave none to leave out.
LEAST_VALUES = 3
# Off its arm a state is reached by two motions: those of a higher order run away, as at the corner of a grid.
HIGHEST_ORDER = 0


@dataclass(frozen=True)
class Cross:
    """Where two lines of states meet.

    Args:
        coordinates: both coordinates.
        centre: (2,) the common state.
    """

    coordinates: tuple[Coordinate, ...]
    centre: tuple[float, float]

    @classmethod
    def of(cls, coordinates: Sequence[Coordinate], states: Array) -> "Cross | None":
        """The cross that states (K, 2) make, every state on one of its arms; None if they make none."""
        for centre in states:
            on = states == centre
            # The centre counts to both arms; fewer than two more on one of them are no arm.
            if np.all(on.any(axis=1)) and np.all(on.sum(axis=0) >= LEAST_VALUES):
                return cls(tuple(coordinates), (float(centre[0]), float(centre[1])))
        return None

    def holds(self, state: Sequence[float]) -> bool:
        """Whether a state lies on one of the lines."""
        return bool(np.any(np.isclose(state, self.centre, rtol=1e-9, atol=0.0)))

    def arm(self, curves: MeanCurves, axis: int) -> Line:
        """The known states that differ from the centre in coordinate `axis` alone, and the centre if it is known."""
        rows = np.flatnonzero(curves.states[:, 1 - axis] == self.centre[1 - axis])
        return Line.of(self.coordinates[axis], curves.states[rows, axis], curves.only(rows))


@dataclass(frozen=True)
class Arms:
    """Calibrated motion along both arms.

    Args:
        cross: where they meet.
        choices: what was chosen along each coordinate.
    """

    cross: Cross
    choices: tuple[Choice, Choice]

    @classmethod
    def fit(cls, cross: Cross, curves: MeanCurves, targets: Sequence[Sequence[float]]) -> "Arms":
        """Calibrate each arm for targets that lie on one side of it."""
        found = [
            calibrate_lines([cross.arm(curves, axis)], [target[axis] for target in targets], HIGHEST_ORDER).chosen
            for axis in (0, 1)
        ]
        return cls(cross, (found[0], found[1]))

    def at(self, curves: MeanCurves, state: Sequence[float]) -> tuple[Array, Array]:
        """Stress (L,) [Pa] at a state from `curves`, and its standard error relative to it (L,).

        The geometric mean of going along either arm first.
        """
        stress, squares = np.ones(len(curves.strain)), np.zeros(len(curves.strain))
        for axis in (0, 1):
            reached, error = self._along(curves, axis, state[axis])
            centre, middle = self._along(curves, axis, self.cross.centre[axis])
            # One half of the way begins at this arm's own centre, one at the other's.
            stress *= reached / np.sqrt(centre)
            squares += np.sum((error - 0.5 * middle) ** 2, axis=1)
        return stress, np.sqrt(squares)

    def _along(self, curves: MeanCurves, axis: int, value: float) -> tuple[Array, Array]:
        """Stress (L,) along one arm, and the factor (L, m) of its error; NaN where fewer than two states reach."""
        line, choice = self.cross.arm(curves, axis), self.choices[axis]
        labels = np.isin(curves.strain, line.curves.strain)
        parts = parts_of(line, choice, [value, self.cross.centre[axis]])
        stress = np.full(len(curves.strain), np.nan)
        stress[labels] = assemble(line, choice, parts, [part.feature(place(choice, value)) for part in parts])
        carried = assemble_noise(line, choice, parts, value)
        noise = np.zeros((len(stress), carried.shape[1]))
        noise[labels] = carried
        return stress, noise
