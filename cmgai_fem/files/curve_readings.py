"""Reader of points of the curve of one state that was tested in part."""

from pathlib import Path

import numpy as np

from cmgai_fem.curves.readings import CurveReadings
from cmgai_fem.errors import InputError
from cmgai_fem.files.curve_table import split_heading
from cmgai_fem.files.text_table import number_at, read_table
from cmgai_fem.files.units import Unit, unit_of

STRESSES = ("stress", "tolerance")


def read_curve_readings(path: Path, plastic: bool) -> CurveReadings:
    """Read a table of points: strain, stress [MPa] and tolerance [MPa].

    Args:
        path: the CSV file; lines that begin with # are comments.
        plastic: whether strains are plastic ones.

    Raises:
        InputError: names the file, and the row and column where there is one.
    """
    table, strain = read_table(path), "plastic_strain" if plastic else "strain"
    units: dict[str, tuple[int, Unit]] = {}
    for position, heading in enumerate(table.header):
        name, text = split_heading(path, table.number, heading)
        if name not in (strain, *STRESSES):
            raise InputError(f"{path}: column {name!r} is unknown; there are: {strain}, stress, tolerance")
        unit = unit_of(text)
        if unit.dimension != unit_of("Pa" if name in STRESSES else "").dimension:
            raise InputError(f"{path}: column {heading!r}: write its unit, e.g. {'MPa' if name in STRESSES else '%'}")
        units[name] = (position, unit)
    for name in (strain, *STRESSES):
        if name not in units:
            raise InputError(f"{path}: column {name} is missing")
    if not table.rows:
        raise InputError(f"{path}: there are no rows below the header")
    numbers = {
        name: [unit.to_si(number_at(cells, place, f"{path}, row {row}, column {name}")) for row, cells in table.rows]
        for name, (place, unit) in units.items()
    }
    rows = tuple(row for row, _ in table.rows)
    seen, stress, tolerance = (np.array(numbers[name]) for name in (strain, *STRESSES))
    for row, positive in zip(rows, (stress > 0.0) & (tolerance > 0.0), strict=True):
        if not positive:
            raise InputError(f"{path}, row {row}: stress and tolerance must be positive")
    return CurveReadings(seen, stress, tolerance, rows)
