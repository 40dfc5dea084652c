"""What a study's pipeline hands back: figures, verdicts and the sections of its page."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cmgai_fem.study.names import method_name
from cmgai_fem.study.page import number

Row = dict[str, Any]
"""One measured figure: a line of `metrics.csv`."""


@dataclass(frozen=True)
class Verdict:
    """How one tolerance of a study came out.

    Args:
        name: the tolerance.
        passed: whether every figure kept it.
        limit: what is asked, as text ("at most 0.05 %").
        worst: the figure nearest to its bound or farthest beyond it, as text.
        failures: the figures that broke it, as text.
    """

    name: str
    passed: bool
    limit: str
    worst: str
    failures: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """The verdict as plain data."""
        return {
            "name": self.name,
            "limit": self.limit,
            "value": self.worst,
            "passed": self.passed,
            "text": "; ".join(self.failures[:5]),
        }


@dataclass(frozen=True)
class TextTable:
    """A table of text for terminal and page.

    Args:
        title: heading; empty where the section's heading says it all.
        columns: column names.
        rows: cells.
        note: what the reader must know to read it.
        marked: rows of our own methods, set off from the rivals'.
        text_columns: columns from the left that hold words; the others hold numbers.
        terminal: shown on the terminal, not on the page alone.
        folded: on the page only its title shows until it is opened.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    marked: frozenset[int] = frozenset()
    text_columns: int = 1
    terminal: bool = True
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture in the results folder.

    Args:
        file: its name there (.png, .svg or .gif).
        caption: what it shows.
    """

    file: str
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A section of a study's page: paragraphs, pictures and tables below a heading.

    Args:
        title: the heading.
        text: paragraphs.
        pictures: in the results folder.
        tables: of text.
        view: file in the results folder with what `study.view` describes, to turn and slide; empty for none.
    """

    title: str
    text: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[TextTable] = ()
    view: str = ""

    def describe(self) -> dict[str, Any]:
        """The section as plain data."""
        tables = [vars(table) | {"marked": sorted(table.marked)} for table in self.tables]
        return asdict(self) | {"tables": tables}


@dataclass(frozen=True)
class Findings:
    """What a study found.

    Args:
        rows: measured figures, for `metrics.csv`.
        verdicts: the study's tolerances, held against them.
        sections: of its page.
        facts: what `run.json` holds beside the frame's own; plain data.
        columns: of `metrics.csv`; those of the rows, in the order of their first appearance, if empty.
        advice: which method to use where, a sentence each; stands first on terminal and page.
    """

    rows: Sequence[Row]
    verdicts: Sequence[Verdict]
    sections: Sequence[Section]
    facts: Mapping[str, Any] = field(default_factory=dict)
    columns: Sequence[str] = ()
    advice: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        """Whether every tolerance held."""
        return all(verdict.passed for verdict in self.verdicts)


