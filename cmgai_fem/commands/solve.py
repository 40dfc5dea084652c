"""`cmgai-fem solve`: the reference model of a file, at the states asked for."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cmgai_fem.commands.answers import output_paths
from cmgai_fem.commands.terminal import show, show_text_table
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.files.components import data_at, put_field
from cmgai_fem.files.writers import write_grid
from cmgai_fem.mechanics.reference import solve_reference
from cmgai_fem.states.states import States
from cmgai_fem.study.findings import TextTable
from cmgai_fem.study.model_file import model_of_file
from cmgai_fem.study.paraview import unstructured_grid


def solve(
    file: Path, at: Sequence[float], out: Path | None, ranks: int, overrides: Sequence[str] = (), *, force: bool = False
) -> int:
    """Solve a file's reference model, write its fields and show what its probes tell.

    Args:
        file: a TOML file that says `kind` and the model's tables; a study's file will do.
        at: states to solve at.
        out: the file to write; with several states its name must hold "{value}". None writes nothing.
        ranks: MPI processes.
        overrides: "table.key=value" texts.
        force: results may replace files that this program did not write.

    Returns:
        0 if every probe with a target met it, else 1.
    """
    model, coordinate = model_of_file(file, overrides)
    values = sorted(set(at))
    paths = [] if out is None else output_paths(out, [(value,) for value in values], (file,), force=force)
    # Not a temporary directory that always goes: where the solver dies, the message names its log.
    folder = Path(tempfile.mkdtemp(prefix="cmgai-fem-solve-"))
    try:
        states, facts = solve_reference(model, coordinate, values, ranks, folder, show)
    except (InputError, ConvergenceError):
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)
    for index, path in enumerate(paths):
        facts_here = {"file": file.name, "kind": model.kind, "value": values[index]}
        write_grid(path, _grid(states, index), facts_here, values[index])
        show(f"wrote {path}")
    return _show_probes(facts.get("probes", []))


def _grid(states: States, index: int) -> Any:
    grid = unstructured_grid(states.labels)
    for name, field in states.fields.items():
        put_field(data_at(grid, states.labels.location), name, field.values[index])
    return grid


def _show_probes(probes: Sequence[dict[str, Any]]) -> int:
    def cell(value: float | None) -> str:
        return "" if value is None else f"{value:.7g}"

    words = {None: "", True: "holds", False: "FAILS"}
    if probes:
        rows = [
            [row["probe"], cell(row["state"]), cell(row["value"]), cell(row["target"]),
             cell(row["tolerance"] if row["target"] is not None else None), words[row["passed"]], row["source"]]
            for row in probes
        ]  # fmt: skip
        columns = ("probe", "state", "value", "target", "within", "", "source")
        show_text_table(TextTable("probes", columns, rows), "probes")
    return int(any(row["passed"] is False for row in probes))
