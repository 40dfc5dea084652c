"""What the terminal shows: lines, tables and verdicts."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

# Verdicts that are shown one by one; of more, those that fail.
MOST_VERDICTS = 12

if TYPE_CHECKING:
    from cmgai_fem.commands.doctor import Finding
    from cmgai_fem.metrics import FieldError
    from cmgai_fem.study.fields import StudyResult
    from cmgai_fem.study.findings import TextTable, Verdict
    from cmgai_fem.study.results import AblationRow
    from cmgai_fem.study.tolerances import Row


def show(item: object) -> None:
    """Print a table, or a line of text without markup; a file or pipe gets plain lines of a fixed width."""
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else 160, soft_wrap=isinstance(item, str), markup=False, highlight=False)
    console.print(item)
    sys.stdout.flush()


def say(item: object) -> None:
    """Print a line of progress or a table at once."""
    show(item)


def show_text_table(table: "TextTable", title: str) -> None:
    """A table of a study's page; our own rows stand out."""
    shown = Table(title=table.title or title, caption=table.note or None, title_justify="left", caption_justify="left")
    for index, column in enumerate(table.columns):
        shown.add_column(column, justify="left" if index < table.text_columns else "right")
    for index, row in enumerate(table.rows):
        style = "red" if "FAILS" in row else "bold" if index in table.marked else None
        shown.add_row(*row, style=style)
    show(shown)


def show_verdicts(verdicts: "Sequence[Verdict]") -> None:
    """A line a tolerance, and what broke it; of many that hold, how many there are."""
    for verdict in verdicts if len(verdicts) <= MOST_VERDICTS else [item for item in verdicts if not item.passed]:
        mark = "holds" if verdict.passed else "FAILS"
        show(f"{mark}  {verdict.name}: at most {verdict.limit}; nearest: {verdict.worst}")
        for failure in verdict.failures:
            show(f"       {failure}")
    if len(verdicts) > MOST_VERDICTS:
        show(f"{sum(item.passed for item in verdicts)} of {len(verdicts)} tolerances hold")


def show_study(result: "StudyResult") -> None:
    """The NRMSE of every method at every held-out state, and the verdicts on the study's tolerances."""
    for field in dict.fromkeys(row["field"] for row in result.rows):
        if _is_headline(field, result.rows):
            show(_study_table(field, result.rows))
    for field, split in dict.fromkeys((row.field, row.split) for row in result.ablation):
        show(_ablation_table(field, split, result.ablation))
    for verdict in result.verdicts:
        mark = "holds" if verdict.passed else "FAILS"
        show(f"{mark}  {verdict.name}: at most {verdict.limit}; nearest: {verdict.worst}")
        for failure in verdict.failures:
            show(f"       {failure}")
    show(f"report: {result.folder / 'report.html'}")


def _study_table(field: str, rows: "Sequence[Row]") -> Table:
    from cmgai_fem.study.tolerances import state_text

    states = [
        (split, state)
        for split in ("interpolation", "extrapolation")
        for state in dict.fromkeys(row["state"] for row in rows if row["split"] == split)
    ]
    # States of several coordinates have no order to read a trend from: their mean stands beside them.
    inside = [state for split, state in states if split == "interpolation" and isinstance(state, str)]
    table = Table(title=f"{field}: NRMSE in %", caption="* beyond the known states")
    table.add_column("method")
    for split, state in states:
        table.add_column(state_text(state) + ("*" if split == "extrapolation" else ""), justify="right")
    if inside:
        table.add_column("mean inside", justify="right")
    for method, against in dict.fromkeys((row["method"], row["against"]) for row in rows):
        figures = {
            row["state"]: row["nrmse"]
            for row in rows
            if (row["method"], row["against"], row["field"]) == (method, against, field)
        }
        name = method if against == "reference" else f"{method} against {against}"
        style = "bold" if method in ("fem", "pinn") and against == "reference" else None
        cells = [figures[state] for _, state in states]
        cells += [sum(figures[state] for state in inside) / len(inside)] if inside else []
        table.add_row(name, *[f"{100 * cell:.3g}" for cell in cells], style=style)
    return table


def _ablation_table(field: str, split: str, rows: "Sequence[AblationRow]") -> Table:
    table = Table(title=f"{field}, {split}: one part changed at a time", caption="NRMSE in %; * as calibrated")
    table.add_column("part")
    table.add_column("choice")
    for heading in ("left out", "mean", "worst", "s"):
        table.add_column(heading, justify="right")
    for row in rows:
        if (row.field, row.split) == (field, split):
            figures = ["-" if error is None else f"{100 * error:.3g}" for error in (row.left_out, row.mean, row.worst)]
            seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
            choice = f"{row.choice} *" if row.chosen else row.choice
            table.add_row(row.part, f"{choice}: {row.note}" if row.note else choice, *figures, seconds)
    return table


def _is_headline(field: str, rows: "Sequence[Row]") -> bool:
    """Components stand in metrics.csv and the report; the terminal shows whole fields and derived scalars."""
    names = {row["field"] for row in rows}
    return not any(field != name and field.startswith(f"{name}_") and f"{name}_xx" in names for name in names)


def show_error(error: "FieldError") -> None:
    """The error of one field against another."""
    table = Table(title="generated against reference")
    table.add_column("measure")
    table.add_column("%", justify="right")
    table.add_row("NRMSE (RMSE / range of the reference)", f"{100 * error.nrmse:.4g}")
    table.add_row("RMSE / RMS of the reference", f"{100 * error.nrmse_rms:.4g}")
    table.add_row("RMSE / mean of the reference", f"{100 * error.nrmse_mean:.4g}")
    table.add_row("largest error / range of the reference", f"{100 * error.max_error:.4g}")
    show(table)


def show_findings(findings: "Sequence[Finding]") -> None:
    """What `doctor` found."""
    table = Table(title="What cmgai-fem leans on")
    for heading in ("what", "found", "", "what to do"):
        table.add_column(heading)
    for finding in findings:
        mark = {True: "ok", False: "MISSING", None: "optional"}[finding.works]
        table.add_row(
            finding.name, finding.found, mark, finding.remedy, style="red" if finding.works is False else None
        )
    show(table)
