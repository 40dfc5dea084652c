"""Pictures of the gauntlet: performance profiles, and estimates against true errors."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from cmgai_fem.states.labels import Array
from cmgai_fem.study.charts import INK, QUIET, method_colour
from cmgai_fem.study.names import method_name

from .answers import OURS
from .cases import BEYOND, INSIDE
from .measures import FLOOR, Target

FARTHEST = 100.0
# A method that admits a smaller share of the cases is not drawn.
DRAWN = 0.5
BLUE, ORANGE, RED = "#0b5394", "#c2410c", "#b42318"


def draw_profiles(profiles: Mapping[str, Mapping[str, Array]]) -> Figure:
    """Performance profiles, one chart a zone.

    Args:
        profiles: for each zone, ratios of the error to the least of all methods (cases,) by method.
    """
    figure = Figure(figsize=(11.0, 4.2), layout="constrained")
    axes = figure.subplots(1, len(profiles), squeeze=False)[0]
    for axis, (title, ratios) in zip(axes, profiles.items(), strict=True):
        for method in sorted(ratios, key=lambda method: method == OURS):
            values = np.sort(ratios[method])
            if np.mean(np.isfinite(values)) < DRAWN:
                continue
            steps = np.concatenate([[1.0], values[values <= FARTHEST], [FARTHEST]])
            shares = np.searchsorted(values, steps, side="right") / len(values)
            ours = method == OURS
            axis.step(steps, 100.0 * shares, where="post", color=BLUE if ours else method_colour(method),
                      linewidth=2.6 if ours else 1.1, label=method_name(method))  # fmt: skip
        axis.set_xscale("log")
        axis.set_xlim(1.0, FARTHEST)
        axis.set_ylim(0.0, 102.0)
        axis.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
        axis.set_xlabel("error over that of the best method", fontsize=9, color=INK)
        axis.set_ylabel("share of the cases, %", fontsize=9, color=INK)
        _finish(axis, title)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside right center", frameon=False, fontsize=8.5)
    return figure


def draw_honesty(targets: Sequence[Target]) -> Figure:
    """Our estimate over the true error of every generated state, in % of the range, on logarithmic axes."""
    figure = Figure(figsize=(7.4, 5.2), layout="constrained")
    axis = figure.subplots()
    floor = 100.0 * FLOOR
    styles = {INSIDE: (BLUE, "o", "between the known states"), BEYOND: (ORANGE, "D", "beyond them")}
    for zone, (colour, marker, text) in styles.items():
        pairs = [(t.error, t.estimate) for t in targets if t.zone == zone and np.isfinite(t.estimate)]
        if pairs:
            errors, estimates = np.maximum(100.0 * np.array(pairs).T, floor)
            axis.plot(errors, estimates, marker, color=colour, markersize=4.5, alpha=0.75, label=text)
    span = np.array(
        [floor / 1.5, 100.0 * max(max(t.error, t.estimate) for t in targets if np.isfinite(t.estimate)) * 2]
    )
    axis.plot(span, span, color=QUIET, linewidth=0.9)
    below = np.array([3.0 * span[0], span[1]])
    axis.fill_between(below, span[0], below / 3.0, color=RED, alpha=0.06, linewidth=0.0)
    axis.plot(span, span / 3.0, color=RED, linewidth=1.2, label="error = 3 estimates")
    axis.plot(span, span * 10.0, color=QUIET, linewidth=1.2, linestyle="--", label="estimate = 10 errors")
    axis.set(xscale="log", yscale="log", xlim=span, ylim=span)
    for each in (axis.xaxis, axis.yaxis):
        each.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_xlabel(f"true error, % of the known range (at least {floor:g})", fontsize=9, color=INK)
    axis.set_ylabel("our estimate, %", fontsize=9, color=INK)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8.5)
    _finish(axis, "")
    return figure


def _finish(axis: Axes, title: str) -> None:
    axis.set_title(title, fontsize=10, color=INK, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(QUIET)
    axis.tick_params(labelsize=8.5, colors=INK, which="both")
    axis.minorticks_off()
    axis.grid(color="#e4e7eb", linewidth=0.8)
    axis.set_axisbelow(True)
