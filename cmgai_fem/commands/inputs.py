"""What is known: snapshot files with their state values, from the command line or from a states.toml."""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field as Default
from pydantic import ValidationError, model_validator

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.errors import InputError
from cmgai_fem.files.cheap_states import read_cheap
from cmgai_fem.files.file_states import FileStates, read_states
from cmgai_fem.files.pieces import PiecedStates, Pieces
from cmgai_fem.files.trust import check_readable, printable
from cmgai_fem.files.units import QUANTITY, unit_of, value_in
from cmgai_fem.states.states import Coordinate, Coordinates
from cmgai_fem.study.field_file import CalibrationTable, CoordinateTable, Point, state_text
from cmgai_fem.study.file import Table, first_problem
from cmgai_fem.transport.feature_space import Admissible

# Numbers whose letters are no unit's.
# Values this far below --lower, relative to the field's range, are undershoot.
UNDERSHOOT = 0.05
# Coordinates whose names say what they measure.
SI_OF = {"temperature": "K", "time": "s", "velocity": "m/s", "speed": "m/s", "pressure": "Pa", "strain_rate": "1/s"}
HAS_UNIT = re.compile(r"[^\W\d_]|[°%]")
NUMBERS = re.compile(r"\d[eE][-+]?\d|nan|inf(?:inity)?", re.IGNORECASE)


@dataclass(frozen=True)
class Inputs:
    """What `generate` reads, and what it may choose from it.

    Args:
        paths: the snapshots.
        field: name of the field to generate.
        coordinates: names of the m state coordinates.
        units: their units; none by default.
        values: m values for each of the paths; None to find them otherwise.
        values_from: regular expression on the file names, one group a coordinate; None to take the files' own data.
        lower: least admissible value of the field.
        monotone: coordinates along which the field never decreases.
        ordered: the field never decreases from one component to the next.
        mass_axes: orders of axes, e.g. "yx", in which to try carrying the field as mass.
        calibration: what may be chosen beside the order of the force, as in a study.
        volumes: field of the files that holds the volume of each label; none: those of the cells.
        where_known: leave out labels at which the field is no number in some state.
        paired: values were given beside the name of each file.
        cheap: files of cheap models, a tuple of one or more each.
    """

    paths: tuple[Path, ...]
    field: str
    coordinates: tuple[str, ...] = ("state",)
    units: tuple[str, ...] = ()
    values: tuple[Point, ...] | None = None
    values_from: str | None = None
    lower: float | None = None
    monotone: tuple[str, ...] = ()
    ordered: bool = False
    mass_axes: tuple[str, ...] = ()
    calibration: CalibrationTable = attribute(default_factory=CalibrationTable)
    volumes: str = ""
    where_known: bool = False
    paired: bool = False
    cheap: tuple[tuple[Path, ...], ...] = ()

    def __post_init__(self) -> None:
        count, names = len(self.coordinates), ", ".join(printable(name) for name in self.coordinates)
        for name, unit in zip(self.coordinates, self.units, strict=False):
            si = SI_OF.get(name.lower())
            if unit_of(unit).dimension != unit_of(si or unit).dimension and unit:
                raise InputError(f"unit {printable(unit)!r} measures no {printable(name)}; write one like {si}")
        if not 1 <= count <= 3:
            raise InputError(f"{count} state coordinates: one, two or three are supported")
        if self.units and len(self.units) != count:
            raise InputError(f"{len(self.units)} units for {count} state coordinates: give one each")
        for name in self.monotone:
            if name not in self.coordinates:
                raise InputError(f"monotone {printable(name)!r}: no such coordinate; there are: {names}")
        for axes in self.mass_axes:
            if not axes or len(set(axes)) < len(axes) or set(axes) - set("xyz"):
                raise InputError(f"mass {printable(axes)!r}: give axes in some order, e.g. x, xy or yx")

    @property
    def bounds(self) -> Admissible:
        """What the field must keep."""
        rises = tuple(name in self.monotone for name in self.coordinates)
        several = rises if any(rises) else False
        return Admissible(self.lower, rises[0] if len(rises) == 1 else several, self.ordered)

    @property
    def sources(self) -> tuple[Path, ...]:
        """All files that are read."""
        return (*self.paths, *(path for paths in self.cheap for path in paths))

    @property
    def search(self) -> Search:
        """What may be chosen beside the order of the force."""
        return self.calibration.search(self.mass_axes)

    def read(self, fields: Sequence[str] = ()) -> FileStates:
        """The states that the files hold, with the field to generate or with the `fields` named."""
        return self._bounded(read_states(self.paths, field=list(fields) or self.field, **self._reading))

    def read_pieces(self, pieces: Pieces, report: Callable[[str], None]) -> PiecedStates:
        """The states of a large body in pieces, those of this rank."""
        if self.where_known:
            raise InputError("--where-known takes all of a body at once, and this one is read in pieces: leave it out")
        return self._bounded(pieces.read(report, field=self.field, **self._reading))

    @property
    def _reading(self) -> dict[str, Any]:
        return {
            "coordinate": self.coordinates,
            "unit": self.units,
            "values": self.values,
            "values_from": self.values_from,
            "volumes": self.volumes,
            "where_known": self.where_known,
            "paired": self.paired,
        }

    def _bounded[Read: FileStates](self, states: Read) -> Read:
        unbounded = self.lower is None or self.field not in states.fields
        return states if unbounded or self.lower is None else _raised(states, self.field, self.lower)

    def read_cheap(self) -> list[FileStates] | None:
        """The states of the cheap models; None where there are none.

        Their values are found as those of the other files, but for values that were given one by one.
        """
        coordinates = Coordinates(
            tuple(Coordinate(*each) for each in zip_longest(self.coordinates, self.units, fillvalue=""))
        )
        shared = {"values_from": self.values_from, "volumes": self.volumes, "where_known": self.where_known}
        return [read_cheap(list(paths), coordinates, self.field, shared) for paths in self.cheap] or None

    def targets(self, at: Sequence[Point]) -> list[Point]:
        """The states asked for.

        Raises:
            InputError: one has another number of coordinates.
        """
        for target in at:
            if len(target) != len(self.coordinates):
                count, names = len(self.coordinates), ", ".join(printable(name) for name in self.coordinates)
                wanted = "the states have one coordinate" if count == 1 else f"give {count} values, for"
                raise InputError(f"--at {state_text(target)}: {wanted} {names}")
        return [tuple(target) for target in at]


