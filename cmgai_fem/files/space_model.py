"""The part of a model file that is of several state coordinates: each member's choice, and its networks if it has any.

An exact motion is told by its choice and its states; nothing of it needs to be kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cmgai_fem.calibration.answers import Generator
from cmgai_fem.calibration.space import inside_hull
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import FileStates
from cmgai_fem.motions.choices import Scattered, make_choice
from cmgai_fem.motions.smoothers import Smoother
from cmgai_fem.states.states import Array
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.space import SpaceProblem


@dataclass(frozen=True)
class SpaceModel:
    """A generator of several coordinates, read from a file.

    Args:
        states: the known states and their mesh.
        field: name of the generated field.
        members: weight and motion of each member.
        inside: whether the targets lay inside the hull of the known states.
        spread: (L, n) error estimate; None where the states left none.
        admissible: bounds of the field.
        facts: how it was made.
    """

    states: FileStates
    field: str
    members: tuple[tuple[float, Smoother], ...]
    inside: bool
    spread: Array | None
    admissible: Admissible
    facts: Mapping[str, Any]

    def targets(self, at: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
        """The states asked for."""
        count = len(self.states.coordinate)
        if any(len(point) != count for point in at):
            raise InputError(f"this model has {count} state coordinates, {self.states.coordinate.name}: give --at A:B")
        return [tuple(point) for point in at]

    def at(self, value: Sequence[float]) -> Array:
        """The generated field (L, n) at the state `value` (m,), in the field's unit.

        Raises:
            InputError: the state lies outside what the model was calibrated for.
        """
        point = np.asarray(value, dtype=float)
        if inside_hull(self.states.values, point) != self.inside:
            where = "between the known states" if self.inside else "beyond the known states"
            raise InputError(
                f"{self.states.coordinate.label(point)} does not lie {where} as this model's targets did: generate it "
                "from the files anew"
            )
        known = self.states.fields[self.field].values
        weights = sum((share * motion.weights(point[None])[0] for share, motion in self.members), np.zeros(len(known)))
        return self.admissible.project(point, np.tensordot(weights, known, axes=1), self.states.values, known)


def space_members(
    generator: Generator[SpaceProblem],
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray], dict[str, Any]]:
    """Members, arrays and further facts of a model file.

    Raises:
        InputError: networks of a grid, which are not kept.
    """
    members: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for index, (solution, weight) in enumerate(
        zip(generator.solution.members, generator.solution.weights, strict=True)
    ):
        choice = solution.problem.carried_by
        member = {"method": solution.method, "weight": weight, "choice": choice.describe()}
        if solution.method == "pinn" and isinstance(choice, Scattered) and choice.order >= 0:
            from cmgai_fem.pinn.state_space import trained_weights

            arrays[f"member/{index}/weights"] = trained_weights(solution)
        elif solution.method == "pinn" and not isinstance(choice, Scattered):
            raise InputError("--save-model: networks along the lines of a grid are not kept; use --method fem")
        members.append(member)
    states = generator.problem.states
    further = {"coordinates": [[one.name, one.unit] for one in states.coordinate], "inside": generator.inside}
    return members, arrays, further


def space_model(
    states: FileStates, name: str, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> SpaceModel:
    """The model that a file's facts and arrays hold."""
    members: list[tuple[float, Smoother]] = []
    for index, member in enumerate(facts["members"]):
        choice, key = make_choice(member["choice"]), f"member/{index}/weights"
        motion: Smoother = choice.motion(states.coordinate, states.values)
        if key in arrays:
            from cmgai_fem.pinn.state_space import motion_from_weights

            assert isinstance(choice, Scattered)
            motion = motion_from_weights(choice, states.coordinate, states.values, arrays[key])
        members.append((float(member["weight"]), motion))
    lower, monotone = facts["admissible"]
    rises = tuple(bool(one) for one in monotone) if isinstance(monotone, list) else bool(monotone)
    admissible = Admissible(None if lower is None else float(lower), rises)
    inside = bool(facts["inside"])
    return SpaceModel(states, name, tuple(members), inside, arrays.get("spread"), admissible, dict(facts["made"]))
