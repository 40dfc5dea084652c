"""Pictures of fields on their labels: curves in 1-D, off-screen renderings of meshes and points in 2-D and 3-D."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from typing import Any

import numpy as np
import pyvista
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import data_at
from cmgai_fem.metrics import von_mises
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.states import States
from cmgai_fem.study.charts import INK
from cmgai_fem.study.paraview import unstructured_grid

FIELD_COLOURS = "viridis"
ERROR_COLOURS = "RdBu_r"
PIXELS = (1000, 750)
# White pixels that are left about what is drawn.
MARGIN = 6
# Where the uppermost values stand so many times as high as these per cent of all, a scale up to them leaves all else in
# one colour: it ends below the peak.
MOST, PEAK = 99.5, 3.0


@dataclass(frozen=True)
class Panel:
    """One picture of a row: its title, the (L,) values and what they are drawn on.

    Args:
        title: what is shown.
        values: (L,) values, in the field's unit.
        colour: colour of a curve; renderings have colour maps.
        displacement: (N, g) displacement of the nodes [m] to draw the body deformed by, or None.
    """

    title: str
    values: Array
    colour: str = INK
    displacement: Array | None = None


def scalar_field(states: States, value: ArrayLike, name: str) -> tuple[Array, str]:
    """One scalar of one state, by the name that `metrics.csv` gives it.

    Args:
        states: the states.
        value: the state.
        name: a field of one component, `<field>_<component>`, or "von_mises" where there is a stress.

    Returns:
        (L,) values and their unit. A field of several components gives its magnitude.

    Raises:
        InputError: the states hold neither the field nor what it follows from.
    """
    row = states.index(value)
    if name in states.fields:
        field = states.fields[name]
        values = field.values[row]
        return (values[:, 0] if values.shape[1] == 1 else np.linalg.norm(values, axis=1)), field.unit
    for parent, field in states.fields.items():
        if name.startswith(f"{parent}_") and name.removeprefix(f"{parent}_") in field.components:
            return field.values[row][:, field.components.index(name.removeprefix(f"{parent}_"))], field.unit
    if name == "von_mises" and "stress" in states.fields:
        return von_mises(states.fields["stress"].values[row]), states.fields["stress"].unit
    raise InputError(f"no field {name!r} to draw; the states have: {', '.join(sorted(states.fields))}")


def draw_fields(labels: Labels, fields: list[Panel], errors: list[Panel], unit: str, name: str = "field") -> Figure:
    """Fields in the first row on one colour scale, errors in the second on another.

    Args:
        labels: the labels that all panels live on.
        fields: the reference and the generated fields.
        errors: signed errors, generated minus reference; each stands below its field, the last ones of `fields`.
        unit: unit of all values.
        name: of the field, for the scales.

    Returns:
        The figure. Labels on a line give curves, all else off-screen renderings.
    """
    fields, errors, unit = in_readable_unit(fields, errors, unit)
    if labels.points.shape[1] == 1:
        return _draw_curves(labels, fields, errors, unit, name)
    low, high, peak = scale_limits(fields)
    rows = [(fields, FIELD_COLOURS, (low, high), (f"{name} [{unit}]" if unit else name) + peak)]
    if errors:
        _, reach, peak = scale_limits([Panel("", np.abs(panel.values)) for panel in errors])
        rows.append((errors, ERROR_COLOURS, (-reach, reach), (f"error [{unit}]" if unit else "error") + peak))
    images = [[render(labels, panel, colours, limits) for panel in panels] for panels, colours, limits, _ in rows]
    count = max(len(fields), len(errors))
    shape = max((image.shape[0] / image.shape[1] for row in images for image in row), default=0.75)
    width = 11.0
    figure = Figure(figsize=(width, len(rows) * (width * 0.9 / count * shape + 0.75)), layout="constrained")
    axes = figure.subplots(len(rows), count, squeeze=False)
    for row, (panels, colours, limits, text) in enumerate(rows):
        for axis in axes[row]:
            axis.set_axis_off()
        for axis, panel, image in zip(axes[row, count - len(panels) :], panels, images[row], strict=True):
            axis.imshow(image)
            axis.set_title(panel.title, fontsize=9.5, color=INK)
        mappable = ScalarMappable(Normalize(*limits), colours)
        bar = figure.colorbar(mappable, ax=list(axes[row]), orientation="vertical", fraction=0.025, pad=0.01, aspect=22)
        bar.set_label(text, fontsize=8.5, color=INK)
        bar.ax.tick_params(labelsize=8, colors=INK)
        bar.outline.set_visible(False)
    return figure


def in_readable_unit(fields: list[Panel], errors: list[Panel], unit: str) -> tuple[list[Panel], list[Panel], str]:
    """Fields and errors with their unit as engineers read them: stresses in MPa, all else as it is."""
    if unit != "Pa" or max(float(np.max(np.abs(panel.values))) for panel in fields) < 1e5:
        return fields, errors, unit
    scaled = [[replace(panel, values=1e-6 * panel.values) for panel in panels] for panels in (fields, errors)]
    return scaled[0], scaled[1], "MPa"


def render(labels: Labels, panel: Panel, colours: str, limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Off-screen rendering of one panel, cropped to the body.

    Args:
        labels: the labels, in 2-D or 3-D.
        panel: what to draw.
        colours: name of a matplotlib colour map.
        limits: values at its two ends.

    Returns:
        (h, w, 3) picture on white.
    """
    return _renderer().submit(_render_panel, labels, panel, colours, limits).result()


