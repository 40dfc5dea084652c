"""A page about generated stress-strain curves: how far to trust each, what was chosen, and the curves in a picture."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cmgai_fem.curves.generate import JudgedCurve
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import State
from cmgai_fem.files.units import Unit
from cmgai_fem.study.charts import INK, QUIET, method_colour, quiet
from cmgai_fem.study.findings import Section, TextTable
from cmgai_fem.study.page import number, percent
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.study.standalone import write_standalone

# Known curves that are told apart by their colours; of more, or over two coordinates, all are grey.
MOST_COLOURED = 8
# Standard deviations of a 95 % band.
BAND = 1.96


def write_curve_report(
    path: Path,
    table: Path,
    known: MeanCurves,
    made: Mapping[State, JudgedCurve],
    unit: Unit,
    lines: Sequence[str],
    ablation: Section | None = None,
) -> None:
    """Write a page that needs no other file.

    Args:
        path: the .html file.
        table: of the tests; its name alone is told.
        known: mean curves of the tests.
        made: generated curves by state.
        unit: of the stresses on the page.
        lines: what was said on the way.
        ablation: what each part of the method is worth, where that was asked for.
    """
    coordinates = known.coordinates
    words = {coordinates.label(state): "trusted" if one.curve.trusted else "not trusted" for state, one in made.items()}
    ranges = " and ".join(
        f"{coordinate.name} {column.min():g} to {column.max():g} {coordinate.unit}"
        for coordinate, column in zip(coordinates, known.values.T, strict=True)
    )
    strain = "plastic strain" if known.plastic else "strain"
    title = f"Stress-strain curve{'s' * (len(made) > 1)} at {'; '.join(words)}"
    text = f"Generated from the tests of {len(known.values)} known states, {ranges}, over the {strain}."

    def sections(folder: Path) -> Iterator[Section]:
        yield Section("How far to trust it", _doubts(made), tables=[_trust(known, made, unit)])
        yield _pictures(known, made, unit, Tools(folder, print))
        if ablation is not None and ablation.tables:
            yield ablation
        yield Section("What was read and chosen", list(lines))

    write_standalone(path, title, text, words, sections, {"table": table.name, "unit of stress": unit.name})


def _doubts(made: Mapping[State, JudgedCurve]) -> list[str]:
    return [one.remark for one in made.values() if one.remark]


def _trust(known: MeanCurves, made: Mapping[State, JudgedCurve], unit: Unit) -> TextTable:
    """Size of each curve and of its errors."""
    rows = []
    for state, one in made.items():
        curve = one.curve
        low, high, error, scatter = (
            number(float(value) / unit.factor)
            for value in (curve.stress.min(), curve.stress.max(), curve.error.max(), curve.scatter.max())
        )
        rows.append((
            known.coordinates.label(state), "yes" if curve.trusted else "no", "yes" if one.reached else "no",
            f"{low} to {high}", error, percent(float(curve.error.max() / np.abs(curve.stress).max())), scatter,
        ))  # fmt: skip
    columns = (
        "state", "trusted", "tested as far", f"stress [{unit.name}]", f"error [{unit.name}]", "error [%]",
        f"scatter [{unit.name}]",
    )  # fmt: skip
    note = (
        "largest standard error of the mean along the curve, also in % of its largest stress; scatter is that of a "
        "single measured point, one standard deviation"
    )
    return TextTable("", columns, rows, note)


def _pictures(known: MeanCurves, made: Mapping[State, JudgedCurve], unit: Unit, tools: Tools) -> Section:
    pictures = []
    for row, (state, one) in enumerate(made.items()):
        figure = Figure(figsize=(7.6, 4.4), layout="constrained")
        _draw(figure.subplots(), known, one, unit)
        pictures.append(tools.picture(figure, f"curve_{row}", known.coordinates.label(state)))
    text = "Thin: means of the known tests. Bold: the generated mean; bands hold it and a single test in 95 %."
    return Section("Curves", [text], pictures)


def _draw(axes: Axes, known: MeanCurves, one: JudgedCurve, unit: Unit) -> None:
    """The known means and one generated curve with its bands."""
    coloured = known.values.shape[1] == 1 and len(known.values) <= MOST_COLOURED
    for row, (state, stress) in enumerate(zip(known.values, known.stress, strict=True)):
        colour = colormaps["viridis"](0.9 * row / max(len(known.values) - 1, 1)) if coloured else QUIET
        label = known.coordinates.label(state) if coloured else "" if row else "known states"
        reached = np.isfinite(stress)
        axes.plot(
            known.strain[reached], stress[reached] / unit.factor, color=colour, linewidth=0.9, label=label or None
        )
    curve, bold = one.curve, method_colour("fem")
    test = np.hypot(curve.error, curve.scatter)
    for error, opacity, label in ((test, 0.12, "95 % of a test"), (curve.error, 0.25, "95 % of the mean")):
        low, high = ((curve.stress + side * BAND * error) / unit.factor for side in (-1.0, 1.0))
        axes.fill_between(curve.strain, low, high, color=bold, alpha=opacity, linewidth=0.0, label=label)
    axes.plot(curve.strain, curve.stress / unit.factor, color=bold, linewidth=2.2, label="generated")
    axes.set_xlabel("plastic strain" if known.plastic else "strain", fontsize=9, color=INK)
    axes.set_ylabel(f"stress [{unit.name}]", fontsize=9, color=INK)
    axes.legend(loc="center left", bbox_to_anchor=(1.005, 0.5), frameon=False, fontsize=8.5)
    quiet(axes)
