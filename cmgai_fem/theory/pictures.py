"""Pictures of the theory studies: densities over time, still and animated, and moving fields beside their truth."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import animation
from matplotlib import pyplot as plt
from matplotlib.artist import Artist

from cmgai_fem.states.states import Array

OURS, EXACT = "#1f5fbf", "#d1495b"


def draw_density_strip(path: Path, frames: Sequence[Array], times: Array, extent: Sequence[float]) -> None:
    """Densities (n1, n2) at some times, side by side."""
    figure, axes = plt.subplots(1, len(frames), figsize=(2.6 * len(frames), 2.9), layout="constrained")
    top = max(float(frame.max()) for frame in frames)
    for axis, frame, s in zip(axes, frames, times, strict=True):
        image = axis.imshow(frame.T, origin="lower", extent=extent, vmin=0.0, vmax=top, cmap="viridis")
        axis.set_title(f"s = {s:.2f}")
    figure.colorbar(image, ax=axes, label="density", shrink=0.8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def animate_density(path: Path, frames: Sequence[Array], times: Array, extent: Sequence[float]) -> None:
    """Densities (n1, n2) over time, as an animated GIF."""
    figure, axis = plt.subplots(figsize=(4.2, 4.0), layout="constrained")
    top = max(float(frame.max()) for frame in frames)
    image = axis.imshow(frames[0].T, origin="lower", extent=extent, vmin=0.0, vmax=top, cmap="viridis")
    title = axis.set_title("")
    figure.colorbar(image, ax=axis, label="density", shrink=0.8)

    def draw(index: int) -> list[Artist]:
        image.set_data(frames[index].T)
        title.set_text(f"s = {times[index]:.2f}")
        return [image, title]

    moving = animation.FuncAnimation(figure, draw, frames=len(frames), blit=False)
    moving.save(path, writer=animation.PillowWriter(fps=12))
    plt.close(figure)


def draw_curves(
    path: Path, s: Array, panels: Sequence[tuple[str, Array, Array]], labels: tuple[str, str] = ("transport", "exact")
) -> None:
    """Quantities over s, ours as points on the exact curve.

    Args:
        path: picture to write.
        s: (T,) pseudo-times.
        panels: name, (T,) ours and (T,) exact values of each panel.
        labels: of the points and of the curve.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 3.0), layout="constrained", squeeze=False)
    for axis, (name, ours, exact) in zip(axes[0], panels, strict=True):
        axis.plot(s, exact, color=EXACT, label=labels[1])
        axis.plot(s, ours, "o", color=OURS, markersize=3.5, label=labels[0])
        axis.set_xlabel("pseudo-time s")
        axis.set_ylabel(name)
        axis.grid(alpha=0.25)
    axes[0][0].legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_profiles(path: Path, x: Array, panels: Sequence[tuple[str, Array, Array, Array]], rival: str) -> None:
    """Moving fields on a line at an unseen state: truth, ours and the best rival.

    Args:
        path: picture to write.
        x: (L,) labels.
        panels: title, truth, ours and rival (L,) of each panel.
        rival: name of the best rival.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.1), layout="constrained", squeeze=False)
    for axis, (title, truth, ours, other) in zip(axes[0], panels, strict=True):
        axis.plot(x, truth, color="0.6", linewidth=4, label="truth")
        axis.plot(x, other, color=EXACT, linestyle="--", label=rival)
        axis.plot(x, ours, color=OURS, label="mass mode")
        axis.set_title(title)
        axis.set_xlabel("x")
        axis.grid(alpha=0.25)
    axes[0][0].legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_orders(path: Path, curves: Sequence[tuple[str, Array, Array]], axis_label: str) -> None:
    """Errors over step sizes, log-log, one curve a law; the slope is the order."""
    figure, axis = plt.subplots(figsize=(4.8, 3.6), layout="constrained")
    for name, sizes, errors in curves:
        order = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
        axis.loglog(sizes, errors, "o-", markersize=4, label=f"{name} (order {order:.2f})")
    axis.set_xlabel(axis_label)
    axis.set_ylabel("relative L2 error")
    axis.grid(alpha=0.25, which="both")
    axis.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
