"""Transport in a state space: the statement, its solution by either discretisation, and the field at a new point."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.motions.choices import Scattered, SpaceChoice
from cmgai_fem.motions.smoothers import ExactSmoother, Smoother
from cmgai_fem.solve import METHODS
from cmgai_fem.states.scattered import ScatteredStates
from cmgai_fem.states.states import Array, Field
from cmgai_fem.transport.feature_space import Admissible, Scaling
from cmgai_fem.transport.laws import Law, NoLaw


@dataclass(frozen=True)
class SpaceProblem:
    """Known states of one field at points of several coordinates, and what carries them.

    Args:
        states: the known states; held-out states never enter here.
        field: name of the field to generate; the only one of `states` by default.
        choice: force, axes and softness.
        law: constitutive law of the feature space; for two coordinates or more there is none but `NoLaw`.
        tolerance: root-mean-square misfit allowed at each known state, in the field's unit: 0 for hard states, one
            number, or (K,) numbers. Soft states are carried by a scattered force of order 0 or more.
        admissible: bounds of the field, enforced by projection; `monotone` is a tuple, one a coordinate.
    """

    states: ScatteredStates
    field: str = ""
    choice: SpaceChoice = attribute(default_factory=Scattered)
    law: Law = attribute(default_factory=NoLaw)
    tolerance: float | tuple[float, ...] = 0.0
    admissible: Admissible = attribute(default_factory=Admissible)

    def __post_init__(self) -> None:
        if not self.field:
            if len(self.states.fields) != 1:
                raise InputError(f"say which field to generate: {', '.join(sorted(self.states.fields))}")
            object.__setattr__(self, "field", next(iter(self.states.fields)))
        if self.law.stiffness > 0.0:
            raise InputError(
                f"law {self.law.name!r}: in {len(self.states.coordinate)} state coordinates a law with stiffness "
                "leaves waves in every direction that no states determine: use none, or one coordinate"
            )
        count, rises = len(self.states.coordinate), self.admissible.monotone
        if rises is True or (isinstance(rises, tuple) and len(rises) != count):
            raise InputError(
                f"field {self.field!r}: say for each of the {count} coordinates whether it is monotone in it"
            )
        self.states.only(self.field).check_finite()
        self.admissible.check_known(self.field, self.states.values, self.known.values)

    @property
    def known(self) -> Field:
        """The field's known values."""
        return self.states.field(self.field)

    def with_choice(self, choice: SpaceChoice) -> "SpaceProblem":
        """The same states, carried another way."""
        return replace(self, choice=choice)

    @cached_property
    def carried_by(self) -> SpaceChoice:
        """The choice with the softness that the tolerance asks for.

        Raises:
            InputError: a negative tolerance, or a choice that holds states exactly.
        """
        allowed = np.broadcast_to(np.asarray(self.tolerance, dtype=float), (len(self.states),))
        if not np.all(allowed >= 0.0):
            raise InputError("state tolerances must not be negative")
        if not np.any(allowed):
            return self.choice
        if not isinstance(self.choice, Scattered) or self.choice.order < 0:
            raise InputError(
                f"{self.choice} holds its states exactly: soft states need a least force of order 0 or more"
            )
        scale = Scaling.of(self.known).scale
        return replace(self.choice, allowed=tuple(float(misfit / scale) for misfit in allowed))

    @cached_property
    def motion(self) -> ExactSmoother:
        """The exact motion through the states."""
        return self.carried_by.motion(self.states.coordinate, self.states.values)


@dataclass(frozen=True)
class SpaceSolution:
    """A solved transport in a state space.

    Args:
        problem: the statement.
        method: "fem" or "pinn".
        motion: weights of the known states at any point.
        seconds: wall time of the solve [s].
        history: one row a training step.
        info: what the solver reports of itself.
    """

    problem: SpaceProblem
    method: str
    motion: Smoother
    seconds: float = 0.0
    history: tuple[Mapping[str, float], ...] = ()
    info: Mapping[str, Any] = attribute(default_factory=dict)

    def weights(self, value: ArrayLike) -> Array:
        """(K,) weights of the known states in the field at `value` (m,): linear in the data, adding up to one."""
        return self.motion.weights(np.atleast_2d(np.asarray(value, dtype=float)))[0]

    def at(self, value: ArrayLike) -> Array:
        """The generated field (L, n) at the state `value` (m,), in the field's unit."""
        states, known = self.problem.states, self.problem.known.values
        point = np.atleast_1d(np.asarray(value, dtype=float))
        if point.shape != states.values.shape[1:] or not np.all(np.isfinite(point)):
            raise InputError(
                f"a state of {states.coordinate.name} is {states.values.shape[1]} finite numbers, not {point}"
            )
        generated = np.tensordot(self.weights(point), known, axes=1)
        return self.problem.admissible.project(point, generated, states.values, known)


def solve_space(problem: SpaceProblem, method: str = "fem", **options: Any) -> SpaceSolution:
    """Solve a transport in a state space.

    Args:
        problem: the statement.
        method: "fem", which has the exact answer at hand (Green's functions of a scattered force, B-splines along the
            lines of a grid), or "pinn" (`pinn.state_space.solve_pinn_space`).
        options: go to the PINN.

    Raises:
        InputError: no such method, or states that do not admit the choice.
        ConvergenceError: the training did not reach its tolerance.
    """
    if method == "fem":
        start = time.perf_counter()
        motion = problem.motion
        motion.weights(problem.states.values[:1])
        return SpaceSolution(problem, "fem", motion, time.perf_counter() - start)
    if method == "pinn":
        from cmgai_fem.pinn.state_space import solve_pinn_space

        return solve_pinn_space(problem, **options)
    raise InputError(f"method {method!r} is unknown; there are: {', '.join(METHODS)}")
