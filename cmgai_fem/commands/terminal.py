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
    from cmgai_fem.study.findings import TextTable, Verdict


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
