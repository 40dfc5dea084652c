"""Small bodies with fields that are known exactly, as files."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyvista

from cmgai_fem.files.pieces import write_list
from cmgai_fem.files.writers import write_grid

VALUES = (100.0, 250.0, 400.0, 550.0, 700.0)


def block(divisions=2, size=(2.0, 1.0, 0.5)):
    """A block of hexahedra."""
    counts = np.array([2 * divisions, divisions, divisions]) + 1
    image = pyvista.ImageData(dimensions=counts, spacing=np.array(size) / (counts - 1))
    return image.cast_to_unstructured_grid()


def stress_at(points, value):
    """A symmetric tensor, a polynomial of third degree in the state value [Pa]."""
    s = (value - 400.0) / 300.0
    x, y, z = np.asarray(points, dtype=float).T
    columns = (x * s, y * s**2, z * s**3, x * y + s, (x - y) * s**2, z + 0.5 * s**3)
    return 1e6 * np.column_stack(columns)


def write_state(path, value, grid=None, location="point", name="stress"):
    """A snapshot of the block at one state value."""
    grid = (block() if grid is None else grid).copy()
    places = grid.points if location == "point" else grid.cell_centers().points
    data = grid.point_data if location == "point" else grid.cell_data
    data[name] = stress_at(places, value)
    grid.point_data["temperature"] = np.full(grid.n_points, value)
    grid.cell_data["material"] = np.arange(grid.n_cells)
    write_grid(path, grid, {}, value)
    return path


def write_states(folder, suffix=".vtu", values=VALUES, grid=None, location="point"):
    """Snapshots of the block at several state values."""
    return [write_state(folder / f"run_T={value:g}{suffix}", value, grid, location) for value in values]


def pieced_field(points: np.ndarray, value: float) -> np.ndarray:
    """(L, 2) a field that depends on the state unlike at every place."""
    x, y, z = points.T
    return np.column_stack([np.sin(0.4 * value * (1.0 + x)) + y, np.exp(-0.3 * value * (0.5 + z)) * (1.0 + x * y)])


def in_pieces(folder: Path, count: int, values: Sequence[float] = (1.0, 2.0, 3.0, 4.0, 5.0)) -> list[Path]:
    """A bar of 6 x 3 x 3 cells, cut along x, one .pvtu a state with its .vtu beside."""
    paths = []
    cuts = np.linspace(0, 6, count + 1).astype(int)
    for value in values:
        for number, (first, last) in enumerate(pairwise(cuts)):
            image = pyvista.ImageData(
                dimensions=(last - first + 1, 4, 4), spacing=(0.2,) * 3, origin=(0.2 * first, 0, 0)
            )
            grid = image.cast_to_unstructured_grid()
            grid.point_data["f"] = pieced_field(np.asarray(grid.points), value)
            grid.save(folder / f"s={value:g}_{number}.vtu")
        paths.append(folder / f"s={value:g}.pvtu")
        write_list(paths[-1], grid, count)
    return paths
