"""One small picture of what the package does: known states, the generated field, and how it compares.

python verification/overview.py results/thermal-stress docs/overview.png
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Labels
from cmgai_fem.states.states import States
from cmgai_fem.study.charts import method_colour
from cmgai_fem.study.names import METHOD_NAMES
from cmgai_fem.study.pictures import (
    ERROR_COLOURS,
    FIELD_COLOURS,
    INK,
    Panel,
    draw_curve,
    in_readable_unit,
    render,
    scalar_field,
)
from cmgai_fem.writing import whole_file


def figure_overview(folder: Path, path: Path, dots_per_inch: int = 110) -> Path:
    """Draw known states -> generated field -> reference and error, at one held-out state between the known ones.

    The state shown is the one where the generating method errs most among the held-out states inside the known range.

    Args:
        folder: a results folder with `fields/reference.npz` and `fields/fem.npz` or `fields/pinn.npz`.
        path: the .png to write.
        dots_per_inch: resolution; the default stays well below 200 kB.

    Returns:
        `path`.

    Raises:
        InputError: the folder lacks fields to draw.
    """
    stored = {name: folder / "fields" / f"{name}.npz" for name in ("reference", "fem", "pinn")}
    method = next((name for name in ("fem", "pinn") if stored[name].exists()), None)
    if method is None or not stored["reference"].exists():
        raise InputError(f"{folder}: the overview needs fields/reference.npz and a generated held-out field")
    reference, generated = States.load(stored["reference"]), States.load(stored[method])
    field, worst, error = _worst(folder, method)
    states = json.loads((folder / "run.json").read_text(encoding="utf-8"))["study"]["states"]
    known = [
        Panel(reference.coordinates.label(value), scalar_field(reference, value, field)[0])
        for (value,) in sorted(states["known"])
    ]
    truth, unit = scalar_field(reference, worst, field)
    found = scalar_field(generated, worst, field)[0]
    state = reference.coordinates.label(worst)
    shown = [
        Panel(f"generated: {METHOD_NAMES[method]}\n{state}", found, method_colour(method)),
        Panel(f"reference, held out\n{state}", truth),
    ]
    wrong = Panel(f"error\nNRMSE {100.0 * error:.2g} %", found - truth)
    figure = _compose(reference, known, shown, wrong, unit)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=dots_per_inch, facecolor="white")
    return path


def _worst(folder: Path, method: str) -> tuple[str, float, float]:
    """The first measured field, the state inside where a method errs most in it, and the error there."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    own = [
        (float(row["nrmse"]), float(row["state"]))
        for row in rows
        if (row["field"], row["method"], row["against"]) == (rows[0]["field"], method, "reference")
        and row["split"] == "interpolation"
    ]
    if not own:
        raise InputError(f"{folder}: the overview shows a state between the known ones, and none was generated")
    error, state = max(own)
    return rows[0]["field"], state, error


def _compose(states: States, known: list[Panel], shown: list[Panel], error: Panel, unit: str) -> Figure:
    """Known states in a column, then three panels; arrows between them."""
    fields, errors, unit = in_readable_unit([*known, *shown], [error], unit)
    known, shown, error = fields[: len(known)], fields[len(known) :], errors[0]
    low, high = min(panel.values.min() for panel in fields), max(panel.values.max() for panel in fields)
    reach = float(np.max(np.abs(error.values))) or 1.0
    scales = {FIELD_COLOURS: (float(low), float(high)), ERROR_COLOURS: (-reach, reach)}
    figure = Figure(figsize=(10.0, 3.0))
    height = 0.82 / len(known)
    for index, panel in enumerate(known):
        axis = figure.add_axes((0.075, 0.06 + (len(known) - 1 - index) * height, 0.15, 0.92 * height))
        _show(axis, states.labels, panel, FIELD_COLOURS, scales[FIELD_COLOURS], titled=False)
        axis.text(
            -0.04, 0.5, panel.title.split(" = ")[-1], transform=axis.transAxes, ha="right", va="center", fontsize=8
        )
    figure.text(0.15, 0.91, "known states", ha="center", fontsize=10, color=INK, weight="bold")
    panels = [(shown[0], FIELD_COLOURS), (shown[1], FIELD_COLOURS), (error, ERROR_COLOURS)]
    for index, (panel, colours) in enumerate(panels):
        left = 0.275 + 0.245 * index
        inset = 0.03 if states.labels.points.shape[1] == 1 else 0.0
        axis = figure.add_axes((left + inset, 0.30, 0.215 - inset, 0.44))
        _show(axis, states.labels, panel, colours, scales[colours], titled=True)
        if states.labels.points.shape[1] > 1:
            bar = figure.colorbar(
                ScalarMappable(Normalize(*scales[colours]), colours),
                cax=figure.add_axes((left + 0.03, 0.21, 0.155, 0.03)),
                orientation="horizontal",
            )
            bar.set_label(unit, fontsize=8, color=INK)
            bar.ax.tick_params(labelsize=7.5, colors=INK)
            bar.outline.set_visible(False)
    for left, sign in ((0.248, "→"), (0.498, "≈"), (0.743, "→")):
        figure.text(
            left + 0.005,
            0.62 if states.labels.points.shape[1] == 1 else 0.54,
            sign,
            ha="center",
            va="center",
            fontsize=17,
            color=INK,
        )
    return figure


def _show(axis: Axes, labels: Labels, panel: Panel, colours: str, limits: tuple[float, float], *, titled: bool) -> None:
    if labels.points.shape[1] == 1:
        axis.set_xticks([])
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=7.5, colors=INK, labelleft=titled, left=titled)
        draw_curve(axis, labels, panel, 1.6, 1.0, "-")
        axis.set_ylim(limits[0] - 0.05 * (limits[1] - limits[0]), limits[1] + 0.05 * (limits[1] - limits[0]))
    else:
        axis.set_axis_off()
        axis.imshow(render(labels, panel, colours, limits))
    if titled:
        axis.set_title(panel.title, fontsize=9.5, color=INK)


if __name__ == "__main__":
    figure_overview(Path(sys.argv[1]), Path(sys.argv[2]))