def _raised[Read: FileStates](states: Read, name: str, lower: float) -> Read:
    """The states with values a little below the bound raised to it: what extrapolation to the nodes leaves there.

    Values further below are left to be refused.
    """
    field, dealt = states.field(name), states.labels.portion
    values = field.values
    below = int(dealt.sum(lambda block: np.count_nonzero(values[:, block] < lower)))
    least = float(dealt.least(lambda block: values[:, block].min()))
    reach = float(dealt.greatest(lambda block: values[:, block].max())) - least
    most = lower - least
    if not below or most > UNDERSHOOT * reach:
        return states
    note = (
        f"{below} values of {printable(name)} lie below --lower {lower:g}, by up to {most:.3g} "
        f"({100 * most / reach:.2g} % of the range): raised to it"
    )
    fields = {**states.fields, name: replace(field, values=np.maximum(field.values, lower))}
    return replace(states, fields=fields, notes=(*states.notes, note))


def point(text: str, option: str) -> Point:
    """A state as the command line writes it: "325", or "325:3" of two coordinates."""
    try:
        return tuple(float(part) for part in text.split(":"))
    except ValueError:
        how = "--at 325 or 325:3" if option == "--at" else "--values 100,250,400, or 100:2,250:2 of two coordinates"
        raise InputError(f"{option}: {text.strip()!r} is no number; write {how}") from None


def asked_points(at: Sequence[str], units: Sequence[str]) -> list[Point]:
    """States as `--at` writes them, in the units of the coordinates: "325", "325:3", "598 K" of one in degC.

    Raises:
        InputError: one is no number, or has a unit of another quantity.
    """
    points = []
    for text in at:
        parts = text.split(":")
        if not (all(QUANTITY.match(part) for part in parts) and HAS_UNIT.search(NUMBERS.sub("", text))):
            points.append(point(text, "--at"))
            continue
        own = [*units, *[""] * len(parts)]
        try:
            points.append(tuple(value_in(part, unit_of(unit)) for part, unit in zip(parts, own, strict=False)))
        except InputError as error:
            raise InputError(f"--at: {error}; write --at 325 or 325:3") from None
    return points


