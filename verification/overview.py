"""One small picture of what the package does: known states, the generated field, and what the best rival makes.

python verification/overview.py results/moving-source docs/overview.png
"""

import csv
import json
import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from cmgai_fem.errors import InputError
from cmgai_fem.solve import METHODS
from cmgai_fem.states.labels import Labels
from cmgai_fem.states.states import States
from cmgai_fem.study.charts import method_colour
from cmgai_fem.study.names import method_name
from cmgai_fem.study.page import words
from cmgai_fem.study.pictures import (
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
    """Draw known states, and the reference, generated and best rival's fields at a held-out state between them.

    The state shown is the one where the generating method errs most among the held-out states inside the known range.

    Args:
        folder: a results folder with `fields/reference.npz`, `fields/fem.npz` or `fields/pinn.npz`, and a rival's.
        path: the .png to write.
        dots_per_inch: resolution; the default stays well below 200 kB.

    Returns:
        `path`.

    Raises:
        InputError: the folder lacks fields to draw.
    """
    stored = {file.stem: file for file in (folder / "fields").glob("*.npz")}
    method = next((name for name in METHODS if name in stored), None)
    rival = next((name for name in stored if name not in ("reference", *METHODS)), None)
    if method is None or rival is None or "reference" not in stored:
        raise InputError(f"{folder}: the overview needs fields/reference.npz, a generated field and a rival's")
    reference = States.load(stored["reference"])
    field, worst, errors = _worst(folder, method, rival)
    states = json.loads((folder / "run.json").read_text(encoding="utf-8"))["study"]["states"]
    known = [
        Panel(reference.coordinates.label(value), scalar_field(reference, value, field)[0])
        for (value,) in sorted(states["known"])
    ]
    truth, unit = scalar_field(reference, worst, field)
    shown = [Panel(f"reference, held out\n{reference.coordinates.label(worst)}", truth)]
    for name, error in zip((method, rival), errors, strict=True):
        title = f"{'best rival: ' * (name == rival)}{method_name(name)}\nNRMSE {100.0 * error:.2g} %"
        shown.append(Panel(title, scalar_field(States.load(stored[name]), worst, field)[0], method_colour(name)))
    shown, known, unit = in_readable_unit(shown, known, unit)
    figure = _compose(reference, known, shown, f"{words(field)} [{unit}]" if unit else words(field))
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=dots_per_inch, facecolor="white")
    return path


def _worst(folder: Path, method: str, rival: str) -> tuple[str, float, tuple[float, float]]:
    """The first measured field, the state inside where a method errs most in it, and both methods' errors there."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    errors = {
        (row["method"], float(row["state"])): float(row["nrmse"])
        for row in rows
        if (row["field"], row["against"], row["split"]) == (rows[0]["field"], "reference", "interpolation")
    }
    own = [(error, state) for (name, state), error in errors.items() if name == method]
    if not own:
        raise InputError(f"{folder}: the overview shows a state between the known ones, and none was generated")
    error, state = max(own)
    return rows[0]["field"], state, (error, errors[rival, state])


def _compose(states: States, known: list[Panel], shown: list[Panel], name: str) -> Figure:
    """Known states in a column, then three panels on the same scale."""
    low, high = (
        min(panel.values.min() for panel in (*known, *shown)),
        max(panel.values.max() for panel in (*known, *shown)),
    )
    limits, flat = (float(low), float(high)), states.labels.points.shape[1] > 1
    figure = Figure(figsize=(10.0, 3.0))
    height = 0.82 / len(known)
    for index, panel in enumerate(known):
        axis = figure.add_axes((0.075, 0.06 + (len(known) - 1 - index) * height, 0.15, 0.92 * height))
        _show(axis, states.labels, panel, limits, titled=False)
        axis.text(
            -0.04, 0.5, panel.title.split(" = ")[-1], transform=axis.transAxes, ha="right", va="center", fontsize=8
        )
    figure.text(0.15, 0.91, "known states", ha="center", fontsize=10, color=INK, weight="bold")
    for index, panel in enumerate(shown):
        left = 0.275 + 0.245 * index
        inset = 0.0 if flat else 0.03
        axis = figure.add_axes((left + inset, 0.28, 0.225 - inset, 0.5))
        _show(axis, states.labels, panel, limits, titled=True)
    if flat:
        bar = figure.colorbar(
            ScalarMappable(Normalize(*limits), FIELD_COLOURS),
            cax=figure.add_axes((0.45, 0.2, 0.375, 0.035)),
            orientation="horizontal",
        )
        bar.set_label(name, fontsize=8.5, color=INK)
        bar.ax.tick_params(labelsize=7.5, colors=INK)
        bar.outline.set_visible(False)
    return figure


def _show(axis: Axes, labels: Labels, panel: Panel, limits: tuple[float, float], *, titled: bool) -> None:
    if labels.points.shape[1] == 1:
        axis.set_xticks([])
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=7.5, colors=INK, labelleft=titled, left=titled)
        draw_curve(axis, labels, panel, 1.6, 1.0, "-")
        axis.set_ylim(limits[0] - 0.05 * (limits[1] - limits[0]), limits[1] + 0.05 * (limits[1] - limits[0]))
    else:
        axis.set_axis_off()
        axis.imshow(render(labels, panel, FIELD_COLOURS, limits))
    if titled:
        axis.set_title(panel.title, fontsize=9.5, color=INK)


if __name__ == "__main__":
    figure_overview(Path(sys.argv[1]), Path(sys.argv[2]))
