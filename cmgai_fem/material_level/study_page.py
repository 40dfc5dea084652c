"""The report of the stress-strain study: one page that holds everything and asks nothing of the network."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cmgai_fem.material_level.coverage import mean_band, point_band
from cmgai_fem.material_level.measured_points import LeftOutState
from cmgai_fem.material_level.study_cases import CaseResult
from cmgai_fem.material_level.study_tables import State, StressStrainStudy
from cmgai_fem.study.charts import method_name
from cmgai_fem.study.pages import page_environment
from cmgai_fem.writing import write_text

RIVALS_SHOWN = ("linear", "pod_gpr", "fpca_gpr")
COLOURS = {"linear": "#7b8794", "pod_gpr": "#6b7fc4", "fpca_gpr": "#c06c9b"}
CANDIDATES_SHOWN = 5


def write_page(
    path: Path,
    study: StressStrainStudy,
    results: Sequence[CaseResult],
    run: dict[str, Any],
    left_out: Sequence[LeftOutState],
) -> None:
    """Write `report.html`, complete or not at all."""
    environment = page_environment("cmgai_fem.study")
    environment.filters |= {"percent": lambda value: f"{100 * value:.2f}", "method": method_name}
    page = environment.get_template("stress_strain.html.j2").render(
        study=study,
        run=run,
        cases=[_case(result) for result in results],
        left_out=left_out,
        means=_means(left_out),
    )
    write_text(path, page)


def _case(result: CaseResult) -> dict[str, Any]:
    methods = dict.fromkeys((row["method"], row["against"]) for row in result.rows)
    table = [
        {
            "method": method_name(method) if against == "reference" else f"{method_name(method)} against FEM",
            "ours": method in ("fem", "pinn"),
            "cells": [row["nrmse"] for row in result.rows if (row["method"], row["against"]) == (method, against)],
        }
        for method, against in methods
    ]
    return {
        "name": result.case.name.replace("_", " "),
        "states": [f"{t:g} K, {r:g} /s" for t, r in result.case.asked],
        "trusted": [result.generated["fem", state].trusted for state in result.case.asked],
        "covered": [
            (row["mean_covered"], row["points_covered"])
            for row in result.rows
            if row["method"] == "fem" and "mean_covered" in row
        ],
        "parting": [result.parting.get(state) for state in result.case.asked],
        "table": table,
        "calibration": [
            {
                "where": where,
                "error": item["left_out_error"],
                "best": _counting(item["candidates"]),
                "share": item.get("share"),
                "mix": item.get("left_out_error_of_mix"),
            }
            for where, item in result.calibration.items()
        ],
        "picture": _svg(_draw(result)),
    }


def _counting(candidates: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Candidates that have a share, greatest first, then the best others."""
    shared = sorted((row for row in candidates if row.get("share")), key=lambda row: -row["share"])
    others = [row for row in candidates if not row.get("share")]
    return [*shared, *others][: max(CANDIDATES_SHOWN, len(shared))]


def _means(left_out: Sequence[LeftOutState]) -> dict[str, float]:
    if not left_out:
        return {}
    return {method: float(np.mean([state.errors[method] for state in left_out])) for method in left_out[0].errors}


def _draw(result: CaseResult) -> Figure:
    """One chart a held-out state: known curves, generated curve with its bands, truth and rivals."""
    states = result.case.asked
    columns = min(3, len(states))
    rows = -(-len(states) // columns)
    figure = Figure(figsize=(11.0, 3.3 * rows), layout="constrained")
    charts = figure.subplots(rows, columns, squeeze=False).ravel()
    for chart, state in zip(charts, states, strict=False):
        _draw_state(chart, result, state)
    for chart in charts[len(states) :]:
        chart.set_axis_off()
    handles, labels = charts[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=8)
    return figure


def _draw_state(chart: Axes, result: CaseResult, state: State) -> None:
    strain = result.curves.strain
    for number, known in enumerate(result.tests.states):
        for repeat, test in enumerate(known.tests):
            label = "measured points" if number == repeat == 0 else None
            chart.plot(test.strain, test.stress / 1e6, ".", color="#cbd2d9", markersize=1.5, label=label)
    for number, stress in enumerate(result.curves.stress):
        label = "known curves" if number == 0 else None
        chart.plot(strain, stress / 1e6, color="#9aa5b1", linewidth=0.7, label=label)
    for rival in RIVALS_SHOWN:
        chart.plot(
            strain, result.rivals[rival, state] / 1e6, color=COLOURS[rival], linewidth=0.9, label=method_name(rival)
        )
    curve = result.generated["fem", state]
    for band, alpha, label in ((point_band, 0.15, "95 % of test points"), (mean_band, 0.35, "95 % of the mean")):
        low, high = band(curve)
        chart.fill_between(
            curve.strain, low / 1e6, high / 1e6, color="#0b5394", alpha=alpha, linewidth=0.0, label=label
        )
    chart.plot(curve.strain, curve.stress / 1e6, color="#0b5394", linewidth=1.6, label=method_name("fem"))
    pinn = result.generated["pinn", state]
    chart.plot(pinn.strain, pinn.stress / 1e6, "--", color="#c2410c", linewidth=1.2, label=method_name("pinn"))
    chart.plot(strain, result.truth[state] / 1e6, ":", color="#1f2933", linewidth=1.6, label="published model")
    trust = "" if curve.trusted else ", not to be trusted"
    chart.set_title(f"{state[0]:g} K, {state[1]:g} /s{trust}", fontsize=9, loc="left")
    chart.set_xlabel("plastic strain" if result.case.plastic else "strain", fontsize=8)
    chart.set_ylabel("stress [MPa]", fontsize=8)
    chart.tick_params(labelsize=7.5)
    chart.spines[["top", "right"]].set_visible(False)
    chart.set_ylim(bottom=0.0)


def _svg(figure: Figure) -> Markup:
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    text = stream.getvalue()
    return Markup(text[text.index("<svg") :])
