"""Small bodies with fields that are known exactly, as files."""

import numpy as np
import pyvista

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