@cache
def _renderer() -> ProcessPoolExecutor:
    """One process that renders, for as long as this one lives.

    Software rendering (Mesa) and torch's compiler (triton) each bring an LLVM; a process that renders first and loads
    triton later ends in a segmentation fault. A fresh interpreter, not a fork, has neither.
    """
    return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))


def _render_panel(labels: Labels, panel: Panel, colours: str, limits: tuple[float, float]) -> NDArray[np.uint8]:
    grid = unstructured_grid(labels)
    if panel.displacement is not None:
        grid.points[:, : panel.displacement.shape[1]] += panel.displacement
    data_at(grid, labels.location)["shown"] = panel.values
    bare = not labels.cells
    flat = bool(np.ptp(grid.points[:, 2]) == 0.0)
    # Without a display VTK warns of the X server before it takes EGL or OSMesa; errors still show.
    with pyvista.vtk_verbosity("error"):
        return _render(grid, flat, bare, colours, limits)


def _render(
    grid: pyvista.UnstructuredGrid, flat: bool, bare: bool, colours: str, limits: tuple[float, float]
) -> NDArray[np.uint8]:
    plotter = pyvista.Plotter(off_screen=True, window_size=list(PIXELS), lighting="light kit")
    plotter.set_background("white")
    surface = grid if bare or flat else grid.extract_surface(algorithm="dataset_surface")
    plotter.add_mesh(
        surface,
        scalars="shown",
        cmap=colours,
        clim=list(limits),
        show_scalar_bar=False,
        lighting=not flat,
        # VTK adds the two even without lights: their sum must be one, or the colours are not the map's.
        ambient=1.0 if flat else 0.6,
        diffuse=0.0 if flat else 0.4,
        specular=0.0,
        point_size=9.0,
        line_width=4.0,
        render_points_as_spheres=bare,
    )
    if not bare:
        outline = surface.extract_feature_edges(feature_angle=40.0, manifold_edges=False)
        if outline.n_cells:
            plotter.add_mesh(outline, color=INK, line_width=1.5, lighting=False)
    plotter.enable_parallel_projection()
    if flat:
        plotter.view_xy()
    else:
        plotter.view_vector((-0.55, -1.0, 0.6), viewup=(0.0, 0.0, 1.0))
    # Panels are shown at about half their size, which smooths edges for nothing; software renderers pay for more.
    plotter.disable_anti_aliasing()
    plotter.reset_camera()
    image = np.asarray(plotter.screenshot(return_img=True))
    plotter.close()
    return _crop(image)


def _crop(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    drawn = np.any(image[..., :3] < 250, axis=2)
    if not drawn.any():
        return image[..., :3]
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    top, left = max(rows[0] - MARGIN, 0), max(columns[0] - MARGIN, 0)
    return image[top : rows[-1] + MARGIN + 1, left : columns[-1] + MARGIN + 1, :3]


def scale_limits(panels: list[Panel]) -> tuple[float, float, str]:
    """Ends of a colour scale, and what is to be said of values beyond its upper one."""
    values = np.concatenate([panel.values for panel in panels])
    low, high, most = float(values.min()), float(values.max()), float(np.percentile(values, MOST))
    if low < most and high - low > PEAK * (most - low):
        return low, most, f",\npeak {high:.3g}"
    return (low, high, "") if high > low else (low, low + 1.0, "")


def _draw_curves(labels: Labels, fields: list[Panel], errors: list[Panel], unit: str, name: str) -> Figure:
    figure = Figure(figsize=(11.0, 4.0), layout="constrained")
    axes = figure.subplots(1, 2 if errors else 1, squeeze=False)[0]
    for axis, panels, text in zip(axes, (fields, errors), (name, "error"), strict=False):
        for index, panel in enumerate(panels):
            # The reference is a broad band; later curves are dashed ever shorter, so that equal ones all show.
            band = panels is fields and index == 0
            rank = index if panels is fields else index + 1
            dash = "-" if rank < 2 else (0, (8 - 2 * min(rank, 3), 2))
            draw_curve(axis, labels, panel, 5.0 if band else 1.5, 0.25 if band else 1.0, dash)
        axis.set_xlabel("label [m]")
        axis.set_ylabel(f"{text} [{unit}]" if unit else text)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=8.5)
    return figure


def draw_curve(axis: Axes, labels: Labels, panel: Panel, width: float, opacity: float, dash: Any) -> None:
    """Draw one panel over labels on a line [m], with its line width, opacity and matplotlib dash."""
    if labels.location == "cell":
        centres = [labels.points[block, 0].mean(axis=1) for block in labels.cells.values()]
        positions = np.concatenate(centres)
    else:
        positions = labels.points[:, 0]
    order = np.argsort(positions)
    title = panel.title.replace("\n", ", ")
    axis.plot(positions[order], panel.values[order], color=panel.colour, lw=width, alpha=opacity, ls=dash, label=title)
