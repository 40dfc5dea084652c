"""The table of the repository's README, from `figures.csv` beside this file; runs of studies renew its figures.

python verification/tables.py                          # README.md from figures.csv
python verification/tables.py results/thermal-stress   # figures.csv from that run's metrics.csv first
"""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.solve import CHECK, METHODS
from cmgai_fem.study.names import METHOD_NAMES
from cmgai_fem.study.page import words
from cmgai_fem.writing import write_table, write_text

HERE = Path(__file__).parent
FIGURES, README = HERE / "figures.csv", HERE.parent / "README.md"
BEGIN, END = "<!-- made by `make tables` from verification/figures.csv -->\n", "<!-- end of table -->"
HEAD = "| study | field | ours (FEM and PINN), inside / outside | best rival inside / outside |\n|---|---|---|---|\n"
SPLITS = {"inside": "interpolation", "outside": "extrapolation"}
SHORT = {"convex_stack": "convex stack", "natural_spline": "natural spline", "not_a_knot": "not-a-knot"}
Row = dict[str, str]


def read_figures(path: Path = FIGURES) -> list[Row]:
    """The rows: study, note, field, and for either side ours, the best rival's and who that is."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def table(rows: Sequence[Row]) -> str:
    """The README's table; a study is named in its first row."""
    lines, last = [], ""
    for row in rows:
        study = f"[{row['study']}](verification/{row['study']}/){row['note']}" if row["study"] != last else ""
        ours = " / ".join(_size(row, f"ours_{side}") for side in SPLITS)
        rivals = " / ".join(
            f"{_size(row, f'rival_{side}')} ({row[f'rival_{side}_by']})" for side in SPLITS if row[f"rival_{side}"]
        )
        # One rival that is best on both sides is named once.
        first, second = (f" ({row[f'rival_{side}_by']})" for side in SPLITS)
        rivals = rivals.replace(first, "", 1) if first == second else rivals
        lines.append(f"| {study} | {row['field']} | {ours} | {rivals} |\n".replace("|  |", "| |"))
        last = row["study"]
    return HEAD + "".join(lines)


def _size(row: Row, key: str) -> str:
    if not row[key]:
        return "-"
    return f"{row[key]}{row['unit']}"


def renewed(rows: Sequence[Row], folder: Path) -> list[Row]:
    """The rows, those of a run's study with the figures of its metrics.csv.

    Raises:
        InputError: the folder holds no full run, or its study has no row here.
    """
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    name = run["study"]["name"]
    if run["provenance"].get("quick"):
        raise InputError(f"{folder}: a quick run; the table holds figures of full runs")
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as stream:
        metrics = [row for row in csv.DictReader(stream) if row.get("against") == "reference"]
    if not metrics or name not in {row["study"] for row in rows}:
        raise InputError(f"{folder}: the table has no row of the study {name}, or its metrics.csv no NRMSE")
    return [row | _measured(metrics, row["field"]) if row["study"] == name else row for row in rows]


def _measured(metrics: Sequence[Row], field: str) -> Row:
    """Means over the held-out states of either side: ours, and of the rival whose mean is least."""
    found: Row = {}
    for side, split in SPLITS.items():
        errors: dict[str, list[float]] = {}
        for row in metrics:
            if row["split"] == split and field in (words(row["field"]), words(row["field"]).split(" ", 1)[-1]):
                errors.setdefault(row["method"], []).append(float(row["nrmse"]))
        means = {method: float(np.mean(values)) for method, values in errors.items()}
        rivals = {method: mean for method, mean in means.items() if method not in (*METHODS, CHECK)}
        if rivals:
            best = min(rivals, key=lambda method: rivals[method])
            by = SHORT.get(best, METHOD_NAMES.get(best, best))
            by = by if by[1:2].isupper() else by[:1].lower() + by[1:]
            found |= {f"ours_{side}": _digits(means["fem"]), f"rival_{side}": _digits(rivals[best])}
            found[f"rival_{side}_by"] = by.removeprefix("interpolating ")
    return found


def _digits(fraction: float) -> str:
    """Per cent with two significant digits."""
    return np.format_float_positional(float(f"{100.0 * fraction:.2g}"), trim="-")


def with_table(page: str, made: str) -> str:
    """A page whose marked part is the table."""
    head, _, rest = page.partition(BEGIN)
    return head + BEGIN + made + END + rest.partition(END)[2]


def main(folders: Sequence[Path]) -> None:
    """Renew the figures from runs, then the page from the figures."""
    rows = read_figures()
    for folder in folders:
        rows = renewed(rows, folder)
    if folders:
        write_table(FIGURES, rows, list(rows[0]))
    write_text(README, with_table(README.read_text(encoding="utf-8"), table(rows)))


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
