"""states.toml: a file that names the known states, and what may be chosen from them."""

import tomllib
from pathlib import Path

from pydantic import Field as Default
from pydantic import ValidationError, model_validator

from cmgai_fem.commands.inputs import Inputs, matching
from cmgai_fem.errors import InputError
from cmgai_fem.files.trust import check_readable, printable
from cmgai_fem.study.field_file import CalibrationTable, CoordinateTable, Point
from cmgai_fem.study.file import Table, first_problem


class StateTable(Table):
    """`[[states]]`: a state, a number or a list of one a coordinate, and its file; or the files of its specimens.

    Args:
        file: the snapshot.
        files: names or patterns of specimens, for `--distribution`.
        value: the state.
    """

    file: str = ""
    files: list[str] = Default(default_factory=list)
    value: Point

    @model_validator(mode="after")
    def _one_kind(self) -> "StateTable":
        if bool(self.file) == bool(self.files):
            raise ValueError("give file, or files of several specimens")
        return self

    def paths(self, folder: Path) -> tuple[Path, ...]:
        """The files, whose names count from a folder."""
        if self.file:
            return (folder / self.file,)
        return tuple(path for pattern in self.files for path in matching(folder, pattern, "specimens"))


class StatesFile(Table):
    """A whole states.toml.

    Args:
        field: field to generate.
        coordinate: name and unit of the only state coordinate.
        coordinates: names of several.
        units: their units.
        states: snapshots and their values.
        lower, upper, ordered, mass_axes, calibration, volumes, where_known, holds: as `Inputs` has them.
        monotone: the field never decreases along the state coordinate; of several, the names of those along which.
        cheap: files of cheap models, a name or pattern each.
    """

    field: str
    coordinate: CoordinateTable | None = None
    coordinates: list[str] = Default(default_factory=list)
    units: list[str] = Default(default_factory=list)
    states: list[StateTable]
    lower: float | None = None
    upper: float | None = None
    monotone: bool | list[str] = False
    ordered: bool = False
    mass_axes: list[str] = Default(default_factory=list)
    calibration: CalibrationTable = CalibrationTable()
    volumes: str = ""
    where_known: bool = False
    cheap: list[str] = Default(default_factory=list)
    holds: list[str] = Default(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> "StatesFile":
        if (self.coordinate is None) == (not self.coordinates):
            raise ValueError("give a table [coordinate], or several names in coordinates = [...]")
        if self.monotone is True and len(self.names) > 1:
            raise ValueError('monotone: say in which coordinates: monotone = ["NAME"]')
        for index, state in enumerate(self.states):
            if len(state.value) != len(self.names):
                word = "coordinate" if len(self.names) == 1 else "coordinates"
                raise ValueError(
                    f"states.{index}.value: {len(state.value)} values for the {word} {', '.join(self.names)}: "
                    "give one each"
                )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return tuple(self.coordinates) if self.coordinate is None else (self.coordinate.name,)

    def inputs(self, folder: Path) -> Inputs:
        """What the file says; file names in it count from its own folder."""
        rising = self.names if self.monotone is True else tuple(self.monotone or ())
        files = [(path, state.value) for state in self.states for path in state.paths(folder)]
        return Inputs(
            tuple(path for path, _ in files),
            self.field,
            self.names,
            tuple(self.units) if self.coordinate is None else (self.coordinate.unit,),
            tuple(value for _, value in files),
            None,
            self.lower,
            rising,
            self.ordered,
            tuple(self.mass_axes),
            self.calibration,
            self.volumes,
            self.where_known,
            paired=True,
            cheap=tuple(matching(folder, pattern) for pattern in self.cheap),
            upper=self.upper,
            holds=tuple(self.holds),
        )


def load_states_file(path: Path) -> Inputs:
    """Read a states.toml.

    Raises:
        InputError: not TOML, an unknown key, a wrong type, or no states; one line.
    """
    check_readable(path)
    try:
        table = StatesFile(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{printable(str(path))}: not a TOML file: {printable(str(error))}") from None
    except ValidationError as error:
        raise InputError(f"{printable(str(path))}: {printable(first_problem(error))}") from None
    if not table.states:
        raise InputError(f"{printable(str(path))}: names no states")
    return table.inputs(path.parent)
