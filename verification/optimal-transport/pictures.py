"""Pictures of this study: moments over s, and moving fields beside their truth."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cmgai_fem.states.labels import Array

OURS, EXACT = "#1f5fbf", "#d1495b"


def draw_moments(s: Array, panels: Sequence[tuple[str, Array, Array]]) -> Figure:
    """Quantities over s, ours as points on the exact curve.

    Args:
        s: (T,) pseudo-times.
        panels: name, (T,) ours and (T,) exact values of each panel.
    """
    figure, axes = _panels(len(panels), (3.6, 3.0))
    for axis, (name, ours, exact) in zip(axes, panels, strict=True):
        axis.plot(s, exact, color=EXACT, label="exact")
        axis.plot(s, ours, "o", color=OURS, markersize=3.5, label="transport")
        axis.set_xlabel("pseudo-time s")
        axis.set_ylabel(name)
    axes[0].legend(frameon=False)
    return figure


def draw_profiles(x: Array, panels: Sequence[tuple[str, Array, Array, Array]]) -> Figure:
    """Moving fields on a line at an unseen state: truth, ours and the best rival.

    Args:
        x: (L,) labels.
        panels: title, truth, ours and rival (L,) of each panel.
    """
    figure, axes = _panels(len(panels), (4.6, 3.1))
    for axis, (title, truth, ours, rival) in zip(axes, panels, strict=True):
        axis.plot(x, truth, color="0.6", linewidth=4, label="truth")
        axis.plot(x, rival, color=EXACT, linestyle="--", label="best rival")
        axis.plot(x, ours, color=OURS, label="mass mode")
        axis.set_title(title)
        axis.set_xlabel("x")
    axes[0].legend(frameon=False)
    return figure


def _panels(count: int, size: tuple[float, float]) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(size[0] * count, size[1]), layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    for axis in axes:
        axis.grid(alpha=0.25)
    return figure, axes
