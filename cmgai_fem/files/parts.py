"""Parts of one body: the pieces of a parallel run, the blocks of a collection, grids without some of their cells."""

from collections.abc import Sequence

import numpy as np
import pyvista
from vtkmodules.vtkFiltersCore import vtkAppendFilter

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import names_of, set_names
from cmgai_fem.states.labels import BoolArray, IntArray

# Arrays by which the writers of pieces number the nodes of the whole body.
NODE_NUMBERS = ("GlobalNodeIds", "GlobalNodeId", "vtkOriginalPointIds")
CELL_NUMBERS = ("GlobalElementIds", "GlobalElementId", "GlobalCellIds", "vtkOriginalCellIds")
GHOSTS = "vtkGhostType"
# Bits of VTK's ghost types that say that a cell is another piece's, or hidden.
DUPLICATE_OR_HIDDEN = 1 | 32
POLYHEDRON = 42


def join(grids: Sequence[pyvista.DataSet]) -> pyvista.UnstructuredGrid:
    """One grid of several, each field NaN on the parts that lack it.

    Nodes become one only where the parts number them as nodes of one body and agree on their places: two that merely
    lie at one place may be the two sides of a crack or a contact.
    """
    parts = [grid.cast_to_unstructured_grid() for grid in grids]
    if len(parts) == 1:
        return parts[0]
    for place in ("point_data", "cell_data"):
        _even_out([getattr(part, place) for part in parts])
    filter_ = vtkAppendFilter()
    filter_.MergePointsOff()
    for part in parts:
        filter_.AddInputData(part)
    filter_.Update()
    whole = pyvista.wrap(filter_.GetOutput())
    for name in NODE_NUMBERS:
        if name in whole.point_data:
            whole = _renumbered(whole, np.asarray(whole.point_data[name]))
            break
    for name in (*NODE_NUMBERS, *CELL_NUMBERS):
        for data in (whole.point_data, whole.cell_data):
            if name in data:
                del data[name]
    return whole


def without_ghosts(grid: pyvista.DataSet) -> pyvista.DataSet:
    """A grid without cells that are other pieces' or hidden, and without nodes of such cells alone."""
    marks = grid.cell_data.get(GHOSTS)
    if marks is not None and np.any(np.asarray(marks) & DUPLICATE_OR_HIDDEN):
        whole = grid.cast_to_unstructured_grid()
        kept = (np.asarray(marks) & DUPLICATE_OR_HIDDEN) == 0
        owners = np.repeat(kept, np.diff(np.asarray(whole.cell_offsets)))
        nodes = np.ones(whole.n_points, dtype=bool)
        nodes[np.asarray(whole.cell_connectivity)] = False
        nodes[np.asarray(whole.cell_connectivity)[owners]] = True
        grid = some_of(whole, kept, nodes)
    for data in (grid.point_data, grid.cell_data):
        if GHOSTS in data:
            del data[GHOSTS]
    return grid


def some_of(grid: pyvista.UnstructuredGrid, cells: BoolArray, nodes: BoolArray) -> pyvista.UnstructuredGrid:
    """The cells and nodes of a grid that are marked, in their order; no marked cell has an unmarked node.

    Raises:
        InputError: there are polyhedra, whose faces are not kept.
    """
    types, offsets = np.asarray(grid.celltypes), np.asarray(grid.cell_offsets)
    if np.any(types == POLYHEDRON):
        raise InputError("cells cannot be left out of a mesh of polyhedra: write it without them")
    connectivity, sizes = np.asarray(grid.cell_connectivity), np.diff(offsets)
    numbers = np.cumsum(nodes) - 1
    kept = numbers[connectivity[np.repeat(cells, sizes)]]
    result = pyvista.UnstructuredGrid(_padded(kept, sizes[cells]), types[cells], np.asarray(grid.points)[nodes])
    for place, rows in (("point_data", nodes), ("cell_data", cells)):
        for name, array in getattr(grid, place).items():
            _copy(getattr(result, place), name, array, rows)
    for name, array in grid.field_data.items():
        result.field_data[name] = array
    return result


def _padded(connectivity: IntArray, sizes: IntArray) -> IntArray:
    """Cells as VTK's old list: before each its number of nodes."""
    starts = np.cumsum(sizes) - sizes
    return np.insert(connectivity, starts, sizes)


def _copy(
    data: pyvista.DataSetAttributes, name: str, array: pyvista.pyvista_ndarray, rows: BoolArray | IntArray
) -> None:
    data[name] = np.asarray(array)[rows]
    set_names(data[name], names_of(array))


def _even_out(each: Sequence[pyvista.DataSetAttributes]) -> None:
    """Give every part every field, NaN where it had none."""
    known = {name: array for data in each for name, array in data.items() if array.dtype.kind in "fiub"}
    for data in each:
        rows = data.dataset.n_points if data.association.name == "POINT" else data.dataset.n_cells
        for name, array in known.items():
            if name not in data:
                data[name] = np.full((rows, *array.shape[1:]), np.nan)
                set_names(data[name], names_of(array))
            elif data[name].shape[1:] != array.shape[1:]:
                raise InputError(f"the parts of the body disagree on the components of the field {name!r}")


def _renumbered(grid: pyvista.UnstructuredGrid, numbers: IntArray) -> pyvista.UnstructuredGrid:
    """The grid with nodes of one number made one; the grid itself where those lie at different places."""
    _, first, rows = np.unique(numbers, return_index=True, return_inverse=True)
    points = np.asarray(grid.points)
    apart = np.linalg.norm(points - points[first][rows], axis=1).max()
    if apart > 1e-9 * (float(np.ptp(points, axis=0).max()) or 1.0) or len(first) == len(numbers):
        return grid
    sizes = np.diff(np.asarray(grid.cell_offsets))
    cells = _padded(rows[np.asarray(grid.cell_connectivity)], sizes)
    result = pyvista.UnstructuredGrid(cells, np.asarray(grid.celltypes), points[first])
    for name, array in grid.point_data.items():
        _copy(result.point_data, name, array, first)
    for name, array in grid.cell_data.items():
        _copy(result.cell_data, name, array, np.arange(grid.n_cells))
    for name, array in grid.field_data.items():
        result.field_data[name] = array
    return result
