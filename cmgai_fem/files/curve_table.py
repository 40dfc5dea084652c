"""Reader of a table of stress-strain tests: one row a measured point, the units in the header.

Columns: strain or plastic_strain, stress, and one or two of temperature and strain_rate; a column `test` may tell
repeated tests of one state apart. Whatever is left out, merged or taken for granted is a note of the table.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmgai_fem.curves.table import CurveState, CurveTests, Test
from cmgai_fem.errors import InputError
from cmgai_fem.states.states import Coordinate, Coordinates

STATE_COLUMNS = ("temperature", "strain_rate")
LEAST_STATES = 3
LEAST_POINTS = 4

# Factor and shift to SI: value in SI = factor * value + shift.
STRESS = {"Pa": 1.0, "kPa": 1e3, "MPa": 1e6, "GPa": 1e9, "N/mm2": 1e6, "N/mm^2": 1e6, "psi": 6894.757, "ksi": 6894757.0}
STRAIN = {"": 1.0, "-": 1.0, "1": 1.0, "mm/mm": 1.0, "m/m": 1.0, "%": 1e-2}
RATE = {"1/s": 1.0, "/s": 1.0, "s^-1": 1.0, "s-1": 1.0, "1/min": 1.0 / 60.0, "/min": 1.0 / 60.0}
TEMPERATURE = {"K": (1.0, 0.0), "degC": (1.0, 273.15), "°C": (1.0, 273.15), "C": (1.0, 273.15),
               "degF": (5.0 / 9.0, 459.67 * 5.0 / 9.0), "°F": (5.0 / 9.0, 459.67 * 5.0 / 9.0)}  # fmt: skip


def _plain(table: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    return {unit: (factor, 0.0) for unit, factor in table.items()}


# By quantity: what a column may be called, the SI unit, and the units that it may have.
QUANTITIES: dict[str, tuple[tuple[str, ...], str, dict[str, tuple[float, float]]]] = {
    "strain": (("strain", "total_strain"), "", _plain(STRAIN)),
    "plastic_strain": (("plastic_strain",), "", _plain(STRAIN)),
    "stress": (("stress", "true_stress", "flow_stress"), "Pa", _plain(STRESS)),
    "temperature": (("temperature",), "K", TEMPERATURE),
    "strain_rate": (("strain_rate", "rate"), "1/s", _plain(RATE)),
}


@dataclass(frozen=True)
class Column:
    """Where a quantity stands and how it becomes SI.

    Args:
        position: of the column, from 0.
        heading: the column's heading as it stands in the file.
        factor: value in SI = factor * value + shift.
        shift: see `factor`.
    """

    position: int
    heading: str
    factor: float
    shift: float


@dataclass(frozen=True)
class Point:
    """One measured point: its row in the file, state, strain and stress in SI units."""

    row: int
    state: tuple[float, ...]
    test: str
    strain: float
    stress: float


def read_curves(path: Path, *, least_points: int = LEAST_POINTS, least_states: int = LEAST_STATES) -> CurveTests:
    """Read a table of tests.

    Args:
        path: the CSV file; lines that begin with # are comments.
        least_points: fewest points of a state.
        least_states: fewest states.

    Raises:
        InputError: names the file, and the row and column where there is one.
    """
    rows = _rows(path)
    columns, notes = _columns(path, rows[0][0], rows[0][1])
    names = [name for name in STATE_COLUMNS if name in columns]
    points = [_point(path, number, cells, columns, names) for number, cells in rows[1:]]
    if not points:
        raise InputError(f"{path}: there are no rows below the header")
    states, more = _states(path, points, columns, names, least_points)
    if len(states) < least_states:
        raise InputError(
            f"{path}: column {' and '.join(columns[name].heading for name in names)}: {len(states)} states are too few "
            f"to generate others from, give at least {least_states}"
        )
    plastic = "plastic_strain" in columns
    if not plastic:
        _check_start(path, points, columns)
    coordinates = Coordinates(tuple(Coordinate(name, QUANTITIES[name][1]) for name in names))
    return CurveTests(coordinates, tuple(states), plastic, (*notes, *more))


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Rows with their line numbers, without empty lines and comments."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            rows = [
                (reader.line_num, [cell.strip() for cell in cells])
                for cells in reader
                if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#")
            ]
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8 text; save the table as CSV in UTF-8") from error
    except (OSError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}") from error
    if not rows:
        raise InputError(f"{path}: the file is empty; its first row names the columns, e.g. strain,stress [MPa]")
    return rows


def _columns(path: Path, number: int, header: Sequence[str]) -> tuple[dict[str, Column], list[str]]:
    """Columns by quantity, and a note on those that are not used."""
    if len(header) == 1 and ";" in header[0]:
        raise InputError(f"{path}, row {number}: columns are separated by semicolons; separate them by commas")
    known = {alias: name for name, (aliases, _, _) in QUANTITIES.items() for alias in aliases} | {"test": "test"}
    found: dict[str, Column] = {}
    unused = []
    for position, heading in enumerate(header):
        name, _, rest = heading.partition("[")
        quantity = known.get(name.strip().lower().replace(" ", "_"))
        if quantity is None:
            unused.append(heading)
            continue
        if quantity in found:
            raise InputError(f"{path}, row {number}: column {heading!r} names {quantity} a second time")
        found[quantity] = _column(path, number, position, heading, quantity, rest)
    if "strain" in found and "plastic_strain" in found:
        raise InputError(
            f"{path}, row {number}: column {found['plastic_strain'].heading!r} stands beside "
            f"{found['strain'].heading!r}: keep the total or the plastic strain"
        )
    if "strain" not in found and "plastic_strain" not in found:
        raise InputError(
            f"{path}, row {number}: column strain (or plastic_strain) is missing; there are: {_list(header)}"
        )
    if "stress" not in found:
        raise InputError(f"{path}, row {number}: column stress is missing; there are: {_list(header)}")
    if not any(name in found for name in STATE_COLUMNS):
        raise InputError(
            f"{path}, row {number}: column temperature or strain_rate is missing; there are: {_list(header)}"
        )
    return found, [f"column {heading!r} is not used" for heading in unused]


def _column(path: Path, number: int, position: int, heading: str, quantity: str, rest: str) -> Column:
    if quantity == "test":
        return Column(position, heading, 1.0, 0.0)
    units = QUANTITIES[quantity][2]
    unit, closed, _ = rest.partition("]")
    unit = unit.strip()
    if rest and not closed:
        raise InputError(f"{path}, row {number}, column {heading!r}: the bracket of the unit is not closed")
    if unit not in units:
        wanted = ", ".join(name for name in units if name)
        said = f"unit {unit!r} is unknown" if unit else "the unit is missing"
        raise InputError(f"{path}, row {number}, column {heading!r}: {said}; write one of [{wanted}]")
    return Column(position, heading, *units[unit])


def _point(path: Path, number: int, cells: Sequence[str], columns: Mapping[str, Column], names: Sequence[str]) -> Point:
    numbers = {}
    for quantity, column in columns.items():
        where = f"{path}, row {number}, column {column.heading!r}"
        if column.position >= len(cells) or not cells[column.position]:
            raise InputError(f"{where}: the value is missing")
        if quantity == "test":
            continue
        text = cells[column.position]
        try:
            value = float(text)
        except ValueError as error:
            raise InputError(f"{where}: {text!r} is not a number") from error
        if not np.isfinite(value):
            raise InputError(f"{where}: {text!r} is not a finite number; leave the row out if nothing was measured")
        numbers[quantity] = column.factor * value + column.shift
        if quantity in STATE_COLUMNS and numbers[quantity] <= 0.0:
            raise InputError(f"{where}: {text} is not positive" + (" kelvin" if quantity == "temperature" else ""))
    strain = numbers["plastic_strain" if "plastic_strain" in columns else "strain"]
    if strain < 0.0:
        column = columns["plastic_strain" if "plastic_strain" in columns else "strain"]
        raise InputError(
            f"{path}, row {number}, column {column.heading!r}: {cells[column.position]} is negative; "
            "give magnitudes, in compression too"
        )
    stress = numbers["stress"]
    if stress < 0.0 or (stress == 0.0 and (strain > 0.0 or "plastic_strain" in columns)):
        column = columns["stress"]
        raise InputError(
            f"{path}, row {number}, column {column.heading!r}: {cells[column.position]} is not positive; give "
            "magnitudes, in compression too, without points before loading"
        )
    test = cells[columns["test"].position] if "test" in columns else ""
    return Point(number, tuple(numbers[name] for name in names), test, strain, stress)


def _states(
    path: Path, points: Sequence[Point], columns: Mapping[str, Column], names: Sequence[str], least_points: int
) -> tuple[list[CurveState], list[str]]:
    notes: list[str] = []
    groups: dict[tuple[float, ...], list[Point]] = {}
    for point in points:
        groups.setdefault(point.state, []).append(point)
    states = []
    for state, members in sorted(groups.items()):
        where = ", ".join(f"{name} = {value:g} {QUANTITIES[name][1]}" for name, value in zip(names, state, strict=True))
        if len(members) < least_points:
            raise InputError(
                f"{path}, row {members[0].row}, column {columns[names[0]].heading!r}: the state {where} has "
                f"{len(members)} points, give at least {least_points}"
            )
        blocks = _tests(path, members, columns)
        if len(blocks) > 1:
            notes.append(f"{where}: {len(blocks)} tests kept as repeats of one state")
        states.append(CurveState(state, tuple(blocks)))
    return states, notes


def _tests(path: Path, members: Sequence[Point], columns: Mapping[str, Column]) -> list[Test]:
    """Tests of one state: by the column `test`, else a new one wherever the rows of the state start anew.

    Rows start anew where other states stand between, or where the strain, having risen, falls back to the test's
    smallest one or below it.
    """
    blocks: list[list[Point]] = []
    if "test" in columns:
        named: dict[str, list[Point]] = {}
        for point in members:
            named.setdefault(point.test, []).append(point)
        blocks = list(named.values())
    else:
        for point in members:
            if not blocks or _starts_anew(blocks[-1], point):
                blocks.append([])
            blocks[-1].append(point)
    return [_test(path, block, columns) for block in blocks]


def _starts_anew(block: Sequence[Point], point: Point) -> bool:
    if point.row != block[-1].row + 1:
        return True
    risen = len(block) > 1 and block[-1].strain > block[-2].strain
    return risen and point.strain <= min(before.strain for before in block)


def _test(path: Path, block: Sequence[Point], columns: Mapping[str, Column]) -> Test:
    ordered = sorted(block, key=lambda point: point.strain)
    strain = np.array([point.strain for point in ordered])
    same = np.flatnonzero(np.diff(strain) <= 0.0)
    if len(same):
        point, before = ordered[same[0] + 1], ordered[same[0]]
        column = columns["plastic_strain" if "plastic_strain" in columns else "strain"]
        raise InputError(
            f"{path}, row {max(point.row, before.row)}, column {column.heading!r}: the strain {point.strain:g} stands "
            f"in row {min(point.row, before.row)} of the same test already; tell repeats apart by a column 'test'"
        )
    return Test(strain, np.array([point.stress for point in ordered]))


def _check_start(path: Path, points: Sequence[Point], columns: Mapping[str, Column]) -> None:
    """A total strain starts at zero stress."""
    largest = max(abs(point.stress) for point in points)
    for point in points:
        if point.strain == 0.0 and abs(point.stress) > 0.01 * largest:
            raise InputError(
                f"{path}, row {point.row}, column {columns['stress'].heading!r}: the stress at zero total strain is "
                f"{point.stress:g} Pa, not zero; name the column plastic_strain if it is one"
            )


def _list(header: Sequence[str]) -> str:
    return ", ".join(repr(heading) for heading in header)
