"""The README's tables, from runs of the study.

python verification/multimodal/readme_tables.py results/multimodal results/multimodal-100   # the second: blind seeds
"""

import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.writing import write_text

README = Path(__file__).parent / "README.md"
FIELDS, FLOOR, PROJECTED = "strip_fields", "fresh samples", ", projected"
# Methods of the problems' tables, with the heads of their columns; those of the fields have all that there are.
SHORT = {
    FLOOR: "floor",
    "mixture": "mixture",
    "mixture, priors": "priors",
    "mixture, priors, regimes": "regimes",
    "flow matching": "flow",
    "projection during sampling": "proj. sampling",
    "PBFM": "PBFM",
    "PBFM, conflict-free": "PBFM-cf",
    "PIDM": "PIDM",
    "interpolant": "interpolant",
}
MEASURES = {
    "W2": "W2",
    "negative log likelihood": "-log likelihood",
    "residual": "residual",
    "training seconds": "training [s]",
}
Found = Mapping[tuple[str, int, str, str], list[float]]


def read(folder: Path) -> Found:
    """The values of all seeds, by problem, samples, method and measure.

    Raises:
        InputError: the folder holds no metrics.csv of this study.
    """
    path = folder / "metrics.csv"
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the folder of a finished run of the study multimodal")
    found = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if "samples" not in row:
                raise InputError(f"{path}: not of the study multimodal")
            found[row["case"], int(row["samples"]), row["method"], row["measure"]].append(float(row["value"]))
    return found


def problems(found: Found) -> list[str]:
    """The problems other than the fields, in the order of the run."""
    return [name for name in dict.fromkeys(key[0] for key in found) if not name.startswith(FIELDS)]


def fields_table(found: Found, blind: Found) -> str:
    """W2 and residual of the random fields inside, of every method."""
    methods = [name for name in dict.fromkeys(key[2] for key in found if key[0] == FIELDS) if name != FLOOR]
    rows = [["method", "W2, 60", "residual, 60", "W2, 500", "residual, 500", "blind W2, 60", "blind W2, 500"]]
    for method in methods:
        if method.endswith(PROJECTED):
            continue
        row = [method]
        for count in (60, 500):
            row += [_pair(found, FIELDS, count, method, "W2", 3, spread=True)]
            row += [_value(found, FIELDS, count, method, "residual", 3)]
        rows.append(row + [_pair(blind, FIELDS, count, method, "W2", 3) for count in (60, 500)])
    return _table(rows)


def distances_table(found: Found) -> str:
    """W1 of every problem and size."""
    rows = [["problem, samples", *SHORT.values()]]
    for problem in problems(found):
        for count in sorted({key[1] for key in found if key[0] == problem}):
            row = [_pair(found, problem, count, method, "W1", 3) for method in SHORT]
            rows.append([f"{problem}, {count:,}", *row])
    return _table(rows)


def measures_table(found: Found) -> str:
    """The other measures from 500 samples."""
    rows = [["problem", "measure", *SHORT.values()]]
    for problem in problems(found):
        for measure, head in MEASURES.items():
            digits = 1 if measure == "training seconds" else 2 if "likelihood" in measure else 3
            of = _value if measure == "training seconds" else _pair
            rows.append([problem, head, *(of(found, problem, 500, method, measure, digits) for method in SHORT)])
    return _table(rows)


def _value(found: Found, problem: str, count: int, method: str, measure: str, digits: int) -> str:
    values = found.get((problem, count, method, measure), [])
    return f"{np.mean(values):.{digits}f}" if values else ""


def _pair(found: Found, problem: str, count: int, method: str, measure: str, digits: int, spread: bool = False) -> str:
    """As drawn > projected, where both are; the standard deviation of the last one."""
    key = (problem, count, method, measure)
    drawn, moved = _value(found, *key, digits), _value(found, problem, count, method + PROJECTED, measure, digits)
    text = " > ".join(part for part in (drawn, moved) if part)
    values = found.get((problem, count, method + PROJECTED, measure)) or found.get(key, [])
    return f"{text} ± {np.std(values, ddof=1):.2f}" if spread and len(values) > 1 else text


def _table(rows: Sequence[Iterable[str]]) -> str:
    head, *rest = [list(row) for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rest))


def with_tables(page: str, tables: Mapping[str, str]) -> str:
    """A page whose marked parts are the tables.

    Raises:
        InputError: the page lacks a mark.
    """
    for name, made in tables.items():
        begin, end = f"<!-- {name}: made by readme_tables.py -->\n", f"<!-- end of {name} -->"
        head, mark, rest = page.partition(begin)
        if not mark or end not in rest:
            raise InputError(f"{README.name}: no marks of the table {name}")
        page = head + begin + made + end + rest.partition(end)[2]
    return page


def main(run: Path, blind: Path) -> None:
    """Renew the README's tables from a run and one with blind seeds."""
    found, fresh = read(run), read(blind)
    tables = {"fields": fields_table(found, fresh), "problems": distances_table(found)}
    tables |= {"blind problems": distances_table(fresh), "measures": measures_table(found)}
    write_text(README, with_tables(README.read_text(encoding="utf-8"), tables))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    try:
        main(*map(Path, sys.argv[1:]))
    except InputError as error:
        raise SystemExit(f"readme_tables: {error}") from None