@dataclass(frozen=True)
class Figure:
    """A measured figure beside what it must be: a figure of a study that knows exact or published answers.

    Args:
        case: what was solved.
        quantity: what was measured, with its unit.
        method: how it was solved.
        value: the figure.
        target: exact or published value, or the bound that it must keep; NaN where the figure is only shown.
        error: relative error, value over bound, or bound over value where the bound must be reached.
        limit: largest `error` that passes; infinite where the figure is only shown.
        source: where the target comes from.
        asked: what the figure must be, as text; empty where it is only shown.
    """

    case: str
    quantity: str
    method: str
    value: float
    target: float
    error: float
    limit: float
    source: str = ""
    asked: str = ""

    @classmethod
    def equals(
        cls, case: str, quantity: str, method: str, value: float, target: float, tolerance: float, source: str = ""
    ) -> "Figure":
        """A figure with an exact target; the error is relative to it."""
        error = abs(float(value) - target) / abs(target)
        asked = f"{target:.6g} ± {100 * tolerance:.3g} %"
        return cls(case, quantity, method, float(value), float(target), error, tolerance, source, asked)

    @classmethod
    def at_most(cls, case: str, quantity: str, method: str, value: float, bound: float, source: str = "") -> "Figure":
        """A figure that must not exceed a bound."""
        asked = f"at most {bound:.4g}"
        return cls(case, quantity, method, float(value), float(bound), float(value / bound), 1.0, source, asked)

    @classmethod
    def at_least(
        cls,
        case: str,
        quantity: str,
        method: str,
        value: float,
        bound: float,
        source: str = "",
        *,
        tolerance: float = 0.0,
    ) -> "Figure":
        """A figure that must not fall short of a bound by more than a relative tolerance."""
        error, limit = float(bound / max(value, 1e-300)), 1.0 / (1.0 - tolerance)
        asked = f"at least {bound:.4g}" + (f", less {100 * tolerance:.3g} %" if tolerance else "")
        return cls(case, quantity, method, float(value), float(bound), error, limit, source, asked)

    @classmethod
    def shown(cls, case: str, quantity: str, method: str, value: float) -> "Figure":
        """A figure that is shown and not judged."""
        return cls(case, quantity, method, float(value), math.nan, 0.0, math.inf)

    @property
    def passed(self) -> bool:
        """Whether the figure keeps its limit."""
        return bool(self.error <= self.limit)

    @property
    def judged(self) -> bool:
        """Whether there is a limit to keep."""
        return math.isfinite(self.limit)

    @property
    def text(self) -> str:
        """Its value, to the digits that are held against a target where there is one."""
        return f"{self.value:.6g}" if "±" in self.asked else number(self.value)

    def row(self) -> Row:
        """The figure as a line of `metrics.csv`."""
        return {**vars(self), "passed": self.passed}

    def verdict(self) -> Verdict:
        """The figure as the verdict on its own limit."""
        by = f" ({method_name(self.method)})" if self.method else ""
        name = f"{self.case}: {self.quantity}{by}"
        return Verdict(name, self.passed, self.asked, self.text, () if self.passed else (self.text,))

    def __str__(self) -> str:
        by = f", {self.method}" if self.method else ""
        text = f"{self.case}{by}: {self.quantity} {self.value:.6g}"
        return f"{text} ({self.asked}) {'ok' if self.passed else 'FAILS'}" if self.judged else text


def judged(
    figures: Sequence[Figure], title: str, text: Sequence[str], pictures: Sequence[Picture] = (), view: str = ""
) -> Findings:
    """Findings of a study whose figures carry their own targets: one verdict each, one table, and their sources."""
    # What all rows say is the heading's to say.
    case = ("case",) if any(item.case != title for item in figures) else ()
    method = ("method",) if any(item.method for item in figures) else ()
    rows = [
        (
            *([item.case] if case else []), item.quantity, *([method_name(item.method)] if method else []),
            item.text, item.asked,
            ("holds" if item.passed else "FAILS") if item.judged else "",
        )
        for item in figures
    ]  # fmt: skip
    columns = (*case, "quantity", *method, "value", "asked", "verdict")
    tables = [TextTable("", columns, rows, text_columns=1 + len(case) + len(method))]
    sources = [(item.case, item.quantity, item.source) for item in figures if item.source]
    if sources:
        columns = ("case", "quantity", "source")
        tables.append(
            TextTable("Where the targets come from", columns, sources, text_columns=3, terminal=False, folded=True)
        )
    verdicts = [item.verdict() for item in figures if item.judged]
    return Findings([item.row() for item in figures], verdicts, [Section(title, text, pictures, tables, view)])


def joined(parts: Iterable[Findings], say: Callable[[object], None]) -> Findings:
    """Findings of a study that comes in parts, with a line of progress as each is done."""
    done: list[Findings] = []
    for part in parts:
        failed = sum(not verdict.passed for verdict in part.verdicts)
        say(f"{part.sections[0].title}: {len(part.rows)} figures, {failed} of {len(part.verdicts)} tolerances fail")
        done.append(part)
    return Findings(
        [row for part in done for row in part.rows],
        [verdict for part in done for verdict in part.verdicts],
        [section for part in done for section in part.sections],
    )
