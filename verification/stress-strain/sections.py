"""The sections of the study's page: one a case, the bands, the measured points and the notes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cmgai_fem.study.charts import method_colour
from cmgai_fem.study.findings import Row, Section, TextTable
from cmgai_fem.study.names import METHOD_NAMES, method_name
from cmgai_fem.study.pipelines import Tools

from .cases import CaseResult
from .coverage import mean_band, point_band
from .measured_points import LeftOutState
from .tables import State
from .tolerances import OURS

RIVALS_SHOWN = ("linear", "pod_gpr", "fpca_gpr")
CANDIDATES_SHOWN = 5
TRUST = (
    "A curve is not to be trusted where the left-out states and the scatter that is carried to it let an error above "
    "4 % be expected, or where it lies farther beyond the known states than any that was left out. Johnson–Cook, "
    "Zerilli–Armstrong and the mechanical threshold stress are fitted to the same tests; where one of them is the "
    "published model itself, it is no fair rival but a floor."
)


def case_section(result: CaseResult, tools: Tools) -> Section:
    """A case: its curves, its figures, and what was chosen from the known states."""
    name = result.case.name.replace("_", " ")
    picture = tools.picture(_draw(result), result.case.name.replace(" ", "_"))
    tables = [_figures(result), *(_calibration(where, item) for where, item in result.calibration.items())]
    return Section(name, pictures=[picture], tables=tables)


def bands_section(rows: Sequence[Row]) -> Section:
    """How much the bands of 95 % hold, over all held-out states, and how the cases' tables are to be read."""
    mean, points = (
        100.0 * float(np.mean([row[key] for row in rows if key in row])) for key in ("mean_covered", "points_covered")
    )
    cells = [
        ("true curve inside the band of the mean", f"{mean:.1f} % of the strains"),
        ("points of tests made later inside the band of the points", f"{points:.1f} % of the points"),
    ]
    return Section("Bands of 95 %", [TRUST], tables=[TextTable("", ("over all held-out states", "inside"), cells)])


def measured_section(left_out: Sequence[LeftOutState]) -> Section:
    """Measured points: the error of every state that was left out, by method."""
    methods = list(left_out[0].errors)
    rows = [
        (_text(state.state), *(_percent(state.errors[method]) for method in methods), state.way) for state in left_out
    ]
    means = [_percent(float(np.mean([state.errors[method] for state in left_out]))) for method in methods]
    columns = ("error in % of the stress", *map(method_name, methods), "way of the transport")
    table = TextTable("", columns, [*rows, ("mean", *means, "")], marked=frozenset({len(rows)}))
    return Section("Measured points of AISI 4340: every state left out in turn", tables=[table])


def notes_section(notes: Sequence[str]) -> Section:
    """What was resampled, merged or left out."""
    return Section("Notes", notes)


def _figures(result: CaseResult) -> TextTable:
    states, ours = result.case.asked, set()
    rows: list[tuple[str, ...]] = []
    for method, against in dict.fromkeys((row["method"], row["against"]) for row in result.rows):
        found = [row["nrmse"] for row in result.rows if (row["method"], row["against"]) == (method, against)]
        name = method_name(method) if against == "reference" else f"{method_name(method)} against FEM"
        if method in OURS:
            ours.add(len(rows))
        rows.append((name, *map(_percent, found)))
    rows.append(("to be trusted", *("yes" if result.generated["fem", state].trusted else "no" for state in states)))
    held = [row for row in result.rows if row["method"] == "fem" and "mean_covered" in row]
    for key, title in (
        ("mean_covered", "true curve inside the 95 % band of the mean"),
        ("points_covered", "later test points inside their 95 % band"),
    ):
        rows.append((title, *(f"{100 * row[key]:.0f} %" for row in held)))
    if result.parting:
        rows.append(("parting of both paths", *(_percent(result.parting[state]) for state in states)))
    return TextTable("", ("NRMSE in %", *map(_text, states)), rows, marked=frozenset(ours))


def _calibration(where: str, item: Mapping[str, Any]) -> TextTable:
    note = ""
    if "share" in item:
        note = (
            f"Has {_percent(item['share'])} % of the weight beside the other ways; together their left-out error is "
            f"{_percent(item['left_out_error_of_mix'])} %."
        )
    title = where.replace("_", " ")
    if "scaled_constants" in item:
        title = f"{title}: fitted to the known curves (misfit {_percent(item['misfit'])} %)"
        values = tuple(f"{value:.4g}" for value in item["scaled_constants"])
        columns = tuple(f"constant {number}" for number in range(1, len(values) + 1))
        return TextTable(title, columns, [values], note, text_columns=0, terminal=False, folded=True)
    rows = [
        (
            row["feature"], row["pseudo_time"], str(row["order"]), row["states"], row["modes"],
            _percent(row["left_out_error"]), _percent(row["carried_scatter"]),
            f"{100 * row['share']:.0f} %" if row.get("share") else "",
        )
        for row in _counting(item["candidates"])
    ]  # fmt: skip
    error = _percent(item["left_out_error"])
    return TextTable(
        f"{title}: chosen from the known states (left-out error {error} %)",
        ("feature", "pseudo-time", "order", "states", "modes", "left-out error [%]", "carried scatter [%]", "share"),
        rows, note, text_columns=2, terminal=False, folded=True,
    )  # fmt: skip


def _counting(candidates: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Candidates that have a share, greatest first, then the best others."""
    shared = sorted((row for row in candidates if row.get("share")), key=lambda row: -row["share"])
    others = [row for row in candidates if not row.get("share")]
    return [*shared, *others][: max(CANDIDATES_SHOWN, len(shared))]


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
        stress = result.rivals[rival, state] / 1e6
        chart.plot(strain, stress, color=method_colour(rival), linewidth=0.9, label=METHOD_NAMES[rival])
    curve = result.generated["fem", state]
    for band, alpha, label in ((point_band, 0.15, "95 % of test points"), (mean_band, 0.35, "95 % of the mean")):
        low, high = band(curve)
        chart.fill_between(
            curve.strain, low / 1e6, high / 1e6, color=method_colour("fem"), alpha=alpha, linewidth=0.0, label=label
        )
    for method, dash, width in (("fem", "-", 1.6), ("pinn", "--", 1.2)):
        made = result.generated[method, state]
        colour = method_colour(method)
        chart.plot(made.strain, made.stress / 1e6, dash, color=colour, linewidth=width, label=METHOD_NAMES[method])
    chart.plot(strain, result.truth[state] / 1e6, ":", color="#1f2933", linewidth=1.6, label="published model")
    trust = "" if curve.trusted else ", not to be trusted"
    chart.set_title(f"{_text(state)}{trust}", fontsize=9, loc="left")
    chart.set_xlabel("plastic strain" if result.case.plastic else "strain", fontsize=8)
    chart.set_ylabel("stress [MPa]", fontsize=8)
    chart.tick_params(labelsize=7.5)
    chart.spines[["top", "right"]].set_visible(False)
    chart.set_ylim(bottom=0.0)


def _text(state: State) -> str:
    return f"{state[0]:g} K, {state[1]:g} /s"


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"
