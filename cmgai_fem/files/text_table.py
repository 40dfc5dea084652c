"""Tables as instruments and spreadsheets export them: separators, decimal commas, encodings, a row of units."""

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cmgai_fem.errors import InputError
from cmgai_fem.files.trust import printable

SEPARATORS = (";", "\t", ",", "|")
DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?$")


@dataclass(frozen=True)
class RawTable:
    """A table as text.

    Args:
        header: headings, with their units in brackets.
        number: line of the header.
        rows: line and cells of each row, as many cells as there are headings.
        notes: how it was understood.
    """

    header: list[str]
    number: int
    rows: list[tuple[int, list[str]]]
    notes: tuple[str, ...]


def read_table(path: Path) -> RawTable:
    """Read a table; lines that begin with # are comments.

    Raises:
        InputError: it is no text, empty, or a row has more cells than the header.
    """
    text, notes = _text(path)
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise InputError(f"{path}: the file is empty; its first row names the columns, e.g. strain,stress [MPa]")
    number, first = lines[0]
    separator = max(SEPARATORS, key=first.count) if any(one in first for one in SEPARATORS) else ","
    rows = [(line, [cell.strip() for cell in _cells(path, line, raw, separator)]) for line, raw in lines]
    header, rows = rows[0][1], rows[1:]
    while header and not header[-1]:
        header = header[:-1]
    if separator != ",":
        name = {";": "semicolons", "\t": "tabs", "|": "bars"}[separator]
        notes.append(f"columns are separated by {name}")
        if any(DECIMAL_COMMA.match(cell) for _, cells in rows for cell in cells):
            notes.append("numbers have decimal commas")
            rows = [(line, [_with_point(cell) for cell in cells]) for line, cells in rows]
    if rows and (units := _units(rows[0][1], header)):
        notes.append(f"row {rows[0][0]} holds the units")
        header = [
            f"{name} [{unit}]" if unit not in ("", "-") else name for name, unit in zip(header, units, strict=True)
        ]
        rows = rows[1:]
    return RawTable(header, number, [(line, _fitting(path, line, cells, header)) for line, cells in rows], tuple(notes))


def number_of(text: str) -> float:
    """A number as tables have it.

    Raises:
        ValueError: it is none; one with commas between its thousands might have a decimal comma as well.
    """
    if "_" in text:
        raise ValueError(text)
    return float(text)


def cell_at(cells: Sequence[str], position: int, where: str) -> str:
    """A cell of a row; `where` says in the message which.

    Raises:
        InputError: it is empty.
    """
    if position >= len(cells) or not cells[position]:
        raise InputError(f"{where}: the value is missing")
    return cells[position]


def number_at(cells: Sequence[str], position: int, where: str) -> float:
    """The number in a cell of a row.

    Raises:
        InputError: there is none, or it is not finite.
    """
    text = cell_at(cells, position, where)
    try:
        value = number_of(text)
    except ValueError as error:
        raise InputError(f"{where}: {text!r} is not a number") from error
    if not math.isfinite(value):
        raise InputError(f"{where}: {text!r} is not a finite number; leave the row out if nothing was measured")
    return value


def _text(path: Path) -> tuple[str, list[str]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if b"\0" in content:
        raise InputError(f"{path}: byte {content.index(0)} is not text; save the table as CSV in UTF-8")
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return content.decode("latin-1"), ["the text is not UTF-8 and is taken for Latin-1"]


def _cells(path: Path, number: int, line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True))
    except (csv.Error, StopIteration) as error:
        raise InputError(f"{path}, row {number}: cannot be read as CSV: {printable(str(error))}") from error


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if DECIMAL_COMMA.match(cell) else cell


def _units(cells: list[str], header: list[str]) -> list[str]:
    """The units of a row that holds units alone; none where it holds a number."""
    if len(cells) != len(header) or not any(cells):
        return []
    for cell in cells:
        try:
            float(cell)
        except ValueError:
            continue
        return []
    bare = [cell.strip("[]() ") for cell in cells]
    words = [unit for unit in bare if unit]
    return bare if words and all(len(unit) <= 10 for unit in words) and not any("[" in name for name in header) else []


def _fitting(path: Path, number: int, cells: list[str], header: list[str]) -> list[str]:
    """The cells of a row, empty ones behind the last heading left out."""
    extra = [cell for cell in cells[len(header) :] if cell]
    if extra:
        raise InputError(
            f"{path}, row {number}, column {header[-1]!r}: {len(cells)} cells stand under {len(header)} headings; "
            "where commas are decimal, separate columns by semicolons"
        )
    return cells[: len(header)]
