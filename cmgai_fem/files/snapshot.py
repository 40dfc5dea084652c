"""A snapshot: one state of one body as a file holds it, a VTK grid with its fields and its own time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvista

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import USUAL, data_at, names_of
from cmgai_fem.files.trust import printable
from cmgai_fem.states.labels import (
    NODES_PER_CELL,
    SIZE_NAMES,
    VTK_CELLS,
    VTK_DIMENSION,
    Array,
    IntArray,
    Labels,
    unit_size,
)

type Grid = pyvista.UnstructuredGrid | pyvista.PolyData

CELL_NAMES = {number: name for name, number in VTK_CELLS.items()}
# Cells of images and rectilinear grids, as the quads and hexahedra that they are: VTK numbers their nodes along rows.
BOXES: dict[int, tuple[str | None, list[int] | slice]] = {
    8: ("quad", [0, 1, 3, 2]),
    11: ("hexahedron", [0, 1, 3, 2, 4, 5, 7, 6]),
}
# Nodes outside every cell of the body's own dimension stand for this fraction of the smallest volume: they are
# generated like all others and weigh nothing in any mean.
IDLE_WEIGHT = 1e-6


@dataclass(frozen=True)
class Snapshot:
    """One state as a file holds it.

    Args:
        path: the file.
        grid: mesh and fields; coordinates in the file's own unit.
        time: the file's own time or step value; None where it has none.
        node_ids: (N,) the file's own numbers of the nodes; None where it counts them from 0.
        cell_ids: (C,) those of the cells.
    """

    path: Path
    grid: Grid
    time: float | None = None
    node_ids: IntArray | None = None
    cell_ids: IntArray | None = None

    @property
    def name(self) -> str:
        """The file's name as it may be printed, with the time where one file holds several states."""
        return printable(self.path.name)


def check_grid(path: Path, grid: Grid) -> Grid:
    """Refuse a grid whose cells or fields do not fit each other; VTK's own filters would crash on them."""
    name = printable(str(path))
    if grid.n_points == 0:
        raise InputError(f"{name}: holds no nodes")
    if not np.all(np.isfinite(grid.points)):
        raise InputError(f"{name}: node {int(np.argwhere(~np.isfinite(grid.points))[0][0])} has no finite coordinates")
    if isinstance(grid, pyvista.PolyData):
        arrays = (grid.GetVerts(), grid.GetLines(), grid.GetPolys(), grid.GetStrips())
        for array in arrays:
            _check_connectivity(name, pyvista.convert_array(array.GetConnectivityArray()), grid.n_points)
    else:
        _check_connectivity(name, grid.cell_connectivity, grid.n_points)
        _check_types(name, grid)
    for data, count in ((grid.point_data, grid.n_points), (grid.cell_data, grid.n_cells)):
        for key, array in data.items():
            if len(array) != count:
                raise InputError(f"{name}: field {printable(key)!r} has {len(array)} values for {count} places")
    return grid


def _check_connectivity(name: str, connectivity: IntArray, nodes: int) -> None:
    if len(connectivity) and (connectivity.min() < 0 or connectivity.max() >= nodes):
        worst = int(connectivity.max() if connectivity.max() >= nodes else connectivity.min())
        raise InputError(f"{name}: a cell names node {worst}, the file has nodes 0 to {nodes - 1}")


def _check_types(name: str, grid: pyvista.UnstructuredGrid) -> None:
    offsets, types = np.asarray(grid.cell_offsets), np.asarray(grid.celltypes)
    if len(offsets) != len(types) + 1 or np.any(np.diff(offsets) < 0):
        raise InputError(f"{name}: the cells are damaged: {len(types)} types for {len(offsets) - 1} cells")
    for number in np.unique(types):
        kind = CELL_NAMES.get(int(number))
        sizes = np.diff(offsets)[types == number]
        if kind and np.any(sizes != NODES_PER_CELL[kind]):
            raise InputError(f"{name}: a {kind} cell has {int(sizes[sizes != NODES_PER_CELL[kind]][0])} nodes")


def find_location(snapshot: Snapshot, field: str) -> str:
    """Where `field` lives in the snapshot, "point" or "cell".

    Raises:
        InputError: there is no such field; the message lists those there are.
    """
    if field in snapshot.grid.point_data:
        return "point"
    if field in snapshot.grid.cell_data:
        return "cell"
    names = sorted({*snapshot.grid.point_data.keys(), *snapshot.grid.cell_data.keys()})
    listed = ", ".join(printable(name) for name in names) or "none"
    raise InputError(f"{snapshot.name}: no field {printable(field)!r}; the file has: {listed}")


def field_values(snapshot: Snapshot, field: str, location: str) -> Array:
    """Values (places, n) of a field as floats; a matrix a place is written out row by row."""
    data = data_at(snapshot.grid, location)
    if field not in data:
        find_location(snapshot, field)
        here, before = ("cells", "nodes") if location == "point" else ("nodes", "cells")
        raise InputError(f"{snapshot.name}: field {printable(field)!r} lives at the {here}, before at the {before}")
    array = np.asarray(data[field])
    if array.dtype.kind not in "fiub":
        raise InputError(f"{snapshot.name}: field {printable(field)!r} holds {array.dtype}, not numbers")
    return np.array(array, dtype=float).reshape(len(array), -1)


