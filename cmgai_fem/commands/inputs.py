"""What is known: snapshot files with their state values, from the command line or from a states.toml."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field as Default
from pydantic import ValidationError

from cmgai_fem.calibration.answers import Generator, make_generator
from cmgai_fem.calibration.space import inside_hull
from cmgai_fem.calibration.space_answers import make_space_generator
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import FileStates, read_scattered_states, read_states
from cmgai_fem.files.trust import check_readable, printable
from cmgai_fem.states.states import States
from cmgai_fem.study.field_file import CoordinateTable
from cmgai_fem.study.file import Table, first_problem
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.space import SpaceProblem


@dataclass(frozen=True)
class Inputs:
    """What `generate` reads.

    Args:
        paths: the snapshots.
        field: name of the field to generate.
        coordinate: name of the state coordinate.
        unit: unit of the state coordinate.
        values: state values in the order of the paths; None to find them otherwise.
        values_from: regular expression on the file names; None to take the files' own time or data.
        lower: least admissible value of the field.
        monotone: the field never decreases along the state coordinate.
    """

    paths: tuple[Path, ...]
    field: str
    coordinate: str = "state"
    unit: str = ""
    values: tuple[float, ...] | None = None
    values_from: str | None = None
    lower: float | None = None
    monotone: bool = False

    def read(self, fields: Sequence[str] = ()) -> FileStates:
        """The states that the files hold, with the field to generate or with the `fields` named."""
        return read_states(
            self.paths,
            field=list(fields) or self.field,
            coordinate=self.coordinate,
            unit=self.unit,
            values=self.values,
            values_from=self.values_from,
        )

    def targets(self, at: Sequence[Sequence[float]]) -> list[float]:
        """The state values asked for, each given as its coordinates.

        Raises:
            InputError: one has several coordinates.
        """
        for point in at:
            if len(point) != 1:
                raise InputError(f"--at {joined(point)}: the states have one coordinate, {printable(self.coordinate)}")
        return [point[0] for point in at]

    def sides(self, states: FileStates, targets: Sequence[float]) -> list[list[float]]:
        """Targets between the known states, and beyond them: each side is calibrated for itself."""
        inside = [target for target in targets if states.values[0] <= target <= states.values[-1]]
        outside = [target for target in targets if target not in inside]
        return [group for group in (inside, outside) if group]

    def generator(
        self, states: States, name: str, targets: Sequence[float], method: str, seed: int = 0
    ) -> Generator[Problem]:
        """The solved transport of one field; bounds hold for the field to generate alone."""
        own = name == self.field
        return make_generator(
            states,
            name,
            targets,
            method=method,
            lower=self.lower if own else None,
            monotone=self.monotone and own,
            seed=seed,
        )


@dataclass(frozen=True)
class ScatteredInputs:
    """What `generate` reads where the states have several coordinates; see `Inputs`.

    Args:
        paths: the snapshots.
        field: name of the field to generate.
        coordinates: names of the state coordinates.
        units: their units.
        values: one value a coordinate for each of the paths; None to find them otherwise.
        values_from: regular expression on the file names, one group a coordinate.
        lower: least admissible value of the field.
        monotone: coordinates along which the field never decreases.
    """

    paths: tuple[Path, ...]
    field: str
    coordinates: tuple[str, ...]
    units: tuple[str, ...] = ()
    values: tuple[tuple[float, ...], ...] | None = None
    values_from: str | None = None
    lower: float | None = None
    monotone: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 2 <= len(self.coordinates) <= 3:
            raise InputError(f"{len(self.coordinates)} state coordinates: one, two or three are supported")
        if self.units and len(self.units) != len(self.coordinates):
            raise InputError(f"{len(self.units)} units for {len(self.coordinates)} state coordinates: give one each")
        for name in self.monotone:
            if name not in self.coordinates:
                raise InputError(f"monotone {printable(name)!r}: no such coordinate; there are: {self.names}")

    @property
    def names(self) -> str:
        """All names of the coordinates."""
        return ", ".join(printable(name) for name in self.coordinates)

    def read(self, fields: Sequence[str] = ()) -> FileStates:
        """The states that the files hold, with the field to generate or with the `fields` named."""
        return read_scattered_states(
            self.paths,
            field=list(fields) or self.field,
            coordinates=self.coordinates,
            units=self.units,
            values=self.values,
            values_from=self.values_from,
        )

    def targets(self, at: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
        """The states asked for.

        Raises:
            InputError: one has another number of coordinates.
        """
        for point in at:
            if len(point) != len(self.coordinates):
                raise InputError(f"--at {joined(point)}: give {len(self.coordinates)} values, for {self.names}")
        return [tuple(point) for point in at]

    def sides(self, states: FileStates, targets: Sequence[tuple[float, ...]]) -> list[list[tuple[float, ...]]]:
        """Targets inside the hull of the known states, and outside: each side is calibrated for itself."""
        groups: dict[bool, list[tuple[float, ...]]] = {True: [], False: []}
        for target in targets:
            groups[inside_hull(states.values, np.array(target))].append(target)
        return [group for group in groups.values() if group]

    def generator(
        self,
        states: States,
        name: str,
        targets: Sequence[tuple[float, ...]],
        method: str,
        seed: int = 0,
    ) -> Generator[SpaceProblem]:
        """The solved transport of one field."""
        rises = tuple(coordinate in self.monotone for coordinate in self.coordinates)
        return make_space_generator(
            states,
            name,
            targets,
            method=method,
            admissible=Admissible(self.lower, rises if any(rises) else False),
            seed=seed,
        )


def joined(point: Sequence[float]) -> str:
    """A state as the command line writes it, e.g. "325:3"."""
    return ":".join(f"{part:g}" for part in point)


class StateTable(Table):
    """`[[states]]`: one snapshot and its state value."""

    file: str
    value: float


class StatesFile(Table):
    """A whole states.toml.

    Args:
        field: field to generate.
        coordinate: name and unit of the state coordinate.
        states: snapshots and their values.
        lower: least admissible value of the field.
        monotone: the field never decreases along the state coordinate.
    """

    field: str
    coordinate: CoordinateTable
    states: list[StateTable]
    lower: float | None = None
    monotone: bool = False


class ScatteredStateTable(Table):
    """`[[states]]`: one snapshot and its value of each coordinate."""

    file: str
    value: list[float]


class ScatteredStatesFile(Table):
    """A whole states.toml whose states have several coordinates.

    Args:
        field: field to generate.
        coordinates: names of the state coordinates.
        units: their units.
        states: snapshots and their values.
        lower: least admissible value of the field.
        monotone: coordinates along which the field never decreases.
    """

    field: str
    coordinates: list[str]
    units: list[str] = Default(default_factory=list)
    states: list[ScatteredStateTable]
    lower: float | None = None
    monotone: list[str] = Default(default_factory=list)


def load_states_file(path: Path) -> Inputs | ScatteredInputs:
    """Read a states.toml; file names in it count from its own folder. Its key `coordinates` names several coordinates.

    Raises:
        InputError: not TOML, an unknown key, a wrong type, or no states; one line.
    """
    check_readable(path)
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        scattered = ScatteredStatesFile(**data) if "coordinates" in data else None
        table = None if scattered else StatesFile(**data)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{printable(str(path))}: not a TOML file: {printable(str(error))}") from None
    except ValidationError as error:
        raise InputError(f"{printable(str(path))}: {printable(first_problem(error))}") from None
    if not (table or scattered).states:  # type: ignore[union-attr]
        raise InputError(f"{printable(str(path))}: names no states")
    if scattered is not None:
        return ScatteredInputs(
            tuple(path.parent / state.file for state in scattered.states),
            scattered.field,
            tuple(scattered.coordinates),
            tuple(scattered.units),
            tuple(tuple(state.value) for state in scattered.states),
            None,
            scattered.lower,
            tuple(scattered.monotone),
        )
    assert table is not None
    return Inputs(
        tuple(path.parent / state.file for state in table.states),
        table.field,
        table.coordinate.name,
        table.coordinate.unit,
        tuple(state.value for state in table.states),
        None,
        table.lower,
        table.monotone,
    )