def given_inputs(paths: Sequence[Path], options: Mapping[str, Any]) -> Inputs:
    """The known states that files and options name.

    Args:
        paths: one states.toml, which holds all that the options would say, or the snapshots.
        options: options of the command line by their names; None or False where they were not given.

    Raises:
        InputError: options that are missing or contradict each other, or a states.toml that is wrong.
    """
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    cheap = tuple(matching(Path(), pattern) for pattern in given.pop("cheap", ()))
    if cheap and paths[0].suffix.lower() == ".toml":
        raise InputError(f'--cheap: leave it out; say cheap = ["coarse_*.vtu"] in {printable(str(paths[0]))}')
    if paths[0].suffix.lower() == ".toml":
        refuse(given, f"{paths[0]} is where it is said")
        return load_states_file(single_file(paths, "a states.toml"))
    if "field" not in given:
        raise InputError("say which field to generate: --field NAME (cmgai-fem info lists them)")
    coordinates, monotone = tuple(given.get("coordinate", ("state",))), tuple(given.get("monotone-in", ()))
    if "monotone" in given:
        if len(coordinates) > 1:
            raise InputError("--monotone: say in which coordinates: --monotone-in NAME")
        monotone = coordinates
    values = given.get("values")
    chosen = {
        key: [item for item in given[option] if item != "linear"]
        for key, option in (("stiffnesses", "stiffness"), ("dampings", "damping"), ("pseudo_times", "pseudo-time"))
        if option in given
    }
    return Inputs(
        tuple(paths),
        given["field"],
        coordinates,
        tuple(given.get("unit", ())),
        None if values is None else tuple(point(part, "--values") for part in values.split(",")),
        given.get("values-from"),
        given.get("lower"),
        monotone,
        "ordered" in given,
        tuple(given.get("mass", ())),
        CalibrationTable(**chosen, moving="no-moving" not in given, state_force="no-state-force" not in given),
        given.get("volumes", ""),
        "where-known" in given,
        cheap=cheap,
    )


def matching(folder: Path, pattern: str) -> tuple[Path, ...]:
    """Files of one cheap model: those whose path from a folder matches, in the order of their names.

    Raises:
        InputError: there is none.
    """
    whole = folder / pattern
    root = Path(whole.anchor)
    found = tuple(sorted(root.glob(str(whole.relative_to(root))))) if pattern else ()
    if not found:
        raise InputError(f"cheap model {printable(pattern)}: no such file")
    return found


def refuse(options: Mapping[str, object], because: str) -> None:
    """An option that would change nothing is an error, not a silence."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise InputError(f"--{name}: leave it out; {because}")


def single_file(paths: Sequence[Path], what: str) -> Path:
    """The only one of `paths`; `what` says in the message what was wanted."""
    if len(paths) != 1:
        raise InputError(f"{what} is one file, {len(paths)} were given")
    return paths[0]


class StateTable(Table):
    """`[[states]]`: one snapshot and its state: a number, or a list of one a coordinate."""

    file: str
    value: Point


class StatesFile(Table):
    """A whole states.toml.

    Args:
        field: field to generate.
        coordinate: name and unit of the only state coordinate.
        coordinates: names of several.
        units: their units.
        states: snapshots and their values.
        lower: least admissible value of the field.
        monotone: the field never decreases along the state coordinate; of several, the names of those along which.
        ordered: the field never decreases from one component to the next.
        mass_axes: orders of axes in which to try carrying the field as mass.
        calibration: what may be chosen, as a study has it.
        volumes: field of the files that holds the volume of each label; none: those of the cells.
        where_known: leave out labels at which the field is no number in some state.
        cheap: files of cheap models, a name or pattern each.
    """

    field: str
    coordinate: CoordinateTable | None = None
    coordinates: list[str] = Default(default_factory=list)
    units: list[str] = Default(default_factory=list)
    states: list[StateTable]
    lower: float | None = None
    monotone: bool | list[str] = False
    ordered: bool = False
    mass_axes: list[str] = Default(default_factory=list)
    calibration: CalibrationTable = CalibrationTable()
    volumes: str = ""
    where_known: bool = False
    cheap: list[str] = Default(default_factory=list)

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
        return Inputs(
            tuple(folder / state.file for state in self.states),
            self.field,
            self.names,
            tuple(self.units) if self.coordinate is None else (self.coordinate.unit,),
            tuple(state.value for state in self.states),
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
