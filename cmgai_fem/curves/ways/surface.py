"""Over two state coordinates at once: the least force over the plane of temperature and log strain rate.

A path carries the scatter of one line after the other. A surface through all states averages it, and takes what both
coordinates do together as one motion. Feature, pseudo-times, scale of one coordinate against the other, order and
softness are chosen by leaving known states out, and by the scatter that is carried to the targets, as along a line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Self

import numpy as np

from cmgai_fem.curves.calibrate import CurveCalibration, Trial, calibrate
from cmgai_fem.curves.choice import EVERYTHING, POWERS, Choice, Offer, axes_for, stretch
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import CurveMotion, State
from cmgai_fem.curves.ways import Carried
from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array

# Scale of the second coordinate against the first where both are 0 to 1 over the known states.
RATIOS = (0.5, 1.0, 2.0)
HIGHEST_ORDER = 1


@dataclass(frozen=True)
class SurfaceWay:
    """A calibrated surface.

    Args:
        calibration: what was chosen.
        motion: through all known states.
    """

    calibration: CurveCalibration[Choice]
    motion: CurveMotion

    @classmethod
    def fit(
        cls, curves: MeanCurves, targets: Sequence[State], trials: Sequence[Trial], offer: Offer = EVERYTHING
    ) -> Self:
        """Calibrate.

        Args:
            curves: the known states.
            targets: states that will be asked for.
            trials: what to leave out; the states that stay must fix a plane.
            offer: what may be chosen.

        Raises:
            InputError: the states that stay in a trial lie on one line, or do not know the strains of the one left out.
        """
        top = min(highest_order(curves.values[trial.stay]) for trial in trials)
        asked = [(curves, target) for target in targets]
        choices = offer.of(surface_choices(curves, targets, min(top, HIGHEST_ORDER)))
        found = calibrate(choices, [(curves, trial) for trial in trials], asked, 1.0)
        if not np.isfinite(found.error):
            raise InputError("states that are left out have no strain in common with those that stay")
        return cls(found, CurveMotion.of(curves, found.chosen, targets))

    @property
    def name(self) -> str:
        """See `Way`."""
        return f"surface: {self.calibration.chosen}"

    def left_out(self, trials: Sequence[Trial]) -> list[Array]:
        """See `TriedWay`; of the trials that it was calibrated by."""
        return list(self.calibration.left_out)

    def carry(self, state: State, solver: Solver) -> Carried:
        """See `Way`."""
        return Carried(self.motion.stress(state, solver), self.motion.error(state))

    def describe(self) -> dict[str, Any]:
        """See `Way`."""
        return {"both": self.calibration.describe()}


def surface_choices(curves: MeanCurves, targets: Sequence[State], top: int) -> list[Choice]:
    """Everything to try over two coordinates, up to order `top`; soft where the scatter is known."""
    every = np.vstack([curves.values, np.asarray(targets, dtype=float)])
    axes = [axes_for(coordinate, column) for coordinate, column in zip(curves.coordinates, every.T, strict=True)]
    soft = curves.scatter > 0.0
    found = []
    for pair in product(*axes):
        spans = [float(np.ptp(stretch(axis, column))) for axis, column in zip(pair, curves.values.T, strict=True)]
        for power, order in product(POWERS, range(top + 1)):
            found += [Choice(power, pair, order, soft, soft, spans[0] / spans[1] * ratio) for ratio in RATIOS]
    return found
