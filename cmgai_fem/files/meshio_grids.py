"""Between meshio's meshes and VTK's grids, cells kept in their order."""

from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pyvista

from cmgai_fem.errors import InputError
from cmgai_fem.files.snapshot import BOXES, CELL_NAMES, Grid, as_unstructured
from cmgai_fem.states.labels import NODES_PER_CELL, VTK_CELLS, Array, IntArray, in_space

if TYPE_CHECKING:
    import meshio

# meshio numbers the linear wedge as Gmsh does, VTK with the other orientation.
WEDGE = [0, 2, 1, 3, 5, 4]
# VTK's node order in terms of that of files that number the upright edges before the top ones.
UPRIGHT_FIRST = {
    "hexahedron20": [*range(12), 16, 17, 18, 19, 12, 13, 14, 15],
    "wedge15": [*range(9), 12, 13, 14, 9, 10, 11],
}


def load_meshio() -> ModuleType:
    """meshio, which takes a moment to load and which most files do not need."""
    import meshio

    # meshio names these two cell kinds but leaves their dimension out of its table.
    for missing in ("wedge15", "pyramid13"):
        meshio._mesh.topological_dimension.setdefault(missing, 3)
    return meshio


def from_meshio(mesh: "meshio.Mesh") -> pyvista.UnstructuredGrid:
    """The grid of a meshio mesh.

    Raises:
        InputError: it has cells of a kind that is not listed in `states.VTK_CELLS`.
    """
    kinds = [block.type for block in mesh.cells]
    for kind in kinds:
        if kind not in VTK_CELLS:
            raise InputError(f"cells of kind {kind!r} are not read; there are: {', '.join(VTK_CELLS)}")
    blocks = [np.asarray(block.data, dtype=np.int64) for block in mesh.cells]
    blocks = [block[:, WEDGE] if kind == "wedge" else block for kind, block in zip(kinds, blocks, strict=True)]
    grid = make_grid(in_space(mesh.points), kinds, blocks)
    for name, array in mesh.point_data.items():
        grid.point_data[name] = _flat(array)
    for name, arrays in mesh.cell_data.items():
        if len(arrays):
            grid.cell_data[name] = np.concatenate([_flat(array) for array in arrays])
    return grid


def to_meshio(grid: Grid) -> "meshio.Mesh":
    """The meshio mesh of a grid: one block a run of cells of one kind."""
    whole = as_unstructured(grid)
    runs = runs_of_one_kind(whole)
    cells = [(kind, block[:, WEDGE] if kind == "wedge" else block) for kind, block, _ in runs]
    cell_data = {
        name: [np.asarray(array)[rows] for _, _, rows in runs]
        for name, array in whole.cell_data.items()
        if np.asarray(array).dtype.kind in "fiu"
    }
    point_data = {name: np.asarray(array) for name, array in whole.point_data.items() if array.dtype.kind in "fiu"}
    return load_meshio().Mesh(np.asarray(whole.points, dtype=float), cells, point_data=point_data, cell_data=cell_data)


def runs_of_one_kind(grid: pyvista.UnstructuredGrid) -> list[tuple[str, IntArray, slice]]:
    """Kind, connectivity (C, v) and cell rows of each run of cells of one kind.

    Raises:
        InputError: a kind has no name outside VTK.
    """
    types = np.asarray(grid.celltypes)
    offsets, connectivity = np.asarray(grid.cell_offsets), np.asarray(grid.cell_connectivity)
    breaks = [0, *(np.flatnonzero(np.diff(types)) + 1).tolist(), len(types)] if len(types) else []
    runs = []
    for start, stop in pairwise(breaks):
        kind, order = BOXES.get(int(types[start]), (CELL_NAMES.get(int(types[start])), slice(None)))
        if kind is None:
            raise InputError(f"VTK cells of type {int(types[start])} are kept by VTK formats alone: write .vtu")
        block = connectivity[offsets[start] : offsets[stop]].reshape(-1, NODES_PER_CELL[kind])[:, order]
        runs.append((kind, np.asarray(block, dtype=np.int64), slice(start, stop)))
    return runs


def make_grid(points: Array, kinds: list[str], blocks: list[IntArray]) -> pyvista.UnstructuredGrid:
    """A grid of cell blocks, in the order given.

    Raises:
        InputError: a block's width does not fit its kind, or it names a node that is not there.
    """
    for kind, block in zip(kinds, blocks, strict=True):
        if block.ndim != 2 or block.shape[1] != NODES_PER_CELL[kind]:
            raise InputError(f"{kind} cells must have {NODES_PER_CELL[kind]} nodes each, not shape {block.shape}")
        if len(block) and (block.min() < 0 or block.max() >= len(points)):
            raise InputError(f"a {kind} cell names a node that is not there; the file has {len(points)} nodes")
    cells = [np.hstack([np.full((len(block), 1), block.shape[1]), block]).ravel() for block in blocks]
    types = [np.full(len(block), VTK_CELLS[kind]) for kind, block in zip(kinds, blocks, strict=True)]
    if not cells:
        cells, types = [np.hstack([[1, node] for node in range(len(points))])], [np.ones(len(points))]
    return pyvista.UnstructuredGrid(np.concatenate(cells), np.concatenate(types).astype(np.uint8), points)


def _flat(array: Array) -> Array:
    array = np.asarray(array)
    return array.reshape(len(array), -1) if array.ndim > 2 else array
