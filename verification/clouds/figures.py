"""Pictures of clouds: those that were held out beside what was generated of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from cmgai_fem.states.labels import Array

# Steps of which there is a picture.
MOST = 4
COLOURS = ("#1f2933", "#0b5394", "#b45f06")


def draw(
    known: Sequence[Array], truth: Sequence[Array], made: Mapping[str, Sequence[Array]], times: Sequence[float]
) -> Figure:
    """A row for the held-out clouds and for each way to generate them, a column a step; known clouds in grey.

    Args:
        known: (N, 2) clouds.
        truth: (N, 2) held-out cloud of each step.
        made: clouds of each step by what made them.
        times: the steps.
    """
    shown = range(min(len(times), MOST))
    rows = {"held out": truth, **made}
    everywhere = np.concatenate([*known, *truth])
    wide, high = np.ptp(everywhere, axis=0)
    height = np.clip(2.6 * high / wide, 1.2, 3.0) + 0.25
    figure = Figure(figsize=(2.6 * len(shown), height * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), len(shown), sharex=True, sharey=True, squeeze=False)
    for line, (name, clouds), colour in zip(axes, rows.items(), COLOURS, strict=False):
        for axis, column in zip(line, shown, strict=True):
            axis.plot(*np.concatenate(list(known)).T, ".", ms=1.0, color="#cbd2d9", zorder=0)
            axis.plot(*clouds[column].T, ".", ms=2.2, color=colour)
            axis.set_aspect("equal")
            axis.tick_params(labelsize=7)
            axis.spines[["top", "right"]].set_visible(False)
            if name == "held out":
                axis.set_title(f"step {times[column]:g}", fontsize=9)
        line[0].set_ylabel(name, fontsize=9)
    return figure
