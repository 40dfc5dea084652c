"""Results folder -> report.html: one page that holds everything and asks nothing of the network."""

import base64
import io
import math
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from cmgai_fem.errors import InputError
from cmgai_fem.states.states import States
from cmgai_fem.study.charts import Curve, draw_errors, draw_training, method_colour, method_name
from cmgai_fem.study.pages import page_environment
from cmgai_fem.study.pictures import Panel, draw_fields, scalar_field
from cmgai_fem.study.results import Results, Row
from cmgai_fem.writing import write_text

OURS = ("fem", "pinn")
SPLITS = ("interpolation", "extrapolation")
# Errors below this are the round-off of the fields.
ROUND_OFF = 1e-11
CANDIDATES_SHOWN = 8
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def write_report(folder: Path) -> Path:
    """Write `report.html` from the files of a results folder.

    Args:
        folder: holds `metrics.csv`, `run.json` and, for the pictures, `fields/<method>.npz`.

    Returns:
        The page, complete or not written at all.

    Raises:
        InputError: a file or a key is missing or cannot be read; the text names it.
    """
    results = Results.read(folder)
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            run=results.run,
            study=results.run["study"],
            verdict=_verdict(results.run["tolerances"]),
            summary=_summary(results),
            tables=[_error_table(results, field) for field in results.fields],
            pictures=_pictures(results),
            errors_picture=_svg(draw_errors(_curves(results), results.known, results.coordinate.label())),
            training_picture=_training_picture(results.run["training"]),
            calibration=_calibration(results.run["calibration"]),
            ablation=_ablation(results.run["ablation"]),
            admissibility=_admissibility(results),
            provenance=_flatten(results.run["provenance"]),
        )
    )
    path = folder / "report.html"
    write_text(path, page)
    return path


def _environment() -> jinja2.Environment:
    environment = page_environment("cmgai_fem.study")
    environment.filters |= {
        "percent": percent,
        "bare_percent": bare_percent,
        "number": number,
        "method": method_name,
        "words": words,
    }
    return environment


def percent(fraction: float | None) -> str:
    """A fraction in per cent with three significant digits, e.g. 0.0123 -> "1.23 %"."""
    if fraction is None:
        return "–"
    return "< 10⁻⁹ %" if 0.0 < fraction < ROUND_OFF else f"{number(100.0 * fraction)} %"


def bare_percent(fraction: float | None) -> str:
    """`percent` without the sign, for tables whose heading says it."""
    return percent(fraction).removesuffix(" %")


