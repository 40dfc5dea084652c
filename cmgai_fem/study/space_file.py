"""A study of several state coordinates: one TOML file whose key `coordinates` names them."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from cmgai_fem.calibration.space import inside_hull
from cmgai_fem.errors import InputError
from cmgai_fem.states.states import Array, Coordinate, Coordinates
from cmgai_fem.study.field_file import FieldTable, SeedTable, Split, ToleranceTable
from cmgai_fem.study.file import Table, read_study, validated


class AxisTable(Table):
    """`[[coordinates]]`: one state coordinate.

    Args:
        name: its name.
        unit: its unit.
        parameter: key of the reference model that it sets; empty for the model's own coordinate, the first.
        scale: the parameter's value for one unit of the coordinate.
    """

    name: str
    unit: str = ""
    parameter: str = ""
    scale: float = 1.0


class SpaceStatesTable(Table):
    """`[states]`: points of the state space, a value a coordinate: known, and held out to be generated."""

    known: list[list[float]]
    interpolation: list[list[float]] = Field(default_factory=list)
    extrapolation: list[list[float]] = Field(default_factory=list)


class SpaceFieldTable(FieldTable):
    """`[fields.NAME]`: a field to generate; see `FieldTable`.

    Args:
        monotone: names of the coordinates along which the field never decreases.
    """

    monotone: list[str] = Field(default_factory=list)  # type: ignore[assignment]


class SpaceStudy(Table):
    """A whole study file of several state coordinates."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    title: str
    description: str = ""
    coordinates: list[AxisTable]
    states: SpaceStatesTable
    kind: str
    reference: dict[str, Any] = Field(default_factory=dict)
    mesh: dict[str, Any] = Field(default_factory=dict)
    fields: dict[str, SpaceFieldTable]
    pinn: SeedTable = SeedTable()
    tolerances: list[ToleranceTable] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> "SpaceStudy":
        count = len(self.coordinates)
        if not 2 <= count <= 3:
            raise ValueError(f"coordinates: two or three are supported, {count} are named")
        if self.coordinates[0].parameter or not all(axis.parameter for axis in self.coordinates[1:]):
            raise ValueError("coordinates: the first is the reference model's own, each further one sets a parameter")
        names = [axis.name for axis in self.coordinates]
        for field, table in self.fields.items():
            for name in table.monotone:
                if name not in names:
                    raise ValueError(f"fields.{field}.monotone: no coordinate {name!r}; there are: {', '.join(names)}")
        self._check_states(count)
        return self

    def _check_states(self, count: int) -> None:
        everything = [*self.states.known, *self.held_out]
        for state in everything:
            text = ":".join(f"{part:g}" for part in state)
            if len(state) != count:
                raise ValueError(f"state {text}: give {count} values, one a coordinate")
            if everything.count(state) > 1:
                kind = "held out and known" if state in self.states.known else "named"
                raise ValueError(f"state {text} is {kind} more than once: keep it in one list")
        if not self.held_out:
            raise ValueError("no state is held out: give interpolation or extrapolation")
        known = np.array(self.states.known)
        if len(known) < count + 2:
            raise ValueError(f"{len(known)} known states: give at least {count + 2}")
        try:
            for state in self.held_out:
                inside = inside_hull(known, np.array(state))
                if inside != (state in self.states.interpolation):
                    where = "inside" if inside else "outside"
                    wanted = "extrapolation" if inside else "interpolation"
                    text = ":".join(f"{part:g}" for part in state)
                    raise ValueError(f"{wanted} state {text} lies {where} the hull of the known states")
        except InputError as error:
            raise ValueError(f"states.known: {error}") from None

    @property
    def held_out(self) -> list[list[float]]:
        """All held-out states, those inside first."""
        return [*self.states.interpolation, *self.states.extrapolation]

    @property
    def points(self) -> Array:
        """(K, m) all states: known, inside, outside."""
        return np.array([*self.states.known, *self.held_out])

    @property
    def axes(self) -> Coordinates:
        """The state coordinates."""
        return Coordinates(tuple(Coordinate(axis.name, axis.unit) for axis in self.coordinates))

    def split(self, state: Sequence[float]) -> Split:
        """Which list a state is in."""
        if list(state) in self.states.interpolation:
            return "interpolation"
        return "extrapolation" if list(state) in self.states.extrapolation else "known"

    def parameters(self, state: Sequence[float]) -> dict[str, Any]:
        """Parameters of the reference model at a state, its mesh among them."""
        own = {axis.parameter: axis.scale * part for axis, part in zip(self.coordinates, state, strict=True)}
        own.pop("", None)
        return self.reference | ({"mesh": self.mesh} if self.mesh else {}) | own

    @property
    def hash(self) -> str:
        """First 16 digits of the SHA-256 of everything the file says."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:16]


def load_space_study(path: Path, overrides: Sequence[str] = ()) -> SpaceStudy | None:
    """Read a study of several coordinates; None if the file has but one.

    Raises:
        InputError: see `study_file.load_study`.
    """
    data = read_study(path, overrides)
    return validated(SpaceStudy, path, data) if "coordinates" in data else None
