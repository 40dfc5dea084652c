"""Pictures of densities on a square over a state coordinate: side by side, and as an animation."""

from collections.abc import Sequence

from matplotlib.animation import FuncAnimation
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from cmgai_fem.states.labels import Array


def draw_densities(frames: Sequence[Array], times: Array, extent: tuple[float, float, float, float]) -> Figure:
    """Densities side by side, in one scale of colours.

    Args:
        frames: (n1, n2) values on a grid, one array a time.
        times: pseudo-times of the frames.
        extent: least and largest x, then y, of the grid.
    """
    figure = Figure(figsize=(2.6 * len(frames), 2.9), layout="constrained")
    axes = figure.subplots(1, len(frames), squeeze=False)[0]
    top = max(float(frame.max()) for frame in frames)
    for axis, frame, s in zip(axes, frames, times, strict=True):
        image = axis.imshow(frame.T, origin="lower", extent=extent, vmin=0.0, vmax=top, cmap="viridis")
        axis.set_title(f"s = {s:.2f}")
    figure.colorbar(image, ax=axes, label="density", shrink=0.8)
    return figure


def animate_densities(
    frames: Sequence[Array], times: Array, extent: tuple[float, float, float, float]
) -> FuncAnimation:
    """Densities one after the other; arguments as of `draw_densities`."""
    figure = Figure(figsize=(4.2, 4.0), layout="constrained")
    axis = figure.subplots()
    top = max(float(frame.max()) for frame in frames)
    image = axis.imshow(frames[0].T, origin="lower", extent=extent, vmin=0.0, vmax=top, cmap="viridis")
    title = axis.set_title("")
    figure.colorbar(image, ax=axis, label="density", shrink=0.8)

    def draw(index: int) -> list[Artist]:
        image.set_data(frames[index].T)
        title.set_text(f"s = {times[index]:.2f}")
        return [image, title]

    return FuncAnimation(figure, draw, frames=len(frames), blit=False)
