"""Reader of a table of stress-strain tests: one row a measured point, the units in the header.

Columns: strain or plastic_strain, stress, and one or two of temperature and strain_rate; a column `test` may tell
repeated tests of one state apart. Whatever is left out, merged or taken for granted is a note of the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmgai_fem.curves.table import CurveState, CurveTests, Test
from cmgai_fem.errors import InputError
from cmgai_fem.files.text_table import cell_at, number_at, read_table
from cmgai_fem.files.units import Unit, unit_of
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate, Coordinates

STATE_COLUMNS = ("temperature", "strain_rate")
LEAST_STATES = 3
LEAST_POINTS = 4

# Points before loading, and what an instrument reads there, relative to the largest strain and stress of the table.
NOISE_STRAIN, NOISE_STRESS = 2e-3, 0.02
# A point so far below the curve that leads up to it, relative to the largest stress, belongs to an unloading.
UNLOADED = 0.02
# A total strain starts at zero stress; what may stand there relative to the largest.
START = 0.01
# A toe: the slope between these shares of the largest stress exceeds that below them by this factor.
TOE_SHARES, TOE = (0.1, 0.4), 1.3

# By quantity: what a column may be called, and the SI unit.
QUANTITIES: dict[str, tuple[tuple[str, ...], str]] = {
    "strain": (("strain", "total_strain"), ""),
    "plastic_strain": (("plastic_strain",), ""),
    "stress": (("stress", "true_stress", "flow_stress"), "Pa"),
    "temperature": (("temperature",), "K"),
    "strain_rate": (("strain_rate", "rate"), "1/s"),
}
EXAMPLES = {"stress": "MPa, Pa, psi", "temperature": "K, degC, degF", "strain_rate": "1/s, 1/min"}


@dataclass(frozen=True)
class Column:
    """Where a quantity stands and how it becomes SI.

    Args:
        position: of the column, from 0.
        heading: the column's heading as it stands in the file.
        unit: its unit.
    """

    position: int
    heading: str
    unit: Unit


@dataclass(frozen=True)
class Point:
    """One measured point: its row in the file, state, strain and stress in SI units."""

    row: int
    state: tuple[float, ...]
    test: str
    strain: float
    stress: float


def read_curves(path: Path, *, least_points: int = LEAST_POINTS) -> CurveTests:
    """Read a table of tests.

    Args:
        path: the CSV file; lines that begin with # are comments.
        least_points: fewest points of a state.

    Raises:
        InputError: names the file, and the row and column where there is one.
    """
    table = read_table(path)
    columns, notes = _columns(path, table.number, table.header)
    notes = [*table.notes, *notes]
    names = [name for name in STATE_COLUMNS if name in columns]
    points = [_point(path, number, cells, columns, names) for number, cells in table.rows]
    if not points:
        raise InputError(f"{path}: there are no rows below the header")
    points, before = _loaded(path, points, columns)
    states, more = _states(path, points, columns, names, least_points)
    if len(states) < LEAST_STATES:
        raise InputError(
            f"{path}: column {' and '.join(columns[name].heading for name in names)}: {len(states)} states are too few "
            f"to generate others from, give at least {LEAST_STATES}"
        )
    plastic = "plastic_strain" in columns
    coordinates = Coordinates(tuple(Coordinate(name, QUANTITIES[name][1]) for name in names))
    units = {name: column.unit.name for name, column in columns.items()}
    return CurveTests(coordinates, tuple(states), plastic, (*notes, *before, *more), units)


def _columns(path: Path, number: int, header: Sequence[str]) -> tuple[dict[str, Column], list[str]]:
    """Columns by quantity, and a note on those that are not used."""
    known = {alias: name for name, (aliases, _) in QUANTITIES.items() for alias in aliases} | {"test": "test"}
    found: dict[str, Column] = {}
    unused = []
    for position, heading in enumerate(header):
        name, unit = split_heading(path, number, heading)
        quantity = known.get(name.lower().replace(" ", "_"))
        if quantity is None:
            unused.append(heading)
            continue
        if quantity in found:
            raise InputError(f"{path}, row {number}: column {heading!r} names {quantity} a second time")
        found[quantity] = _column(path, number, position, heading, quantity, unit)
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


def split_heading(path: Path, number: int, heading: str) -> tuple[str, str]:
    """Name and unit of a column: "stress [MPa]", "Stress (MPa)"."""
    for opening, closing in ("[]", "()"):
        name, found, rest = heading.partition(opening)
        if found:
            unit, closed, _ = rest.partition(closing)
            if not closed:
                raise InputError(f"{path}, row {number}, column {heading!r}: the bracket of the unit is not closed")
            return name.strip(), unit.strip()
    return heading.strip(), ""


def _column(path: Path, number: int, position: int, heading: str, quantity: str, text: str) -> Column:
    if quantity == "test":
        return Column(position, heading, unit_of(""))
    where = f"{path}, row {number}, column {heading!r}"
    try:
        unit = unit_of(text)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if unit.dimension != unit_of(QUANTITIES[quantity][1]).dimension:
        said = f"{text!r} is no unit of it" if text else "the unit is missing"
        raise InputError(f"{where}: {said}; write one, e.g. {EXAMPLES.get(quantity, '% or none')}")
    return Column(position, heading, unit)


def _point(path: Path, number: int, cells: Sequence[str], columns: Mapping[str, Column], names: Sequence[str]) -> Point:
    numbers, test = {}, ""
    for quantity, column in columns.items():
        where = f"{path}, row {number}, column {column.heading!r}"
        text = cell_at(cells, column.position, where)
        if quantity == "test":
            test = text
            continue
        numbers[quantity] = column.unit.to_si(number_at(cells, column.position, where))
        if quantity in STATE_COLUMNS and numbers[quantity] <= 0.0:
            raise InputError(f"{where}: {text} is not positive" + (" kelvin" if quantity == "temperature" else ""))
    strain = numbers["plastic_strain" if "plastic_strain" in columns else "strain"]
    return Point(number, tuple(numbers[name] for name in names), test, strain, numbers["stress"])


def _loaded(path: Path, points: Sequence[Point], columns: Mapping[str, Column]) -> tuple[list[Point], list[str]]:
    """Points without the noise before loading, and a note on it.

    Raises:
        InputError: a strain or stress is negative beyond noise, or a stress that must be positive is not.
    """
    largest = max(abs(point.strain) for point in points), max(abs(point.stress) for point in points)
    strain = "plastic_strain" if "plastic_strain" in columns else "strain"
    kept: list[Point] = []
    noise: list[Point] = []
    for point in points:
        at_rest = strain == "strain" and point.strain == point.stress == 0.0
        bad = "stress" if point.stress <= 0.0 and not at_rest else ""
        bad = strain if point.strain < 0.0 else bad
        small = abs(point.strain) <= NOISE_STRAIN * largest[0] and abs(point.stress) <= NOISE_STRESS * largest[1]
        if bad == "stress" and point.stress == 0.0 and point.strain > 0.0:
            small = False
        if bad and not small:
            word = "negative" if bad == strain or point.stress < 0.0 else "not positive"
            value = point.strain if bad == strain else point.stress
            where = f"{path}, row {point.row}, column {columns[bad].heading!r}"
            raise InputError(
                f"{where}: {columns[bad].unit.of_si(value):g} is {word}; "
                "give magnitudes, in compression too, without points before loading"
            )
        (noise if bad else kept).append(point)
    rows = ", ".join(str(point.row) for point in noise[:5]) + (", ..." if len(noise) > 5 else "")
    return kept, [f"{len(noise)} points before loading (row {rows}) are left out"] if noise else []


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
        blocks = _tests(path, members, columns, notes)
        if len(blocks) > 1:
            notes.append(f"{where}: {len(blocks)} tests kept as repeats of one state")
        states.append(CurveState(state, tuple(blocks)))
    return states, notes


def _tests(path: Path, members: Sequence[Point], columns: Mapping[str, Column], notes: list[str]) -> list[Test]:
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
    return [_test(path, block, columns, notes) for block in blocks]


def _starts_anew(block: Sequence[Point], point: Point) -> bool:
    if point.row != block[-1].row + 1:
        return True
    risen = len(block) > 1 and block[-1].strain > block[-2].strain
    return risen and point.strain <= min(before.strain for before in block)


def _test(path: Path, block: Sequence[Point], columns: Mapping[str, Column], notes: list[str]) -> Test:
    loading = _without_unloading(block, notes)
    ordered = sorted(loading, key=lambda point: point.strain)
    groups: list[list[Point]] = []
    for point in ordered:
        if groups and groups[-1][-1].strain == point.strain:
            groups[-1].append(point)
        else:
            groups.append([point])
    for group in groups:
        rows = sorted(point.row for point in group)
        if rows[-1] - rows[0] > len(rows) - 1:
            column = columns["plastic_strain" if "plastic_strain" in columns else "strain"]
            raise InputError(
                f"{path}, row {rows[-1]}, column {column.heading!r}: the strain {group[0].strain:g} stands in row "
                f"{rows[0]} of the same test already; tell repeats apart by a column 'test'"
            )
    if len(groups) < len(ordered):
        notes.append(
            f"rows {ordered[0].row} to {ordered[-1].row}: {len(ordered)} points share {len(groups)} strains (the "
            "resolution of the instrument); their stresses are averaged"
        )
    strain = np.array([group[0].strain for group in groups])
    stress = np.array([np.mean([point.stress for point in group]) for group in groups])
    if strain[0] == 0.0 and "plastic_strain" not in columns:
        # What was read there while the strain did not resolve is the beginning of the rise.
        stress[0] = min(point.stress for point in groups[0])
        if stress[0] > START * stress.max():
            raise InputError(
                f"{path}, row {groups[0][0].row}, column {columns['stress'].heading!r}: the stress at zero total "
                f"strain is {stress[0]:g} Pa, not zero; name the column plastic_strain if it is one"
            )
        _note_toe(strain, stress, ordered[0].row, notes)
    return Test(strain, stress)


def _without_unloading(block: Sequence[Point], notes: list[str]) -> list[Point]:
    """The points of the loading alone, where the rows go back in strain along a lower branch; else all points.

    Rows in any other order lie on the curve: they are kept, whatever their order.
    """
    records: list[Point] = []
    behind: list[Point] = []
    for point in block:
        (records if not records or point.strain > records[-1].strain else behind).append(point)
    strain, stress = np.array([(point.strain, point.stress) for point in records]).T
    largest = max(abs(point.stress) for point in block)
    below = [
        point
        for point in behind
        if point.strain > strain[0] and np.interp(point.strain, strain, stress) - point.stress > UNLOADED * largest
    ]
    if not below:
        return list(block)
    notes.append(
        f"rows {behind[0].row} to {behind[-1].row}: {len(behind)} points of unloading and reloading are left out"
    )
    return records


def _note_toe(strain: Array, stress: Array, row: int, notes: list[str]) -> None:
    """Say where a curve starts flatter than it goes on."""
    low, high = (share * float(stress.max()) for share in TOE_SHARES)
    rising = stress[: int(np.argmax(stress)) + 1]
    if np.any(np.diff(rising) <= 0.0) or np.count_nonzero(rising < high) < LEAST_POINTS:
        return
    first, second = np.interp([low, high], rising, strain[: len(rising)])
    if (high - low) / (second - first) > TOE * low / first:
        notes.append(
            f"row {row}: the curve starts with a toe, its slope rises from {low / first:.3g} to "
            f"{(high - low) / (second - first):.3g} Pa; the strain is taken as it is"
        )


def _list(header: Sequence[str]) -> str:
    return ", ".join(repr(heading) for heading in header)
