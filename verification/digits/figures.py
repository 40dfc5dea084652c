"""Pictures of the digits study: grids side by side, the way from noise to digit, and mass moving between two images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from cmgai_fem.writing import whole_file

from .images import SIDE
from .methods import Generated

Array = NDArray[np.float64]

ENLARGEMENT = 16


def mosaic(images: Array, columns: int) -> Array:
    """One picture of images (n, 64), grey values clipped to [0, 1], with a pixel of space between; rows are filled."""
    rows = len(images) // columns
    tile = np.ones((rows * (SIDE + 1) + 1, columns * (SIDE + 1) + 1)) * 0.6
    for index, image in enumerate(images[: rows * columns]):
        row, column = divmod(index, columns)
        top, left = row * (SIDE + 1) + 1, column * (SIDE + 1) + 1
        tile[top : top + SIDE, left : left + SIDE] = 1.0 - np.clip(image.reshape(SIDE, SIDE), 0.0, 1.0)
    return tile


def picture_grids(real: Array, generated: Sequence[Generated], title: str) -> Figure:
    """Grids of ten columns, one a digit, of real images (n, 64) and of each method's first n images."""
    figure = Figure(figsize=(3.2 * (len(generated) + 1), 0.34 * len(real) / 10 + 0.8), layout="constrained")
    axes = figure.subplots(1, len(generated) + 1)
    panels = [("test images", real), *((item.method, item.images[: len(real)]) for item in generated)]
    for axis, (name, images) in zip(axes, panels, strict=True):
        axis.imshow(mosaic(images, 10), cmap="gray", vmin=0.0, vmax=1.0)
        axis.set_title(name, fontsize=10)
        axis.set_axis_off()
    figure.suptitle(title, fontsize=11)
    return figure


def picture_ways(generated: Sequence[Generated], title: str) -> Figure:
    """The way of each image from noise to digit: a row an image, a column a pseudo-time."""
    moving = [item for item in generated if len(item.way)]
    figure = Figure(figsize=(4.4 * len(moving), 0.45 * moving[0].way.shape[1] + 0.8), layout="constrained")
    for axis, item in zip(figure.subplots(1, len(moving), squeeze=False)[0], moving, strict=True):
        frames = item.way.transpose(1, 0, 2).reshape(-1, item.way.shape[2])
        axis.imshow(mosaic(frames, len(item.way)), cmap="gray", vmin=0.0, vmax=1.0)
        axis.set_title(item.method, fontsize=10)
        axis.set_axis_off()
    figure.suptitle(title, fontsize=11)
    return figure


def picture_interpolation(frames: Array, faded: Array) -> Figure:
    """Frames (T, h, w) of moving mass above the frames (T, h, w) of plain fading, on one grey scale."""
    figure = Figure(figsize=(1.2 * len(frames), 2.8), layout="constrained")
    axes = figure.subplots(2, len(frames))
    for row, (name, series) in enumerate((("mass moves", frames), ("grey fades", faded))):
        for axis, frame in zip(axes[row], series, strict=True):
            axis.imshow(-frame, cmap="gray", vmin=-max(frames[0].max(), frames[-1].max()), vmax=0.0)
            axis.set_xticks([])
            axis.set_yticks([])
        axes[row, 0].set_ylabel(name, fontsize=9)
    return figure


def write_gif(path: Path, frames: Array) -> None:
    """Write frames (T, h, w) as a GIF that runs to and fro."""
    brightest = max(frames[0].max(), frames[-1].max())
    grey = 255.0 * (1.0 - np.clip(frames / brightest, 0.0, 1.0))
    enlarged = grey.astype(np.uint8).repeat(ENLARGEMENT, axis=1).repeat(ENLARGEMENT, axis=2)
    pictures = [Image.fromarray(frame) for frame in (*enlarged, *enlarged[-2:0:-1])]
    with whole_file(path) as temporary:
        pictures[0].save(temporary, format="GIF", save_all=True, append_images=pictures[1:], duration=90, loop=0)
