"""One transport of a model's superposition as plain data and arrays, and back."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import LabelMap
from cmgai_fem.features.mass import MassTransform
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.motions.nested import Nested, NestedMotion
from cmgai_fem.motions.scattered import MappedMotion, Scattered
from cmgai_fem.motions.simplices import StateSimplices
from cmgai_fem.solve import UnitMotion, carried, solve, unit_problem
from cmgai_fem.states.axes import kind_text, make_kind
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.forces import Least, StateForce
from cmgai_fem.transport.laws import make_law
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution

Arrays = Mapping[str, Array]


def keep_member(solution: Solution, points: Array) -> tuple[dict[str, Any], dict[str, Array]]:
    """What is kept of a transport: its choice, how its motion is kept, and the arrays of the latter.

    Args:
        solution: the transport.
        points: (T, m) states that it must answer.

    Raises:
        InputError: it is of a kind that is not kept.
    """
    kind = _kind(solution)
    told: dict[str, Any] = {"method": solution.method, "kept": kind, "choice": _describe(solution.problem)}
    arrays = dict(_KEEPERS[kind](solution, points))
    if isinstance(carrier := solution.problem.transform, MovingLabels):
        arrays["places"] = np.array([one.places for one in carrier.maps])
        told["maps"] = [[one.stiffness, one.misfit, one.energy, one.least_jacobian] for one in carrier.maps]
    return told, arrays


def read_member(problem: Problem, told: Mapping[str, Any], arrays: Arrays) -> Solution:
    """The transport that `keep_member` took apart.

    Args:
        problem: the statement with the known states, bounds and reach; the choice is the member's.
        told: its choice, and how its motion is kept.
        arrays: the arrays of the latter.
    """
    stated = _stated(problem, told["choice"])
    if "maps" in told:
        maps = tuple(
            LabelMap(places, float(stiffness), float(misfit), float(energy), float(least), 0)
            for places, (stiffness, misfit, energy, least) in zip(arrays["places"], told["maps"], strict=True)
        )
        states = problem.states.only(problem.field)
        stated = replace(stated, transform=MovingLabels(states, LabelBody.of(states.labels), maps))
    return replace(_READERS[str(told["kept"])](stated, arrays), method=str(told["method"]))


def _describe(problem: Problem) -> dict[str, Any]:
    """Everything that was chosen, as plain data."""
    transform, force = problem.transform, problem.force
    if transform is not None and not isinstance(transform, MassTransform | MovingLabels):
        raise InputError(f"a field carried {transform} is not kept in model files")
    told: dict[str, Any] = {"tolerance": np.atleast_1d(problem.tolerance).tolist()}
    if isinstance(force, Scattered | Nested | StateForce):
        return told | {"force": force.describe()}
    if not isinstance(force, Least):
        raise InputError(f"the force model {force.name!r} is not kept in model files")
    return told | {
        "order": force.order,
        "damping": problem.damping,
        "law": {"name": problem.law.name, **asdict(problem.law)},
        "pseudo_time": kind_text((problem.pseudo_time, problem.exponent)),
        "origin": problem.origin,
        "mass_axes": list(transform.axes) if isinstance(transform, MassTransform) else None,
    }


def _stated(problem: Problem, told: Mapping[str, Any]) -> Problem:
    """The problem with the choice that `_describe` told."""
    soft = tuple(float(misfit) for misfit in told["tolerance"])
    problem = replace(problem, tolerance=soft[0] if len(soft) == 1 else soft)
    if "force" in told:
        force = told["force"]
        kinds: dict[str, type[Nested | StateForce]] = {"grid": Nested, StateForce.name: StateForce}
        return replace(problem, force=kinds.get(force["kind"], Scattered).read(force))
    kind, exponent = make_kind(str(told["pseudo_time"]))
    law = {key: float(value) for key, value in told["law"].items() if key != "name"}
    axes = told["mass_axes"]
    return replace(
        problem,
        force=Least(int(told["order"])),
        damping=float(told["damping"]),
        law=make_law(str(told["law"]["name"]), **law),
        pseudo_time=kind,
        exponent=exponent,
        origin=float(told["origin"]),
        transform=None if axes is None else MassTransform.of(problem.states, tuple(int(axis) for axis in axes)),
    )


def _kind(solution: Solution) -> str:
    """How the motion of a transport is kept."""
    motion = solution.motion
    if isinstance(motion, UnitMotion):
        return "units"
    if isinstance(solution.problem.force, StateForce):
        if solution.method != "fem":
            raise InputError("the networks of a law of motion are not kept in model files: use --method fem")
        return "law"
    if motion is None:
        return "modes" if solution.method == "fem" else "networks"
    if solution.method == "fem" or (isinstance(motion, MappedMotion) and isinstance(motion.motion, StateSimplices)):
        return "exact"
    return "lines" if isinstance(motion, NestedMotion) else "state_space"


def _keep_units(solution: Solution, points: Array) -> Arrays:
    from cmgai_fem.pinn.export import export_weights

    assert isinstance(solution.motion, UnitMotion)
    return export_weights(solution.motion.units)


def _keep_networks(solution: Solution, points: Array) -> Arrays:
    from cmgai_fem.pinn.export import export_weights

    return export_weights(solution)


def _keep_modes(solution: Solution, points: Array) -> Arrays:
    from cmgai_fem.fem.export import export_motion

    return export_motion(solution)


def _keep_state_space(solution: Solution, points: Array) -> Arrays:
    from cmgai_fem.pinn.state_space import trained_weights

    return {"weights": trained_weights(solution)}


def _keep_lines(solution: Solution, points: Array) -> Arrays:
    from cmgai_fem.pinn.state_space import line_weights

    return line_weights(solution, points)


def _read_exact(problem: Problem, arrays: Arrays) -> Solution:
    return Solution(problem, "fem", problem.motion)


def _read_law(problem: Problem, arrays: Arrays) -> Solution:
    return solve(problem)


def _read_units(problem: Problem, arrays: Arrays) -> Solution:
    from cmgai_fem.pinn.export import motion_from_weights

    return carried(problem, Solution(unit_problem(problem), "pinn", path=motion_from_weights(arrays)), 0.0)


def _read_networks(problem: Problem, arrays: Arrays) -> Solution:
    from cmgai_fem.pinn.export import motion_from_weights

    return Solution(problem, "pinn", path=motion_from_weights(arrays))


def _read_modes(problem: Problem, arrays: Arrays) -> Solution:
    from cmgai_fem.fem.export import motion_from_arrays

    return Solution(problem, "fem", path=motion_from_arrays(arrays))


def _read_state_space(problem: Problem, arrays: Arrays) -> Solution:
    from cmgai_fem.pinn.state_space import motion_from_weights

    held, states = problem.held, problem.states
    if not isinstance(held, Scattered):
        raise InputError(f"{held} has no networks over all coordinates")
    motion = motion_from_weights(held, states.coordinates, states.values, arrays["weights"])
    return Solution(problem, "pinn", motion)


def _read_lines(problem: Problem, arrays: Arrays) -> Solution:
    from cmgai_fem.pinn.state_space import lines_from_weights

    return Solution(problem, "pinn", lines_from_weights(problem, arrays))


_KEEPERS: dict[str, Callable[[Solution, Array], Arrays]] = {
    "exact": lambda solution, points: {},
    "law": lambda solution, points: {},
    "units": _keep_units,
    "networks": _keep_networks,
    "modes": _keep_modes,
    "state_space": _keep_state_space,
    "lines": _keep_lines,
}
_READERS: dict[str, Callable[[Problem, Arrays], Solution]] = {
    "exact": _read_exact,
    "law": _read_law,
    "units": _read_units,
    "networks": _read_networks,
    "modes": _read_modes,
    "state_space": _read_state_space,
    "lines": _read_lines,
}
