"""What the terminal shows: lines, tables and verdicts."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from cmgai_fem.files.trust import printable
from cmgai_fem.study.page import number, percent

# Verdicts that are shown one by one; of more, those that fail.
MOST_VERDICTS = 12

if TYPE_CHECKING:
    from cmgai_fem.commands.compare import Comparison
    from cmgai_fem.commands.doctor import Finding
    from cmgai_fem.study.findings import TextTable, Verdict


def show(item: object) -> None:
    """Print a table, or a line of text without markup; a file or pipe gets plain lines of a fixed width."""
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else 160, soft_wrap=isinstance(item, str), markup=False, highlight=False)
    console.print(item)
    sys.stdout.flush()


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
        show(f"{mark}  {verdict.name}: {verdict.limit}; nearest: {verdict.worst}")
        for failure in verdict.failures:
            show(f"       {failure}")
    if len(verdicts) > MOST_VERDICTS:
        show(f"{sum(item.passed for item in verdicts)} of {len(verdicts)} tolerances hold")


def show_comparison(found: "Comparison") -> None:
    """The error of one field against another, in the field's unit and in per cent; then component by component."""
    error, place = found.error, ", ".join(f"{part:.4g}" for part in found.place)
    show(
        f"{printable(found.field)}: NRMSE {percent(error.nrmse)} %; root mean square error {number(error.rmse)}, "
        f"largest {number(error.largest)} at ({place}), in the files' units"
    )
    table = Table()
    for heading in ("", "RMSE", "largest error", "RMSE / range [%]", "/ RMS [%]", "/ mean [%]", "largest / range [%]"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, one in {"all": error, **found.components}.items():
        # A reference that is constant has no range to divide by.
        shares = ("nrmse", "nrmse_rms", "nrmse_mean", "max_error")
        cells = ["constant"] if one is None else [number(one.rmse), number(one.largest)]
        table.add_row(printable(name), *cells, *([] if one is None else [percent(getattr(one, key)) for key in shares]))
    show(table)
    if found.tolerance is not None:
        show(f"{'holds' if found.passed else 'FAILS'}  NRMSE at most {percent(found.tolerance)} %")


def show_json(data: object) -> None:
    """Print plain data as JSON, for other programs; what is not finite is null."""
    print(json.dumps(plain(data), indent=1, allow_nan=False), flush=True)


def plain(data: Any) -> Any:
    """Data as JSON holds it."""
    if isinstance(data, Mapping):
        return {str(key): plain(item) for key, item in data.items()}
    if isinstance(data, list | tuple):
        return [plain(item) for item in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


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
