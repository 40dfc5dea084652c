"""`cmgai-fem generate`: curves at unseen states from a user's own table of tests."""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import cmgai_fem
from cmgai_fem.curves.generate import JudgedCurve, generate_curves
from cmgai_fem.curves.mean import mean_curves
from cmgai_fem.curves.motion import EXACT, State
from cmgai_fem.curves.table import CurveTests
from cmgai_fem.errors import InputError
from cmgai_fem.files.curve_readings import read_curve_readings
from cmgai_fem.files.curve_table import QUANTITIES, read_curves
from cmgai_fem.files.outputs import check_replaceable
from cmgai_fem.files.units import Unit, unit_of, value_in
from cmgai_fem.machine import versions
from cmgai_fem.solve import Solver
from cmgai_fem.study.curve_report import write_curve_report
from cmgai_fem.study.standalone import check_page
from cmgai_fem.writing import write_json, write_table

Report = Callable[[str], None]
# Units of tables that name none, as those that are made in memory.
SI = {name: unit for name, (_, unit) in QUANTITIES.items()}
NOT_FINITE = re.compile(r"[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE)


def generate_from_table(
    table: Path,
    coordinates: Sequence[str],
    at: Sequence[str | Sequence[float]],
    out: Path,
    report: Report,
    hardening: bool | None = None,
    solver: Solver = EXACT,
    *,
    sensors: Path | None = None,
    page: Path | None = None,
    force: bool = False,
) -> Path:
    """Generate curves along one coordinate or over two and write them, and beside them where they come from.

    Everything that is reported, above all what was resampled, merged or left out, also stands in
    `<out>.provenance.json`.

    Args:
        table: CSV file of the tests.
        coordinates: "temperature", "strain_rate" or both, in any order; none for those that the tests differ in.
        at: states to generate, a value for each of `coordinates`, in the table's units or, as text, with units of
            their own: "325", "598 K", "325:1000".
        out: CSV file to write, complete or not at all, in the table's units.
        report: takes lines of progress.
        hardening: whether generated curves must harden; as the known curves do if None.
        solver: by which method the motions are solved.
        sensors: CSV file of points that were measured of the curve, where one is asked for.
        page: HTML file to write about the curves.
        force: the result may replace files that this program did not write.

    Returns:
        The file written.

    Raises:
        InputError: the table or a value cannot be used.
    """
    given = (table, *([] if sensors is None else [sensors]))
    check_replaceable(out, given, force=force)
    if page is not None:
        check_page(page, given, force=force)
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        report(line)

    tests = read_curves(table)
    for note in tests.notes:
        say(f"{table.name}: {note}")
    coordinates = coordinates or varied(tests)
    with _naming(table):
        known = select(tests, coordinates)
    targets = states_asked(known, coordinates, at)
    if sensors is not None and len(targets) > 1:
        raise InputError(f"--sensors: the points belong to one state, {len(targets)} are asked for: give one --at")
    readings = None if sensors is None else read_curve_readings(sensors, known.plastic)
    with _naming(table):
        mean = mean_curves(known)
        for note in mean.notes:
            say(f"{table.name}: {note}")
        generated = generate_curves(mean, targets, say, hardening, solver, readings)
    for made in generated.values():
        if made.remark:
            say(made.remark)
    write_curves(out, known, generated)
    _write_provenance(out, table, known, generated, solver, lines)
    if page is not None:
        stress = unit_of(known.units.get("stress", SI["stress"]))
        write_curve_report(page, table, mean, generated, stress, lines)
    report(f"{len(generated)} curve{'s' * (len(generated) > 1)} in {out}{f', a page in {page}' if page else ''}")
    return out


@contextmanager
def _naming(table: Path) -> Iterator[None]:
    """Put the table's name in front of what is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{table}: {error}") from error


def varied(curves: CurveTests) -> list[str]:
    """Names of the coordinates that differ between the tests; all of them where none does."""
    differs = np.ptp(curves.values(), axis=0) > 0
    return [c.name for c, d in zip(curves.coordinates, differs, strict=True) if d or not differs.any()]


def select(curves: CurveTests, coordinates: Sequence[str]) -> CurveTests:
    """The table with the coordinates asked for.

    Raises:
        InputError: one that the table lacks, one given twice, or one alone where the other changes too.
    """
    for name in coordinates:
        curves.axis(name)
    if len(set(coordinates)) < len(coordinates):
        raise InputError(f"--coordinate {coordinates[0]} was given twice")
    if len(coordinates) == len(curves.coordinates) > 1:
        return curves
    for other, coordinate in enumerate(curves.coordinates):
        values = np.unique(curves.values()[:, other])
        if coordinate.name not in coordinates and len(values) > 1:
            shown = ", ".join(f"{value:g}" for value in values[:5]) + (", ..." if len(values) > 5 else "")
            raise InputError(
                f"column {coordinate.name} takes {len(values)} values ({shown}): write "
                f"--coordinate {coordinates[0]} --coordinate {coordinate.name} and a value of both, "
                f"--at A:B, or keep the tests of one of them"
            )
    return curves.along(coordinates[0])


def states_asked(known: CurveTests, coordinates: Sequence[str], at: Sequence[str | Sequence[float]]) -> list[State]:
    """States asked for [K and 1/s], in the table's order of the coordinates.

    Raises:
        InputError: none, a number that is missing, not finite or not positive, or a state asked for twice.
    """
    count = len(coordinates)
    if not at:
        raise InputError(f"give at least one state to generate, e.g. --at {'620' if count == 1 else '620:1000'}")
    order = [list(coordinates).index(coordinate.name) for coordinate in known.coordinates]
    states = []
    units = [unit_of(known.units.get(name, SI[name])) for name in coordinates]
    for point in at:
        text = point if isinstance(point, str) else ":".join(f"{value:g}" for value in point)
        parts = point.split(":") if isinstance(point, str) else [repr(float(value)) for value in point]
        if len(parts) != count:
            raise InputError(f"--at {text}: give {count} value{'s' * (count > 1)}, for {', '.join(coordinates)}")
        given = [_value(text, part, unit) for part, unit in zip(parts, units, strict=True)]
        state = tuple(given[place] for place in order)
        for coordinate, value in zip(known.coordinates, state, strict=True):
            if not np.isfinite(value):
                raise InputError(f"--at {text}: not a finite number")
            if value <= 0.0:
                raise InputError(f"--at {text}: {coordinate.label(value)} is not positive; give it in the table's unit")
        if state in states:
            raise InputError(f"--at {text} was given twice")
        states.append(state)
    return states


def _value(text: str, part: str, unit: Unit) -> float:
    """One number of `--at` in SI."""
    try:
        return unit.to_si(float(part) if NOT_FINITE.fullmatch(part.strip()) else value_in(part, unit))
    except InputError as error:
        raise InputError(f"--at {text}: {error}; write --at 325, 325:3 or '598 K'") from None


def write_curves(path: Path, known: CurveTests, generated: Mapping[State, JudgedCurve]) -> None:
    """Write generated curves: mean, standard error of the mean and scatter of a test, in the units of the table."""
    strain = "plastic_strain" if known.plastic else "strain"
    names = [coordinate.name for coordinate in known.coordinates]
    units = {name: unit_of(known.units.get(name, SI[name])) for name in (*names, strain, "stress")}
    heads = [_heading(name, units[name]) for name in (*names, strain)]
    stresses = [_heading(name, units["stress"]) for name in ("stress", "standard_error", "scatter")]
    columns = [*heads, *stresses, "trusted"]
    rows = []
    for state, made in generated.items():
        own = [f"{units[name].of_si(value):.9g}" for name, value in zip(names, state, strict=True)]
        curve = made.curve
        for point in zip(curve.strain, curve.stress, curve.error, curve.scatter, strict=True):
            numbers = [f"{unit.of_si(value):.6g}" for unit, value in zip(
                (units[strain], *[units["stress"]] * 3), point, strict=True)]  # fmt: skip
            rows.append(dict(zip(columns, [*own, *numbers, "yes" if curve.trusted else "no"], strict=True)))
    write_table(path, rows, columns)


def _heading(name: str, unit: Unit) -> str:
    return f"{name} [{unit.name}]" if unit.name not in ("", "-", "1") else name


def _write_provenance(
    out: Path,
    table: Path,
    known: CurveTests,
    generated: Mapping[State, JudgedCurve],
    solver: Solver,
    lines: Sequence[str],
) -> None:
    one = len(known.coordinates) == 1

    units = [unit_of(known.units.get(coordinate.name, coordinate.unit)) for coordinate in known.coordinates]

    def plain(values: Sequence[Any]) -> Any:
        return values[0] if one else list(values)

    def own(state: State) -> Any:
        return plain([unit.of_si(value) for unit, value in zip(units, state, strict=True)])

    write_json(
        out.with_name(f"{out.stem}.provenance.json"),
        {
            "program": f"cmgai-fem {cmgai_fem.__version__}",
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "table": table.name,
            "coordinate": plain([coordinate.name for coordinate in known.coordinates]),
            "unit": plain([unit.name for unit in units]),
            "method": solver.method,
            "seed": solver.options.get("seed", 0),
            "known": [own(state.coordinates) for state in known.states],
            "generated": [
                {"value": own(state), "trusted": bool(made.curve.trusted), "tested_as_far": made.reached}
                for state, made in generated.items()
            ],
            "said": list(lines),
            "versions": versions(),
        },
    )
