"""Without a law every label obeys the same equation: solve it once for unit states, and every field follows.

State k of the unit states is one at label k and zero at the others, so their transport holds the K cardinal curves; a
field is carried by weighting its known states with them. Calibration and all fields of a study share one solve a
choice this way, whatever the number of labels.
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

import numpy as np

from cmgai_fem.states.states import Array, Field, StateSet, labels_on_points
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.problem import ModalMotion, TransportProblem, TransportSolution

Solve = Callable[[TransportProblem], TransportSolution]


@dataclass(frozen=True)
class CardinalAmplitudes:
    """Amplitudes of a field's displacements from its first state, taken from the motion of the unit states."""

    units: TransportSolution

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(K - 1,) weights of the displacements of states 2 to K, or their derivative in s."""
        return self._curves(self.units.motion(s, derivative), derivative)

    def force(self, s: float, derivative: int = 0) -> Array:
        """(K - 1,) weights of the body force."""
        assert self.units.force is not None
        return self._curves(self.units.force(s, derivative), 1)

    def _curves(self, features: Array, derivative: int) -> Array:
        scaling = self.units.problem.scaling
        values = scaling.decode(features) if derivative == 0 else features * scaling.scale
        return values[1:, 0]


@dataclass
class CardinalSolver:
    """A transport solver that solves each choice once and carries every field with it.

    Args:
        solve: the solver behind it.
    """

    solve: Solve
    _solved: dict[Hashable, TransportSolution] = field(default_factory=dict)

    def __call__(self, problem: TransportProblem) -> TransportSolution:
        """Solve `problem`; one with a law, a known force or soft states goes to the solver as it is."""
        if problem.law.stiffness > 0.0 or problem.known_force is not None or np.any(problem.softness > 0.0):
            return self.solve(problem)
        start = time.perf_counter()
        key = (tuple(problem.nodes), problem.span, problem.force, problem.damping)
        if key not in self._solved:
            self._solved[key] = self.solve(unit_problem(problem))
        units = self._solved[key]
        curves = CardinalAmplitudes(units)
        (carried,) = problem.carried.fields.values()
        features = problem.scaling.encode(carried.values)
        shapes = features[1:] - features[0]
        force = ModalMotion(np.zeros_like(features[0]), shapes, curves.force) if units.force is not None else None
        return TransportSolution(
            problem,
            units.method,
            ModalMotion(features[0], shapes, curves),
            force,
            time.perf_counter() - start,
            units.history,
            units.info,
        )


def unit_problem(problem: TransportProblem) -> TransportProblem:
    """The problem of K unit states with the nodes, reach, force and damping of `problem`."""
    count = len(problem.states)
    labels = labels_on_points(np.arange(float(count))[:, None])
    units = Field(np.eye(count)[:, :, None], "1", ("",))
    states = StateSet(labels, problem.states.coordinate, problem.states.values, {"unit": units})
    return replace(problem, states=states, field="unit", admissible=Admissible(), transform=None, density=None)
