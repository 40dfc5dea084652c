"""Picture of random fields: the 5, 50 and 95 % fields of every method beside those of the Monte Carlo."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation

from cmgai_fem.states.labels import Array, IntArray

TITLES = ("5 %", "50 %", "95 %")
# Methods side by side; more go into further bands below.
COLUMNS = 4


def fields_figure(title: str, nodes: Array, triangles: IntArray, fields: Mapping[str, Array]) -> Figure:
    """A column a method, a row a level, in as many bands as are needed; a level has one scale, that of the reference.

    Args:
        title: heading.
        nodes: (N, 2) [m].
        triangles: (C, 3).
        fields: by method, (3, N) fields of 5, 50 and 95 %; the reference first.
    """
    mesh = Triangulation(nodes[:, 0] * 1e3, nodes[:, 1] * 1e3, triangles)
    reference = next(iter(fields.values()))
    window = _window(nodes, reference[-1]) * 1e3
    wide, high = np.ptp(window, axis=1)
    bands, across = -(-len(fields) // COLUMNS), min(COLUMNS, len(fields))
    width = max(1.5, 1.25 * wide / high + 0.1) * across + 0.8
    figure = Figure(figsize=(width, (1.25 * len(TITLES) + 0.6) * bands + 0.4), layout="constrained")
    axes = figure.subplots(bands * len(TITLES), across, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for place, (method, by_level) in enumerate(fields.items()):
        band, column = divmod(place, COLUMNS)
        for row, (level, true) in enumerate(zip(TITLES, reference, strict=True), band * len(TITLES)):
            axis, top = axes[row, column], float(true.max()) or 1.0
            drawn = axis.tricontourf(mesh, by_level[row % len(TITLES)], levels=np.linspace(0.0, top, 13), extend="max")
            axis.set_aspect("equal")
            axis.set(xlim=window[0], ylim=window[1])
            if row % len(TITLES) == 0:
                axis.set_title(method.replace(", ", ",\n"), fontsize=8)
            if column == 0:
                bar = figure.colorbar(drawn, ax=list(axes[row]), fraction=0.02, pad=0.01, ticks=[0.0, top])
                bar.ax.set_yticklabels(["0", f"{top:.2g}"])
                bar.ax.set_title(level, fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure


def _window(nodes: Array, field: Array) -> Array:
    """(2, 2) ranges of x and y [m] that hold what is not nearly zero, with a margin, within the body."""
    low, high = nodes.min(axis=0), nodes.max(axis=0)
    busy = nodes[field > 0.02 * field.max()]
    margin = 0.1 * (high - low)
    return np.stack([np.maximum(busy.min(axis=0) - margin, low), np.minimum(busy.max(axis=0) + margin, high)], axis=1)
