"""Generation in a study: every field at all states, by both transports and by the rivals, as `generate` makes them.

Nothing in this module has held-out data in its hands: it takes the known states and the states that are asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.errors import InputError
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.generate import Networks, generate
from cmgai_fem.generated import Generated, Generator
from cmgai_fem.metrics import von_mises
from cmgai_fem.progress import Report
from cmgai_fem.rivals import SLOW, rivals_for
from cmgai_fem.rivals.rivalry import compete
from cmgai_fem.solve import CHECK, METHODS
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Field, States
from cmgai_fem.study.field_file import FieldStudy, FieldTable
from cmgai_fem.study.file import Split
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.solution import Solution


@dataclass(frozen=True)
class Generation:
    """Generated states by method, and how they were made.

    Args:
        states: all states of the study by method; the methods are "fem", "pinn", "independent" and the rivals.
        seconds: wall time by (method, field).
        made: by field.
    """

    states: Mapping[str, States]
    seconds: Mapping[tuple[str, str], float]
    made: Mapping[str, Generated]

    def sides(self) -> Iterator[tuple[str, Split, Generator]]:
        """Field, split and generator of everything that was calibrated."""
        for name, found in self.made.items():
            for generator in found.generators:
                yield name, "interpolation" if generator.inside else "extrapolation", generator

    def training_history(self) -> list[dict[str, Any]]:
        """Rows of the training of each superposition's heaviest member, marked with split and field."""
        return [
            {"split": split, "field": name, **row}
            for name, split, generator in self.sides()
            for row in generator.solutions["pinn"].members[0].history
        ]

    def check(self) -> list[dict[str, Any]]:
        """Momentum residual of the independent network at each held-out state, of the worst member."""
        return [
            {
                "field": name,
                "split": split,
                "state": float(point[0]),
                "momentum_residual": max(
                    member.momentum_residual(point) for member in generator.solutions[CHECK].members
                ),
                "maps": maps_of(generator.solutions[CHECK].members, generator.solutions["fem"].members),
                "untrained": max(member.info["untrained_residual"] for member in generator.solutions[CHECK].members),
            }
            for name, split, generator in self.sides()
            if CHECK in generator.solutions
            for point in generator.points
        ]

    def solvers(self) -> list[dict[str, Any]]:
        """What each solver reports of itself, a row a member."""
        return [
            {"split": split, "field": name, **member.describe()}
            for name, split, generator in self.sides()
            for solution in generator.solutions.values()
            for member in solution.members
        ]


def maps_of(members: Sequence[Solution], elements: Sequence[Solution]) -> str:
    """Who found the maps of moving labels, and their least J; empty where no labels move."""
    own, other = (
        [member.problem.transform for member in each if isinstance(member.problem.transform, MovingLabels)]
        for each in (members, elements)
    )
    if not own:
        return ""
    least, theirs = (min(one.least_jacobian for one in each[0].maps) for each in (own, other))
    if own[0] is other[0]:
        return f"by FEM: the body is no box, J {theirs:.2g}"
    return f"its own, J {least:.2g} (FEM {theirs:.2g})"


def generate_fields(known: States, study: FieldStudy, networks: Networks, report: Report) -> Generation:
    """Generate every state of a study by both transports and all rivals.

    Args:
        known: the known states.
        study: says what is asked of them.
        networks: how they are trained.
        report: takes lines of progress.
    """
    fields: dict[str, dict[str, Field]] = {}
    seconds: dict[tuple[str, str], float] = {}
    made: dict[str, Generated] = {}
    ours = METHODS if len(study.axes) > 1 else (*METHODS, CHECK)
    for name in study.fields:
        found = generate(
            known, study.held_out, field=name, methods=ours, bounds=bounds_of(study, name),
            search=search_of(study, name), networks=networks, report=report,
        )  # fmt: skip
        for method in ours:
            values = np.array([found.at(point, method) for point in study.points])
            fields.setdefault(method, {})[name] = replace(known.field(name), values=values)
            seconds[method, name] = sum(generator.seconds[method] for generator in found.generators)
        problem, points, rivals = found.generators[0].problem, np.array(study.points), rivals_for(known.values)
        # What the slow ones get wrong of states that are left out would take minutes to know.
        quick = compete(problem, points, [rival for rival in rivals if rival not in SLOW])
        slow = compete(problem, points, [rival for rival in rivals if rival in SLOW], left_out=False)
        made[name] = replace(found, rivalry=quick)
        for rivalry in (quick, slow):
            for rival, values in rivalry.fields.items():
                fields.setdefault(rival, {})[name] = replace(known.field(name), values=values)
                seconds[rival, name] = rivalry.seconds[rival]
    states = {
        method: derive(States(known.labels, study.axes, np.array(study.points), each), study.fields)
        for method, each in fields.items()
    }
    return Generation(states, seconds, made)


def bounds_of(study: FieldStudy, name: str) -> Admissible:
    """What a field of a study must keep."""
    table, rises = study.fields[name], study.rising(name)
    monotone = rises if len(rises) > 1 and any(rises) else rises == (True,)
    return Admissible(table.lower, monotone, table.ordered)


def search_of(study: FieldStudy, name: str) -> Search:
    """What may be chosen of a field's transport."""
    return study.calibration.search(study.fields[name].mass_axes)


def derive(states: States, fields: Mapping[str, FieldTable]) -> States:
    """`states` with the derived scalars of each field, computed from its components."""
    added = dict(states.fields)
    for name, table in fields.items():
        if "von_mises" in table.derived:
            stress = states.field(name)
            if len(stress.components) != 6:
                raise InputError(
                    f"fields.{name}: a von Mises stress needs 6 components, the field has {len(stress.components)}"
                )
            added["von_mises"] = Field(von_mises(stress.values)[..., None], stress.unit, ("",))
    return replace(states, fields=added)


def measured(states: States, index: int, fields: Mapping[str, FieldTable]) -> dict[str, Array]:
    """What is measured at one state: each field (L, n), its components (L,) if asked, and its derived scalars."""
    figures: dict[str, Array] = {}
    for name, table in fields.items():
        field = states.field(name)
        for derived in table.derived:
            figures[derived] = states.field(derived).values[index, :, 0]
        figures[name] = field.values[index]
        if table.components:
            for column, component in enumerate(field.components):
                figures[f"{name}_{component}"] = field.values[index, :, column]
    return figures
