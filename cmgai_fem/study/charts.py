"""Charts of a results folder: NRMSE over the state coordinate and the training history."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from scipy.spatial import ConvexHull

from cmgai_fem.states.labels import Array
from cmgai_fem.study.names import method_name

INK = "#1f2933"
QUIET = "#9aa5b1"
# Ours stand out; rivals share muted colours and are told apart by their markers as well.
STYLES: dict[str, tuple[str, str]] = {
    "fem": ("#0b5394", "o"),
    "pinn": ("#c2410c", "D"),
    "linear": ("#7b8794", "v"),
    "natural_spline": ("#5b8c5a", "^"),
    "not_a_knot": ("#8a6fb0", "s"),
    "polynomial": ("#b8860b", "P"),
    "pchip": ("#4f9da6", "<"),
    "pod_rbf": ("#a0522d", ">"),
    "pod_gpr": ("#6b7fc4", "X"),
    "fpca_gpr": ("#c06c9b", "*"),
    "thin_plate_spline": ("#5b8c5a", "^"),
    "response_surface": ("#b8860b", "P"),
    "grid_spline": ("#8a6fb0", "s"),
    "convex_stack": ("#52606d", "h"),
}
OURS = ("fem", "pinn")


def method_colour(method: str) -> str:
    """The colour that a method has in every chart."""
    return STYLES.get(method, (QUIET, "."))[0]


@dataclass(frozen=True)
class Curve:
    """Error of one method over the state coordinate.

    Args:
        method: its name in `metrics.csv`.
        states: state coordinates.
        nrmse: NRMSE at each, dimensionless.
    """

    method: str
    states: tuple[float, ...]
    nrmse: tuple[float, ...]


def draw_errors(curves: Mapping[str, Sequence[Curve]], known: Sequence[float], axis_label: str) -> Figure:
    """NRMSE over the state coordinate, on a logarithmic axis, one chart a field; the first is the large one.

    Args:
        curves: the curves of each field, by the field's name.
        known: known states, marked by vertical lines.
        axis_label: name and unit of the state coordinate.

    Returns:
        The figure.
    """
    names = list(curves)
    rows = 1 + (len(names) - 1 + 2) // 3
    figure = Figure(figsize=(11.0, 4.3 + 2.5 * (rows - 1)), layout="constrained")
    grid = figure.add_gridspec(rows, 3, height_ratios=[4.3, *[2.5] * (rows - 1)])
    first = figure.add_subplot(grid[0, :])
    _draw_error_chart(first, names[0], curves[names[0]], known)
    first.set_xlabel(axis_label, fontsize=9, color=INK)
    handles, labels = first.get_legend_handles_labels()
    first.legend(handles, labels, loc="center left", bbox_to_anchor=(1.005, 0.5), frameon=False, fontsize=8.5)
    for index, name in enumerate(names[1:]):
        axis = figure.add_subplot(grid[1 + index // 3, index % 3])
        _draw_error_chart(axis, name, curves[name], known)
    return figure


def _draw_error_chart(axis: Axes, title: str, curves: Sequence[Curve], known: Sequence[float]) -> None:
    for value in known:
        label = "known state" if value == known[0] else None
        axis.axvline(value, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)), label=label)
    for curve in sorted(curves, key=lambda curve: curve.method in OURS):
        colour, marker = STYLES.get(curve.method, (QUIET, "."))
        ours = curve.method in OURS
        # PINN and FEM often coincide: the open marker leaves the other one visible.
        axis.plot(
            curve.states,
            [100.0 * error if error > 0.0 else math.nan for error in curve.nrmse],
            color=colour,
            marker=marker,
            markersize=7.0 if curve.method == "pinn" else 5.0,
            markerfacecolor="none" if curve.method == "pinn" else colour,
            linewidth=2.0 if ours else 0.9,
            alpha=1.0 if ours else 0.85,
            linestyle="--" if curve.method == "pinn" else "-",
            label=method_name(curve.method),
        )
    if any(error > 0.0 for curve in curves for error in curve.nrmse):
        _set_log_scale(axis)
    axis.set_title(title, fontsize=10, color=INK, loc="left")
    axis.set_ylabel("NRMSE [%]", fontsize=9, color=INK)
    quiet(axis)


def draw_places(
    known: Array, errors: Mapping[str, Sequence[tuple[Sequence[float], float]]], axes: Sequence[str]
) -> Figure:
    """The plane of two state coordinates: known states, their hull, and the error at each held-out state.

    Args:
        known: (K, 2) known states.
        errors: (state, NRMSE) pairs of each field, by its name.
        axes: names and units of the coordinates.
    """
    hull = known[ConvexHull((known - known.min(axis=0)) / np.ptp(known, axis=0)).vertices]
    figure = Figure(figsize=(5.2 * len(errors), 4.0), layout="constrained")
    for axis, (name, pairs) in zip(figure.subplots(1, len(errors), squeeze=False)[0], errors.items(), strict=True):
        axis.fill(*hull.T, facecolor="#eef4fb", edgecolor=QUIET, linewidth=0.8)
        axis.plot(*known.T, "o", color=INK, markersize=5, label="known")
        for place, error in pairs:
            axis.plot(*place, "D", color=method_colour("fem"), markersize=5)
            text = f"{100 * error:.2g} %"
            axis.annotate(text, place, xytext=(5, 4), textcoords="offset points", fontsize=8, color=INK)
        axis.plot([], [], "D", color=method_colour("fem"), markersize=5, label="generated: NRMSE")
        axis.set_title(name, fontsize=10, loc="left", color=INK)
        axis.set_xlabel(axes[0], fontsize=9, color=INK)
        axis.set_ylabel(axes[1], fontsize=9, color=INK)
        axis.margins(0.12)
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, -0.32), ncols=2, frameon=False, fontsize=8)
        quiet(axis)
    return figure


def draw_training(histories: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """Loss over the training steps, on a logarithmic axis.

    Args:
        histories: (step, loss) pairs of each training run, by its name.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(11.0, 3.2), layout="constrained")
    axis = figure.subplots()
    for index, (name, points) in enumerate(histories.items()):
        # Equal histories are common; a dash on every second one leaves both visible.
        dash = "--" if index % 2 else "-"
        axis.plot([step for step, _ in points], [loss for _, loss in points], dash, linewidth=1.6, label=name)
    if any(loss > 0.0 for points in histories.values() for _, loss in points):
        _set_log_scale(axis)
    axis.set_xlabel("step", fontsize=9, color=INK)
    axis.set_ylabel("loss", fontsize=9, color=INK)
    axis.legend(loc="center left", bbox_to_anchor=(1.005, 0.5), frameon=False, fontsize=8.5)
    quiet(axis)
    return figure


def _set_log_scale(axis: Axes) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def quiet(axis: Axes) -> None:
    """Leave of an axis what is read."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(QUIET)
    axis.tick_params(labelsize=8.5, colors=INK, which="both")
    axis.grid(axis="y", color="#e4e7eb", linewidth=0.8)
    axis.set_axisbelow(True)