def number(value: object) -> str:
    """A number with three significant digits, never in bare exponent notation; anything else as its text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    if value != 0.0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return f"{value:.0f}" if abs(value) >= 1000.0 else f"{value:.3g}"


def words(name: str) -> str:
    """A key as words: underscores become spaces, proper names keep their capital."""
    return name.replace("_", " ").replace("von mises", "von Mises")


def _verdict(tolerances: list[dict[str, Any]]) -> dict[str, Any]:
    failed = sum(not item["passed"] for item in tolerances)
    return {"count": len(tolerances), "failed": failed, "rows": sorted(tolerances, key=lambda item: item["passed"])}


def _summary(results: Results) -> list[dict[str, Any]]:
    """Per field and split: the worst held-out error of ours and of the rival whose worst is least."""
    summary = []
    for field in results.fields:
        for split in SPLITS:
            worst = results.worst_errors(field, split)
            rivals = {method: error for method, error in worst.items() if method not in OURS}
            if worst:
                best = min(rivals, key=lambda method: rivals[method]) if rivals else None
                ours = {method: worst.get(method) for method in OURS}
                summary.append(
                    {"field": field, "split": split, "best": best, "rival": rivals[best] if best else None, **ours}
                )
    return summary


def _error_table(results: Results, field: str) -> dict[str, Any]:
    """Method x held-out state, with the least error of each column marked."""
    states = [state for state, split in results.held_out(field)]
    rows: list[dict[str, Any]] = []
    for method in results.methods:
        cells = [results.error(field, method, state) for state in states]
        known = [row.nrmse for row in results.select(field=field, method=method, split="known")]
        if any(cell is not None for cell in cells):
            seconds = [row.seconds for row in results.select(field=field, method=method) if row.seconds is not None]
            rows.append(
                {
                    "method": method,
                    "cells": cells,
                    "known": max(known, default=None),
                    "seconds": max(seconds, default=None),
                }
            )
    columns = zip(*(row["cells"] for row in rows), strict=True)
    least = [min((cell for cell in column if cell is not None), default=None) for column in columns]
    cross = [next((row.nrmse for row in results.cross_check(field, state)), None) for state in states]
    return {"field": field, "states": results.held_out(field), "rows": rows, "least": least, "cross": cross}


def _curves(results: Results) -> dict[str, list[Curve]]:
    curves = {}
    for field in results.fields:
        curves[words(field)] = [
            Curve(method, tuple(row.state for row in rows), tuple(row.nrmse for row in rows))
            for method in results.methods
            if (rows := [row for row in results.select(field=field, method=method) if row.split in SPLITS])
        ]
    return curves


def _pictures(results: Results) -> list[dict[str, Any]]:
    """Fields and errors of the first field at the worst held-out state of each split."""
    pictures = []
    field = results.fields[0]
    reference = results.states("reference")
    shown = {method: states for method in results.stored_methods() if (states := results.states(method)) is not None}
    for split in SPLITS:
        worst = _worst_row(results, field, split)
        if worst is None or reference is None or not shown:
            continue
        truth, unit = scalar_field(reference, worst.state, field)
        shift = _displacement(results, reference, worst.state)
        fields = [Panel("Reference", truth, displacement=shift)]
        errors = []
        for method, states in shown.items():
            values, _ = scalar_field(states, worst.state, field)
            shift = _displacement(results, states, worst.state)
            error = results.error(field, method, worst.state)
            fields.append(Panel(method_name(method), values, method_colour(method), shift))
            errors.append(
                Panel(
                    f"error of {method_name(method)}\nNRMSE {percent(error)}",
                    values - truth,
                    method_colour(method),
                    shift,
                )
            )
        figure = draw_fields(reference.labels, fields, errors, unit)
        state = results.coordinate.label(worst.state)
        pictures.append(
            {
                "field": field,
                "split": split,
                "state": state,
                "image": _png(figure),
                "curves": reference.labels.points.shape[1] == 1,
            }
        )
    return pictures


def _worst_row(results: Results, field: str, split: str) -> Row | None:
    """The held-out state of the split where our own method, FEM if there, errs most."""
    for method in OURS:
        rows = results.select(field=field, method=method, split=split)
        if rows:
            return max(rows, key=lambda row: row.nrmse)
    return None


def _displacement(results: Results, states: States, value: float) -> Any:
    if not results.run["study"].get("deformed", False):
        return None
    if "displacement" not in states.fields or states.labels.location != "point":
        raise InputError("run.json: study.deformed is set, but the stored states hold no nodal displacement")
    scale = float(results.run["study"].get("deformation_scale", 1.0))
    return scale * states.fields["displacement"].values[states.index(value)]


def _training_picture(history: list[dict[str, Any]]) -> Markup | None:
    runs: dict[str, list[tuple[float, float]]] = {}
    for entry in history:
        runs.setdefault(f"{words(entry['field'])}, {entry['split']}", []).append((entry["step"], entry["loss"]))
    return _svg(draw_training(runs)) if runs else None


def _calibration(calibration: dict[str, Any]) -> list[dict[str, Any]]:
    """Per split: what was chosen, and the best candidates with their left-out errors."""
    tables = []
    for split, entry in calibration.items():
        candidates = sorted(entry.get("candidates", []), key=lambda row: float(row.get("error", 0.0)))
        columns = list(dict.fromkeys(key for row in candidates for key in row))
        chosen = {key: value for key, value in _flatten(entry).items() if not key.startswith("candidates")}
        tables.append(
            {
                "split": split,
                "chosen": chosen,
                "columns": columns,
                "candidates": candidates[:CANDIDATES_SHOWN],
                "more": max(len(candidates) - CANDIDATES_SHOWN, 0),
            }
        )
    return tables


def _ablation(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per field and split: its ablation rows."""
    tables = dict.fromkeys((row["field"], row["split"]) for row in rows)
    return [
        {
            "field": field,
            "split": split,
            "rows": [row for row in rows if (row["field"], row["split"]) == (field, split)],
        }
        for field, split in tables
    ]


def _admissibility(results: Results) -> list[dict[str, Any]]:
    """Per figure: method x state."""
    tables = []
    entries = results.run["admissibility"]
    for figure in dict.fromkeys(entry["figure"] for entry in entries):
        values = {(entry["method"], entry["state"]): entry["value"] for entry in entries if entry["figure"] == figure}
        states = sorted({state for _, state in values})
        methods = list(dict.fromkeys(method for method, _ in values))
        rows = [(method, [values.get((method, state)) for state in states]) for method in methods]
        tables.append({"figure": figure, "states": states, "rows": rows})
    return tables


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key} · ")
        elif not (isinstance(value, list) and value and isinstance(value[0], dict)):
            flat[f"{prefix}{key}"] = ", ".join(map(number, value)) if isinstance(value, list) else value
    return flat


def _png(figure: Figure) -> Markup:
    return _data_uri(figure, "png", "image/png")


def _svg(figure: Figure) -> Markup:
    return _data_uri(figure, "svg", "image/svg+xml")


def _data_uri(figure: Figure, kind: str, media_type: str) -> Markup:
    stream = io.BytesIO()
    # No date and no random ids: equal results give an equal page.
    with rc_context({"svg.hashsalt": "cmgai-fem"}):
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(stream, format=kind, dpi=170, facecolor="white", metadata=metadata)
    return Markup(f"data:{media_type};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}")
