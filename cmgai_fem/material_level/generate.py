"""`cmgai-fem generate`: curves at unseen states from a user's own table of tests."""

import csv
import datetime
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import cmgai_fem
from cmgai_fem.errors import InputError
from cmgai_fem.material_level.curve_transport import Line
from cmgai_fem.material_level.generator import GeneratedCurve, Generator
from cmgai_fem.material_level.mean_curves import mean_curves
from cmgai_fem.material_level.reader import read_curves
from cmgai_fem.results_folder import versions, write_json
from cmgai_fem.solvers import solve


def generate_curves(
    table: Path,
    coordinate: str,
    at: Sequence[float],
    out: Path,
    report: Callable[[str], None],
    hardening: bool | None = None,
) -> None:
    """Generate curves along one coordinate and write them, and beside them where they come from.

    Everything that is reported, above all what was resampled, merged or left out, also stands in
    `<out>.provenance.json`.

    Args:
        table: CSV file of the tests.
        coordinate: "temperature" or "strain_rate".
        at: values to generate, in SI units [K or 1/s].
        out: CSV file to write, complete or not at all.
        report: takes lines of progress.
        hardening: whether generated curves must harden; as the known curves do if None.

    Raises:
        InputError: the table or a value cannot be used.
    """
    if not at:
        raise InputError("give at least one value to generate, e.g. --at 620")
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        report(line)

    curves = read_curves(table)
    for note in curves.notes:
        say(f"{table.name}: {note}")
    along = curves.along(coordinate)
    mean = mean_curves(along)
    for note in mean.notes:
        say(f"{table.name}: {note}")
    line = Line.of(along.coordinates[0], mean.states[:, 0], mean)
    generator = Generator.fit(line, at, {"fem": solve}, say, hardening)
    generated = {float(value): generator.at(value) for value in at}
    for value, curve in generated.items():
        if not curve.trusted:
            say(
                f"{line.coordinate.label(value)}: not to be trusted, the known states are not continued to it "
                "by any choice with a small left-out error"
            )
    write_curves(out, line, generated, coordinate)
    write_json(
        out.with_name(f"{out.stem}.provenance.json"),
        {
            "program": f"cmgai-fem {cmgai_fem.__version__}",
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "table": table.name,
            "coordinate": coordinate,
            "unit": line.coordinate.unit,
            "known": mean.states[:, 0].tolist(),
            "generated": [{"value": value, "trusted": bool(curve.trusted)} for value, curve in generated.items()],
            "said": lines,
            "versions": versions(),
        },
    )
    report(f"{len(generated)} curves in {out}")


def write_curves(path: Path, line: Line, generated: dict[float, GeneratedCurve], coordinate: str) -> None:
    """Write generated curves: mean, standard error of the mean and scatter of a test, in SI units."""
    unit = line.coordinate.unit
    strain = "plastic_strain" if line.curves.plastic else "strain"
    temporary = path.with_name(f".{path.name}.partial")
    try:
        with temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(
                [f"{coordinate} [{unit}]", strain, "stress [Pa]", "standard_error [Pa]", "scatter [Pa]", "trusted"]
            )
            for value, curve in generated.items():
                columns = np.column_stack([curve.strain, curve.stress, curve.error, curve.scatter])
                writer.writerows(
                    [f"{value:g}", *(f"{number:.6g}" for number in row), "yes" if curve.trusted else "no"]
                    for row in columns
                )
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
