"""Rows of an ablation, whatever is ablated, and how they are shown on terminal and page."""

from collections.abc import Sequence
from dataclasses import dataclass

from cmgai_fem.study.findings import Section, TextTable
from cmgai_fem.study.page import percent, words

NRMSE = "NRMSE in %"


@dataclass(frozen=True)
class AblationRow:
    """One choice of one part of the theory, and what it reaches.

    Args:
        field: name of the field, or of the case.
        split: "interpolation" or "extrapolation", or the states that were asked for.
        part: what is changed, e.g. "order", or "calibrated" for the whole of what calibration chose.
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
    left_out: float | None = None
    mean: float | None = None
    worst: float | None = None
    seconds: float | None = None
    note: str = ""


def ablation_section(rows: Sequence[AblationRow], text: str, measure: str = NRMSE) -> Section:
    """The section of a page; it has no tables where nothing was ablated."""
    return Section("Ablation", [text], tables=ablation_tables(rows, measure))


def ablation_lines(rows: Sequence[AblationRow], measure: str = NRMSE) -> list[str]:
    """The tables as lines of a terminal or a log."""
    lines = []
    for table in ablation_tables(rows, measure):
        cells = [table.columns, *table.rows]
        widths = [max(len(row[column]) for row in cells) for column in range(len(table.columns))]
        words = table.text_columns
        lines.append(f"{table.title} ({table.note})")
        for row in cells:
            texts = zip(row, widths, strict=True)
            shown = (text.ljust(w) if at < words else text.rjust(w) for at, (text, w) in enumerate(texts))
            lines.append(f"  {'  '.join(shown)}".rstrip())
    return lines


def ablation_tables(rows: Sequence[AblationRow], measure: str = NRMSE) -> list[TextTable]:
    """Per field and split: its rows; without held-out states they end at the left-out error.

    Args:
        rows: all rows.
        measure: what the errors are.
    """
    tables = []
    measured = any(row.mean is not None for row in rows)
    columns = ("part", "choice", "left out", *(("mean", "worst") if measured else ()), "time [s]")
    for field, split in dict.fromkeys((row.field, row.split) for row in rows):
        own = [row for row in rows if (row.field, row.split) == (field, split)]
        cells = []
        for row in own:
            choice = f"{row.choice} *" if row.chosen else row.choice
            errors = [percent(error) for error in (row.left_out, row.mean, row.worst)[: None if measured else 1]]
            seconds = "–" if row.seconds is None else f"{row.seconds:.1f}"
            cells.append((row.part, f"{choice}: {row.note}" if row.note else choice, *errors, seconds))
        tables.append(
            TextTable(
                f"{words(field)}, {split}: one part changed at a time",
                columns,
                cells,
                f"{measure}; * as calibrated",
                frozenset(index for index, row in enumerate(own) if row.chosen),
                text_columns=2,
            )
        )
    return tables
