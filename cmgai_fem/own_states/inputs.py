"""What is known: snapshot files with their state values, from the command line or from a states.toml."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cmgai_fem.errors import InputError
from cmgai_fem.own_states.answers import Generator, make_generator
from cmgai_fem.own_states.file_states import FileStates, read_states
from cmgai_fem.own_states.trust import check_readable, printable
from cmgai_fem.states import StateSet
from cmgai_fem.study_file import CoordinateTable, Table, first_problem


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

    def generator(self, states: StateSet, name: str, targets: Sequence[float], method: str, seed: int = 0) -> Generator:
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


def load_states_file(path: Path) -> Inputs:
    """Read a states.toml; file names in it count from its own folder.

    Raises:
        InputError: not TOML, an unknown key, a wrong type, or no states; one line.
    """
    check_readable(path)
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        table = StatesFile(**data)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{printable(str(path))}: not a TOML file: {printable(str(error))}") from None
    except ValidationError as error:
        raise InputError(f"{printable(str(path))}: {printable(first_problem(error))}") from None
    if not table.states:
        raise InputError(f"{printable(str(path))}: names no states")
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