def component_names(snapshot: Snapshot, field: str, location: str) -> tuple[str, ...]:
    """Component names of a field: the file's own, or the usual ones for their number."""
    data = data_at(snapshot.grid, location)
    count = int(np.prod(data[field].shape[1:], dtype=int))
    return tuple(names_of(data[field])) or USUAL.get(count, tuple(str(index) for index in range(count)))


def as_unstructured(grid: Grid) -> pyvista.UnstructuredGrid:
    """The grid as an unstructured one, its cells in the same order."""
    return grid if isinstance(grid, pyvista.UnstructuredGrid) else grid.cast_to_unstructured_grid()


def cell_volumes(snapshot: Snapshot) -> tuple[Array, IntArray]:
    """Length, area or volume (C,) of every cell in its own dimension, and that dimension (C,).

    Raises:
        InputError: a cell of the body's own dimension has no volume.
    """
    grid = as_unstructured(snapshot.grid)
    points, factors = unit_size(np.asarray(grid.points, dtype=float))
    sized = bare_mesh(grid, points).compute_cell_sizes(length=True, area=True, volume=True, vertex_count=True).cell_data
    dimensions = cell_dimensions(grid)
    columns = np.stack([np.abs(sized[key]) for key in SIZE_NAMES])
    sizes = columns[dimensions, np.arange(len(dimensions))]
    top = dimensions.max()
    flat = np.flatnonzero((dimensions == top) & ~(sizes > 1e-300))
    if len(flat):
        raise InputError(f"{snapshot.name}: cell {flat[0]} has no volume (its nodes coincide): mend or remove it")
    return sizes * factors[dimensions], dimensions


def bare_mesh(grid: pyvista.UnstructuredGrid, points: Array) -> pyvista.UnstructuredGrid:
    """The cells of a grid on nodes of their own, without fields; the grid's own nodes stay as they are."""
    bare = pyvista.UnstructuredGrid()
    bare.copy_structure(grid)
    # A copy shares its nodes with the original, and assigning `bare.points` would move both.
    bare.SetPoints(pyvista.vtk_points(points, deep=True))
    return bare


def cell_dimensions(grid: pyvista.UnstructuredGrid) -> IntArray:
    """Topological dimension (C,) of every cell."""
    types = np.asarray(grid.celltypes)
    result = np.zeros(len(types), dtype=np.int64)
    for number in np.unique(types):
        kind = CELL_NAMES.get(int(number))
        rows = types == number
        result[rows] = VTK_DIMENSION[kind] if kind else grid.GetCell(int(np.flatnonzero(rows)[0])).GetCellDimension()
    return result


def labels_of(snapshot: Snapshot, location: str) -> Labels:
    """Labels of the snapshot's nodes or cells, in the file's order, each with the volume that it stands for.

    A body that is flat in z has labels in 2-D, one along x in 1-D. Cells of kinds that have no name in `VTK_CELLS`,
    cells of several dimensions, and cells whose kinds alternate become bare labels at their centres; nodes keep their
    mesh wherever all kinds are known.
    """
    grid = as_unstructured(snapshot.grid)
    points = _spanned(np.asarray(grid.points, dtype=float))
    if grid.n_cells == 0:
        if location == "cell":
            raise InputError(f"{snapshot.name}: holds no cells")
        return Labels(points, np.ones(len(points)), {})
    sizes, dimensions = cell_volumes(snapshot)
    body = dimensions == dimensions.max()
    blocks = _blocks(grid, body)
    if location == "cell":
        if blocks and body.all() and np.all(np.diff(np.asarray(grid.celltypes, dtype=int)) >= 0):
            return Labels(points, sizes, blocks, location)
        weights = np.where(body, sizes, IDLE_WEIGHT * sizes[body].min())
        return Labels(_spanned(np.asarray(grid.cell_centers().points, dtype=float)), weights, {})
    offsets, connectivity = np.asarray(grid.cell_offsets), np.asarray(grid.cell_connectivity)
    counts = np.diff(offsets)
    share = np.repeat(np.where(body, sizes / np.maximum(counts, 1), 0.0), counts)
    weights = np.bincount(connectivity, weights=share, minlength=len(points))
    weights[weights == 0.0] = IDLE_WEIGHT * weights[weights > 0.0].min()
    return Labels(points, weights, blocks)


def _spanned(points: Array) -> Array:
    """(N, g) points without the last of x, y, z that are the same for all."""
    dimension = points.shape[1]
    while dimension > 1 and np.ptp(points[:, dimension - 1]) == 0.0:
        dimension -= 1
    return np.ascontiguousarray(points[:, :dimension])


def _blocks(grid: pyvista.UnstructuredGrid, body: "np.ndarray") -> dict[str, IntArray]:
    """Connectivity of the body's own cells by kind; nothing where a kind has no name."""
    types = np.asarray(grid.celltypes)
    offsets, connectivity = np.asarray(grid.cell_offsets), np.asarray(grid.cell_connectivity)
    blocks: dict[str, IntArray] = {}
    for number in np.unique(types[body]):
        kind, order = BOXES.get(int(number), (CELL_NAMES.get(int(number)), slice(None)))
        if kind is None:
            return {}
        starts = offsets[:-1][(types == number) & body]
        cells = connectivity[starts[:, None] + np.arange(NODES_PER_CELL[kind])][:, order].astype(np.int64)
        blocks[kind] = np.concatenate([blocks[kind], cells]) if kind in blocks else cells
    return blocks
