"""The command line: thin, and quick to answer because heavy imports are inside the command that needs them."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

import cmgai_fem
from cmgai_fem.errors import CmgaiError, InputError

if TYPE_CHECKING:
    from cmgai_fem.comparison import Row
    from cmgai_fem.study import StudyResult

app = App(
    name="cmgai-fem",
    help="Fields at states that were never solved: feature-space transport by PINN and finite elements, "
    "checked against reference solves.",
    version=cmgai_fem.__version__,
)


@app.command
def verify(
    study: str,
    /,
    *,
    out: Path | None = None,
    ranks: int | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
) -> int:
    """Run a verification study and hold its figures against the tolerances that it states.

    Exit code 0: all tolerances held; 1: some did not, or a solver failed; 2: bad input.

    Parameters
    ----------
    study
        Name of a shipped study, path of a study.toml, or "codes" for the checks of the reference physics.
    out
        Results folder; results/STUDY by default.
    ranks
        MPI processes of the reference solves; the cores there are (four at most) by default.
    device
        Where the networks are trained.
    set_
        Override of a study file's key, e.g. --set mesh.size=0.004; may be repeated.
    """
    if study == "codes":
        return _verify_codes(out or Path("results") / "codes")
    from cmgai_fem.study_file import find_study, load_study

    loaded = load_study(find_study(study), set_ or [])
    _check_device(device)
    from cmgai_fem.study import default_ranks, run_study

    folder = out or Path("results") / loaded.name
    result = run_study(loaded, folder, ranks or default_ranks(), device, _say)
    _print_result(result)
    return 0 if result.passed else 1


def _verify_codes(folder: Path) -> int:
    from cmgai_fem.mechanics.codes import run_checks, write_codes_csv

    rows = run_checks(None, _say)
    folder.mkdir(parents=True, exist_ok=True)
    write_codes_csv(rows, folder / "codes.csv")
    from rich.table import Table

    table = Table(title="Reference physics against exact and published values")
    for heading in ("check", "quantity", "target", "value", "error", "tolerance", ""):
        table.add_column(heading, justify="left" if heading in ("check", "quantity", "") else "right")
    for row in rows:
        verdict = "[green]ok[/]" if row.passed else "[red]FAILS[/]"
        table.add_row(
            row.check,
            row.quantity,
            f"{row.target:.6g}",
            f"{row.value:.6g}",
            f"{row.relative_error:.2e}",
            f"{row.tolerance:.1e}",
            verdict,
        )
    _print(table)
    failed = [row for row in rows if not row.passed]
    _say(f"{len(rows) - len(failed)} of {len(rows)} checks hold; figures in {folder / 'codes.csv'}")
    return 1 if failed else 0


def _print_result(result: "StudyResult") -> None:
    from rich.table import Table

    rows = result.rows
    splits = ("interpolation", "extrapolation")
    states = [
        (split, state) for split in splits for state in sorted({row["state"] for row in rows if row["split"] == split})
    ]
    for field in dict.fromkeys(row["field"] for row in rows):
        if not _is_headline(field, rows):
            continue
        table = Table(title=f"{field}: NRMSE in %", caption="* beyond the known states")
        table.add_column("method")
        for split, state in states:
            table.add_column(f"{state:g}" + ("*" if split == "extrapolation" else ""), justify="right")
        for method, against in dict.fromkeys((row["method"], row["against"]) for row in rows):
            figures = {
                row["state"]: row["nrmse"]
                for row in rows
                if (row["method"], row["against"], row["field"]) == (method, against, field)
            }
            name = f"[bold]{method}[/]" if method in ("fem", "pinn") else method
            cells = [f"{100 * figures[state]:.3g}" for _, state in states]
            table.add_row(name if against == "reference" else f"{method} against {against}", *cells)
        _print(table)
    for verdict in result.verdicts:
        mark = "[green]holds[/]" if verdict.passed else "[red]FAILS[/]"
        _print(f"{mark}  {verdict.name}: at most {verdict.limit}; nearest: {verdict.worst}")
        for failure in verdict.failures:
            _print(f"       {failure}")
    _say(f"report: {result.folder / 'report.html'}")


def _is_headline(field: str, rows: "Sequence[Row]") -> bool:
    """Components stand in metrics.csv and the report; the terminal shows whole fields and derived scalars."""
    names = {row["field"] for row in rows}
    return not any(field != name and field.startswith(f"{name}_") for name in names)


def _check_device(device: str) -> None:
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu")


def _print(item: object) -> None:
    from rich.console import Console

    Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 160).print(item, highlight=False)


def _say(line: str) -> None:
    print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `cmgai-fem`: runs a command and ends the process with its exit code."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, InputError) as error:
        print(f"cmgai-fem: {error}", file=sys.stderr)
        sys.exit(2)
    except CmgaiError as error:
        print(f"cmgai-fem: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("cmgai-fem: interrupted; nothing half-written was left behind", file=sys.stderr)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)
