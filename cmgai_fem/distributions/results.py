"""The results folder of a distribution study: tidy figures, provenance, stated tolerances and one HTML page."""

import base64
import csv
import hashlib
import io
import json
import platform
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import jinja2
from matplotlib.figure import Figure
from pydantic import BaseModel, ConfigDict, ValidationError
from rich.table import Table

import cmgai_fem
from cmgai_fem.errors import InputError


@dataclass(frozen=True)
class Measurement:
    """One measured figure.

    Args:
        case: what it was measured on.
        samples: size of the training set.
        method: who produced it.
        seed: seed of data and weights.
        measure: what was measured.
        value: the figure.
    """

    case: str
    samples: int
    method: str
    seed: int
    measure: str
    value: float


class Check(BaseModel):
    """A stated tolerance: the mean over seeds of a measure stays below a number or below another method's."""

    model_config = ConfigDict(extra="forbid")

    case: str
    samples: int
    method: str
    measure: str
    at_most: float | None = None
    not_above: str | None = None
    times: float = 1.0
    kind: Literal["mean", "worst"] = "mean"

    def evaluate(self, rows: Sequence[Measurement]) -> tuple[bool, str]:
        """Whether the tolerance holds, and a line that says so with the figures."""
        found = self._figure(rows, self.method)
        limit = self.at_most if self.at_most is not None else self.times * self._figure(rows, self.not_above or "")
        name = f"{self.case}, {self.samples} samples, {self.method}: {self.kind} {self.measure}"
        against = "" if self.not_above is None else f" ({self.times:g} x {self.not_above})"
        holds = found <= limit
        return holds, f"{'holds' if holds else 'FAILS'}: {name} {found:.4g}, allowed {limit:.4g}{against}"

    def _figure(self, rows: Sequence[Measurement], method: str) -> float:
        values = [
            row.value
            for row in rows
            if (row.case, row.samples, row.method, row.measure) == (self.case, self.samples, method, self.measure)
        ]
        if not values:
            raise InputError(f"study.toml checks {self.measure!r} of {method!r} on {self.case!r}: it was not measured")
        return max(values) if self.kind == "worst" else sum(values) / len(values)


def read_study[Model: BaseModel](name: str, model: type[Model]) -> tuple[Model, str]:
    """The study file `verification/<name>/study.toml`, validated, and its hash.

    Raises:
        InputError: the file is missing or a key is wrong; the message names file and key.
    """
    package = Path(cmgai_fem.__file__).parent
    places = [package / "verification" / name / "study.toml", package.parent / "verification" / name / "study.toml"]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise InputError(f"verification/{name}/study.toml is not in this installation: reinstall cmgai-fem")
    raw = path.read_bytes()
    try:
        study = model.model_validate(tomllib.loads(raw.decode()))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            text = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        else:
            text = str(error)
        raise InputError(f"verification/{name}/study.toml: {text}") from error
    return study, hashlib.sha256(raw).hexdigest()


def write_measurements(path: Path, rows: Iterable[Measurement]) -> None:
    """Write figures as a tidy CSV file, one row a figure."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["case", "samples", "method", "seed", "measure", "value"])
        writer.writerows([row.case, row.samples, row.method, row.seed, row.measure, f"{row.value:.8g}"] for row in rows)


def write_provenance(path: Path, facts: Mapping[str, Any], started: float) -> None:
    """Write run.json: versions, machine and the run's own facts.

    Args:
        path: the file.
        facts: study, hash, seeds, device, wall times, checks.
        started: `time.time()` at the start.
    """
    packages = ("cmgai-fem", "numpy", "scipy", "torch", "pot", "scikit-learn")
    record = {
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "machine": platform.machine(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "wall_seconds": round(time.time() - started, 1),
        **facts,
    }
    path.write_text(json.dumps(record, indent=2) + "\n")


def figure_data(figure: Figure, path: Path) -> str:
    """Save a figure as PNG and return it as a data address for the page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    path.write_bytes(buffer.getvalue())
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def file_data(path: Path, kind: str) -> str:
    """A file as a data address, for pictures that are already on disk."""
    return f"data:{kind};base64," + base64.b64encode(path.read_bytes()).decode()


@dataclass(frozen=True)
class Grid:
    """A table of text for terminal and page.

    Args:
        title: heading.
        columns: column names.
        rows: cells.
        note: what the reader must know to read it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def rich(self) -> Table:
        """The table for a terminal."""
        table = Table(title=self.title, caption=self.note or None, title_justify="left", caption_justify="left")
        for index, column in enumerate(self.columns):
            table.add_column(column, justify="left" if index < 2 else "right", no_wrap=index < 2)
        for row in self.rows:
            table.add_row(*row)
        return table


PAGE = jinja2.Template(
    """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title><style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: .6rem 0 1.4rem; font-variant-numeric: tabular-nums; font-size: 13px }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left }
img { max-width: 100% } .fails { color: #b00020; font-weight: 600 } .note { color: #555 }
</style></head><body><h1>{{ title }}</h1>
{% for line in introduction %}<p>{{ line }}</p>{% endfor %}
<h2>Stated tolerances</h2><ul>
{% for holds, line in checks %}<li{% if not holds %} class="fails"{% endif %}>{{ line }}</li>{% endfor %}</ul>
{% for grid in grids %}<h2>{{ grid.title }}</h2>{% if grid.note %}<p class="note">{{ grid.note }}</p>{% endif %}
<table><tr>{% for column in grid.columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for row in grid.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>
{% for picture in pictures.get(grid.title, []) %}<img src="{{ picture }}" alt="{{ grid.title }}">{% endfor %}
{% endfor %}</body></html>
""",
    autoescape=True,
)


def write_page(
    path: Path,
    title: str,
    introduction: Sequence[str],
    checks: Sequence[tuple[bool, str]],
    grids: Sequence[Grid],
    pictures: Mapping[str, Sequence[str]],
) -> None:
    """Write one HTML page with its pictures inside; `pictures` are data addresses by the title of their table."""
    path.write_text(PAGE.render(title=title, introduction=introduction, checks=checks, grids=grids, pictures=pictures))
