"""The report of a study of several state coordinates: one page that holds everything, its figures inside."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from scipy.spatial import ConvexHull

from cmgai_fem.solve import METHODS
from cmgai_fem.states.states import States
from cmgai_fem.study.charts import INK, QUIET, method_colour, method_name
from cmgai_fem.study.pages import page_environment
from cmgai_fem.study.pictures import Panel, draw_fields, scalar_field
from cmgai_fem.study.space_file import SpaceStudy
from cmgai_fem.study.tolerances import Row
from cmgai_fem.writing import write_text

CANDIDATES_SHOWN = 5


def write_page(
    path: Path,
    study: SpaceStudy,
    rows: Sequence[Row],
    run: Mapping[str, Any],
    sets: Mapping[str, States],
    best: str,
) -> None:
    """Write `report.html`, complete or not at all.

    Args:
        path: the file.
        study: the study.
        rows: its figures.
        run: what `run.json` holds.
        sets: reference and generated states by method.
        best: the rival of least mean error.
    """
    environment = page_environment("cmgai_fem.study")
    environment.filters |= {"percent": lambda value: f"{100 * value:.3g}"}
    headline = [name for field, table in study.fields.items() for name in (field, *table.derived)]
    page = environment.get_template("space_study.html.j2").render(
        study=study,
        axes=study.axes.label(),
        run=run,
        places=_svg(_draw_places(study, rows, headline)) if len(study.coordinates) == 2 else "",
        fields=[_field(name, study, rows, sets, best) for name in headline],
        shown=CANDIDATES_SHOWN,
    )
    write_text(path, page)


def _field(name: str, study: SpaceStudy, rows: Sequence[Row], sets: Mapping[str, States], best: str) -> dict[str, Any]:
    own = [row for row in rows if row["field"] == name]
    states = list(dict.fromkeys((row["state"], row["split"]) for row in own))
    inside = [state for state, split in states if split == "interpolation"]
    table = []
    for method, against in dict.fromkeys((row["method"], row["against"]) for row in own):
        cells = {row["state"]: row["nrmse"] for row in own if (row["method"], row["against"]) == (method, against)}
        label = method_name(method)
        table.append(
            {
                "method": label if against == "reference" else f"{label} against {method_name(against)}",
                "ours": method in METHODS and against == "reference",
                "cells": [cells[state] for state, _ in states],
                "mean": float(np.mean([cells[state] for state in inside])) if inside else None,
            }
        )
    shown = [row for row in own if row["method"] == "fem"]
    worst = max(
        (row for row in shown if row["split"] == "interpolation"), key=lambda row: row["nrmse"], default=shown[0]
    )
    return {
        "name": name.replace("_", " "),
        "states": states,
        "table": table,
        "worst": worst["state"],
        "picture": _png(_draw_state(name, study, worst["state"], sets, best)),
    }


def _draw_state(name: str, study: SpaceStudy, text: str, sets: Mapping[str, States], best: str) -> Figure:
    """One state: reference, both transports and the best rival, and their errors."""
    state = [float(part) for part in text.split(":")]
    drawn = {method: scalar_field(sets[method], state, name) for method in ("reference", *METHODS, best)}
    truth, unit = drawn["reference"]
    fields = [
        Panel("reference" if method == "reference" else method_name(method), values, method_colour(method))
        for method, (values, _) in drawn.items()
    ]
    errors = [
        Panel(f"{method_name(method)} − reference", values - truth, method_colour(method))
        for method, (values, _) in drawn.items()
        if method != "reference"
    ]
    return draw_fields(sets["reference"].labels, fields, errors, unit)


def _draw_places(study: SpaceStudy, rows: Sequence[Row], names: Sequence[str]) -> Figure:
    """The state space: known states, their hull, and the error at each held-out state."""
    known = np.array(study.states.known)
    span = np.ptp(known, axis=0)
    hull = known[ConvexHull((known - known.min(axis=0)) / span).vertices]
    figure = Figure(figsize=(5.2 * len(names), 4.0), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        axis.fill(*hull.T, facecolor="#eef4fb", edgecolor=QUIET, linewidth=0.8)
        axis.plot(*known.T, "o", color=INK, markersize=5, label="known")
        for row in rows:
            if row["field"] == name and row["method"] == "fem" and row["against"] == "reference":
                place = [float(part) for part in row["state"].split(":")]
                axis.plot(*place, "D", color=method_colour("fem"), markersize=5)
                axis.annotate(
                    f"{100 * row['nrmse']:.2g} %",
                    place,
                    xytext=(5, 4),
                    textcoords="offset points",
                    fontsize=8,
                    color=INK,
                )
        axis.plot([], [], "D", color=method_colour("fem"), markersize=5, label="generated: NRMSE")
        axis.set_title(name.replace("_", " "), fontsize=10, loc="left", color=INK)
        axis.set_xlabel(study.axes.each[0].label(), fontsize=9)
        axis.set_ylabel(study.axes.each[1].label(), fontsize=9)
        axis.margins(0.12)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, -0.32), ncols=2, frameon=False, fontsize=8)
    return figure


def _svg(figure: Figure) -> Markup:
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    text = stream.getvalue()
    return Markup(text[text.index("<svg") :])


def _png(figure: Figure) -> Markup:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return Markup('<img alt="" src="data:image/png;base64,' + base64.b64encode(stream.getvalue()).decode() + '">')
