"""The files of a results folder, read and checked: what the report is made from."""

import csv
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from cmgai_fem.errors import InputError
from cmgai_fem.states.states import Coordinate, States

COLUMNS = (
    "study", "field", "state", "split", "method", "against", "nrmse", "nrmse_rms", "nrmse_mean", "max_error", "seconds",
)  # fmt: skip
# Keys of run.json that the report cannot do without, and those that default to nothing.
REQUIRED = ("study",)
OPTIONAL: dict[str, Any] = {
    "tolerances": [], "calibration": {}, "admissibility": [], "training": [], "ablation": [], "provenance": {},
    "notes": [],
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One measured figure: a line of `metrics.csv`. Errors are dimensionless, `seconds` may be unknown."""

    field: str
    state: float
    split: str
    method: str
    against: str
    nrmse: float
    seconds: float | None


@dataclass(frozen=True)
class AblationRow:
    """One choice of one part of the theory, and what it reaches.

    Args:
        field: name of the field.
        split: "interpolation" or "extrapolation".
        part: "order", "law", "force", or "calibrated" for the whole of what calibration chose.
        choice: what the part is.
        chosen: whether calibration chose it.
        left_out: error at the known states that were left out, relative to the known range; None where there is none.
        mean: mean NRMSE over the held-out states; None where the transport could not be solved.
        worst: largest NRMSE over them.
        seconds: wall time.
        note: why it could not be solved.
    """

    field: str
    split: str
    part: str
    choice: str
    chosen: bool
    left_out: float | None
    mean: float | None
    worst: float | None
    seconds: float | None
    note: str


@dataclass(frozen=True)
class Results:
    """A results folder.

    Args:
        folder: where it is.
        run: `run.json`, with empty defaults for what a study may leave out.
        rows: `metrics.csv`.
    """

    folder: Path
    run: dict[str, Any]
    rows: tuple[Row, ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `run.json` and `metrics.csv`.

        Raises:
            InputError: one is missing or malformed; the text names the file and the key or line.
        """
        return cls(folder, _read_run(folder / "run.json"), _read_metrics(folder / "metrics.csv"))

    @property
    def coordinate(self) -> Coordinate:
        """The state coordinate."""
        entry = self.run["study"]["coordinate"]
        return Coordinate(entry["name"], entry.get("unit", ""))

    @property
    def known(self) -> list[float]:
        """Values of the known states."""
        return [float(value) for value in self.run["study"]["known"]]

    @cached_property
    def fields(self) -> list[str]:
        """Names of the measured fields, in the order in which they were written."""
        return list(dict.fromkeys(row.field for row in self.rows))

    @cached_property
    def methods(self) -> list[str]:
        """Names of the methods, ours first, in the order in which they were written."""
        names = dict.fromkeys(row.method for row in self.rows)
        return sorted(names, key=lambda name: ("fem", "pinn").index(name) if name in ("fem", "pinn") else 2)

    def select(
        self, field: str, method: str | None = None, split: str | None = None, against: str = "reference"
    ) -> list[Row]:
        """Rows of a field, by increasing state."""
        rows = [
            row
            for row in self.rows
            if row.field == field
            and row.against == against
            and method in (None, row.method)
            and split in (None, row.split)
        ]
        return sorted(rows, key=lambda row: row.state)

    def held_out(self, field: str) -> list[tuple[float, str]]:
        """Held-out states of a field with their split, by increasing state."""
        return sorted({(row.state, row.split) for row in self.rows if row.field == field and row.split != "known"})

    def error(self, field: str, method: str, state: float) -> float | None:
        """NRMSE of one method at one state against the reference, or None where it was not measured."""
        return next((row.nrmse for row in self.select(field, method) if row.state == state), None)

    def cross_check(self, field: str, state: float) -> list[Row]:
        """The PINN's row against the FEM at one state, if there."""
        return [row for row in self.select(field, "pinn", against="fem") if row.state == state]

    def worst_errors(self, field: str, split: str) -> dict[str, float]:
        """Largest NRMSE of each method over the held-out states of a split."""
        worst: dict[str, float] = {}
        for row in self.select(field, split=split):
            worst[row.method] = max(worst.get(row.method, 0.0), row.nrmse)
        return worst

    def stored_methods(self) -> list[str]:
        """Methods whose generated fields are in the folder, ours first."""
        stored = {path.stem for path in (self.folder / "fields").glob("*.npz")}
        return [method for method in self.methods if method in stored]

    def states(self, name: str) -> States | None:
        """The states in `fields/<name>.npz`, or None if the folder has none."""
        path = self.folder / "fields" / f"{name}.npz"
        return States.load(path) if path.exists() else None


def _read_run(path: Path) -> dict[str, Any]:
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; is {path.parent} a results folder?") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not valid JSON at line {error.lineno}: {error.msg}") from None
    for key in REQUIRED:
        if key not in run:
            raise InputError(f"{path}: key {key!r} is missing")
    for key in ("name", "title", "known", "coordinate"):
        if key not in run["study"]:
            raise InputError(f"{path}: key 'study.{key}' is missing")
    return {**OPTIONAL, **run}


def _read_metrics(path: Path) -> tuple[Row, ...]:
    if not path.exists():
        raise InputError(f"{path}: no such file; is {path.parent} a results folder?")
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{path}: column {missing[0]!r} is missing")
        rows = tuple(_read_row(path, reader.line_num, line) for line in reader)
    if not rows:
        raise InputError(f"{path}: holds no figures; run the study first")
    return rows


def _read_row(path: Path, line_number: int, line: dict[str, str]) -> Row:
    try:
        state, nrmse = float(line["state"]), float(line["nrmse"])
        seconds = float(line["seconds"]) if line["seconds"] else None
    except ValueError as error:
        raise InputError(f"{path}, line {line_number}: {error}") from None
    if not math.isfinite(nrmse):
        raise InputError(f"{path}, line {line_number}: the NRMSE is not finite")
    return Row(line["field"], state, line["split"], line["method"], line["against"], nrmse, seconds)
