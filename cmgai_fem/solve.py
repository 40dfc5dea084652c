"""One door to both discretisations of a transport problem."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import Register, register_at
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.motions.nested import Nested
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.states.labels import Array, labels_on_points
from cmgai_fem.states.states import Field, States
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import CarriedPath, Solution

METHODS = ("fem", "pinn")
# Holds the finite elements against networks that know nothing of the answer; see `pinn.independent`.
CHECK = "independent"


def solve(problem: Problem, method: str = "fem", **options: Any) -> Solution:
    """Solve a transport problem.

    Args:
        problem: the statement.
        method: "fem" (DOLFINx), "pinn" (torch) or "independent" (a network that knows nothing of the answer).
        options: go to that solver, `fem.solver.solve_fem`, `pinn.solver.solve_pinn`,
            `pinn.independent.solve_independent` or, over several coordinates, `pinn.state_space.solve_pinn_space`.

    Raises:
        InputError: there is no such method, or the problem is one that the method cannot solve.
        ConvergenceError: the solver did not reach its tolerance.
    """
    if not isinstance(problem, Problem):
        raise InputError(f"solve takes a Problem, not {type(problem).__name__}")
    if method == "fem":
        from cmgai_fem.fem.solver import solve_fem

        return solve_fem(problem, **options)
    if method == "pinn" and not isinstance(problem.force, Scattered | Nested):
        from cmgai_fem.pinn.solver import solve_pinn

        return solve_pinn(problem, **options)
    if method == "pinn":
        from cmgai_fem.pinn.state_space import solve_pinn_space

        return solve_pinn_space(problem, **options)
    if method == CHECK:
        from cmgai_fem.pinn.independent import solve_independent

        return solve_independent(problem, **options)
    raise InputError(f"method {method!r} is unknown; there are: {', '.join((*METHODS, CHECK))}")


# Options that networks over several coordinates take.
TAKEN_BY_SPACE = ("seed", "device", "threads", "checkpoint")


@dataclass
class Solver:
    """A method with its options, as calibration and generation use it.

    Without a law every label obeys the same equation. Networks then learn the motion of unit states, one at state k and
    zero at the others, once for each choice, and every field of a study is carried by their weights.

    Args:
        method: "fem", "pinn" or "independent".
        options: of `solve`.
    """

    method: str = "fem"
    options: dict[str, Any] = field(default_factory=dict)
    _units: dict[object, Solution] = field(default_factory=dict)

    def __call__(self, problem: Problem) -> Solution:
        """Solve a problem."""
        settings = self.options.get("settings")
        whole = settings is not None and settings.encoding != "spectral"
        soft = np.any(problem.softness > 0.0)
        # Labels that move share the weights by which places and values are carried.
        units = self.method == "pinn" or (self.method == CHECK and isinstance(problem.transform, MovingLabels))
        if not units or not isinstance(problem.force, Least) or not problem.law_free or soft or whole:
            return solve(problem, self.method, **self._suited(problem))
        start = time.perf_counter()
        key = (tuple(problem.nodes), problem.span, problem.force, problem.damping)
        if key not in self._units:
            self._units[key] = solve(unit_problem(problem), self.method, **self.options)
        return carried(problem, self._units[key], time.perf_counter() - start)

    def registration(self, body: LabelBody, values: Array) -> Register:
        """What finds the maps of labels between known states (K, N, n): finite elements, or the independent network."""
        if self.method == CHECK:
            from cmgai_fem.pinn.registration import NetworkRegistration

            return NetworkRegistration(body, values, seed=self.options.get("seed", 0))
        from cmgai_fem.fem.registration import FemRegistration

        return FemRegistration(body, values)

    def moving(self, carrier: MovingLabels) -> MovingLabels:
        """Moving labels by the maps of this method; the independent network finds its own, of the same stiffness, and
        keeps those of the finite elements on surfaces in space alone."""
        if self.method != CHECK or carrier.body.is_surface:
            return carrier
        (field,) = carrier.states.fields.values()
        register = self.registration(carrier.body, field.values)
        maps = [register_at(register, pair, carrier.stiffness) for pair in range(len(carrier.maps))]
        return replace(carrier, maps=tuple(maps))

    def _suited(self, problem: Problem) -> dict[str, Any]:
        """The options that the solver of this problem takes."""
        if self.method == "pinn" and isinstance(problem.force, Scattered | Nested):
            return {name: value for name, value in self.options.items() if name in TAKEN_BY_SPACE}
        return self.options


@dataclass(frozen=True)
class UnitMotion:
    """Weights of the known states, taken from the motion of unit states that networks learned."""

    units: Solution

    def weights(self, points: Array) -> Array:
        """(T, K) weights of the known states at values (T, 1)."""
        return np.array([self.along(float(s)) for s in self.units.problem.time(points[:, 0])])

    def along(self, s: float, derivative: int = 0) -> Array:
        """(K,) weights at a pseudo-time, or their derivative in s."""
        assert self.units.path is not None
        scaling, features = self.units.problem.scaling, self.units.path(s, derivative)
        return (scaling.decode(features) if derivative == 0 else features * scaling.scale)[:, 0]

    def force(self, s: float, derivative: int = 0) -> Array:
        """(K,) weights in the body force."""
        assert self.units.force is not None
        return self.units.force(s, derivative)[:, 0] * self.units.problem.scaling.scale

    def residual(self, s: float, derivative: int = 0) -> Array:
        """(K,) weights in what the balance of momentum lacks."""
        assert self.units.residual is not None
        return self.units.residual(s, derivative)[:, 0] * self.units.problem.scaling.scale


def carried(problem: Problem, units: Solution, seconds: float) -> Solution:
    """The solution of a problem by the motion of its unit states."""
    motion = UnitMotion(units)
    force = CarriedPath(problem, motion.force) if units.force is not None else None
    residual = CarriedPath(problem, motion.residual) if units.residual is not None else None
    path = CarriedPath(problem, motion.along)
    return Solution(problem, units.method, motion, path, force, seconds, units.history, units.info, residual)


def unit_problem(problem: Problem) -> Problem:
    """The problem of K unit states with the nodes, reach, force and damping of `problem`."""
    count = len(problem.states)
    labels = labels_on_points(np.arange(float(count))[:, None])
    units = Field(np.eye(count)[:, :, None], "1", ("",))
    states = States(labels, problem.states.coordinates, problem.states.values, {problem.field: units})
    return replace(problem, states=states, admissible=Admissible(), transform=None, density=None)
