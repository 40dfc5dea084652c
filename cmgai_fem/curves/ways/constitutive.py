"""Constitutive models fitted to the known curves: Johnson-Cook and Zerilli-Armstrong, where they are far better.

A model of few constants knows what a metal does where no test was made, if it is the right one; states that are left
out say whether it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from cmgai_fem.curves.calibrate import Trial
from cmgai_fem.curves.flow_stress import (
    ELASTIC,
    MELTING,
    FitSetup,
    FittedModel,
    fit_model,
    johnson_cook_setup,
    zerilli_armstrong_setup,
)
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import State
from cmgai_fem.curves.ways import Carried
from cmgai_fem.errors import ConvergenceError
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array

# Of a state that has no temperature or no rate of its own: all have the same, which the fit takes into its constants.
SAME = {"temperature": 300.0, "strain_rate": 1.0}


@dataclass(frozen=True)
class ConstitutiveWay:
    """A fitted model.

    Args:
        curves: the known states.
        setup: the model.
        fitted: to all of them.
    """

    curves: MeanCurves
    setup: FitSetup
    fitted: FittedModel

    @classmethod
    def of(cls, curves: MeanCurves, setup: FitSetup) -> Self:
        """The model fitted to known states.

        Raises:
            ConvergenceError: no fit converged.
        """
        row, label = np.nonzero(curves.known)
        conditions = np.array([_conditions(curves, state) for state in curves.values])[row]
        stress = curves.stress[row, label]
        return cls(curves, setup, fit_model(setup, curves.strain[label], stress, *conditions.T))

    @property
    def name(self) -> str:
        """See `Way`."""
        return f"{self.setup.name.replace('_', '-')} fitted (misfit {100.0 * self.fitted.misfit:.2g} %)"

    def left_out(self, trials: Sequence[Trial]) -> list[Array]:
        """See `TriedWay`."""
        found = []
        for trial in trials:
            state = _conditions(self.curves, self.curves.values[trial.row])
            try:
                kept = type(self).of(self.curves.only(trial.stay), self.setup)
                found.append(kept.fitted.curve(self.curves.strain, *state))
            except ConvergenceError:
                found.append(np.full(len(self.curves.strain), np.nan))
        return found

    def carry(self, state: State, solver: Solver) -> Carried:
        """See `Way`; nothing is transported, so that all solvers give the same."""
        strain, conditions = self.curves.strain, _conditions(self.curves, state)
        return Carried(self.fitted.curve(strain, *conditions), self.fitted.error(strain, *conditions))

    def describe(self) -> dict[str, Any]:
        """See `Way`."""
        constants = list(map(float, self.fitted.constants))
        return {self.setup.name: {"misfit": self.fitted.misfit, "scaled_constants": constants}}


def constitutive_ways(curves: MeanCurves) -> list[ConstitutiveWay]:
    """The models that can be fitted: of temperature, rate or both, to flow stresses alone."""
    names = {coordinate.name for coordinate in curves.coordinates}
    if not names <= set(SAME) or not (curves.plastic or curves.strain[0] >= ELASTIC):
        return []
    found = []
    for setup in setups(curves):
        try:
            found.append(ConstitutiveWay.of(curves, setup))
        except ConvergenceError:
            continue
    return found


def setups(curves: MeanCurves) -> tuple[FitSetup, ...]:
    """How the models are fitted to known curves: Johnson-Cook does not soften at the coldest."""
    coldest = min(_conditions(curves, state)[0] for state in curves.values)
    return johnson_cook_setup(MELTING, coldest - 1e-6), zerilli_armstrong_setup()


def _conditions(curves: MeanCurves, state: Sequence[float]) -> tuple[float, float]:
    """Temperature [K] and rate [1/s] of a state."""
    given = dict(zip((coordinate.name for coordinate in curves.coordinates), map(float, state), strict=True))
    return (SAME | given)["temperature"], (SAME | given)["strain_rate"]
