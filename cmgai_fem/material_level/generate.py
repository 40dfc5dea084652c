"""`cmgai-fem generate`: curves at unseen states from a user's own table of tests."""

import csv
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import cmgai_fem
from cmgai_fem.errors import InputError
from cmgai_fem.machine import versions
from cmgai_fem.material_level.curve_solver import BY_ELEMENTS, CurveSolver
from cmgai_fem.material_level.curve_transport import Line
from cmgai_fem.material_level.curves import CurveTable
from cmgai_fem.material_level.generator import GeneratedCurve, Generator
from cmgai_fem.material_level.mean_curves import MeanCurves, mean_curves
from cmgai_fem.material_level.pair_generator import generate_pairs
from cmgai_fem.material_level.reader import read_curves
from cmgai_fem.writing import whole_file, write_json

Report = Callable[[str], None]
State = tuple[float, ...]


def generate_curves(
    table: Path,
    coordinates: Sequence[str],
    at: Sequence[Sequence[float]],
    out: Path,
    report: Report,
    hardening: bool | None = None,
    solver: CurveSolver = BY_ELEMENTS,
) -> None:
    """Generate curves along one coordinate or over two and write them, and beside them where they come from.

    Everything that is reported, above all what was resampled, merged or left out, also stands in
    `<out>.provenance.json`.

    Args:
        table: CSV file of the tests.
        coordinates: "temperature", "strain_rate" or both, in any order.
        at: states to generate, a value for each of `coordinates`, in SI units [K and 1/s].
        out: CSV file to write, complete or not at all.
        report: takes lines of progress.
        hardening: whether generated curves must harden; as the known curves do if None.
        solver: by which method the motions are solved.

    Raises:
        InputError: the table or a value cannot be used.
    """
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        report(line)

    curves = read_curves(table)
    for note in curves.notes:
        say(f"{table.name}: {note}")
    with _naming(table):
        known = select(curves, coordinates)
    targets = states_asked(known, coordinates, at)
    with _naming(table):
        mean = mean_curves(known)
        for note in mean.notes:
            say(f"{table.name}: {note}")
        make = _along if len(known.coordinates) == 1 else _over
        generated, facts = make(known, mean, targets, say, hardening, solver)
    write_curves(out, known, generated)
    one = len(known.coordinates) == 1

    def plain(values: Sequence[float]) -> float | list[float]:
        return float(values[0]) if one else [float(value) for value in values]

    names, units = ([getattr(c, key) for c in known.coordinates] for key in ("name", "unit"))
    write_json(
        out.with_name(f"{out.stem}.provenance.json"),
        {
            "program": f"cmgai-fem {cmgai_fem.__version__}",
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "table": table.name,
            "coordinate": names[0] if one else names,
            "unit": units[0] if one else units,
            "method": solver.method,
            "seed": solver.seed,
            "known": [plain(state) for state in mean.states],
            "generated": [
                {"value": plain(state), "trusted": bool(curve.trusted)} | facts.get(state, {})
                for state, curve in generated.items()
            ],
            "said": lines,
            "versions": versions(),
        },
    )
    report(f"{len(generated)} curves in {out}")


@contextmanager
def _naming(table: Path) -> Iterator[None]:
    """Put the table's name in front of what is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{table}: {error}") from error


def select(curves: CurveTable, coordinates: Sequence[str]) -> CurveTable:
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


def states_asked(known: CurveTable, coordinates: Sequence[str], at: Sequence[Sequence[float]]) -> list[State]:
    """States asked for, in the table's order of the coordinates.

    Raises:
        InputError: none, a number that is missing, not finite or not positive, or a state asked for twice.
    """
    count = len(coordinates)
    if not at:
        raise InputError(f"give at least one state to generate, e.g. --at {'620' if count == 1 else '620:1000'}")
    order = [list(coordinates).index(coordinate.name) for coordinate in known.coordinates]
    states = []
    for point in at:
        text = ":".join(f"{value:g}" for value in point)
        if len(point) != count:
            raise InputError(f"--at {text}: give {count} value{'s' * (count > 1)}, for {', '.join(coordinates)}")
        state = tuple(float(point[place]) for place in order)
        for coordinate, value in zip(known.coordinates, state, strict=True):
            if not np.isfinite(value):
                raise InputError(f"--at {text}: not a finite number")
            if value <= 0.0:
                raise InputError(f"--at {text}: {coordinate.label(value)} is not positive; values are in SI units")
        if state in states:
            raise InputError(f"--at {text} was given twice")
        states.append(state)
    return states


def _along(
    known: CurveTable,
    mean: MeanCurves,
    targets: Sequence[State],
    say: Report,
    hardening: bool | None,
    solver: CurveSolver,
) -> tuple[dict[State, GeneratedCurve], dict[State, dict[str, bool]]]:
    line = Line.of(known.coordinates[0], mean.states[:, 0], mean)
    methods = {solver.method: solver.line}
    generator = Generator.fit(line, [value for (value,) in targets], methods, say, hardening)
    generated = {state: generator.at(state[0], solver.method) for state in targets}
    for state, curve in generated.items():
        if not curve.trusted:
            say(
                f"{known.label(state)}: not to be trusted, the known states are not continued to it "
                "by any choice with a small left-out error"
            )
    return generated, {}


def _over(
    known: CurveTable,
    mean: MeanCurves,
    targets: Sequence[State],
    say: Report,
    hardening: bool | None,
    solver: CurveSolver,
) -> tuple[dict[State, GeneratedCurve], dict[State, dict[str, bool]]]:
    found = generate_pairs(known, mean, [(state[0], state[1]) for state in targets], say, hardening, solver)
    for made in found.values():
        if made.remark:
            say(made.remark)
    return (
        {state: made.curve for state, made in found.items()},
        {state: {"tested_as_far": made.reached} for state, made in found.items()},
    )


def write_curves(path: Path, known: CurveTable, generated: Mapping[State, GeneratedCurve]) -> None:
    """Write generated curves: mean, standard error of the mean and scatter of a test, in SI units."""
    states = [f"{coordinate.name} [{coordinate.unit}]" for coordinate in known.coordinates]
    strain = "plastic_strain" if known.plastic else "strain"
    try:
        with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow([*states, strain, "stress [Pa]", "standard_error [Pa]", "scatter [Pa]", "trusted"])
            for state, curve in generated.items():
                columns = np.column_stack([curve.strain, curve.stress, curve.error, curve.scatter])
                writer.writerows(
                    [
                        *(f"{value:g}" for value in state),
                        *(f"{number:.6g}" for number in row),
                        "yes" if curve.trusted else "no",
                    ]
                    for row in columns
                )
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
