"""What is known: snapshot files with their state values, and what may be chosen from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.errors import InputError
from cmgai_fem.files.cheap_states import read_cheap
from cmgai_fem.files.file_states import FileStates, read_states
from cmgai_fem.files.pieces import PiecedStates, Pieces
from cmgai_fem.files.slabs import Slabs, read_slabs
from cmgai_fem.files.specimens import Specimens, read_specimens
from cmgai_fem.files.trust import printable
from cmgai_fem.files.units import unit_of
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate, Coordinates
from cmgai_fem.study.field_file import CalibrationTable, Point, state_text
from cmgai_fem.transport.feature_space import Admissible

# Values this far beyond --lower or --upper, relative to the field's range, are undershoot.
UNDERSHOOT = 0.05
# Coordinates whose names say what they measure.
SI_OF = {"temperature": "K", "time": "s", "velocity": "m/s", "speed": "m/s", "pressure": "Pa", "strain_rate": "1/s"}


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
        upper: largest.
        monotone: coordinates along which the field never decreases.
        ordered: the field never decreases from one component to the next.
        mass_axes: orders of axes, e.g. "yx", in which to try carrying the field as mass.
        calibration: what may be chosen beside the order of the force, as in a study.
        volumes: field of the files that holds the volume of each label; none: those of the cells.
        where_known: leave out labels at which the field is no number in some state.
        paired: values were given beside the name of each file.
        cheap: files of cheap models, a tuple of one or more each.
        holds: what the field of every specimen keeps, as `generate_distribution` takes it.
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
    upper: float | None = None
    holds: tuple[str, ...] = ()

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
        return Admissible(self.lower, rises[0] if len(rises) == 1 else several, self.ordered, self.upper)

    @property
    def sources(self) -> tuple[Path, ...]:
        """All files that are read."""
        return (*self.paths, *(path for paths in self.cheap for path in paths))

    @property
    def search(self) -> Search:
        """What may be chosen beside the order of the force."""
        return self.calibration.search(self.mass_axes)

    def read(self, fields: Sequence[str] = (), bounded: Sequence[str] | None = None) -> FileStates:
        """The states that the files hold, with the field to generate or with the `fields` named.

        Args:
            fields: names; that of the field to generate by default.
            bounded: those that keep the bounds; the field to generate by default.
        """
        return self.bounded(read_states(self.paths, field=list(fields) or self.field, **self._reading), bounded)

    def find_slabs(self) -> Slabs | None:
        """Where the values of each state are, if ranks can read their own rows of them; None if not."""
        return read_slabs(self.paths, field=self.field, **self._reading)

    def read_pieces(self, pieces: Pieces, report: Callable[[str], None]) -> PiecedStates:
        """The states of a large body in pieces, those of this rank."""
        if self.where_known:
            raise InputError("--where-known takes all of a body at once, and this one is read in pieces: leave it out")
        return self.bounded(pieces.read(report, field=self.field, **self._reading))

    def read_specimens(self) -> Specimens:
        """The specimens that the files hold, several at a state.

        Raises:
            InputError: what is known, or asked for, is more than is known of specimens.
        """
        bounds = self.bounds
        others: dict[str, object] = {
            "monotone": self.monotone, "ordered": self.ordered, "mass_axes": self.mass_axes, "cheap": self.cheap,
            "calibration": self.calibration != CalibrationTable(),
        }  # fmt: skip
        for name, value in others.items():
            if value:
                raise InputError(f"{name}: leave it out; specimens are of one kind each, and carried as clouds")
        if len(self.coordinates) > 1:
            raise InputError(
                f"specimens are carried along one state coordinate, not over {', '.join(self.coordinates)}"
            )
        unit = self.units[0] if self.units else ""
        reading = {**self._reading, "coordinate": self.coordinates[0], "unit": unit}
        specimens = read_specimens(self.paths, field=self.field, **reading)
        return replace(specimens, numbered=_within(specimens.numbered, self.field, bounds))

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

    def bounded[Read: FileStates](self, states: Read, names: Sequence[str] | None = None) -> Read:
        """The states with values of fields, that to generate by default, a little beyond a bound brought to it.

        Collective where ranks share the states.
        """
        if self.holds:
            raise InputError("holds: leave it out; fields of specimens are moved onto constraints, with --distribution")
        for name in [self.field] if names is None else names:
            states = _within(states, name, self.bounds) if name in states.fields else states
        return states

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


def _within[Read: FileStates](states: Read, name: str, bounds: Admissible) -> Read:
    """The states with values a little beyond a bound brought to it: what extrapolation to the nodes leaves there.

    Values further beyond are left to be refused.
    """
    if bounds.lower is None and bounds.upper is None:
        return states
    field, dealt = states.field(name), states.labels.portion
    values, notes = field.values, []
    least = float(dealt.least(lambda block: field.values[:, block].min()))
    greatest = float(dealt.greatest(lambda block: field.values[:, block].max()))
    sides = (
        (bounds.lower, -1.0, least, "lie below --lower", "raised to it"),
        (bounds.upper, 1.0, greatest, "lie above --upper", "lowered to it"),
    )
    for limit, sign, end, where, how in sides:
        most = sign * (end - limit) if limit is not None else 0.0
        if limit is None or not 0.0 < most <= UNDERSHOOT * (greatest - least):
            continue
        beyond = int(dealt.sum(partial(_count_beyond, field.values, limit, sign)))
        notes.append(
            f"{beyond} values of {printable(name)} {where} {limit:g}, by up to {most:.3g} "
            f"({100 * most / (greatest - least):.2g} % of the range): {how}"
        )
        values = np.maximum(values, limit) if sign < 0.0 else np.minimum(values, limit)
    if not notes:
        return states
    fields = {**states.fields, name: replace(field, values=values)}
    return replace(states, fields=fields, notes=(*states.notes, *notes))


def _count_beyond(values: Array, limit: float, sign: float, block: slice) -> int:
    return int(np.count_nonzero(sign * (values[:, block] - limit) > 0.0))


def matching(folder: Path, pattern: str, what: str = "cheap model") -> tuple[Path, ...]:
    """Files of one thing: those whose path from a folder matches, in the order of their names.

    Raises:
        InputError: there is none.
    """
    whole = folder / pattern
    root = Path(whole.anchor)
    found = tuple(sorted(root.glob(str(whole.relative_to(root))))) if pattern else ()
    if not found:
        raise InputError(f"{what} {printable(pattern)}: no such file")
    return found
